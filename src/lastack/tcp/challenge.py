"""Challenge ACKs (RFC 5961): the answer to a segment that smells of a blind attack."""

from __future__ import annotations

from lastack.state import SYN_RECEIVED
from lastack.wire import SYN, Segment, seq

from . import sack
from .tcb import UNSET, Tcb
from .window import quick_acks


def may_send(tcb: Tcb, now: int) -> bool:
    """Tell whether the limit of section 7 lets another challenge ACK go, and count it."""
    if tcb.challenge_at != UNSET and now - tcb.challenge_at < tcb.profile.acks.challenge_gap_ns:
        return False
    tcb.challenge_at = now
    return True


def answer(tcb: Tcb, now: int, *, limited: bool = True) -> None:
    """Owe the peer an ACK of where we are; a limited one at most once in the gap."""
    if not limited or may_send(tcb, now):
        tcb.acks.at_once = True


def answer_repeat(tcb: Tcb, seg: Segment, now: int) -> None:
    """Owe the ACK that says where we are to a segment that is not acceptable; what carries no text
    is answered within the limit. Text from before RCV.NXT is reported, and ACKs are quick again:
    the peer repeats itself."""
    answer(tcb, now, limited=not seg.length or bool(seg.flags & SYN))
    request = tcb.passive and tcb.state is SYN_RECEIVED
    if seg.length and seq.lt(seg.seq, tcb.rcv_nxt) and not request:
        tcb.acks.hurry(quick_acks(tcb))
        sack.repeated(tcb, seg)
