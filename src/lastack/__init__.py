"""What happened to the end of this TCP connection, and how to end it right.

lastack is a complete TCP in which every segment and every byte is accounted for. Its rooms are
packages of their own; `docs/architecture.md` is the floor plan. Importing this package is cheap:
the command line's libraries are loaded by `lastack.cli` alone.
"""

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .ending import Ending as Ending
    from .ending import Kind as Kind
    from .ending import NotDelivered as NotDelivered
    from .ending import abort as abort
    from .ending import aclose as aclose
    from .ending import close as close
    from .ending import closing as closing
    from .ending import get_linger as get_linger
    from .ending import linger as linger
    from .ending import tune_listener as tune_listener
    from .ending import unacked as unacked
    from .ending import unsent as unsent

_ENDING = frozenset(
    {
        "Ending", "Kind", "NotDelivered", "abort", "aclose", "close", "closing", "get_linger",
        "linger", "tune_listener", "unacked", "unsent",
    }
)  # fmt: skip


def __getattr__(name: str) -> object:
    """Load `lastack.ending` when one of its names is first used: it brings `socket` along."""
    if name not in _ENDING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("lastack.ending"), name)
