"""How many segments leave in one piece: a kernel hands the card a chunk, which the card cuts up.

The last segment of such a train has PSH (measured: docs/kernel-notes/acks.md), and a receiver that
sees it acknowledges as soon as its program has read. The sizes are those of tcp_tso_autosize():
what the connection sends in about a millisecond, at least two segments (tcp_min_tso_segs), at most
half of cwnd.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import MS, S

from .buffers import chunk_size
from .tcb import UNSET, Tcb

_LARGEST: Final = 65536
_LEAST: Final = 3
"""Segments of the least train that leaves in any case where it need be no share of the window."""


def segments(tcb: Tcb) -> int:
    """Return the most segments of one train; 1 where a system has none, and while something is
    urgent: the pointer differs from segment to segment."""
    if not tcb.buffers.rules.trains or tcb.snd_up != UNSET:
        return 1
    return min(_most(tcb), _half(tcb))


def _half(tcb: Tcb) -> int:
    return max(tcb.congestion.cwnd // tcb.mss // 2, 1)


def _most(tcb: Tcb) -> int:
    mss, control = tcb.mss, tcb.congestion
    size = _LARGEST
    if tcb.rtt.srtt > 0:
        share = 200 if control.cwnd < control.ssthresh // 2 else 120
        rate = share * control.cwnd * S // (100 * tcb.rtt.srtt)
        size = min((rate >> 10) + _near_bonus(tcb), _LARGEST)
    within = min(size, chunk_size(mss, tcb.max_snd_wnd)) // mss
    return max(within, tcb.buffers.rules.train_least)


def waits(tcb: Tcb, full: int, first: int, now: int) -> bool:
    """Tell whether a block of several segments (of `full` bytes at most), of which the text from
    `first` on is unsent, waits for the ACK that is about to come, because the windows have room for
    a small part of themselves only (tcp_tso_should_defer).

    It does not wait in a recovery, nor when nothing has left for a millisecond, nor when the ACK is
    farther away than a millisecond or half of a round trip.
    """
    rules, sendq = tcb.buffers.rules, tcb.sendq
    flight = tcb.flight
    if not (rules.trains and flight is not None and flight.segments):
        return False
    if tcb.recovering or tcb.rxt_nxt != UNSET or now - tcb.sent_at >= MS:
        return False
    by_peer = tcb.window_left(tcb.snd_nxt)
    by_cwnd = tcb.congestion.cwnd - flight.in_network
    length = _filled(tcb, first, min(by_cwnd // tcb.mss, _most(tcb), _half(tcb)) * full)
    if length <= full:
        return False
    limit = min(by_peer, by_cwnd)
    if limit >= _most(tcb) * tcb.mss or (first + length < sendq.end and limit >= length):
        return False
    share, window = rules.train_share, min(tcb.snd_wnd, tcb.congestion.cwnd)
    enough = limit >= window // share if share else limit > _LEAST * tcb.mss
    if enough:
        return False
    trip = max(tcb.rtt.srtt, 0)
    if flight.segments[0].at + trip - now > min(trip // 2, MS):
        return False
    if by_cwnd < by_peer:
        tcb.cwnd_full = tcb.cwnd_full or by_cwnd <= length
    else:
        tcb.window_full = tcb.window_full or by_peer <= length
    ends = sendq.ends_record(first + length) or (tcb.fin_queued and first + length == sendq.end)
    return limit <= length or not ends


def _filled(tcb: Tcb, first: int, most: int) -> int:
    """Return how much the block has from `first` on, filled up from the one behind it as far as
    `most` (tcp_grow_skb)."""
    end = tcb.sendq.block_end(first)
    if end - first < most and end < tcb.sendq.end and not tcb.sendq.ends_record(end):
        end = min(tcb.sendq.block_end(end), first + most)
    return end - first


def used(tcb: Tcb) -> bool:
    """Tell whether several segments may leave in one piece."""
    return tcb.buffers.rules.trains


def again(tcb: Tcb, first: int, last: int) -> int:
    """Return where a segment ends that is sent again from `first` on and may end at `last`: a block
    of the send queue does not become part of another one."""
    return tcb.sendq.block_again(first, last) if tcb.buffers.rules.trains else last


def mark(tcb: Tcb) -> None:
    """All that is queued is to be sent: PSH at its end, whatever is queued behind it later."""
    if tcb.buffers.rules.trains:
        tcb.sendq.mark()


def ends_again(tcb: Tcb, begun: int, last: int, *, more: bool) -> bool:
    """Tell whether what is sent again from `begun` on, a part of one block, ends at `last`: what
    lies behind is not lost, is of another block, or may not be sent now (`more`)."""
    if not tcb.buffers.rules.trains or tcb.rack is None:
        return False
    following = tcb.rack.lost_from(last)
    return not (more and following > last and tcb.sendq.same_block(begun, following))


def left(tcb: Tcb, last: int) -> None:
    """A train that ends at position `last` has left: it is a block of the queue now."""
    if tcb.buffers.rules.trains and last > tcb.sendq.left:
        tcb.sendq.piece_left(last)


def _near_bonus(tcb: Tcb) -> int:
    """A near peer may be sent more at once: 64 KiB, halved for each half millisecond to it."""
    least = tcb.rtt.least
    if tcb.flight is not None:
        least = min(least, tcb.flight.min_rtt)
    return _LARGEST >> min(least // 512_000, 31)
