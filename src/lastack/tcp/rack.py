"""RACK: loss is found by time, not by counting (RFC 8985 section 6). Knows no Tcb.

A segment is lost when one that was sent later has arrived, and as much time has passed since as
reordering may take. Every segment in flight is kept with the time at which it was sent last.
Positions are stream offsets; our FIN has the position after the last byte. Times are in ns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from lastack.profile import NEVER

DUP_THRESH: Final = 3
_MOST_STEPS: Final = 255
_MOST_REORDERING: Final = 300
"""net.ipv4.tcp_max_reordering"""
_PERSIST: Final = 16
"""Recoveries for which a wider reordering window is kept (section 6.2 step 4)."""


class Sent:
    """Positions [first, last), sent last at `at`; `again`: not for the first time. lost: it is
    gone and was not sent again since. held: the peer has it (SACK), in `count` segments."""

    __slots__ = ("first", "last", "at", "again", "held", "lost", "count")

    def __init__(self, first: int, last: int, at: int, again: bool = False) -> None:
        self.first = first
        self.last = last
        self.at = at
        self.again = again
        self.held = False
        self.lost = False
        self.count = 1


def _first(one: Sent) -> int:
    return one.first


def _last(one: Sent) -> int:
    return one.last


class Rack:
    """What is in flight, and the newest of what has arrived.

    `flight` is sorted by position. `in_network`: how many positions are on their way, neither
    held by the peer nor lost. `advanced`: something arrived since the last `find_lost`. `acked_at`,
    `held_at`: when the first segment was sent that the last ACK, or its SACK, is an answer to; -1
    where that was sent twice (Karn), and when it has been looked at.

    `reordering`: by how many segments one was overtaken that had been sent once, 3 at least, and
    `reorders` how often that was seen; `fack` is the end of what the peer held before this ACK,
    `news` how many positions its SACK was news for.
    """

    __slots__ = (
        "flight", "in_network", "newest_at", "newest_end", "rtt", "min_rtt", "advanced",
        "steps", "persist", "widened_at", "acked_at", "held_at", "reordering", "reorders", "fack",
        "news",
    )  # fmt: skip

    def __init__(self) -> None:
        self.flight: list[Sent] = []
        self.in_network = 0
        self.newest_at = -1
        self.newest_end = 0
        self.rtt = 0
        self.min_rtt = NEVER
        self.advanced = False
        self.steps = 1
        self.persist = 0
        self.widened_at = -1
        self.acked_at = self.held_at = -1
        self.reordering = DUP_THRESH
        self.reorders = 0
        self.fack = self.news = 0

    # -- what was sent -------------------------------------------------------------------------

    def sent(self, first: int, last: int, now: int) -> None:
        """[first, last) leaves, for the first time or again."""
        flight = self.flight
        if not flight or first >= flight[-1].last:
            flight.append(Sent(first, last, now))
            self.in_network += last - first
        else:
            self._sent_again(first, last, now)

    def _sent_again(self, first: int, last: int, now: int) -> None:
        # What is sent again need not be cut where it was cut before.
        begin = bisect_right(self.flight, first, key=_last)
        end = bisect_left(self.flight, last, key=_first)
        kept: list[Sent] = []
        for one in self.flight[begin:end]:
            if one.first < first:
                kept.append(_part(one, one.first, first))
            middle = _part(one, max(one.first, first), min(one.last, last))
            if middle.held or middle.lost:
                self.in_network += middle.last - middle.first
            middle.at, middle.again = now, True
            middle.held = middle.lost = False
            kept.append(middle)
            if one.last > last:
                kept.append(_part(one, last, one.last))
        if last > kept[-1].last:
            self.in_network += last - kept[-1].last
            kept.append(Sent(kept[-1].last, last, now, again=True))
        self.flight[begin:end] = kept

    def skip_held(self, position: int) -> tuple[int, int]:
        """Return (the first position from here on that is not held, where that hole ends or -1).

        Of a segment of which the peer holds a part everything is sent again.
        """
        at = bisect_right(self.flight, position, key=_last)
        flight = self.flight
        while at < len(flight) and flight[at].held:
            position = max(position, flight[at].last)
            at += 1
        while at < len(flight) and not flight[at].held:
            at += 1
        return position, flight[at].first if at < len(flight) else -1

    def lost_from(self, position: int) -> int:
        """Return the end of what is lost and begins at a position; the position if nothing is."""
        at = bisect_right(self.flight, position, key=_last)
        if at < len(self.flight) and self.flight[at].lost:
            return self.flight[at].last
        return position

    def next_lost(self) -> Sent | None:
        """Return the first that is lost and was not sent again."""
        for one in self.flight:
            if one.lost:
                return one
        return None

    # -- what has arrived ----------------------------------------------------------------------

    def acknowledged(self, una: int, mss: int, now: int) -> int:
        """Everything below `una` has arrived; return how many positions that is news for."""
        flight, gone, news = self.flight, 0, 0
        acked_at, again, late = -1, False, NEVER
        for one in flight:
            if one.last > una:
                break
            gone += 1
            again = again or one.again
            if not one.held:
                if acked_at < 0:
                    acked_at = one.at
                if one.first < late and not one.again:
                    late = one.first
                news += one.last - one.first
                self._leaves(one, one.last)
                self._arrived(one, now)
        self.acked_at = -1 if again else acked_at
        del flight[:gone]
        if late < self.fack:
            self._overtaken_by(max(self._highest_held(), una) - late, mss)
        if flight and flight[0].first < una:
            head = flight[0]
            news += 0 if head.held else una - head.first
            self._leaves(head, una)
            head.first = una
        return news

    def _leaves(self, one: Sent, last: int) -> None:
        if not (one.held or one.lost):
            self.in_network -= last - one.first

    def held(self, ranges: Sequence[tuple[int, int]], mss: int, now: int) -> int:
        """The peer holds `ranges`; return how many positions that is news for."""
        news, flight, late = 0, self.flight, NEVER
        for first, last in ranges:
            at = bisect_left(flight, first, key=_first)
            while at < len(flight) and flight[at].last <= last:
                one = flight[at]
                if not one.held:
                    self._leaves(one, one.last)
                    one.held, one.lost = True, False
                    if not one.again:
                        self.held_at = one.at if self.held_at < 0 else self.held_at
                        late = min(late, one.first)
                    news += one.last - one.first
                    self._arrived(one, now)
                at = self._join(at)
        if late < self.fack:
            self._overtaken_by(ranges[-1][1] - late, mss)
        return news

    def _highest_held(self) -> int:
        return next((one.last for one in reversed(self.flight) if one.held), 0)

    def _overtaken_by(self, distance: int, mss: int) -> None:
        """A segment that was sent once arrived behind one so far ahead of it (Linux
        tcp_check_sack_reordering)."""
        if distance > self.reordering * mss:
            self.reordering = min(-(-distance // mss), _MOST_REORDERING)
        self.reorders += 1

    def _join(self, at: int) -> int:
        """Join what is held to its held neighbour before it; return the index that follows."""
        one = self.flight[at]
        if at == 0 or not self.flight[at - 1].held:
            return at + 1
        before = self.flight[at - 1]
        before.last = one.last
        before.count += one.count
        del self.flight[at]
        return at

    def _arrived(self, one: Sent, now: int) -> None:
        """Section 6.2 steps 1 to 3: the round trip, the newest, and whether it was overtaken."""
        rtt = now - one.at
        if not one.again:
            self.min_rtt = min(self.min_rtt, rtt)
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
            held = sum(one.count for one in self.flight if one.held)
            if recovering or held >= DUP_THRESH:
                return 0
        return min(self.min_rtt // 4 * self.steps, max(srtt, 0))

    def find_lost(self, srtt: int, now: int, *, recovering: bool) -> tuple[int, int]:
        """Mark what is lost (step 5). Return how many positions that is, and how long to wait
        until more would be (0: nothing is doubtful)."""
        self.advanced = False
        lost = wait = 0
        window = -1
        for one in self.flight:
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
                one.lost = True
            else:
                wait = max(wait, left)
        return lost, wait

    def _overtaken(self, one: Sent) -> bool:
        return (self.newest_at, self.newest_end) > (one.at, one.last)


def _part(one: Sent, first: int, last: int) -> Sent:
    part = Sent(first, last, one.at, one.again)
    part.held, part.lost, part.count = one.held, one.lost, one.count
    return part
