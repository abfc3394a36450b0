"""What can go wrong when a real machine is asked, each told in one line."""

from __future__ import annotations

import sys


class Unsupported(OSError):
    """This system, kernel or privilege cannot answer; the message is one line that says why."""


def need_linux(what: str) -> None:
    """Raise Unsupported unless this is Linux; `what` names the thing that needs it."""
    if sys.platform != "linux":
        raise Unsupported(f"{what} needs Linux's sock_diag(7); this is {sys.platform}")
