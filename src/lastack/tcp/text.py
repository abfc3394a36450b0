"""Taking segment text into the receive queue (RFC 9293 section 3.10.7.4, seventh; 3.8.6.3)."""

from __future__ import annotations

from lastack.trace import Queued
from lastack.wire import Segment, seq

from .tcb import READABLE, UNSET, Tcb


def offset_of(tcb: Tcb, number: int) -> int:
    """Return the stream offset of a sequence number near RCV.NXT."""
    return tcb.recvq.ready + seq.diff(number, tcb.rcv_nxt)


def take(tcb: Tcb, seg: Segment, now: int) -> None:
    """Queue the part of the text that is inside the window, and decide when to acknowledge."""
    text = seg.text
    first = offset_of(tcb, seg.seq)
    before = tcb.recvq.ready
    if first < before:
        text = text[before - first :]
        first = before
    # "Segments with higher beginning sequence numbers SHOULD be held" (SHLD-31); what lies beyond
    # the window is cut off.
    text = text[: max(tcb.rcv_wnd() - (first - before), 0)]
    if tcb.fin_at != UNSET:
        text = text[: max(tcb.fin_at - first, 0)]
    filled_gap = bool(tcb.recvq.pieces)
    fresh = tcb.recvq.insert(first, text) if text else 0
    _note_size(tcb, len(seg.text))
    if fresh:
        tcb.rcv_nxt = (tcb.rcv_nxt + fresh) & seq.MASK
        tcb.wake(READABLE)
        if tcb.scribe is not None:
            tcb.scribe.write(Queued(tcb.conn, before, before + fresh), now)
        _open_window(tcb)
    _schedule_ack(tcb, at_once=filled_gap or fresh == 0, now=now)


def _note_size(tcb: Tcb, size: int) -> None:
    """Estimate the peer's segment size: the largest seen, within what we advertised."""
    if size > tcb.rcv_mss:
        tcb.rcv_mss = min(size, tcb.advertised_mss)


def _open_window(tcb: Tcb) -> None:
    """Each segment in order opens the window by two more, as far as the buffer is free."""
    free = tcb.buffers.receive_space() - tcb.recvq.used
    room = free - tcb.rcv_ssthresh
    if room > 0:
        tcb.rcv_ssthresh += min(room, 2 * tcb.advertised_mss)


def _schedule_ack(tcb: Tcb, *, at_once: bool, now: int) -> None:
    """Acknowledge at once (out of order, gap filled, quick start, every second segment), or owe it.

    RFC 5681 section 4.2; SHLD-18, SHLD-19.
    """
    acks = tcb.profile.acks
    _measure_gap(tcb, now)
    unacked = seq.sub(tcb.rcv_nxt, tcb.rcv_wup)
    full = unacked > (acks.every_segments - 1) * tcb.rcv_mss
    if at_once or full or (tcb.quick and not tcb.pingpong):
        tcb.ack_now = True
    tcb.ack_due = True


def _measure_gap(tcb: Tcb, now: int) -> None:
    """Follow the time between arrivals, so that a delayed ACK waits about that long."""
    acks = tcb.profile.acks
    if tcb.last_received == UNSET:
        tcb.ato = acks.delayed_min_ns
    else:
        gap = now - tcb.last_received
        if gap <= acks.delayed_min_ns // 2:
            tcb.ato = tcb.ato // 2 + acks.delayed_min_ns // 2
        elif gap < tcb.ato:
            tcb.ato = tcb.ato // 2 + gap
        elif gap > tcb.rtt.rto:
            # after a pause the connection begins anew
            tcb.quick = acks.quick
    tcb.last_received = now
