"""Challenge ACKs (RFC 5961): the answer to a segment that smells of a blind attack."""

from __future__ import annotations

from .tcb import UNSET, Tcb


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
