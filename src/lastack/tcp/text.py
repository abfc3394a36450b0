"""Taking segment text into the receive queue (RFC 9293 section 3.10.7.4, seventh; 3.8.6.3)."""

from __future__ import annotations

from typing import Final

from lastack.profile import MS
from lastack.trace import Dropped, Queued, Reason
from lastack.wire import ABSENT, FIN, PSH, URG, Segment, seq

from . import checks, sack
from .recvq import NOTHING_RECEIVED, ReceiveQueue
from .right_sizing import RightSizing
from .tcb import READABLE, UNSET, Tcb
from .window import enough_to_acknowledge, only_small, quick_acks

_WORTH_IT: Final = 128
"""Octets of a segment from which on it opens the window (docs/kernel-notes/found.md)."""


def offset_of(tcb: Tcb, number: int) -> int:
    """Return the stream offset of a sequence number near RCV.NXT."""
    if number == tcb.rcv_nxt:
        return tcb.recvq.ready  # in order, the usual case
    return tcb.recvq.ready + seq.diff(number, tcb.rcv_nxt)


def take(tcb: Tcb, seg: Segment, now: int, *, whole: bool) -> None:
    """Queue the text, its part in the window unless `whole`, and decide when to acknowledge."""
    if not tcb.buffers.takes(tcb.recvq.used):
        # SO_RCVBUF was made smaller: the window stays as promised, the memory for it is gone
        if tcb.scribe is not None:
            full = Reason.RECEIVE_BUFFER_FULL
            tcb.scribe.write(Dropped(tcb.conn, seg.number, full), now)
        if seq.le(seg.seq, tcb.rcv_nxt):
            tcb.acks.at_once = True
        return
    if tcb.snd_wl1 != seg.seq and tcb.sizing is not None and seq.gt(tcb.snd_wl1, seg.seq):
        if checks.predicted(tcb, seg):
            tcb.snd_wl1 = seg.seq  # on Linux text that was expected: windows count from here
    text = seg.text
    offset_of_first = first = offset_of(tcb, seg.seq)
    before = tcb.recvq.ready
    if first < before:
        text = text[before - first :]
        first = before
    # "Segments with higher beginning sequence numbers SHOULD be held" (SHLD-31); what lies beyond
    # the window is cut off, unless the first check let it pass whole.
    if not whole:
        text = text[: max(tcb.rcv_acceptable() - (first - before), 0)]
    if tcb.recvq is NOTHING_RECEIVED:
        tcb.recvq = ReceiveQueue()
    sizing = tcb.sizing
    if sizing is None:
        sizing = tcb.sizing = RightSizing(max(tcb.acks.received_at, 0))
    if seg.tsecr != sizing.echo and tcb.ts_ok and seg.tsval != ABSENT:
        age = max(seq.diff(tcb.timestamp(now), seg.tsecr), 0)
        large = seg.length >= tcb.rcv_mss
        sizing.echoed(seg.tsecr, age * MS, full=large, all_read=not len(tcb.recvq))
    # A gap that is filled is told at once (RFC 5681 section 4.2); with a FIN the FIN's ACK does.
    hurries = bool(tcb.recvq.pieces or tcb.fin_at != UNSET) and not seg.flags & FIN
    waiting = tcb.recvq.waiting
    sack.note_blocks(tcb)
    if tcb.fin_at != UNSET:
        text = _around_fin(tcb, first, text, whole=whole)
    # everything that is in order now, before any ACK is sent (MUST-59)
    fresh = tcb.recvq.insert(first, text) if text else 0
    sack.received(tcb, offset_of_first, offset_of_first + len(seg.text))
    in_order = offset_of_first <= before
    tcb.out_of_order += not in_order
    if seg.flags & FIN and in_order and tcb.duplicate is not None and tcb.duplicate[0] >= before:
        tcb.duplicate = None  # what waited behind the FIN is thrown away, not reported
    _note_size(tcb, seg)
    if in_order:
        begins = tcb.acks.in_order(tcb.rtt.rto, now)
        if begins:
            tcb.acks.begin(quick_acks(tcb))
    useful = fresh > 0 if in_order else tcb.sack_ok and tcb.recvq.waiting != waiting
    if useful and len(seg.text) >= _WORTH_IT:
        _open_window(tcb, len(seg.text))
    if fresh:
        tcb.rcv_nxt = (tcb.rcv_nxt + fresh) & seq.MASK
        sizing.in_order(tcb.recvq.ready, (tcb.rcv_adv - tcb.rcv_wup) & seq.MASK, now)
        tcb.wake(READABLE)
        if tcb.scribe is not None:
            tcb.scribe.write(Queued(tcb.conn, before, before + fresh), now)
    tcb.acks.text_received(urgent=hurries or not in_order, enough=enough_to_acknowledge(tcb))


def _around_fin(tcb: Tcb, first: int, text: bytes, *, whole: bool) -> bytes:
    """A FIN waits behind a gap, and the peer may have sent text where it is, or behind it: that is
    no text of the stream. Where segments count as a whole, Linux keeps the one that covers
    another, and forgets the FIN."""
    starts = first if first > tcb.recvq.ready else 0
    if whole and starts <= tcb.fin_begins and first + len(text) > tcb.fin_at:
        tcb.fin_at = UNSET
        return text
    return text[: max(tcb.fin_at - first, 0)]


def _note_size(tcb: Tcb, seg: Segment) -> None:
    """Estimate the size of the peer's segments, within what we advertised."""
    larger, before = len(seg.text) > tcb.rcv_mss, tcb.acks.sized
    size = tcb.acks.measured(len(seg.text), tcb.rcv_mss, ended=bool(seg.flags & (PSH | FIN | URG)))
    if size != tcb.rcv_mss:
        tcb.rcv_mss = min(size, tcb.largest_text())
    if larger and before != len(seg.text) and not tcb.buffers.at_once:
        offered = seq.sub(tcb.rcv_adv, tcb.rcv_wup)
        tcb.rcv_ssthresh = max(tcb.rcv_ssthresh, min(offered, tcb.buffers.space))


def _open_window(tcb: Tcb, size: int) -> None:
    """Each segment opens the window by two more, or by twice its `size`, as far as the buffer is
    free. While all were small that is half of it (docs/kernel-notes/buffers.md)."""
    buffers = tcb.buffers
    if only_small(tcb):
        free = min(buffers.before_text(tcb.largest_text()), buffers.receive // 2 - tcb.recvq.used)
    else:
        free = buffers.space - tcb.recvq.used
    room = free - tcb.rcv_ssthresh
    if room > 0:
        tcb.rcv_ssthresh += min(room, 2 * max(tcb.largest_text(), size))
        tcb.acks.window_opens()
