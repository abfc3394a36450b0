"""BSD sockets without I/O: every call is an attempt that works, fails, or answers AGAIN."""

from . import names as names
from .epoll import Epoll as Epoll
from .errors import os_error as os_error
from .files import AGAIN as AGAIN
from .files import ERR as ERR
from .files import HUP as HUP
from .files import IN as IN
from .files import NVAL as NVAL
from .files import OUT as OUT
from .files import PRI as PRI
from .files import RDHUP as RDHUP
from .files import File as File
from .files import NotNow as NotNow
from .linger import Call as Call
from .linger import ClosePlan as ClosePlan
from .linger import Linger as Linger
from .linger import parse_linger as parse_linger
from .linger import plan_close as plan_close
from .pair import PairEnd as PairEnd
from .pair import PipeReader as PipeReader
from .pair import PipeWriter as PipeWriter
from .pair import pipe as pipe
from .pair import socketpair as socketpair
from .socket import TcpSocket as TcpSocket
from .stored import SocketOptions as SocketOptions
