"""A time-out that was for nothing is undone (RFC 4015 section 3.2).

It was when the ACK that comes echoes a timestamp from before it, because what was sent again has a
later one (the Eifel algorithm, RFC 3522); or when something arrives that was not sent again (F-RTO,
RFC 5682 section 3.1, step 3.b), which only SACK and RACK's list of segments can tell for sure.
"""

from __future__ import annotations

from lastack.wire import Segment, seq

from .tcb import UNSET, Tcb


def remember(tcb: Tcb, now: int) -> None:
    """The timer fired: note what is about to be reduced, and our timestamp."""
    if tcb.profile.retransmission.undone:
        tcb.undo = tcb.congestion.cwnd, tcb.congestion.ssthresh, tcb.timestamp(now)


def lost_syn(tcb: Tcb, seg: Segment) -> None:
    """The handshake is over: after so many repeats of our SYN the first window is one segment (RFC
    5681 section 3.1), unless the timestamp that comes back is that of the first."""
    answers_first = tcb.ts_ok and seg.tsecr == tcb.timestamp(tcb.first_again)
    if tcb.retransmits >= tcb.profile.start.lost_syns and not answers_first:
        tcb.congestion.cwnd = tcb.mss


def by_ack(tcb: Tcb, before: tuple[int, int, int], seg: Segment) -> None:
    """SND.UNA has advanced. If that was no answer to what was sent again, take back what was
    reduced (`before`), and send nothing else again."""
    cwnd, ssthresh, stamp = before
    late = tcb.ts_ok and seg.tsecr != 0 and seq.lt(seg.tsecr, stamp)
    if tcb.rack is not None and tcb.rack.original < tcb.position_of(tcb.recover):
        late = True
    if late:
        control = tcb.congestion
        control.cwnd = max(control.cwnd, cwnd)
        control.ssthresh = max(control.ssthresh, ssthresh)
        tcb.rxt_nxt = UNSET
    if late or seq.ge(tcb.snd_una, tcb.recover):
        tcb.undo = None
