"""SO_LINGER and the options of a listener, right on each system."""

from __future__ import annotations

import math
import socket
import struct
import sys
from typing import Protocol

from .probe import Socketlike, descriptor

SO_LINGER_SEC = 0x1080
"""Darwin counts the l_linger of SO_LINGER in clock ticks, and that of this option in seconds."""


class Adjustable(Socketlike, Protocol):
    """A socket whose options can be set."""

    def setsockopt(self, level: int, optname: int, value: int | bytes, /) -> None:
        """See setsockopt(2)."""
        ...


def _layout() -> tuple[int, str, int]:
    """Return the option, the layout of its struct linger, and its largest l_linger."""
    platform: str = sys.platform
    if platform == "win32":
        return socket.SO_LINGER, "HH", 0xFFFF
    if platform == "darwin":
        return SO_LINGER_SEC, "ii", 0x7FFF
    if platform.startswith("linux"):
        return socket.SO_LINGER, "ii", 0x7FFFFFFF
    return socket.SO_LINGER, "ii", 0xFFFF  # FreeBSD refuses more with EDOM


def linger(sock: Adjustable, seconds: float | None) -> None:
    """Set SO_LINGER: None switches it off, 0 makes close() reset, more makes close() wait.

    Fractions are rounded up: the option knows whole seconds. Waiting is seldom what is wanted. On
    Linux close() waits on a non-blocking socket too, and so freezes an event loop; it returns 0
    whether everything was acknowledged or the time ran out (docs/kernel-notes/linger.md). Use
    `close` or `aclose`, which tell.

    Raise TypeError for what is no number or no socket, ValueError for a number out of the system's
    range, OSError(EBADF) for a closed socket.
    """
    descriptor(sock)
    option, layout, most = _layout()
    if seconds is None:
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack(layout, 0, 0))
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"seconds must be a number or None, not {type(seconds).__name__}")
    if not 0 <= seconds <= most:  # NaN fails too
        raise ValueError(f"seconds must be 0 to {most}, not {seconds}")
    sock.setsockopt(socket.SOL_SOCKET, option, struct.pack(layout, 1, math.ceil(seconds)))


def get_linger(sock: Socketlike) -> float | None:
    """Return l_linger in seconds, None when SO_LINGER is off.

    Infinity stands for a negative l_linger, which waits for ever on Linux (where the option, read
    again, may show a large positive number instead). Raises as `linger` does.
    """
    descriptor(sock)
    option, layout, _ = _layout()
    value = sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize(layout))
    onoff, seconds = struct.unpack(layout, value)
    if not onoff:
        return None
    return float(seconds) if seconds >= 0 else math.inf


def tune_listener(sock: Adjustable) -> None:
    """Set what lets a server start again at once; call it before bind().

    SO_REUSEADDR, which on Linux counts only if the server before had it too: sockets that it left
    in TIME-WAIT inherit the option (docs/kernel-notes/bind.md). On Windows SO_REUSEADDR would let
    another program take the port, and TIME-WAIT is no obstacle: SO_EXCLUSIVEADDRUSE there.

    Raise TypeError, ValueError or OSError(EBADF) for what is no open TCP socket.
    """
    descriptor(sock)
    name = "SO_EXCLUSIVEADDRUSE" if sys.platform == "win32" else "SO_REUSEADDR"
    sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), 1)
