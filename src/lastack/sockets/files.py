"""Open file descriptions: what descriptors refer to, and when the last reference acts.

A `File` counts references: descriptors (dup, another process that inherited it) and calls in
progress. The last `drop()` is what closes, in whichever thread it happens, as on Linux; closing a
descriptor while a thread sits in recv() on it does nothing yet (docs/kernel-notes/linger.md).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Literal

from lastack.profile import NEVER

from .linger import Call, ClosePlan

IN: Final = 0x001
PRI: Final = 0x002
OUT: Final = 0x004
ERR: Final = 0x008
HUP: Final = 0x010
NVAL: Final = 0x020
RDHUP: Final = 0x2000
"""Readiness bits, with the numbers of poll(2) and epoll(7)."""

NORMAL: Final = 0x140
"""POLLRDNORM and POLLWRNORM, told with IN and OUT to who asks for them. `ECHO` bits lie between."""
ECHO: Final = 6


class Again(Enum):
    """The type of AGAIN."""

    AGAIN = "not now"


AGAIN: Final = Again.AGAIN
"""What an attempt answers when it would block; it has changed nothing then."""

NotNow = Literal[Again.AGAIN]


class File:
    """An open file description. O_NONBLOCK (`nonblocking`) belongs to it, not to a descriptor.

    receive_timeout and send_timeout are SO_RCVTIMEO and SO_SNDTIMEO in ns; peek_offset is where
    MSG_PEEK begins, -1 while SO_PEEK_OFF is off.
    """

    __slots__ = (
        "refs", "nonblocking", "receive_timeout", "send_timeout", "peek_offset", "watched_by",
    )  # fmt: skip
    kind = "file"

    def __init__(self) -> None:
        self.refs = 0
        self.nonblocking = False
        self.receive_timeout = self.send_timeout = NEVER
        self.peek_offset = -1
        self.watched_by: tuple[Callable[[File], None], ...] = ()
        """Called once when the last reference goes: by these an epoll set forgets the file."""

    def waits_until(self, bits: int, now: int) -> int:
        """Return when a call that begins now and waits for OUT, or else for IN, gives up."""
        limit = self.send_timeout if bits & OUT else self.receive_timeout
        return NEVER if limit == NEVER else now + limit

    @property
    def peek_from(self) -> int:
        """How many bytes MSG_PEEK leaves out at the beginning."""
        return max(self.peek_offset, 0)

    def looked(self, count: int, *, peek: bool) -> None:
        """SO_PEEK_OFF goes on behind what was peeked at, and back by what was read."""
        if self.peek_offset >= 0:
            self.peek_offset = max(self.peek_offset + (count if peek else -count), 0)

    def hold(self) -> None:
        """Take a reference: a descriptor, or a call in progress."""
        self.refs += 1

    def drop(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Give a reference back. The last one closes the file: the answer is a plan when the
        caller has to wait before `finish_close` (SO_LINGER), else None. `exiting`: the process
        ends, nobody waits."""
        assert self.refs > 0, "a reference was given back twice"
        self.refs -= 1
        if self.refs:
            return None
        for forget in self.watched_by:
            forget(self)
        self.watched_by = ()
        plan = self.release(now, exiting=exiting)
        if plan is not None and plan.call is Call.REFUSE:
            self.refs += 1  # the descriptor is gone, the socket stays (closesocket of Winsock)
        return plan

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Act as the last reference goes; each kind of file says what."""
        raise NotImplementedError

    @property
    def listening(self) -> bool:
        """Whether it waits for whoever may come: only sockets do."""
        return False

    def called(self, call: str, text: str, thread: str, now: int) -> None:
        """Write down that a program makes a call; of most kinds of file nobody wants to know."""

    def returned(self, call: str, text: str, number: int, now: int) -> None:
        """Write down how the call ended; `number` is its errno, 0 for success."""

    def mask(self, now: int) -> int:
        """Return the level of readiness (IN, OUT, ERR, HUP, RDHUP, PRI) as poll(2) would."""
        raise NotImplementedError
