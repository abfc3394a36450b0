"""What is known of a descriptor before its close, and what is found at it.

Runs inside the audited program (see audit_place).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from .audit_look import Address, Look, name
from .audit_place import NOWHERE, Place


class Note:
    """What is known of a descriptor before it is closed; most have none."""

    asked: Place | None = None
    """Where the program closed the transport around it."""
    where: Place = NOWHERE
    """Where the program bound it."""
    port: int = 0
    """The port, if the program chose it."""
    listens: bool = False
    inode: int = 0
    """Its inode, if there may be other descriptors of it, here or in another process."""


class Found(NamedTuple):
    """A close with something to tell, or one that is perhaps not the last.

    message: what to ask the kernel after the close. began: ns, 0 where nobody waits.
    """

    call: str
    where: Place
    seen: Look
    here: Address
    there: Address
    amounts: dict[str, int]
    message: bytes | None = None
    began: int = 0

    def to_record(self, waited: int = 0) -> dict[str, Any]:
        """Return what is written down of it; the close took `waited` ns."""
        file, line, function, via = self.where
        seen = self.seen
        return {
            "pid": os.getpid(), "call": self.call, "file": file, "line": line,
            "function": function, "via": via, "state": seen.state, "local": name(self.here),
            "remote": name(self.there), "unread": seen.unread, "unacked": seen.unacked,
            "linger": seen.linger, "waited": waited, "queued": seen.queued,
            "reset": seen.resets, "findings": list(self.amounts),
        }  # fmt: skip


def findings(seen: Look, *, leaving: bool) -> dict[str, int]:
    """Return {finding: bytes, seconds or connections at stake}."""
    amounts: dict[str, int] = {}
    if not seen.alive:
        return {"queued": seen.queued} if seen.queued else amounts
    if seen.unread:
        amounts["unread"] = seen.unread
    if seen.linger is not None and not (leaving and seen.linger):
        amounts["linger"] = seen.linger  # exit() never waits, but l_linger 0 resets then, too
    if seen.unacked:
        amounts["unacked"] = seen.unacked
    return amounts
