"""Where the peer's urgent byte is. Knows no Tcb; positions are stream offsets."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Urgent(Enum):
    """What is known of the urgent byte."""

    NONE = "there is none"
    AWAITED = "announced, not here yet"
    HERE = "here, and nobody has taken it"
    TAKEN = "taken with MSG_OOB"


class Mark:
    """The byte at `at`; `inline`: it is read with the others (SO_OOBINLINE)."""

    __slots__ = ("stage", "at", "byte", "inline")

    def __init__(self) -> None:
        self.stage = Urgent.NONE
        self.at = 0
        self.byte = b""
        self.inline = False

    def stops_at(self, read: int) -> bool:
        """Tell whether the next byte to be read is an urgent one that the stream leaves out."""
        return self.stage is not Urgent.NONE and self.at == read and not self.inline

    def passed(self, read: int) -> None:
        """Everything below `read` was read: a mark below it is no more."""
        if self.stage is not Urgent.NONE and read > self.at:
            self.stage = Urgent.NONE

    def readable(self, read: int, ready: int) -> bool:
        """Tell whether there is something to read besides an urgent byte left out (tcp_poll)."""
        return ready - read > int(self.stops_at(read))

    def before(self, read: int, ready: int) -> int:
        """Return the bytes that can be read before the mark, or all (SIOCINQ)."""
        if self.inline or self.stage is Urgent.NONE or not read <= self.at < ready:
            return ready - read
        return self.at - read


NO_MARK: Final = Mark()
"""That of every connection to which nothing urgent was announced, and that reads none in line."""
