"""The SACK scoreboard: what the peer holds beyond SND.UNA (RFC 2018; RFC 6675 section 4).

Knows no Tcb. Positions are stream offsets; our FIN has the position after the last byte.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

DUP_THRESH = 3


class Scoreboard:
    """`ranges` are held by the peer: sorted, disjoint, not touching. Everything below `high_rxt`
    that is not held has been sent again in this recovery."""

    __slots__ = ("ranges", "high_rxt")

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.high_rxt = 0

    def update(self, blocks: Iterable[tuple[int, int]], una: int, nxt: int) -> int:
        """Take SACK blocks; return how many positions are held that were not before.

        A block outside of [una, nxt] is no news: a duplicate the peer reports (RFC 2883), or junk.
        """
        assert self is not NOTHING_HELD
        before = sum(last - first for first, last in self.ranges)
        for first, last in blocks:
            if una < last <= nxt and first < last:
                self._add(max(first, una), last)
        return sum(last - first for first, last in self.ranges) - before

    def _add(self, first: int, last: int) -> None:
        kept = []
        for left, right in self.ranges:
            if right < first or left > last:
                kept.append((left, right))
            else:
                first, last = min(first, left), max(last, right)
        kept.append((first, last))
        kept.sort()
        self.ranges = kept

    def advance(self, una: int) -> None:
        """Something is held: forget what of it is acknowledged."""
        if self.ranges[0][0] <= una:
            self.ranges = [(max(a, una), b) for a, b in self.ranges if b > una]
            if self.ranges and self.ranges[0][0] == una:
                # The peer acknowledges less than it says it holds: it has changed its mind.
                del self.ranges[0]
        self.high_rxt = max(self.high_rxt, una)

    @property
    def highest(self) -> int:
        """The position after the last one that is held, 0 for none."""
        return self.ranges[-1][1] if self.ranges else 0

    def lost_below(self, mss: int) -> int:
        """Everything not held below this counts as lost (IsLost): enough is held above it."""
        held = 0
        for number, (first, last) in enumerate(reversed(self.ranges), 1):
            held += last - first
            if number >= DUP_THRESH or held > (DUP_THRESH - 1) * mss:
                return first
        return 0

    def holes(self, una: int, nxt: int) -> Iterator[tuple[int, int]]:
        """Yield what is in flight and not held, as ranges within [una, nxt)."""
        at = una
        for first, last in self.ranges:
            if first > at:
                yield at, min(first, nxt)
            at = max(at, last)
        if at < nxt:
            yield at, nxt

    def pipe(self, una: int, nxt: int, mss: int) -> int:
        """SetPipe: how much is in the network, as far as can be known."""
        edge = self.lost_below(mss)
        total = 0
        for first, last in self.holes(una, nxt):
            total += max(last - max(first, edge), 0)
            total += max(min(last, self.high_rxt) - first, 0)
        return total

    def next_lost(self, una: int, nxt: int, mss: int) -> tuple[int, int] | None:
        """NextSeg (1): the first lost range that was not sent again yet."""
        return self._next_hole(una, min(self.lost_below(mss), nxt))

    def next_doubtful(self, una: int, nxt: int) -> tuple[int, int] | None:
        """NextSeg (3): the first range below the highest held that was not sent again yet."""
        return self._next_hole(una, min(self.highest, nxt))

    def _next_hole(self, una: int, limit: int) -> tuple[int, int] | None:
        for first, last in self.holes(una, limit):
            if last > self.high_rxt:
                return max(first, self.high_rxt), last
        return None

    def skip_held(self, position: int) -> tuple[int, int]:
        """Return (the first position from here on that is not held, where that hole ends or -1)."""
        at = bisect_right(self.ranges, (position, 1 << 63)) - 1
        if at >= 0 and self.ranges[at][1] > position:
            position = self.ranges[at][1]
        after = at + 1
        return position, self.ranges[after][0] if after < len(self.ranges) else -1


NOTHING_HELD: Final = Scoreboard()
"""The board of every connection that has seen neither a SACK block nor a loss."""
