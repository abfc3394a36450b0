"""One TCP connection: RFC 9293 section 3.10 in its order and in its words."""

from .buffers import Buffers as Buffers
from .congestion import NewReno as NewReno
from .connection import Connection as Connection
from .connection import Info as Info
from .cubic import Cubic as Cubic
from .cubic import cube_root as cube_root
from .emit import reset_for as reset_for
from .entry import Entry as Entry
from .finwait import orphan_limit as orphan_limit
from .isn import initial_sequence as initial_sequence
from .isn import timestamp_offset as timestamp_offset
from .keepalive import default_keepalive as default_keepalive
from .mark import Urgent as Urgent
from .prr import Prr as Prr
from .rack import Rack as Rack
from .tcb import ERROR as ERROR
from .tcb import HANGUP as HANGUP
from .tcb import READ_HANGUP as READ_HANGUP
from .tcb import READABLE as READABLE
from .tcb import WRITABLE as WRITABLE
from .tcb import default_congestion as default_congestion
from .timeouts import default_syn_retries as default_syn_retries
from .timewait import Action as Action
from .timewait import Answer as Answer
from .timewait import Reply as Reply
from .timewait import answer as answer
