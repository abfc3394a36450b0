"""Acknowledgments of what we sent: progress, duplicate ACKs, fast retransmit.

Called by step five of 3.10.7.4. On connections with SACK loss is found by time (`loss`) or, where
the system has no RACK, by the scoreboard (RFC 6675); without SACK by three duplicate ACKs (RFC
6582); and always by the retransmission timer.
"""

from __future__ import annotations

from lastack.profile import NEVER
from lastack.trace import Acked
from lastack.wire import FIN, SYN, Segment, seq

from . import checks, emit, loss, timers, undo, urgent
from .flight import Flight, Sent
from .tcb import UNSET, WRITABLE, Tcb

DUPACK_THRESHOLD = 3


def new_ack(tcb: Tcb, seg: Segment, now: int) -> int:
    """SND.UNA < SEG.ACK =< SND.NXT: take everything acknowledged off the queue.

    Return what has arrived that no SACK had told of, as cwnd counts it.
    """
    first = tcb.sendq.start
    una = tcb.position_of(seg.ack)
    last = tcb.sendq.end
    if una < last:
        last = una if una > first else first
    count = last - first
    tcb.snd_una = seg.ack
    if tcb.snd_up != UNSET:
        urgent.acknowledged(tcb)
    arrived = count
    if tcb.flight is None:
        measure(tcb, seg, now)
    else:
        if tcb.rack is None:
            tcb.flight.original = NEVER
        arrived = tcb.flight.acknowledged(una, now)
        if tcb.rack is None and tcb.flight.acked_at < 0:
            tcb.flight.original = NEVER  # without SACK what was sent again may be what arrived
        head = tcb.flight.segments[0] if tcb.flight.segments else None
        if head is not None and head.begins < una:
            arrived += _part_arrived(tcb, tcb.flight, head)
        if tcb.dupacks and tcb.rack is None:
            arrived = max(arrived - tcb.dupacks * tcb.mss, tcb.mss)  # duplicate ACKs told of them
            tcb.flight.delivery.told_twice(tcb.dupacks)
        if arrived or tcb.flight.held_at >= 0:
            _measure_each(tcb, tcb.flight, seg, una, now)
        elif tcb.timed_seq == tcb.iss and not first:
            measure(tcb, seg, now)  # a SYN that is acknowledged later than close() was called
    if count:
        tcb.sendq.acknowledge(last)
        if tcb.scribe is not None:
            tcb.scribe.write(Acked(tcb.conn, first, last), now)
    tcb.retransmits = 0
    tcb.probes_out = 0
    tcb.rtt.progress()
    if tcb.board.ranges:
        tcb.board.advance(una)
    if tcb.undo is not None:
        undo.by_ack(tcb, tcb.undo, seg)
    # what SACK has told of before was news then
    _congestion(tcb, arrived if tcb.rack is None else arrived + tcb.rack.news, now)
    if tcb.rxt_nxt != UNSET and seq.ge(tcb.snd_una, tcb.recover):
        tcb.rxt_nxt = UNSET
    if tcb.in_flight():
        # RFC 6298 (5.3)
        tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)
    else:
        tcb.timers.stop(timers.RETRANSMIT)
        tcb.timers.stop(timers.LOSS_PROBE)
    return arrived


def _part_arrived(tcb: Tcb, flight: Flight, head: Sent) -> int:
    """A part of a segment was acknowledged. Linux cuts it off where the segment is one of a train,
    of which fewer segments may be left then: return what those count for. Else the segment stays
    what it was, and may seem to be overtaken when its rest arrives."""
    if tcb.sendq.is_block(head.begins, head.last):
        return 0
    fewer = flight.recut(head.first, tcb.sendq.block_end(head.first), tcb.send_size())
    head.begins = head.first
    for _ in range(fewer):
        flight.delivery.arrived(head.at, head.mark)
    return fewer * flight.mss


