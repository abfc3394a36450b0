"""RACK: loss is found by time, not by counting (RFC 8985 section 6). Knows no Tcb.

A segment is lost when one that was sent later has arrived, and as much time has passed since as
reordering may take. `Flight` keeps every segment with the time at which it was sent last.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from lastack.profile import NEVER

from .flight import DUP_THRESH, MOST_REORDERING, Flight, Sent, first_of, last_of

_MOST_STEPS: Final = 255
_PERSIST: Final = 16
"""Recoveries for which a wider reordering window is kept (section 6.2 step 4)."""


class Rack(Flight):
    """What is in flight, and the newest of what has arrived.

    `advanced`: something arrived since the last `find_lost`. `fack` is the end of what the peer
    held before this ACK, `late` the first that it brought news of and that was sent once, `news`
    what its SACK was news for.
    """

    __slots__ = (
        "newest_at", "newest_end", "rtt", "advanced", "steps", "persist", "widened_at",
        "fack", "late", "news",
    )  # fmt: skip

    def __init__(
        self, mss: int, *, packets: bool = False, short: bool = True, first: bool = False
    ) -> None:
        super().__init__(mss, packets=packets, short=short, first=first)
        self.newest_at = -1
        self.newest_end = 0
        self.rtt = 0
        self.advanced = False
        self.steps = 1
        self.persist = 0
        self.widened_at = -1
        self.fack = self.news = 0
        self.late = NEVER

    def ack_arrives(self, una: int, *, some_held: bool) -> None:
        """Another ACK; so far text is acknowledged to `una`, and `some_held`: the peer has told of
        something beyond it, if only of a part of a segment."""
        self.fack = max(self._highest_held(), una) if some_held else una
        self.news, self.original = 0, NEVER

    def skip_held(self, position: int) -> tuple[int, int]:
        """Return (the first position from here on that is not held, where that hole ends or -1).

        Of a segment of which the peer holds a part everything is sent again.
        """
        at = bisect_right(self.segments, position, key=last_of)
        segments = self.segments
        while at < len(segments) and segments[at].held:
            position = max(position, segments[at].last)
            at += 1
        while at < len(segments) and not segments[at].held:
            at += 1
        return position, segments[at].first if at < len(segments) else -1

    def lost_from(self, position: int) -> int:
        """Return the end of what is lost and begins at a position; the position if nothing is."""
        at = bisect_right(self.segments, position, key=last_of)
        if at < len(self.segments) and self.segments[at].lost:
            return self.segments[at].last
        return position

    def next_lost(self) -> Sent | None:
        """Return the first that is lost and was not sent again."""
        for one in self.segments:
            if one.lost:
                return one
        return None

    # -- what has arrived ----------------------------------------------------------------------

    def acknowledged(self, una: int, now: int) -> int:
        """Everything below `una` has arrived; return what that is news for."""
        self.late = NEVER
        news = super().acknowledged(una, now)
        if self.late < self.fack:
            self._overtaken_by(max(self._highest_held(), una) - self.late)
        return news

    def held(self, ranges: Sequence[tuple[int, int]], now: int) -> int:
        """The peer holds `ranges`; return what that is news for."""
        news, segments = 0, self.segments
        self.late = NEVER
        for first, last in ranges:
            at = bisect_left(segments, first, key=first_of)
            while at < len(segments) and segments[at].last <= last:
                one = segments[at]
                if not one.held:
                    self._leaves(one, one.last)
                    one.held, one.lost = True, False
                    one.repeated = one.repeated and not one.gone
                    one.gone = False
                    if not one.again and self.held_at < 0:
                        self.held_at = one.at
                    news += self.cost(one.last - one.first)
                    self._arrived(one, now)
                at = self._join(at)
        if self.late < self.fack:
            self._overtaken_by(ranges[-1][1] - self.late)
        return news

    def _highest_held(self) -> int:
        return next((one.last for one in reversed(self.segments) if one.held), 0)

    def _overtaken_by(self, distance: int) -> None:
        """A segment that was sent once arrived behind one so far ahead of it (Linux
        tcp_check_sack_reordering)."""
        if distance > self.reordering * self.mss:
            self.reordering = min(-(-distance // self.mss), MOST_REORDERING)
        self.reorders += 1

    def _join(self, at: int) -> int:
        """Join what is held to its held neighbour before it; return the index that follows."""
        one = self.segments[at]
        if at == 0 or not self.segments[at - 1].held:
            return at + 1
        before = self.segments[at - 1]
        before.last = one.last
        before.count += one.count
        del self.segments[at]
        return at

    def _arrived(self, one: Sent, now: int) -> None:
        """Section 6.2 steps 1 to 3: the round trip, the newest, and whether it was overtaken."""
        self.delivery.arrived(one.at, one.mark)
        rtt = now - one.at
        if not one.again:
            first = one.begins
            if first < self.late:
                self.late = first
            if first < self.original:
                self.original = first
            if rtt < self.min_rtt:
                self.min_rtt = rtt
        elif rtt < self.min_rtt:
            return  # this is the answer to what was sent before
        self.advanced = True
        self.rtt = rtt
        if (one.at, one.last) > (self.newest_at, self.newest_end):
            self.newest_at, self.newest_end = one.at, one.last

    def duplicate_reported(self, now: int, srtt: int) -> None:
        """The peer got something twice (D-SACK): what we took for lost was late. Wait longer, by
        a quarter of the round trip at a time (step 4)."""
        if self.widened_at < 0 or now - self.widened_at >= srtt:
            self.steps = min(self.steps + 1, _MOST_STEPS)
            self.persist = _PERSIST
            self.widened_at = now

    def recovered(self) -> None:
        """A recovery is over: after 16 of them the wider window is forgotten."""
        self.persist -= 1
        if self.persist <= 0:
            self.persist, self.steps = 0, 1

    # -- what is lost --------------------------------------------------------------------------

    def _reordering_window(self, srtt: int, recovering: bool) -> int:
        if not self.reorders:
            held = sum(one.count for one in self.segments if one.held)
            if recovering or held >= DUP_THRESH:
                return 0
        return min(self.min_rtt // 4 * self.steps, max(srtt, 0))

    def find_lost(self, srtt: int, now: int, *, recovering: bool) -> tuple[int, int]:
        """Mark what is lost (step 5). Return how many positions that is, and how long to wait
        until more would be (0: nothing is doubtful)."""
        self.advanced = False
        lost = wait = 0
        window = -1
        for one in self.segments:
            if one.held or one.lost:
                continue
            if not self._overtaken(one):
                if one.again:
                    continue
                break  # what lies behind it was sent even later
            if window < 0:
                window = self._reordering_window(srtt, recovering)
            left = one.at + self.rtt + window - now
            if left <= 0:
                lost += one.last - one.first
                self._leaves(one, one.last)
                one.lost = one.gone = True
                one.repeated = False
            else:
                wait = max(wait, left)
        return lost, wait

    def _overtaken(self, one: Sent) -> bool:
        return (self.newest_at, self.newest_end) > (one.at, one.last)
