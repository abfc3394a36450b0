"""The cases of close(): three settings of SO_LINGER, what is pending, and what is unread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final

LINGERS: Final = ((0, 0), (1, 0), (1, 1))
"""(l_onoff, l_linger): off, abort, and wait for one unit of time."""

WRITTEN: Final = 30_000
"""Bytes that the closer writes, three times what its first congestion window takes."""


class Pending(Enum):
    """What is on its way when close() is called, and how the peer treats it."""

    NONE = "none"
    """Nothing was written."""
    ACKED = "acked"
    """Everything was acknowledged."""
    FIN_ONLY = "finonly"
    """Everything was acknowledged; the FIN will not be, nor anything after it."""
    SLOW = "slow"
    """The peer acknowledges what it has 0.5 s after each arrival."""
    SILENT = "silent"
    """The peer takes nothing and answers nothing."""
    ZERO_WINDOW_SILENT = "zero-window-silent"
    """The peer has shut its window and answers nothing."""
    ZERO_WINDOW_ANSWERING = "zero-window-answering"
    """The peer has shut its window and says so again to each probe."""


CLOSING_PEERS: Final = frozenset({Pending.NONE, Pending.ACKED, Pending.SLOW})
"""Where the peer closes too, once it has our FIN."""
ZERO_WINDOW: Final = frozenset({Pending.ZERO_WINDOW_SILENT, Pending.ZERO_WINDOW_ANSWERING})


@dataclass(frozen=True)
class Case:
    """One way to call close(). `unread`: bytes of the peer were received and never read."""

    onoff: int
    linger: int
    blocking: bool
    pending: Pending
    unread: bool

    @property
    def writes(self) -> bool:
        """Whether the closer writes before it closes."""
        return self.pending is not Pending.NONE


def cases() -> list[Case]:
    """Return the 84 cases: SO_LINGER, then blocking first, then pending, then nothing unread."""
    grid = product(LINGERS, (True, False), Pending, (False, True))
    return [Case(*linger, blocking, pending, unread) for linger, blocking, pending, unread in grid]
