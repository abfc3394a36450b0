"""What is in flight, segment by segment: when each was sent last, and what it counts for in cwnd.

Knows no Tcb. Positions are stream offsets; our FIN has the position after the last byte. Times are
in ns.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final

from lastack.profile import NEVER

from .delivery import Delivery, Mark

DUP_THRESH: Final = 3
MOST_REORDERING: Final = 300
"""net.ipv4.tcp_max_reordering"""


class Sent:
    """Positions [first, last), sent last at `at`; `begins`: where it began before a part of it was
    acknowledged, where that counts. `again`: not for the first time. lost: it is gone and was not
    sent again since. held: the peer has it (SACK), in `count` segments. gone: it was lost, and
    repeated: sent again for that, which has not been lost in its turn."""

    __slots__ = (
        "first", "begins", "last", "at", "mark", "again", "held", "lost", "gone", "repeated",
        "count",
    )  # fmt: skip

    def __init__(self, first: int, last: int, at: int, mark: Mark, again: bool = False) -> None:
        self.first = self.begins = first
        self.last = last
        self.at = at
        self.mark = mark
        self.again = again
        self.held = False
        self.lost = self.gone = self.repeated = False
        self.count = 1

    def like(self, other: Sent) -> bool:
        """Tell whether another left at the same time, and nothing else is known of it."""
        mine = self.at, self.again, self.held, self.lost, self.gone, self.repeated
        return mine == (
            other.at, other.again, other.held, other.lost, other.gone, other.repeated,
        )  # fmt: skip


def first_of(one: Sent) -> int:
    """Return where it begins; the key of a search."""
    return one.first


def last_of(one: Sent) -> int:
    """Return where it ends; the key of a search."""
    return one.last


class Flight:
    """The segments in flight, by position.

    `packets`: each counts for a whole `mss`, however short it is, as cwnd in Linux does, which is a
    number of packets; else for its positions. `in_network`: what those count for that are on their
    way, neither held by the peer nor lost. `acked_at`, `held_at`: when the first segment was sent
    that the last ACK, or its SACK, is an answer to; -1 where that was sent twice (Karn), and when
    it has been looked at. `min_rtt`: the shortest time that one sent once took. `probing`: what is
    sent again now is a probe. `reordering`: by how many segments one was overtaken that had been
    sent once, 3 at least, and `reorders` how often that was seen. `timed_out`: the newest loss was
    found by the retransmission timer. `original`: the first that an ACK brought news of and that
    was sent once.
    """

    __slots__ = ("mss", "packets", "segments", "in_network", "acked_at", "held_at", "min_rtt",
                 "delivery", "probing", "timed_out", "reordering", "reorders",
                 "original")  # fmt: skip

    def __init__(
        self, mss: int, *, packets: bool = False, short: bool = True, first: bool = False
    ) -> None:
        self.mss = mss
        self.packets = packets
        self.segments: list[Sent] = []
        self.in_network = 0
        self.acked_at = self.held_at = -1
        self.min_rtt = NEVER
        self.probing = self.timed_out = False
        self.original = NEVER
        self.reordering = DUP_THRESH
        self.reorders = 0
        self.delivery = Delivery(short=short, first=first)

    def cost(self, count: int) -> int:
        """Return what a segment of `count` positions counts for."""
        return self.mss if self.packets else count

    def segments_in_network(self) -> int:
        """Return how many segments are on their way."""
        return -(-self.in_network // self.mss)

    def resize(self, mss: int) -> None:
        """The path takes smaller segments only: as many packets are in the network as before."""
        if self.packets:
            self.in_network = self.in_network // self.mss * mss
        self.mss = mss

    def sent(self, first: int, last: int, now: int) -> None:
        """[first, last) leaves, for the first time or again."""
        segments = self.segments
        if not segments or first >= segments[-1].last:
            mark = self.delivery.leaves(now, alone=not segments)
            segments.append(Sent(first, last, now, mark))
            self.in_network += self.mss if self.packets else last - first
        else:
            self._sent_again(first, last, now)

    def _sent_again(self, first: int, last: int, now: int) -> None:
        # What is sent again need not be cut where it was cut before; it is one segment now.
        begin = bisect_right(self.segments, first, key=last_of)
        end = bisect_left(self.segments, last, key=first_of)
        before = self.segments[begin:end]
        for one in before:
            self._leaves(one, one.last)
        mark = self.delivery.leaves(now, again=True)
        middle = Sent(first, last, now, mark, again=True)
        middle.gone = any(one.gone for one in before)
        middle.repeated = not self.probing
        kept = [middle]
        if before[0].first < first:
            kept.insert(0, _part(before[0], before[0].first, first))
        if before[-1].last > last:
            kept.append(_part(before[-1], last, before[-1].last))
        for one in kept:
            if not (one.held or one.lost):
                self.in_network += self.cost(one.last - one.first)
        self.segments[begin:end] = kept

    def acknowledged(self, una: int, now: int) -> int:
        """Everything below `una` has arrived; return what that is news for."""
        segments, gone, news = self.segments, 0, 0
        acked_at, again = -1, False
        for one in segments:
            if one.last > una:
                break
            gone += 1
            again = again or one.again
            if not one.held:
                if acked_at < 0:
                    acked_at = one.at
                news += self.mss if self.packets else one.last - one.first
                self._leaves(one, one.last)
                self._arrived(one, now)
        self.acked_at = -1 if again else acked_at
        del segments[:gone]
        if segments and segments[0].first < una:
            head = segments[0]
            if not self.packets:  # a packet of which a part has arrived is one all the same
                news += 0 if head.held else una - head.first
                self._leaves(head, una)
            head.first = una
        return news

    def _leaves(self, one: Sent, last: int) -> None:
        if not (one.held or one.lost):
            self.in_network -= self.mss if self.packets else last - one.first

    def _arrived(self, one: Sent, now: int) -> None:
        """A segment has arrived of which nothing was known."""
        self.delivery.arrived(one.at, one.mark)
        if not one.again:
            self.original = min(self.original, one.begins)
            self.min_rtt = min(self.min_rtt, now - one.at)

    def over(self, mss: int) -> tuple[int, int]:
        """Return the positions of the first and of the last segment of more than `mss` positions
        that the peer does not hold; the end of all twice when there is none."""
        large = [one.first for one in self.segments if one.last - one.first > mss and not one.held]
        if large:
            return large[0], large[-1]
        end = self.segments[-1].last if self.segments else 0
        return end, end

    def recut(self, first: int, end: int, size: int) -> int:
        """What is left of several segments that left in one piece, from `first` to `end`, is as
        many segments of `size` as it needs now (Linux tcp_trim_head, tcp_fragment). Return how many
        fewer."""
        segments = self.segments
        at = beyond = bisect_left(segments, first, key=first_of)
        if not self.packets or at == len(segments) or segments[at].first != first:
            return 0
        head = segments[at]
        while (
            beyond < len(segments) and segments[beyond].last <= end and head.like(segments[beyond])
        ):
            beyond += 1
        if beyond == at or head.held or segments[beyond - 1].last != end:
            return 0
        cuts = range(first, end, size)
        fewer = beyond - at - len(cuts)
        if fewer <= 0:
            return 0
        segments[at:beyond] = [_part(head, cut, min(cut + size, end)) for cut in cuts]
        if not head.lost:
            self.in_network -= fewer * self.mss
        return fewer

    def expired(self, *, over: int = 0) -> None:
        """The retransmission timer expired, or the path takes no more than `over` octets: what the
        peer does not hold, or what is longer, counts as lost."""
        self.timed_out = True
        for one in self.segments:
            if not one.held and one.last - one.first > over:
                one.gone, one.repeated = True, False

    def nothing_lost(self) -> None:
        """What was taken for lost is on its way."""
        for one in self.segments:
            if one.lost:
                self.in_network += self.cost(one.last - one.first)
            one.lost = one.gone = False

    def head_lost(self) -> None:
        """Duplicate ACKs, or an ACK of a part, say that the first segment is lost."""
        self.timed_out = False
        if self.segments:
            self.segments[0].gone, self.segments[0].repeated = True, False

    def overtaken(self) -> None:
        """More duplicate ACKs came than segments are behind the first: nothing was lost, it was
        late (Linux tcp_check_reno_reordering)."""
        self.reordering = min(len(self.segments), MOST_REORDERING)
        self.reorders += 1

    def beyond(self, position: int) -> int:
        """Return what the segments count for that begin at a position or behind it and are not
        held."""
        count = 0
        for one in reversed(self.segments):
            if one.first < position:
                break
            if not one.held:
                count += self.cost(one.last - one.first)
        return count

    def below(self, position: int) -> int:
        """Return what the segments count for that begin before a position and are not held."""
        count = 0
        for one in self.segments:
            if one.first >= position:
                break
            if not one.held:
                count += self.cost(min(one.last, position) - one.first)
        return count


def _part(one: Sent, first: int, last: int) -> Sent:
    part = Sent(first, last, one.at, one.mark, one.again)
    part.held, part.lost, part.count = one.held, one.lost, one.count
    part.gone, part.repeated = one.gone, one.repeated
    return part
