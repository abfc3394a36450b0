"""Building segments, and deciding what may be sent now (RFC 9293 sections 3.7.4, 3.8.6).

Everything that a connection sends is made here. `flush` is called by `Connection` after each call,
segment or timer; the code that handles those never sends.
"""

from __future__ import annotations

from lastack.profile import NEVER
from lastack.state import SENDING, SYN_SENT
from lastack.trace import Reason, ResetSent, Sent
from lastack.wire import (
    ABSENT,
    ACK,
    ECE,
    FIN,
    PLAIN_IP,
    PSH,
    RST,
    SYN,
    URG,
    Segment,
    ip_fields,
    seq,
)

from . import allowed, ecn, idle, loss, sack, timers, train, undo, urgent
from .tcb import UNSET, Tcb
from .window import advertise


def _out(
    tcb: Tcb, seg: Segment, now: int, first: int = 0, last: int = 0, again: bool = False,
    *, by_system: bool = False,
) -> None:  # fmt: skip
    """`by_system`: it does not leave by the socket, whose queue may be full and whose fields of the
    IP header the program sets."""
    if not by_system:
        if tcb.link_full:
            return
        seg.ip = tcb.ip  # SHLD-22
        tcb.sent_at = now
    if tcb.outbox is None:
        tcb.outbox = [seg]
    else:
        tcb.outbox.append(seg)
    if tcb.scribe is not None:
        tcb.scribe.write(Sent(tcb.conn, seg.number, seg, first, last, again), now)


def _number(tcb: Tcb) -> int:
    return tcb.scribe.journal.next_packet() if tcb.scribe is not None else 0


def _acknowledged(tcb: Tcb) -> None:
    """Every segment with ACK carries the newest RCV.NXT, so no separate ACK is owed."""
    tcb.acks.sent()
    tcb.rcv_wup = tcb.rcv_nxt
    tcb.timers.stop(timers.DELAYED_ACK)


def send_syn(tcb: Tcb, now: int, *, again: bool = False) -> None:
    """Send our SYN, or SYN|ACK once the peer's is here, with the options we offer or accept.

    The MSS goes with every SYN (MUST-14, SHLD-5, MAY-3), and with nothing else (MUST-65).
    """
    answering = tcb.state is not SYN_SENT
    accepts = answering and tcb.passive  # a simultaneous open's is our own SYN once more
    offers_scale = tcb.scale_ok if accepts else tcb.offers_scale
    offers_ts = tcb.ts_ok if accepts else tcb.offers_ts
    window = min(tcb.rcv_ssthresh, 0xFFFF)
    tcb.rcv_adv = (tcb.rcv_nxt + window) & seq.MASK
    if again and not answering:
        tcb.advertised_mss = min(tcb.advertised_mss, tcb.mss)  # the path may have become smaller
    flags = SYN | ACK if answering else SYN
    flags |= ecn.syn_flags(tcb, answering=answering, again=again)
    seg = Segment(
        tcb.flow, tcb.iss, tcb.rcv_nxt if answering else 0, flags, window, mss=tcb.advertised_mss,
        wscale=tcb.rcv_wscale if offers_scale else ABSENT,
        tsval=tcb.timestamp(now) if offers_ts else ABSENT, tsecr=tcb.ts_recent,
        sack_ok=tcb.sack_ok if accepts else tcb.offers_sack,
        number=_number(tcb),
    )  # fmt: skip
    if not again:
        tcb.snd_nxt = (tcb.iss + 1) & seq.MASK
        tcb.timed_seq, tcb.timed_at = tcb.iss, now
        tcb.first_again = now
    else:
        tcb.timed_seq, tcb.timed_at = UNSET, now  # Karn (RFC 6298 section 3)
    tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)
    if answering:
        _acknowledged(tcb)
    _out(tcb, seg, now, again=again)


def _acceptable_seq(tcb: Tcb) -> int:
    """SND.NXT, or the right edge of the window where the peer has taken window back.

    What the window lost by being scaled was not taken back (RFC 7323 section 2.4): an ACK
    below SND.NXT would be an old duplicate to a peer that has everything.
    """
    edge = (tcb.snd_una + tcb.snd_wnd) & seq.MASK
    beyond = seq.diff(tcb.snd_nxt, edge)
    return tcb.snd_nxt if beyond <= 0 or (tcb.scale_ok and beyond < 1 << tcb.rcv_wscale) else edge