def _measure_each(tcb: Tcb, flight: Flight, seg: Segment, una: int, now: int) -> None:
    """The time of every segment is known, and every ACK is a measurement."""
    if flight.acked_at >= 0:
        nxt = tcb.position_of(tcb.snd_nxt)
        tcb.rtt.sample(now - flight.acked_at, una, nxt)
        flight.held_at = UNSET
        tcb.congestion.measured(now - flight.acked_at, tcb.rtt.srtt, una, nxt, now)
    elif flight.held_at < 0:
        tcb.timed_seq = UNSET
        measure(tcb, seg, now)


def measure(tcb: Tcb, seg: Segment, now: int) -> None:
    """Take a round-trip sample: the timed segment, else the echoed timestamp (RFC 7323 4.1)."""
    if tcb.timed_seq != UNSET and seq.gt(seg.ack, tcb.timed_seq):
        tcb.measured(now - tcb.timed_at)
        tcb.timed_seq = UNSET
    elif tcb.ts_ok and seg.tsecr:
        elapsed = seq.diff(tcb.timestamp(now), seg.tsecr)
        if 0 <= elapsed < 1 << 30:
            tcb.measured(elapsed * 1_000_000)


def _congestion(tcb: Tcb, count: int, now: int) -> None:
    tcb.dupacks = 0
    if tcb.reducing and tcb.rack is None and seq.gt(tcb.snd_una, tcb.recover):
        loss.end_reduction(tcb)
    if not tcb.recovering:
        loss.grow(tcb, count, now)
    elif tcb.rack is not None:
        return  # `loss` says when it is over
    elif seq.ge(tcb.snd_una, tcb.recover):
        tcb.recovering = False
        tcb.congestion.recovered(tcb.network())
    elif not tcb.sack_ok:
        # partial acknowledgment: the segment after it is lost too
        tcb.congestion.partial(count)
        if tcb.flight is not None:
            tcb.flight.head_lost()
        emit.resend(tcb, tcb.snd_una, now)


