"""SEND as a kernel does it: block by block, sending in between (docs/kernel-notes/sending.md)."""

from __future__ import annotations

from . import calls, emit, train, urgent
from .flight import Flight
from .tcb import UNSET, Tcb


def send(
    tcb: Tcb, data: bytes | memoryview, now: int, *, push_urgent: bool, more: bool, record: bool
) -> int:
    """Queue and send what there is room for; see `Connection.send`."""
    # what is urgent does not leave in one piece (tcp_xmit_size_goal)
    segments = push_urgent and train.used(tcb)
    count = taken = calls.send(tcb, data, now, segments=segments)
    while taken and count < len(data):
        # a block is full: what may be sent of it now makes room for more
        if not push_urgent:
            _full_block(tcb, now)
        taken = calls.send(tcb, memoryview(data)[count:], now, segments=segments, begins=False)
        count += taken
    if not count:
        return 0
    if push_urgent:
        urgent.mark_sent(tcb)
    if record and count == len(data):
        tcb.sendq.end_record()
    if more:
        _forced(tcb)
        _whole_segments(tcb, now)
    else:
        tcb.more_end = UNSET
        _pushed(tcb)
        emit.flush(tcb, now)
    return count


def note_pause(tcb: Tcb, flight: Flight) -> None:
    """The program writes: note whether it was what kept us from sending. It was where nothing waits
    but part of a segment, cwnd has room, and nothing is to be sent again."""
    if not flight.segments and tcb.sendq.start == tcb.sendq.end:
        flight.delivery.program_is_short(0)
        return
    waits = tcb.sendq.end - tcb.sent_end() >= tcb.send_size()
    if waits or flight.in_network >= tcb.congestion.cwnd or tcb.rxt_nxt != UNSET:
        return
    if tcb.rack is None or tcb.rack.next_lost() is None:
        flight.delivery.program_is_short(flight.segments_in_network())


def _full_block(tcb: Tcb, now: int) -> None:
    """Send one train of a block that is the first one unsent; all that may leave, where half of the
    peer's largest window has been queued since the last push (tcp_push_one, forced_push)."""
    forced = _forced(tcb)
    if forced or tcb.sendq.one_block_waits():
        _whole_segments(tcb, now, one=not forced)


def _forced(tcb: Tcb) -> bool:
    sendq = tcb.sendq
    if sendq.end <= sendq.pushed + tcb.max_snd_wnd // 2:
        return False
    _pushed(tcb)
    return True


def _pushed(tcb: Tcb) -> None:
    tcb.sendq.pushed = tcb.sendq.end
    train.mark(tcb)


def _whole_segments(tcb: Tcb, now: int, *, one: bool = False) -> None:
    """Send whole segments only: more text comes soon."""
    tcb.more_end = tcb.sendq.end
    corked, tcb.cork = tcb.cork, True
    emit.flush(tcb, now, one=one)
    tcb.cork = corked
