"""Segments that ask whether the peer is there: the tail loss probe (RFC 8985 section 7) and the
window probe (RFC 9293 section 3.8.6.1). Called by the timers."""

from __future__ import annotations

from . import emit, loss, timers, train
from .tcb import UNSET, Tcb


def probe_tail(tcb: Tcb, now: int) -> None:
    """The loss probe's timer expired: send something new if the window has room, whatever cwnd
    says, else the last segment again (RFC 8985 section 7.3). One probe at a time."""
    if tcb.probe_high != UNSET or tcb.rack is None or not tcb.in_flight():
        return
    first = tcb.sent_end()
    size = min(tcb.sendq.end - first, emit.full_size(tcb))
    fin = emit.owes_fin(tcb) and first + size == tcb.sendq.end
    room = tcb.window_left(tcb.snd_nxt)
    new = (size > 0 or fin) and size + int(fin) <= room
    if new:
        before = tcb.snd_nxt
        held = tcb.nodelay, tcb.cork
        tcb.nodelay, tcb.cork = True, False
        emit.send_new(tcb, now, one=True)  # as much as leaves in one piece, where cwnd has room
        tcb.nodelay, tcb.cork = held
        if tcb.snd_nxt == before:
            _send(tcb, first, first + size, now, fin=fin)
    else:
        last = tcb.rack.segments[-1]
        begin = max(last.first, last.last - tcb.mss)
        beyond = tcb.window_left(tcb.seq_of(begin)) <= 0
        if beyond and train.used(tcb) and tcb.position_of(tcb.snd_una) < begin:
            # the window has become smaller: only the timer of the oldest segment is left
            due = tcb.rack.segments[0].at + tcb.rtt.rto
            tcb.timers.set(timers.RETRANSMIT, max(due, now))
            return
        tcb.rack.probing = True
        emit.resend(tcb, tcb.seq_of(begin), now, end=last.last)
        tcb.rack.probing = False
    loss.probed(tcb, now, again=not new)


def probe(tcb: Tcb, now: int) -> None:
    """The persist timer expired: send into what window there is, else a probe (MUST-36).

    A small window that SWS avoidance did not use is used now, the override of section 3.8.6.2.1.
    Where the peer has to know of something urgent, Linux tells it first, at SND.UNA, where its
    pointer counts; the probe itself is old (tcp_write_wakeup).
    """
    room = tcb.window_left(tcb.snd_nxt)
    first = tcb.sent_end()
    size = min(tcb.sendq.end - first, tcb.mss, max(room, 0))
    if size:
        _send(tcb, first, first + size, now, push=True)
    else:
        if tcb.snd_up != UNSET and tcb.profile.retransmission.urgent_probe:
            emit.send_ack(tcb, now)
        emit.send_ack(tcb, now, probe=True)


def _send(
    tcb: Tcb, first: int, last: int, now: int, *, fin: bool = False, push: bool = False
) -> None:
    """Send one new segment, whatever holds back others."""
    emit.send_text(tcb, first, last, now, fin=fin, again=False, push=push)
    if first < last < first + emit.full_size(tcb):
        tcb.small_seq = tcb.snd_nxt
    train.left(tcb, last)
