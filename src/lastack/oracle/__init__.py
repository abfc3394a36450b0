"""The Linux kernel as a judge: the same programs on real sockets, and what differs."""

from .differ import differences as differences
from .differ import same_line as same_line
from .programs import LOOPBACK as LOOPBACK
from .programs import KernelSocket as KernelSocket
from .programs import Ran as Ran
from .programs import available as available
from .programs import free_port as free_port
from .programs import play as play
from .programs import sockets as sockets
