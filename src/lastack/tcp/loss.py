"""Loss by time over a Tcb: RACK, the tail loss probe (RFC 8985 sections 6, 7), and PRR.

For connections with SACK whose system has RACK; all others find loss in `recovery`. Nothing here
sends: `emit.flush` does, as far as the windows set here let it.
"""

from __future__ import annotations

from lastack.wire import Segment, seq

from . import timers, undo
from .flight import DUP_THRESH, Flight
from .prr import Prr
from .rack import Rack
from .tcb import UNSET, Tcb


def sent(tcb: Tcb, first: int, last: int, now: int) -> None:
    """A segment with the positions [first, last) leaves."""
    flight = tcb.flight
    if flight is None:
        flight = _begin_flight(tcb)
        if flight is None:
            return
    flight.sent(first, last, now)
    if tcb.prr is not None:
        tcb.prr.out += flight.cost(last - first)


def _begin_flight(tcb: Tcb) -> Flight | None:
    packets = tcb.congestion.whole
    short = tcb.program_wrote
    first = tcb.passive and not short
    if tcb.sack_ok and tcb.profile.retransmission.rack:
        tcb.flight = tcb.rack = Rack(tcb.mss, packets=packets, short=short, first=first)
    elif packets:
        tcb.flight = Flight(tcb.mss, packets=True, short=short, first=first)
    return tcb.flight


def duplicate_reported(seg: Segment) -> bool:
    """Tell whether the first SACK block reports a duplicate (RFC 2883 section 4)."""
    if not seg.sack:
        return False
    left, right = seg.sack[0]
    if seq.lt(left, seg.ack):
        return True
    return any(seq.le(a, left) and seq.le(right, b) for a, b in seg.sack[1:])


