"""Where a program stands: its own innermost frame, and the library's below it.

Loaded into the audited program, whose Python may have no lastack: the audit_* modules that run
there (place, look, refs, hooks, asyncio, log, start) import the standard library and each other.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Final

Place = tuple[str, int, str, str]
"""File, line and function of the program's own frame; the library's "file:line" below it, or ""."""

NOWHERE: Final[Place] = ("", 0, "", "")

_PASSED, _LIBRARY, _OWN = range(3)
_STDLIB: Final = os.path.dirname(os.__file__) + os.sep
_PACKAGES: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_HOOKS: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit_")
_WRAPPERS: Final = tuple(_STDLIB + name for name in ("socket.py", "ssl.py", "contextlib.py"))

_kinds: dict[str, int] = {}
_places: dict[tuple[int, int, int, int], tuple[Place, CodeType, CodeType]] = {}
"""By code and instruction of both frames; holds the code, so that no other gets its id."""
_ENOUGH: Final = 4096


def place() -> Place:
    """Return where the program is now.

    A frame is the program's own when its file lies neither in the standard library nor among
    installed packages, or when it is `__main__` (`python -m http.server`). In a thread or an event
    loop of a library there may be none: the library's innermost frame is all that can be named.
    """
    frame: FrameType | None = sys._getframe(1)
    near: FrameType | None = None
    while frame is not None:
        name = frame.f_code.co_filename
        kind = _kinds.get(name)
        if kind is None:
            kind = _kinds[name] = _kind(name)
        if kind != _PASSED:
            if near is None:
                near = frame
            if kind == _OWN or frame.f_globals.get("__name__") == "__main__":
                break
        frame = frame.f_back
    if near is None:
        return NOWHERE
    own = near if frame is None else frame
    # a line number is looked up by walking through a table, so only once
    key = (id(near.f_code), near.f_lasti, id(own.f_code), own.f_lasti)
    known = _places.get(key)
    if known is None:
        if len(_places) > _ENOUGH:
            _places.clear()
        found = _of(own, "" if own is near else _short(near))
        known = _places[key] = (found, near.f_code, own.f_code)
    return known[0]


def _kind(name: str) -> int:
    if name.startswith(_HOOKS) or name in _WRAPPERS:
        return _PASSED
    if name.startswith((_STDLIB, "<frozen ")) or any(part in name for part in _PACKAGES):
        return _LIBRARY
    return _OWN


def _of(frame: FrameType, via: str) -> Place:
    code = frame.f_code
    return code.co_filename, frame.f_lineno, code.co_name, via


def _short(frame: FrameType) -> str:
    name = frame.f_code.co_filename
    for part in _PACKAGES:
        if part in name:
            name = name.rpartition(part)[2]
    return f"{name.removeprefix(_STDLIB)}:{frame.f_lineno}"
