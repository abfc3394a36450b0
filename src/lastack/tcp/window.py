"""The window that we advertise (RFC 9293 section 3.8.6.2.2; RFC 7323 section 2)."""

from __future__ import annotations

from typing import Final

from lastack.state import SYN_RECEIVED
from lastack.wire import seq

from .tcb import Tcb

_LEAST_QUICK: Final = 2


def only_small(tcb: Tcb) -> bool:
    """Tell whether every segment was no larger than what a full one is taken to be at first: half
    of the buffer's memory counts as bookkeeping then (docs/kernel-notes/buffers.md)."""
    return not tcb.acks.sized


def receive_window(tcb: Tcb) -> int:
    """Return the window to advertise, in bytes; never less than what was advertised (SHLD-14).

    Receiver's side of silly window avoidance (MUST-39): a window that opens by less than a segment
    or a sixteenth of the buffer stays where it is, and for ever while nobody reads (MAY-8).
    """
    space, left = tcb.buffers.space, tcb.rcv_wnd()
    free = max(space - tcb.recvq.used, 0)
    scale = 1 << tcb.rcv_wscale
    if free < space // 2:
        tcb.acks.quick = 0
        free -= free % scale
        if free < min(tcb.rcv_mss, space) or free < space >> 4:
            free = 0
    if free > tcb.rcv_ssthresh and not tcb.buffers.at_once:
        free = tcb.rcv_ssthresh
    if scale == 1 and tcb.buffers.in_segments:
        offered = seq.sub(tcb.rcv_adv, tcb.rcv_wup)
        return tcb.buffers.whole(free, left, offered, tcb.rcv_mss)
    return tcb.buffers.window(free, scale, left, tcb.rcv_mss)


def enough_to_acknowledge(tcb: Tcb) -> bool:
    """Tell whether so much is unacknowledged that an ACK is due at once: the second full-sized
    segment (SHLD-19). Linux does so only where the ACK could tell a window no smaller than the last
    one was; what waits to be read is acknowledged as it is read (__tcp_ack_snd_check)."""
    rules = tcb.profile.acks
    unacked = (tcb.rcv_nxt - tcb.rcv_wup) & seq.MASK
    if unacked <= (rules.every_segments - 1) * tcb.rcv_mss:
        return False
    if not rules.window_stays:
        return True
    if only_small(tcb):
        window = (tcb.buffers.receive - tcb.recvq.used) // 2
    else:
        window = receive_window(tcb)
    return window >= seq.sub(tcb.rcv_adv, tcb.rcv_wup)


def quick_acks(tcb: Tcb) -> int:
    """Return how many ACKs leave at once on a new connection, or one whose peer repeats itself:
    enough for half of the window in full-sized segments, 16 at most (tcp_incr_quickack)."""
    segments = seq.sub(tcb.rcv_adv, tcb.rcv_wup) // (2 * tcb.rcv_mss)
    return min(segments or _LEAST_QUICK, tcb.profile.acks.quick)


def advertise(tcb: Tcb) -> int:
    """Return the window field of a segment that leaves now, and note its right edge."""
    if tcb.passive and tcb.state is SYN_RECEIVED:  # the window of the SYN|ACK, now scaled
        return min(tcb.rcv_ssthresh, 0xFFFF) >> tcb.rcv_wscale
    window = receive_window(tcb)
    most = 0xFFFF << tcb.rcv_wscale
    if window > most and not tcb.buffers.in_segments:
        window = most
    tcb.rcv_adv = (tcb.rcv_nxt + window) & seq.MASK
    tcb.rcv_wup = tcb.rcv_nxt
    return (window if window < most else most) >> tcb.rcv_wscale
