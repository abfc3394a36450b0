"""Timestamps: PAWS and TS.Recent (RFC 7323 sections 4.3 and 5)."""

from __future__ import annotations

from lastack.wire import ABSENT, Segment, seq

from .tcb import UNSET, Tcb


def rejects(tcb: Tcb, seg: Segment, now: int) -> bool:
    """PAWS, section 5.3 R1: the timestamp is older than TS.Recent, and TS.Recent is not stale."""
    if not tcb.ts_ok or seg.tsval == ABSENT or seg.tsval == tcb.ts_recent:
        return False
    if not seq.lt(seg.tsval, tcb.ts_recent):
        return False
    return now - tcb.ts_recent_at < tcb.profile.acceptance.paws_idle_ns


def echoes_another(tcb: Tcb, seg: Segment) -> bool:
    """Tell whether a segment to a half-open request echoes a timestamp from before its first
    SYN|ACK or after its last."""
    if not (tcb.ts_ok and seg.tsval != ABSENT and seg.tsecr):
        return False
    by_cookie = tcb.timed_seq == UNSET and not tcb.timed_at
    if not tcb.profile.acceptance.request_echo or by_cookie:
        return False
    first, last = tcb.timestamp(tcb.first_again), tcb.timestamp(tcb.timed_at)
    return seq.lt(seg.tsecr, first) or seq.gt(seg.tsecr, last)


def remember(tcb: Tcb, seg: Segment, now: int) -> None:
    """Section 4.3 (2): a segment that spans the last ACK sent sets TS.Recent.

    Only once its own ACK is found good: one forged timestamp from the future would make PAWS drop
    everything that is genuine.
    """
    if not tcb.ts_ok or seg.tsval == ABSENT or seq.gt(seg.seq, tcb.rcv_wup):
        return
    if seq.ge(seg.tsval, tcb.ts_recent):
        tcb.ts_recent = seg.tsval
        tcb.ts_recent_at = now
