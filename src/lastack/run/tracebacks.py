"""What a program's traceback shows: its own frames and the library's, as on a real machine.

There the calls below `socket.py` are C functions, which have no frames; neither have ours.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final

from .baton import Hung, Livelock

_HERE: Final = os.path.dirname(__file__) + os.sep
_TOLD: Final = (
    OSError, ValueError, TypeError, RuntimeError, ImportError, SyntaxError, KeyboardInterrupt,
    Hung, Livelock,
)  # fmt: skip
"""What our calls raise on purpose. Anything else is a mistake of ours, to be seen in full."""


def without_ours(error: BaseException) -> TracebackType | None:
    """Take our frames out of the tracebacks of an error and of those behind it; return its own."""
    seen: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        rest += [one.__cause__, one.__context__]
        one.__traceback__ = _cut(one.__traceback__, inside=isinstance(one, _TOLD))
    return error.__traceback__


def _cut(tb: TracebackType | None, *, inside: bool) -> TracebackType | None:
    """Leave out our frames, those at the inner end only when `inside`."""
    frames = []
    while tb is not None:
        frames.append(tb)
        tb = tb.tb_next
    own = [number for number, one in enumerate(frames) if not _is_ours(one)]
    last = len(frames) if not inside else max(own, default=-1) + 1
    kept: TracebackType | None = None
    for number in reversed(range(last)):
        one = frames[number]
        if number in own or number > max(own, default=-1):
            kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept


def _is_ours(tb: TracebackType) -> bool:
    name = tb.tb_frame.f_code.co_filename
    return name.startswith(_HERE) or name == "<frozen runpy>" or name.endswith("/runpy.py")
