"""How many segments leave in one piece: a kernel hands the card a chunk, which the card cuts up.

The last segment of such a train has PSH (measured: docs/kernel-notes/acks.md), and a receiver that
sees it acknowledges as soon as its program has read. The sizes are those of tcp_tso_autosize():
what the connection sends in about a millisecond, at least two segments (tcp_min_tso_segs), at most
half of cwnd.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import NEVER, S

from .buffers import chunk_size
from .tcb import UNSET, Tcb

_LARGEST: Final = 65536


def segments(tcb: Tcb) -> int:
    """Return the most segments of one train; 1 where a system has none, and while something is
    urgent: the pointer differs from segment to segment."""
    if not tcb.buffers.rules.trains or tcb.snd_up != UNSET:
        return 1
    mss, control = tcb.mss, tcb.congestion
    half = max(control.cwnd // mss // 2, 1)
    size = _LARGEST
    if tcb.rtt.srtt > 0:
        share = 200 if control.cwnd < control.ssthresh // 2 else 120
        rate = share * control.cwnd * S // (100 * tcb.rtt.srtt)
        size = min((rate >> 10) + _near_bonus(tcb), _LARGEST)
    within = min(size, chunk_size(mss, tcb.max_snd_wnd)) // mss
    return min(max(within, tcb.buffers.rules.train_least), half)


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
    least = tcb.rack.min_rtt if tcb.rack is not None else NEVER
    if least == NEVER:
        least = tcb.rtt.srtt
    return _LARGEST >> min(least // 512_000, 31)
