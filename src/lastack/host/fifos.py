"""Deadlines of the rows of a table: one FIFO for each duration in use.

`now` never goes back, so what is appended to a FIFO expires after what is in it already: setting,
restarting and expiring need no heap. Rows are known by their slot, 0 and up; the FIFOs are
threaded through columns (18 bytes a row), and so is the list of vacant slots.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from heapq import merge
from typing import Final

NIL: Final = 0xFFFF_FFFF
"""No slot."""

_FEW: Final = 0xFFFF


class Fifos:
    """Slots in order of expiry. Durations and times are in ns."""

    def __init__(self) -> None:
        self.expires = array("Q")
        self._fifo = array("H")  # "I" once there are more FIFOs than that holds
        self._prev = array("I")
        self._next = array("I")  # of a vacant slot: the next vacant one
        self._vacant = NIL
        self._by_duration: dict[int, int] = {}  # FIFOs with slots in them
        self._duration: list[int] = []
        self._head: list[int] = []
        self._tail: list[int] = []
        self._unused: list[int] = []

    def __sizeof__(self) -> int:
        columns = (self.expires, self._fifo, self._prev, self._next)
        return object.__sizeof__(self) + sum(column.__sizeof__() for column in columns)

    def take_slot(self) -> int:
        """Return a slot that nobody has: a vacant one, or else the one after the last."""
        slot = self._vacant
        if slot != NIL:
            self._vacant = self._next[slot]
            return slot
        self.expires.append(0)
        self._fifo.append(0)
        self._prev.append(NIL)
        self._next.append(NIL)
        return len(self.expires) - 1

    def leave_slot(self, slot: int) -> None:
        """Make an unlinked slot vacant."""
        self._next[slot] = self._vacant
        self._vacant = slot

    def append(self, slot: int, duration: int, now: int) -> None:
        """Let a taken, unlinked slot expire `duration` after `now`."""
        fifo = self._by_duration.get(duration, -1)
        if fifo < 0:
            fifo = self._new_fifo(duration)
        last = self._tail[fifo]
        self._fifo[slot] = fifo
        self.expires[slot] = now + duration
        self._prev[slot] = last
        self._next[slot] = NIL
        if last == NIL:
            self._head[fifo] = slot
        else:
            self._next[last] = slot
        self._tail[fifo] = slot

    def unlink(self, slot: int) -> None:
        """Take the slot out of its FIFO."""
        fifo = self._fifo[slot]
        before, after = self._prev[slot], self._next[slot]
        if before == NIL:
            self._head[fifo] = after
        else:
            self._next[before] = after
        if after == NIL:
            self._tail[fifo] = before
        else:
            self._prev[after] = before
        if before == NIL and after == NIL:
            del self._by_duration[self._duration[fifo]]
            self._unused.append(fifo)

    def duration(self, slot: int) -> int:
        """Return what the slot was appended with."""
        return self._duration[self._fifo[slot]]

    def first(self) -> int:
        """Return the slot that expires first, NIL if there is none.

        Of two with one expiry it is the one that has waited longer, that of the longer duration.
        """
        first, expires, duration = NIL, 0, 0
        for its, fifo in self._by_duration.items():
            slot = self._head[fifo]
            at = self.expires[slot]
            if first == NIL or at < expires or (at == expires and its > duration):
                first, expires, duration = slot, at, its
        return first

    def __iter__(self) -> Iterator[int]:
        """Yield the slots in the order in which `first` would name them."""
        walks = [self._walk(self._head[fifo]) for fifo in self._by_duration.values()]
        return merge(*walks, key=self._order)

    def _order(self, slot: int) -> tuple[int, int]:
        return self.expires[slot], -self.duration(slot)

    def _walk(self, slot: int) -> Iterator[int]:
        while slot != NIL:
            yield slot
            slot = self._next[slot]

    def _new_fifo(self, duration: int) -> int:
        if not self._unused:
            if len(self._duration) > _FEW and self._fifo.typecode == "H":
                self._fifo = array("I", self._fifo)
            self._unused.append(len(self._duration))
            self._duration.append(0)
            self._head.append(NIL)
            self._tail.append(NIL)
        fifo = self._unused.pop()
        self._by_duration[duration] = fifo
        self._duration[fifo] = duration
        return fifo
