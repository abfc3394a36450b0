"""The sender's time: what it was busy with, and what a pause does to cwnd.

Functions over a Tcb and its meter, called by `connection` after a call, a segment or a timer.
"""

from __future__ import annotations

from . import loss
from .meter import BUFFER, BUSY, IDLE, WINDOW, Meter
from .tcb import UNSET, Tcb


def note_time(tcb: Tcb, meter: Meter, now: int) -> None:
    """Account for the sender's time (tcpi_busy_time and others; docs/kernel-notes/sending.md)."""
    if tcb.sendq.start == tcb.sendq.end and (tcb.fin_seq == UNSET or tcb.fin_acked()):
        doing = IDLE
    else:
        doing = BUFFER if tcb.buffer_full else WINDOW if tcb.window_full else BUSY
    if doing != meter.doing:
        meter.turns_to(doing, now)


def resume(tcb: Tcb, meter: Meter, now: int) -> None:
    """Nothing is in flight, and text may be sent again, by the program or because the window opens:
    after a pause longer than RTO cwnd says little (RFC 5681 section 4.1;
    docs/kernel-notes/idle.md)."""
    idle = now - meter.data_sent_at
    if meter.data_sent_at < 0 or idle <= tcb.rtt.rto:
        return
    if _takes_back(tcb):
        tcb.congestion.resume(idle // tcb.rtt.rto, now)


def unused(tcb: Tcb, now: int) -> None:
    """For an RTO no ACK has come, and less leaves than cwnd would let: a FIN, as text would have
    found another cwnd by `resume` (docs/kernel-notes/idle.md). Not while something is lost, or the
    program waits for room."""
    control = tcb.congestion
    if _takes_back(tcb) and not (tcb.orphan or tcb.wants_room or loss.in_trouble(tcb)):
        control.unused()
    control.used_at = now


def _takes_back(tcb: Tcb) -> bool:
    return tcb.profile.start.restarts_after_idle
