"""A loss that was none is undone (RFC 4015 section 3.2): cwnd and ssthresh are what they were.

What was taken for lost had only been late when

- the ACK that comes echoes a timestamp from before the first repetition, which has a later one (the
  Eifel algorithm, RFC 3522);
- something arrives after a time-out that was not sent again (F-RTO, RFC 5682 section 3.1, step
  3.b), which the list of segments tells. For this the first ACK after a time-out lets new text
  leave, and nothing else again (step 2.b);
- every repetition was reported as a duplicate (D-SACK, RFC 3708).

Measured: docs/kernel-notes/undo.md.
"""

from __future__ import annotations

from lastack.wire import Segment, seq

from .reduction import ALL_REPORTED, Reduction
from .tcb import UNSET, Tcb


def remember(tcb: Tcb, now: int, *, timer: bool = False) -> None:
    """cwnd is about to go down: note what it was, and our timestamp. `timer`: the retransmission
    timer fired. A reduction for an ECN mark that is under way is not undone."""
    if not tcb.profile.retransmission.undone:
        return
    control = tcb.congestion
    before = (0, 0) if tcb.reducing else (control.cwnd, control.ssthresh)
    undo = Reduction(*before, tcb.timestamp(now), tcb.position_of(tcb.snd_una), timer=timer)
    if tcb.flight is not None:
        undo.repeats = sum(one.repeated for one in tcb.flight.segments)
    undo.repeats += tcb.probe_high != UNSET and tcb.probe_again
    tcb.undo = undo


def lost_syn(tcb: Tcb, seg: Segment) -> None:
    """The handshake is over: after so many repeats of our SYN the first window is one segment (RFC
    5681 section 3.1), unless the timestamp that comes back is that of the first."""
    answers_first = tcb.ts_ok and seg.tsecr == tcb.timestamp(tcb.first_again)
    if tcb.retransmits >= tcb.profile.start.lost_syns and not answers_first:
        tcb.congestion.cwnd = tcb.mss


def by_ack(tcb: Tcb, undo: Reduction, seg: Segment) -> None:
    """SND.UNA has advanced. If that was no answer to what was sent again, take back what was
    reduced, and send nothing else again."""
    if undo.over:
        return
    over = seq.ge(tcb.snd_una, tcb.recover)
    late = undo.repeats == ALL_REPORTED
    late = late or (tcb.ts_ok and seg.tsecr != 0 and seq.lt(seg.tsecr, undo.stamp))
    flight = tcb.flight
    if undo.timer:
        if undo.doubts and flight is not None:
            late = late or flight.original < tcb.position_of(tcb.recover)
    elif late and not over and flight is not None and any(one.repeated for one in flight.segments):
        return  # the next ACK tells whether those were late as well
    if late:
        _take_back(tcb, undo)
    elif over:
        undo.over = True
    elif tcb.rack is not None and tcb.rack.news:
        something_held(tcb, undo)
    elif undo.doubts and tcb.snd_nxt == tcb.recover:
        undo.sends_new = True


def something_held(tcb: Tcb, undo: Reduction) -> None:
    """The peer holds something behind a gap: if new text has left after a time-out, that was for a
    loss (F-RTO, step 3.a)."""
    if seq.gt(tcb.snd_nxt, tcb.recover):
        undo.doubts = False


def awaits_verdict(tcb: Tcb) -> bool:
    """Tell whether new text has left after a time-out, and its answer says how it goes on."""
    undo = tcb.undo
    return undo is not None and undo.doubts and not undo.over and seq.gt(tcb.snd_nxt, tcb.recover)


def by_duplicate(tcb: Tcb, undo: Reduction, segments: int, end: int, *, moved: bool) -> None:
    """A D-SACK that is believed tells of so many segments, up to position `end`; `moved`: its ACK
    was new. After a time-out only such a one undoes it."""
    if undo.repeats <= 0 or end <= undo.marker:
        return
    undo.repeats = max(undo.repeats - segments, 0) or ALL_REPORTED
    if undo.repeats == ALL_REPORTED and (moved or undo.over or not undo.timer):
        _take_back(tcb, undo)


def _take_back(tcb: Tcb, undo: Reduction) -> None:
    control = tcb.congestion
    control.cwnd = max(control.cwnd, undo.cwnd)
    control.ssthresh = max(control.ssthresh, undo.ssthresh)
    control.recovering = False
    tcb.recovering = tcb.reducing = False
    tcb.prr = None
    tcb.rxt_nxt = UNSET
    if tcb.flight is not None:
        tcb.flight.nothing_lost()
    tcb.undo = None
