"""The Linux kernel as a judge: the same programs on real sockets, and what differs."""

from .compare import Difference as Difference
from .compare import Side as Side
from .compare import compare as compare
from .differ import differences as differences
from .differ import same_line as same_line
from .namespace import Namespace as Namespace
from .namespace import namespaces_work as namespaces_work
from .played import Played as Played
from .played import play_on as play_on
from .programs import LOOPBACK as LOOPBACK
from .programs import KernelSocket as KernelSocket
from .programs import Ran as Ran
from .programs import available as available
from .programs import free_port as free_port
from .programs import play as play
from .programs import sockets as sockets
from .running import Finished as Finished
from .running import Program as Program
from .stage import Stage as Stage