def send_ack(tcb: Tcb, now: int, *, probe: bool = False) -> None:
    """Send <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>; a probe has SEQ=SND.UNA-1, which is no news to
    the peer and so draws an ACK."""
    number = (tcb.snd_una - 1) & seq.MASK if probe else _acceptable_seq(tcb)
    tsval, tsecr = tcb.ts_fields(now)
    window = advertise(tcb)
    up = urgent.pointer(tcb, number) if tcb.snd_up != UNSET else 0
    flags = (ACK | URG if up else ACK) | (ECE if tcb.ecn_echo else 0)
    seg = Segment(
        tcb.flow, number, tcb.rcv_nxt, flags, window, up=up, tsval=tsval,
        tsecr=tsecr, sack=sack.blocks(tcb), number=_number(tcb),
    )  # fmt: skip
    _acknowledged(tcb)
    _out(tcb, seg, now, again=probe)


def send_reset(tcb: Tcb, reason: Reason, now: int) -> None:
    """Send the RST|ACK of an ABORT (section 3.10.5): SEQ=SND.NXT, not the end of the queue."""
    tsval, tsecr = tcb.ts_fields(now)
    if tcb.scribe is not None:
        tcb.scribe.write(ResetSent(tcb.conn, reason, 0), now)
    number = _acceptable_seq(tcb)
    up = urgent.pointer(tcb, number) if tcb.snd_up != UNSET else 0
    flags = RST | ACK | (URG if up else 0)
    seg = Segment(
        tcb.flow, number, tcb.rcv_nxt, flags, advertise(tcb), up=up, tsval=tsval, tsecr=tsecr,
        sack=sack.blocks(tcb), number=_number(tcb),
    )  # fmt: skip
    _out(tcb, seg, now)


def reset_for(seg: Segment, number: int) -> Segment:
    """Return the RST that answers a segment of no connection (section 3.10.7.1), with that
    segment's type of service (docs/kernel-notes/ip-fields.md)."""
    ip = ip_fields(seg.ip.tos, PLAIN_IP.ttl)
    if seg.flags & ACK:
        return Segment(seg.flow.reversed(), seg.ack, 0, RST, 0, number=number, ip=ip)
    beyond = (seg.seq + seg.length) & seq.MASK
    return Segment(seg.flow.reversed(), 0, beyond, RST | ACK, 0, number=number, ip=ip)


def reply_reset(tcb: Tcb, seg: Segment, reason: Reason, now: int) -> None:
    """Answer a segment with a RST, as if there were no connection."""
    if tcb.scribe is not None:
        tcb.scribe.write(ResetSent(tcb.conn, reason, seg.number), now)
    _out(tcb, reset_for(seg, _number(tcb)), now, by_system=True)


def _ends(tcb: Tcb, last: int) -> bool:
    """Whether `last` is the end of what the program had to say, or of a record of it (MSG_EOR);
    MSG_MORE says that it is not (MAY-15, MAY-16)."""
    if tcb.sendq.records and tcb.sendq.ends_record(last):
        return True
    return last == tcb.sendq.end and last != tcb.more_end


