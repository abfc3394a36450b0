"""What poll(2) says of a connection (docs/kernel-notes/peer-calls.md; Linux tcp_poll)."""

from __future__ import annotations

from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT

from .mark import Urgent
from .tcb import ERROR, HANGUP, READ_HANGUP, READABLE, URGENT, WRITABLE, Tcb


def poll(tcb: Tcb, *, shut_write: bool) -> int:
    """Return the level of readiness. `shut_write`: the program has shut the sending direction
    down, perhaps before there was a connection."""
    bits = ERROR if tcb.error else 0
    state = tcb.state
    opening = state is SYN_SENT or state is SYN_RECEIVED
    if opening and not tcb.shut_read:
        return bits
    over = state is CLOSED
    no_more_in = tcb.fin_received or tcb.shut_read or over
    no_more_out = tcb.fin_queued or shut_write or over
    if no_more_in:
        bits |= READABLE | READ_HANGUP
        if no_more_out:
            bits |= HANGUP
    elif tcb.recvq.ready > tcb.recvq.read and tcb.mark.readable(tcb.recvq.read, tcb.recvq.ready):
        bits |= READABLE
    if tcb.mark.stage is Urgent.HERE:
        bits |= URGENT
    if not opening and (no_more_out or _has_room(tcb)):
        bits |= WRITABLE
    return bits


def _has_room(tcb: Tcb) -> bool:
    """Tell whether a send would be worth a wake-up: enough of the buffer is free.

    Who has been told no is woken later, also without a send that was refused.
    """
    sendq = tcb.sendq
    queued = sendq.end - sendq.start
    if not queued or tcb.buffers.writable(queued, len(sendq.blocks), sendq.end - tcb.sent_end()):
        return True
    tcb.wants_room = tcb.writer_sleeps = True
    return False