def make_room(tcb: Tcb) -> None:
    """A segment was processed, and what it let go has left: wake a writer that was refused, once
    a third of the buffer is free (tcp_check_space).

    A writer falls asleep only after it has found no room at all, and near the peer not before the
    flight at that moment is over; whose last ACK therefore wakes it for any room.
    """
    control, sendq = tcb.congestion, tcb.sendq
    queue = len(sendq), len(sendq.blocks), sendq.end - tcb.sent_end()
    if tcb.in_flight() or tcb.writer_sleeps:
        room = False
    else:
        tcb.writer_sleeps = True
        room = tcb.buffers.may_begin(*queue)
    if tcb.network() < control.cwnd:
        # cwnd that is full would not send more of a larger buffer (tcp_should_expand_sndbuf)
        segments = max(control.initial_segments, control.cwnd // tcb.mss)
        tcb.buffers.grow_send(segments, tcb.mss)
    if tcb.buffers.writable(*queue):
        tcb.wants_room = tcb.buffer_full = False
        room = True
    if room:
        tcb.wake(WRITABLE)


def take_sack(tcb: Tcb, seg: Segment, now: int) -> int:
    """Take the SACK blocks of an ACK; return for how many positions they were news (RFC 6675
    section 2)."""
    una, nxt = tcb.position_of(tcb.snd_una), tcb.position_of(tcb.snd_nxt)
    blocks = [(tcb.position_of(left), tcb.position_of(right)) for left, right in seg.sack]
    news = tcb.own_board().update(blocks, una, nxt)
    if tcb.rack is not None and news:
        tcb.rack.news = tcb.rack.held(tcb.board.ranges, now)
        return tcb.rack.news
    return news


def duplicate_ack(tcb: Tcb, seg: Segment, news: int, now: int) -> None:
    """SEG.ACK =< SND.UNA: count it if it is a duplicate ACK, in the sense of RFC 5681 section 2,
    or with SACK if it reports something new (`news`)."""
    if not tcb.in_flight() or seg.ack != tcb.snd_una:
        return
    if tcb.flight is not None:
        tcb.flight.delivery.heard()
    if not tcb.sack_ok and tcb.snd_una == tcb.recover != tcb.iss:
        return  # it may be the answer to what was sent twice (RFC 6582 section 4)
    plain = not seg.text and not seg.flags & (SYN | FIN)
    if not (news if tcb.sack_ok else plain and checks.repeats_window(tcb, seg)):
        return
    tcb.dupacks += 1
    if tcb.undo is not None:
        undo.something_held(tcb, tcb.undo)
    if tcb.flight is not None and tcb.rack is None:
        _told_by_duplicate(tcb, tcb.flight)
    if tcb.recovering and not tcb.sack_ok:
        tcb.congestion.inflate()
    if tcb.rack is None:
        find_loss(tcb, now)


def _told_by_duplicate(tcb: Tcb, flight: Flight) -> None:
    """A duplicate ACK without SACK: some segment has arrived. After a time-out it tells of new text
    only; and of more than is behind the first none can tell."""
    if (tcb.retransmits or tcb.rxt_nxt != UNSET) and tcb.snd_nxt == tcb.recover:
        return
    if tcb.dupacks < len(flight.segments):
        flight.delivery.told_by_duplicate()
    else:
        flight.overtaken()


def find_loss(tcb: Tcb, now: int) -> None:
    """Begin fast retransmit when the duplicate ACKs or the scoreboard show a loss.

    RFC 6582 section 3.2 step 2 and RFC 6675 section 5: not twice for the same window of data.
    """
    if tcb.recovering or tcb.rxt_nxt != UNSET or not seq.gt(tcb.snd_una, tcb.recover):
        return
    una = tcb.position_of(tcb.snd_una)
    held = tcb.sack_ok and tcb.board.lost_below(tcb.mss) > una
    if tcb.dupacks < DUPACK_THRESHOLD and not held:
        return
    undo.remember(tcb, now)
    tcb.congestion.lost(_window_at_loss(tcb), by_sack=tcb.sack_ok)
    tcb.owes_cwr = tcb.ecn_ok
    tcb.reducing = False
    tcb.recovering = True
    tcb.recover = tcb.snd_nxt
    if tcb.flight is not None:
        tcb.flight.head_lost()
    tcb.own_board().high_rxt = una
    end = tcb.board.ranges[0][0] if tcb.board.ranges else UNSET
    beyond = emit.resend(tcb, tcb.snd_una, now, end=end)
    tcb.board.high_rxt = tcb.position_of(beyond)
    tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)


def _window_at_loss(tcb: Tcb) -> int:
    """What ssthresh becomes a share of: cwnd, as RFC 9438 section 4.6 allows, or FlightSize."""
    return tcb.congestion.cwnd if tcb.profile.start.reduces_cwnd else tcb.in_flight()


def go_back(tcb: Tcb) -> None:
    """Send everything in flight again, from SND.UNA on, in place of any recovery under way."""
    tcb.recovering = tcb.reducing = False
    tcb.prr = None
    tcb.recover, tcb.rxt_nxt = tcb.snd_nxt, tcb.snd_una


def timed_out(tcb: Tcb, now: int) -> None:
    """The retransmission timer fired: everything in flight counts as lost (RFC 6298 section 5)."""
    first = tcb.retransmits == 0
    if (tcb.recovering or tcb.reducing) and seq.lt(tcb.snd_una, tcb.recover):
        first = False  # this window of text has paid already
    if first:
        undo.remember(tcb, now, timer=True)
    elif tcb.undo is not None:
        tcb.undo.timer, tcb.undo.over = True, False
        tcb.undo.doubts = tcb.retransmits > 0
    tcb.congestion.expired(_window_at_loss(tcb), first=first)
    go_back(tcb)
    if tcb.flight is not None:
        tcb.flight.expired()
    tcb.owes_cwr = tcb.ecn_ok
    tcb.probe_high = UNSET
    tcb.dupacks = 0
    tcb.timed_seq = UNSET
    tcb.rtt.expired()