def send_text(
    tcb: Tcb, first: int, last: int, now: int, *, fin: bool, again: bool, push: bool = False,
    told: tuple[tuple[int, int], ...] = (),
) -> None:  # fmt: skip
    """Send the stream bytes [first, last), with FIN when `fin`. PSH goes with the end of what is
    queued (MUST-61, SHLD-27), and where `push` says so. `told`: the SACK blocks of the segment
    before it in the same train, whose header it shares."""
    text = tcb.sendq.slice(first, last) if last > first else b""
    flags = ACK | (FIN if fin else 0) | (PSH if text and (push or _ends(tcb, last)) else 0)
    number = tcb.seq_of(first)
    tsval, tsecr = tcb.ts_fields(now)
    window = advertise(tcb)
    up = urgent.pointer(tcb, number) if tcb.snd_up != UNSET else 0
    flags |= URG if up else 0
    mark = 0
    if tcb.ecn_ok:
        more, mark = ecn.outgoing(tcb, text=bool(text), again=again)
        flags |= more
    reports = sack.room(tcb)
    fits = len(text) + reports <= tcb.mss
    blocks = told or (sack.blocks(tcb) if reports and fits else ())
    seg = Segment(
        tcb.flow, number, tcb.rcv_nxt, flags, window, text, up=up, ecn=mark, tsval=tsval,
        tsecr=tsecr,
        sack=blocks, number=_number(tcb),
    )  # fmt: skip
    beyond = (number + seg.length) & seq.MASK
    if again:
        tcb.timed_seq = UNSET  # Karn: what was sent twice is not timed (RFC 6298 section 3)
    elif tcb.timed_seq == UNSET:
        tcb.timed_seq, tcb.timed_at = number, now
    if seq.gt(beyond, tcb.snd_nxt):
        tcb.snd_nxt = beyond
    if fin:
        tcb.fin_seq = tcb.seq_of(last)
        tcb.fin_alone = not text
    if text:
        tcb.acks.text_sent(now)
    _acknowledged(tcb)
    if not tcb.timers.running(timers.RETRANSMIT):
        tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)
    if tcb.flight is not None or not again:
        loss.sent(tcb, first, last + 1 if fin else last, now)
    _out(tcb, seg, now, first, last, again)


def full_size(tcb: Tcb) -> int:
    """Return the most text of one segment; the blocks that it has to report take room."""
    return max(tcb.send_size() - sack.room(tcb), 1)


def _note_use(tcb: Tcb, now: int) -> None:
    """Keep the strongest sign of how much of cwnd is used in this round trip, for its growth
    (RFC 7661 section 4.3; Linux tcp_cwnd_validate): that it is full, or the most in flight. What is
    not used for long is taken back."""
    flight = tcb.network()
    limited = tcb.cwnd_full or flight >= tcb.congestion.cwnd
    more = not tcb.cwnd_limited and flight > tcb.max_flight
    if limited or more or seq.ge(tcb.snd_una, tcb.usage_seq):
        tcb.cwnd_limited = limited
        tcb.max_flight = flight
        tcb.usage_seq = tcb.snd_nxt
    control = tcb.congestion
    if loss.window_was_used(tcb):
        control.used, control.used_at = 0, now
        return
    if control.whole and tcb.flight is not None:
        control.used = max(control.used, len(tcb.flight.segments))
        if control.used_at < 0:
            control.used_at = now
        elif now - control.used_at >= tcb.rtt.rto:
            idle.unused(tcb, now)
    if tcb.wants_room and tcb.sent_end() == tcb.sendq.end:
        tcb.buffer_full = True  # the program has more, and only the buffer keeps it back


def flush(tcb: Tcb, now: int, *, one: bool = False) -> None:
    """Send what may be sent now: lost segments, new text (`one` train of it), FIN, and last a bare
    ACK.

    Only after everything that a segment brought has been looked at, and only if nothing else
    carried the ACK (MUST-58).
    """
    if tcb.state in SENDING:
        expired = False
        if tcb.link_full:
            pass
        elif tcb.rxt_nxt != UNSET and _tries_new(tcb, now):
            expired = True
        elif tcb.rxt_nxt != UNSET:
            begin = tcb.rxt_nxt
            _send_again(tcb, now)
            expired = tcb.retransmits > 0 and tcb.rxt_nxt != begin
        elif tcb.recovering and tcb.sack_ok:
            _send_lost(tcb, now)
        if expired:
            waits = True  # one segment was sent again, or new text tells how it goes on
        elif tcb.rxt_nxt == UNSET or seq.ge(tcb.rxt_nxt, tcb.snd_nxt):
            before = tcb.snd_nxt
            waits = send_new(tcb, now, one=one)
            if tcb.snd_nxt != before or tcb.cwnd_full:
                _note_use(tcb, now)
            if tcb.snd_nxt != before and tcb.rack is not None:
                loss.schedule_probe(tcb, now)
        else:
            waits = True
        if waits or tcb.timers.deadline[timers.PERSIST] != NEVER or tcb.probing_since != UNSET:
            _watch_window(tcb, now, waits=waits)
    if tcb.acks.at_once:
        send_ack(tcb, now)
    elif tcb.acks.due and not tcb.timers.running(timers.DELAYED_ACK):
        tcb.timers.set(timers.DELAYED_ACK, now + tcb.acks.wait(tcb.rtt.srtt))