def _sent_twice(tcb: Tcb, rack: Rack, seg: Segment, moved: bool) -> int:
    """Count the segments of a D-SACK; return how many, 0 if it is not believed. Of more than the
    largest window it is not, nor of more than was sent again. `moved`: the ACK was new."""
    left, right = seg.sack[0]
    length = seq.diff(right, left)
    if not 0 < length <= tcb.max_snd_wnd:
        return 0
    segments = -(-length // tcb.send_size())
    if not rack.delivery.duplicate(segments):
        return 0
    if tcb.undo is not None:
        undo.by_duplicate(tcb, tcb.undo, segments, tcb.position_of(right), moved=moved)
    return segments


def acknowledged(tcb: Tcb, rack: Rack, seg: Segment, news: int, moved: bool, now: int) -> None:
    """An ACK was taken: `news` bytes have arrived by it, `moved`: SND.UNA advanced."""
    if rack.held_at >= 0:
        tcb.measured(now - rack.held_at)
        rack.held_at = UNSET
    busy = rack.segments or tcb.recovering or tcb.reducing or seg.sack
    if not busy and tcb.probe_high == UNSET:
        rack.advanced = False  # everything has arrived, the usual end of a flight
        return
    falling = tcb.recovering or tcb.reducing
    twice = _sent_twice(tcb, rack, seg, moved) if duplicate_reported(seg) else 0
    if twice and rack.reorders and seg.sack[0][1] != tcb.probe_high:
        rack.duplicate_reported(now, max(tcb.rtt.srtt, 0))
    _end_of_probe(tcb, seg, moved, news, twice > 0)
    if tcb.recovering and seq.ge(tcb.snd_una, tcb.recover):
        _recovered(tcb, rack)
    elif tcb.reducing and seq.gt(tcb.snd_una, tcb.recover):
        end_reduction(tcb)
    lost = _look(tcb, rack, now) if rack.advanced else 0
    if moved and falling and not (tcb.recovering or tcb.reducing):
        grow(tcb, news + twice * tcb.mss, now)  # the ACK that ends it counts as any other
    if tcb.prr is not None:
        tcb.congestion.cwnd = tcb.prr.window(rack.in_network, news, safe=moved and not lost)
    elif news and not moved and rack.reorders and rack.reordering > DUP_THRESH:
        grow(tcb, news, now)  # where text is often overtaken, its SACK is progress enough
    if moved:
        schedule_probe(tcb, now)


def grow(tcb: Tcb, count: int, now: int) -> None:
    """`count` bytes have arrived, and nothing is wrong: cwnd may grow."""
    rtt = max(tcb.rtt.srtt, 0)
    tcb.congestion.used_at = now
    tcb.congestion.acked(count, limited=window_was_used(tcb), now=now, rtt=rtt)


def window_was_used(tcb: Tcb) -> bool:
    """Tell whether cwnd held us back. In slow start it may grow to twice the last flight."""
    if tcb.cwnd_limited:
        return True
    control = tcb.congestion
    return control.cwnd < control.ssthresh and control.cwnd < 2 * tcb.max_flight


def in_trouble(tcb: Tcb) -> bool:
    """Tell whether something is lost, or may be, or cwnd is going down."""
    repeats = tcb.rxt_nxt != UNSET or tcb.retransmits > 0
    return repeats or tcb.recovering or tcb.reducing or tcb.dupacks > 0 or bool(tcb.board.ranges)


def _look(tcb: Tcb, rack: Rack, now: int) -> int:
    """Look for losses; the reordering timer looks again when something is doubtful."""
    srtt = max(tcb.rtt.srtt, 0)
    lost, wait = rack.find_lost(srtt, now, recovering=tcb.recovering or tcb.rxt_nxt != UNSET)
    if wait:
        tcb.timers.set(timers.REORDER, now + tcb.rtt.reordering_wait(wait))
    else:
        tcb.timers.stop(timers.REORDER)
    if lost and not tcb.recovering and tcb.rxt_nxt == UNSET:
        _recover(tcb, now)
    return lost


def reordering_over(tcb: Tcb, now: int) -> None:
    """The reordering timer expired: what is still missing is lost (section 6.2 step 5)."""
    if tcb.rack is None or not _look(tcb, tcb.rack, now) or tcb.prr is None:
        return
    tcb.congestion.cwnd = tcb.prr.window(tcb.rack.in_network, tcb.mss, safe=False)


def _recover(tcb: Tcb, now: int) -> None:
    """Fast recovery begins (RFC 6675 section 5 step 4, with PRR for its window)."""
    undo.remember(tcb, now)
    if not tcb.reducing:
        _begin_reduction(tcb)
    tcb.reducing = False
    tcb.recovering = True
    tcb.recover = tcb.snd_nxt
    tcb.timers.stop(timers.LOSS_PROBE)


def _recovered(tcb: Tcb, rack: Rack) -> None:
    tcb.recovering = False
    rack.recovered()
    end_reduction(tcb)


def reduce(tcb: Tcb) -> None:
    """The path is congested and nothing is lost (ECN): cwnd goes down, once in a round trip; at
    once where there is no PRR."""
    if tcb.recovering or tcb.reducing or tcb.rxt_nxt != UNSET:
        return
    _begin_reduction(tcb)
    tcb.reducing = True
    tcb.recover = tcb.snd_nxt


def _begin_reduction(tcb: Tcb) -> None:
    # From cwnd, as Linux does and RFC 9438 section 4.6 allows; RFC 5681 takes what is in flight.
    before = tcb.congestion.cwnd
    tcb.congestion.lost(before, by_sack=True)
    tcb.owes_cwr = tcb.ecn_ok
    if tcb.rack is not None:
        tcb.prr = Prr(before, tcb.congestion.ssthresh, tcb.mss)


def end_reduction(tcb: Tcb) -> None:
    """Recovery, or a reduction without loss, is over: cwnd is where it was to go."""
    tcb.reducing = False
    tcb.prr = None
    tcb.congestion.settled()


# -- the tail loss probe ------------------------------------------------------------------------


def schedule_probe(tcb: Tcb, now: int) -> None:
    """Set the probe timer (section 7.2), or stop it where there is nothing to probe for.

    It comes before the retransmission timer or with it, never after.
    """
    rack = tcb.rack
    calm = not (tcb.recovering or tcb.board.ranges or tcb.retransmits or tcb.rxt_nxt != UNSET)
    if rack is None or not rack.segments or not calm or not tcb.profile.retransmission.tail_probe:
        tcb.timers.stop(timers.LOSS_PROBE)
        return
    due = now + tcb.rtt.loss_probe_wait(alone=len(rack.segments) == 1)
    tcb.timers.set(timers.LOSS_PROBE, min(due, tcb.timers.deadline[timers.RETRANSMIT]))


def probed(tcb: Tcb, now: int, *, again: bool) -> None:
    """A probe has left; `again`: it was nothing new. The retransmission timer starts anew."""
    tcb.probe_high = tcb.snd_nxt
    tcb.probe_again = again
    tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)


def _end_of_probe(tcb: Tcb, seg: Segment, moved: bool, news: int, twice: bool) -> None:
    """What the answer says of the probe (section 7.4): both copies arrived, or one was lost and
    the probe has repaired that, for which cwnd has to pay all the same."""
    if tcb.probe_high == UNSET or seq.lt(seg.ack, tcb.probe_high):
        return
    if not tcb.probe_again or twice:
        tcb.probe_high = UNSET
    elif seq.gt(seg.ack, tcb.probe_high):
        tcb.probe_high = UNSET
        if not (tcb.recovering or tcb.reducing):
            tcb.congestion.lost(tcb.congestion.cwnd, by_sack=True)
            tcb.congestion.settled()
    elif not moved and not news and not seg.text:
        tcb.probe_high = UNSET
