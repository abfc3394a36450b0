"""Ending real TCP connections: close them right, and say what became of the bytes."""

from .blocking import abort as abort
from .blocking import close as close
from .blocking import closing as closing
from .options import get_linger as get_linger
from .options import linger as linger
from .options import tune_listener as tune_listener
from .outcome import Ending as Ending
from .outcome import Kind as Kind
from .outcome import NotDelivered as NotDelivered
from .probe import unacked as unacked
from .probe import unsent as unsent
from .streams import aclose as aclose