def _tries_new(tcb: Tcb, now: int) -> bool:
    """After the first ACK that follows a time-out, send new text and nothing else again, as far as
    cwnd reaches (F-RTO, RFC 5682 section 3.1, step 2.b); tell whether the answer to it is waited
    for. What was in flight counts as lost, but for what was sent again."""
    if undo.awaits_verdict(tcb):
        return True
    before, flight = tcb.undo, tcb.flight
    if before is None or flight is None or not before.sends_new:
        return False
    before.sends_new = False
    network = flight.in_network
    flight.in_network = repeated = _repeated(tcb)
    nxt = tcb.snd_nxt
    held, tcb.nodelay = tcb.nodelay, True
    send_new(tcb, now, one=False)
    tcb.nodelay = held
    flight.in_network += network - repeated
    before.doubts = tcb.snd_nxt != nxt
    return before.doubts


def _send_again(tcb: Tcb, now: int) -> None:
    """After a timeout, repeat everything in flight as the congestion window opens."""
    if seq.lt(tcb.rxt_nxt, tcb.snd_una):
        tcb.rxt_nxt = tcb.snd_una
    while seq.lt(tcb.rxt_nxt, tcb.recover):
        if _repeated(tcb) >= tcb.congestion.cwnd:
            return
        known = tcb.board if tcb.rack is None else tcb.rack
        position, end = known.skip_held(tcb.position_of(tcb.rxt_nxt))
        tcb.rxt_nxt = tcb.seq_of(position)
        if seq.lt(tcb.rxt_nxt, tcb.recover):
            bound = tcb.position_of(tcb.recover)
            tcb.rxt_nxt = resend(tcb, tcb.rxt_nxt, now, end=end if 0 <= end < bound else bound)
    if seq.ge(tcb.rxt_nxt, tcb.recover):
        tcb.rxt_nxt = UNSET


def _repeated(tcb: Tcb) -> int:
    """Return what of that which is sent again after a timeout is in the network."""
    if tcb.flight is None:
        return seq.sub(tcb.rxt_nxt, tcb.snd_una)
    count = tcb.flight.below(tcb.position_of(tcb.rxt_nxt))
    if tcb.snd_nxt != tcb.recover:
        # new text has left as well; of what is behind it duplicate ACKs told without SACK
        count += tcb.flight.beyond(tcb.position_of(tcb.recover))
        count -= 0 if tcb.sack_ok else tcb.dupacks * tcb.mss
    return count


def _send_lost(tcb: Tcb, now: int) -> None:
    """Recovery by SACK: send again what is lost, as far as cwnd is not in the network (RFC 6675
    section 5, C). What is only doubtful comes when there is nothing new to send."""
    if tcb.rack is not None:
        begun = before = -1
        while tcb.congestion.cwnd - tcb.rack.in_network >= tcb.mss:
            lost = tcb.rack.next_lost()
            if lost is None:
                return
            first, last = lost.first, lost.last
            if first != before or not tcb.sendq.same_block(begun, last):
                begun = first
            cost = tcb.rack.cost(last - first)
            more = tcb.congestion.cwnd - tcb.rack.in_network - cost >= tcb.mss
            push = begun < first and train.ends_again(tcb, begun, last, more=more)
            resend(tcb, tcb.seq_of(first), now, end=last, push=push, in_train=True)
            before = last
        return
    una, nxt = tcb.position_of(tcb.snd_una), tcb.position_of(tcb.snd_nxt)
    board = tcb.board
    while tcb.congestion.cwnd - tcb.network() >= tcb.mss:
        hole = board.next_lost(una, nxt, tcb.mss)
        if hole is None and tcb.sendq.end == tcb.sent_end():
            hole = board.next_doubtful(una, nxt)
        if hole is None:
            return
        beyond = resend(tcb, tcb.seq_of(hole[0]), now, end=hole[1])
        board.high_rxt = tcb.position_of(beyond)


