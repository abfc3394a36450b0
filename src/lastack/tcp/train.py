"""How many segments leave in one piece: a kernel hands the card a chunk, which the card cuts up.

The last segment of such a train has PSH (measured: docs/kernel-notes/acks.md), and a receiver that
sees it acknowledges as soon as its program has read. The sizes are those of tcp_tso_autosize():
what the connection sends in about a millisecond, at least two segments, at most half of cwnd.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import NEVER, S

from .buffers import chunk_size
from .tcb import UNSET, Tcb

_LARGEST: Final = 65536
_LEAST: Final = 2


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
    return min(max(within, _LEAST), half)


def _near_bonus(tcb: Tcb) -> int:
    """A near peer may be sent more at once: 64 KiB, halved for each half millisecond to it."""
    least = tcb.rack.min_rtt if tcb.rack is not None else NEVER
    if least == NEVER:
        least = tcb.rtt.srtt
    return _LARGEST >> min(least // 512_000, 31)
