"""How fast the path takes what is sent: delivery rate estimation. Knows no Tcb.

Every segment takes along how much had arrived when it left. Its own arrival ends a sample: what has
arrived since, over the longer of the times in which that was sent and was acknowledged (Cheng,
Cardwell: draft-ietf-ccwg-bbr, section 4.1; measured: docs/kernel-notes/tcp-info.md).
"""

from __future__ import annotations

from typing import Final, TypeAlias

Mark: TypeAlias = tuple[int, int, int, bool]
"""What a segment takes along: when the first of its flight left, when something arrived last (ns),
how many segments had arrived, and whether the program was what kept us short."""


_UNTIL_AN_ACK: Final = -1


class Delivery:
    """Segments that have arrived, and the newest sample of their rate.

    count: how many have arrived; a SYN is one, and so is a repetition of ours that a D-SACK tells
    of. marked: so many came with ECE. duplicates: segments that D-SACKs told of. delivered,
    interval: the sample, in segments and ns. limited: in the sample the program did not send as
    much as it could have. fresh: how many the ACK at hand brings news of.
    """

    __slots__ = (
        "count", "marked", "duplicates", "delivered", "interval", "limited", "fresh",
        "_first_sent_at", "_arrived_at", "_short_until", "_taken", "_mark", "_sent_in",
        "_repeated",
    )  # fmt: skip

    def __init__(self, *, short: bool, first: bool = False) -> None:
        """`short`: the program has not written all that could have been sent; `first`: nothing at
        all, and a FIN leaves."""
        self.count = 1
        self.marked = self.duplicates = 0
        self.delivered = self.interval = 0
        self.limited = True
        self._first_sent_at = self._arrived_at = 0
        self.fresh = self._repeated = 0
        self._short_until = _UNTIL_AN_ACK if first else int(short)
        self._taken: Mark | None = None  # by what leaves now; many segments share one
        self._mark: Mark | None = None
        self._sent_in = 0

    def leaves(self, now: int, *, alone: bool = False, again: bool = False) -> Mark:
        """A segment leaves; `alone`: nothing is in flight. Return what it takes along."""
        self._repeated += again
        if alone:
            self._first_sent_at = self._arrived_at = now
        elif self._taken is not None:
            return self._taken
        short = self._short_until != 0
        self._taken = (self._first_sent_at, self._arrived_at, self.count, short)
        return self._taken

    def program_is_short(self, in_network: int) -> None:
        """The program writes, and neither cwnd nor text that waits has kept us from sending: it did
        until now, with so many segments in the network."""
        self._short_until = self.count + in_network
        self._taken = None

    def arrived(self, at: int, mark: Mark) -> None:
        """A segment that left `at` has arrived. The newest of an ACK makes the sample."""
        self.fresh += 1
        if self._mark is None or at >= self._first_sent_at:
            self._mark = mark
            self._sent_in = at - mark[0]
            self._first_sent_at = at

    def told_twice(self, count: int) -> None:
        """Duplicate ACKs have told of so many segments that have arrived now; of one they did
        not."""
        self.fresh = max(self.fresh - count, 1)

    def told_by_duplicate(self) -> None:
        """A duplicate ACK, without SACK: some segment has arrived."""
        self.fresh += 1

    def duplicate(self, segments: int) -> bool:
        """A D-SACK tells of so many segments; answer whether we may have sent them twice: as many
        were sent again as D-SACKs have told of."""
        self.duplicates += segments
        if self.duplicates > self._repeated:
            return False
        self.fresh += segments
        return True

    def heard(self) -> None:
        """An ACK came that is no news."""
        if self._short_until == _UNTIL_AN_ACK:
            self._short_until = 0
            self._taken = None

    def acked(self, now: int, least: int, *, marked: bool) -> None:
        """An ACK was taken, which brought news; `marked`: it has ECE. `least` is the shortest round
        trip (ns): what is shorter is no measurement."""
        news, self.fresh = self.fresh, 0
        self.count += news
        self._taken = None
        if marked:
            self.marked += news
        if self.count > self._short_until:
            self._short_until = 0
        self._arrived_at = now
        mark, self._mark = self._mark, None
        if mark is None:
            return
        _, arrived_at, arrived, short = mark
        delivered = self.count - arrived
        interval = max(self._sent_in, now - arrived_at)
        if interval < least:
            return
        # a program that writes little shows no less than the path can do
        if not short or delivered * self.interval >= self.delivered * interval:
            self.delivered, self.interval, self.limited = delivered, interval, short

    def rate(self, mss: int) -> int:
        """Return the sample in bytes a second, 0 when there is none."""
        return self.delivered * mss * 1_000_000_000 // self.interval if self.interval else 0