def resend(
    tcb: Tcb, number: int, now: int, *, end: int = UNSET, push: bool = False, in_train: bool = False
) -> int:
    """Send one segment that begins at `number` again; return the sequence number after it.

    `end` is the position where the peer's holdings begin, UNSET for none. `in_train`: it is one of
    several that leave in one piece. A window that was taken back meanwhile does not matter
    (SHLD-16, MAY-7).
    """
    first = tcb.sendq.start + seq.diff(number, tcb.seq_of(tcb.sendq.start))
    sent_end = tcb.sent_end()
    most = max(tcb.mss - sack.room(tcb), 1)
    left = tcb.window_left(number)
    if 0 < left < most and train.used(tcb):
        most = left  # Linux uses what the window has left, and ignores one that is shut
    last = min(first + most, sent_end, end if end != UNSET else sent_end)
    if not in_train:
        last = train.again(tcb, first, last)
    # The FIN joins the last text where both fit in a segment, unless it is not sent again now.
    fin = tcb.fin_seq != UNSET and last == sent_end and last - first < tcb.mss
    if fin and tcb.rxt_nxt != UNSET:
        fin = seq.gt(tcb.recover, tcb.fin_seq)
    send_text(tcb, first, last, now, fin=fin, again=True, push=push)
    if tcb.undo is not None and not (tcb.flight is not None and tcb.flight.probing):
        tcb.undo.sent_again()
    if tcb.flight is not None and last < sent_end:
        tcb.flight.recut(last, tcb.sendq.block_end(last), tcb.send_size())
    return (number + last - first + int(fin)) & seq.MASK


def send_new(tcb: Tcb, now: int, *, one: bool) -> bool:
    """Send new text and the FIN as far as windows, Nagle and SWS avoidance let, or `one` train of
    it; tell whether some of it waits."""
    tcb.cwnd_full = tcb.window_full = False
    sendq = tcb.sendq
    first = sendq.end if sendq.start == sendq.end else tcb.sent_end()
    owed = owes_fin(tcb)
    if first == sendq.end and not owed:
        return False
    full = full_size(tcb)
    step = allowed.following(tcb, full, first, 0, 0, owes_fin=owed)
    length = most = 0
    while step is not None:
        size, fin = step
        if not (length or one) and train.waits(tcb, full, first, now):
            return True
        more = not fin and (first + size < sendq.end or owed)
        length += 1
        following = (
            allowed.following(tcb, full, first, size, length, owes_fin=owed) if more else None
        )
        if following is not None and not most:
            most = train.segments(tcb)
        ends = following is None or length >= most or sendq.ends_record(first + size)
        push = ends and (length > 1 or first + size in sendq.marks)
        told = tcb.outbox[-1].sack if length > 1 and tcb.outbox else ()
        send_text(tcb, first, first + size, now, fin=fin, again=False, push=push, told=told)
        if 0 < size < full:
            tcb.small_seq = tcb.snd_nxt
        if ends:
            length = 0
            train.left(tcb, first + size)
            if one:
                return False
        if not more:
            return False
        first += size
        step = following
    return sendq.end > first or owed


def owes_fin(tcb: Tcb) -> bool:
    """Tell whether a FIN is queued that was not sent yet."""
    return tcb.fin_queued and tcb.fin_seq == UNSET


def _watch_window(tcb: Tcb, now: int, *, waits: bool) -> None:
    """Set the persist timer when text or FIN waits for window and nothing is in flight: it
    expires after one RTO (SHLD-29). Else the peer is not probed any more."""
    if not waits or tcb.in_flight():
        tcb.timers.stop(timers.PERSIST)
        tcb.probing_since = UNSET
    elif not tcb.timers.running(timers.PERSIST):
        tcb.timers.set(timers.PERSIST, now + tcb.rtt.probe_interval)
