"""SEGMENT ARRIVES in a synchronized state or SYN-RECEIVED (RFC 9293 section 3.10.7.4).

The eight steps in the RFC's order, each a function that answers "go on with this segment?".
Inside a step the states stand in the RFC's order. Nothing here sends: a step sets
`acks.at_once`, and `emit.flush` sends later. The two exceptions are the RST that answers a
segment, and a repeated SYN|ACK; both are replies that no later text could carry.

Where the RFC leaves a choice, or a system does something else, a field of the profile decides.
The TIME-WAIT paragraphs of all steps are `timewait.answer`.
"""

from __future__ import annotations

from lastack.profile import NEVER, BeyondSndNxt, MissingTimestamp, ResetCheck, SynCheck
from lastack.state import (
    CLOSE_WAIT,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
)
from lastack.trace import Dropped, Reason, ResetIgnored, ResetTaken
from lastack.wire import ABSENT, ACK, ECE, FIN, RST, SYN, URG, Segment, seq

from . import (
    calls,
    challenge,
    checks,
    ecn,
    emit,
    keepalive,
    loss,
    recovery,
    sack,
    text,
    timers,
    timestamps,
    undo,
    urgent,
)
from .mark import Urgent
from .tcb import READABLE, UNSET, WRITABLE, Tcb, enter
from .timewait import enter_time_wait
from .window import enough_to_acknowledge, quick_acks

_READING = (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2)
_AWAITS_ACK_OF_FIN = (FIN_WAIT_1, CLOSING, LAST_ACK)


def segment_arrives(tcb: Tcb, seg: Segment, now: int) -> None:
    """Process a segment in any state but CLOSED, LISTEN and SYN-SENT."""
    tcb.heard_at, tcb.keep_sent = now, 0  # `keepalive.heard`
    expected = tcb.acks.due and not seg.length and checks.predicted(tcb, seg)
    taken = (
        first_check_sequence_number(tcb, seg, now)
        and second_check_rst(tcb, seg, now)
        and third_check_security(tcb, seg, now)
        and fourth_check_syn(tcb, seg, now)
        and fifth_check_ack(tcb, seg, now)
        and sixth_check_urg(tcb, seg, now)
        and seventh_process_text(tcb, seg, now)
        and eighth_check_fin(tcb, seg, now)
    )
    deadline = tcb.timers.deadline[timers.DELAYED_ACK]
    if taken and not expected and deadline != NEVER and tcb.acks.due:
        tcb.acks.remind(deadline, now, enough=enough_to_acknowledge(tcb))


def drop(tcb: Tcb, seg: Segment, reason: Reason, now: int) -> bool:
    """Note that the segment goes no further; answers False."""
    if tcb.scribe is not None:
        tcb.scribe.write(Dropped(tcb.conn, seg.number, reason), now)
    return False


def _reset(tcb: Tcb, seg: Segment, reason: Reason, now: int, *, error: int = 0) -> bool:
    """The segment ends the connection, and a RST answers it; `error` is for the program. Answers
    False."""
    emit.reply_reset(tcb, seg, reason, now)
    calls.gone(tcb, reason, now, error=error)
    return False


# -- first ------------------------------------------------------------------------------------


def first_check_sequence_number(tcb: Tcb, seg: Segment, now: int) -> bool:
    """First, check sequence number: acceptability by the four cases of table 6, after PAWS."""
    request = tcb.passive and tcb.state is SYN_RECEIVED
    nothing = not seg.flags & (ACK | RST | SYN)
    if nothing and not request and checks.by_edges(tcb):
        return drop(tcb, seg, Reason.NO_ACK_FLAG, now)  # Linux looks at nothing else then
    rejected = timestamps.rejects(tcb, seg, now) and (request or not seg.flags & RST)
    if rejected and (request or not checks.late_duplicate(tcb, seg)):
        behind = not seg.length and seg.flags & ACK and seq.lt(seg.seq, tcb.rcv_nxt)
        if seg.flags & RST or (behind and checks.by_edges(tcb) and not request):
            return drop(tcb, seg, Reason.PAWS, now)  # old ACKs are common: Linux says nothing
        # RFC 7323 section 5.3 R1: not acceptable, answer with an ACK and drop
        challenge.answer_repeat(tcb, seg, now)
        return drop(tcb, seg, Reason.PAWS, now)
    if request and checks.by_edges(tcb) and not _request_takes(tcb, seg, now):
        return False
    strict = tcb.profile.acceptance.missing_timestamp is MissingTimestamp.DROP
    if strict and tcb.ts_ok and seg.tsval == ABSENT and not seg.flags & RST:
        return drop(tcb, seg, Reason.MISSING_TIMESTAMP, now)
    if not checks.acceptable(tcb, seg):
        return _not_acceptable(tcb, seg, now)
    return True


def _request_takes(tcb: Tcb, seg: Segment, now: int) -> bool:
    """What Linux asks of a segment for a half-open request before its sequence number."""
    if seg.flags & (ACK | RST) == ACK and seg.ack != (tcb.iss + 1) & seq.MASK:
        emit.reply_reset(tcb, seg, Reason.BAD_ACK_IN_SYN_RECEIVED, now)
        return drop(tcb, seg, Reason.BAD_ACK_IN_SYN_RECEIVED, now)
    if timestamps.echoes_another(tcb, seg):
        if not seg.flags & RST:
            challenge.answer(tcb, now, limited=not seg.length or bool(seg.flags & SYN))
        return drop(tcb, seg, Reason.PAWS, now)
    return True


def _not_acceptable(tcb: Tcb, seg: Segment, now: int) -> bool:
    if seg.flags & RST:
        if _at_fin(tcb, seg):
            return True
        if tcb.scribe is not None:
            outside = Reason.RESET_OUTSIDE_WINDOW
            tcb.scribe.write(ResetIgnored(tcb.conn, seg.number, outside), now)
        return False
    if seg.flags & SYN:
        if tcb.state is SYN_RECEIVED:
            # a repeated SYN, or the other half of a simultaneous open: step four knows both
            return True
        challenge.answer(tcb, now)
        return drop(tcb, seg, Reason.SYN_ON_CONNECTION, now)
    edges = checks.by_edges(tcb)
    allowed = not (edges or seg.flags & FIN) and seg.flags & ACK
    if tcb.rcv_wnd() == 0 and allowed and seg.seq == tcb.rcv_nxt:
        # "If the RCV.WND is zero, ... special allowance should be made to accept valid ACKs": step
        # five says which are valid, and what the ACK of our FIN does
        if not fifth_check_ack(tcb, seg, now):
            return False
        # MUST-66: what the pointer says counts, though the text does not
        if seg.flags & URG and tcb.profile.acceptance.pointer_when_shut:
            sixth_check_urg(tcb, seg, now)
    challenge.answer_repeat(tcb, seg, now)  # <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>
    old = seq.lt(seg.seq, tcb.rcv_nxt)
    return drop(tcb, seg, Reason.OLD_DUPLICATE if old else Reason.OUTSIDE_WINDOW, now)


# -- second -----------------------------------------------------------------------------------


def second_check_rst(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Second, check the RST bit, with the three cases of RFC 5961 section 3.

    Text in it is neither read nor a fault (SHLD-2).
    """
    if not seg.flags & RST:
        return True
    exact = seg.seq == tcb.rcv_nxt or _at_fin(tcb, seg) or _at_sack_edge(tcb, seg)
    if not exact and tcb.profile.acceptance.reset_check is ResetCheck.EXACT:
        # 2) inside the window but not exact: challenge
        challenge.answer(tcb, now)
        if tcb.scribe is not None:
            inexact = Reason.RESET_NOT_EXACT
            tcb.scribe.write(ResetIgnored(tcb.conn, seg.number, inexact), now)
        return False
    if tcb.scribe is not None:
        tcb.scribe.write(ResetTaken(tcb.conn, seg.number, Reason.RESET_BY_PEER), now)
    # SYN-RECEIVED: a passive open goes back to LISTEN silently; there is no user yet to tell
    # (MUST-11). Everybody else learns that this was no orderly end (MUST-12).
    untold = tcb.state is SYN_RECEIVED and tcb.passive
    error = 0 if untold else calls.reset_errno(tcb)
    calls.gone(tcb, Reason.RESET_BY_PEER, now, error=error)
    return False


def _at_fin(tcb: Tcb, seg: Segment) -> bool:
    """The peer's FIN took RCV.NXT one further than the peer's RST may know."""
    at_fin = tcb.fin_received and seg.seq == (tcb.rcv_nxt - 1) & seq.MASK
    return at_fin and tcb.profile.acceptance.reset_at_fin


def _at_sack_edge(tcb: Tcb, seg: Segment) -> bool:
    """The peer's RST is where its stream ended; with a gap before it, that is beyond RCV.NXT."""
    if not (tcb.sack_ok and tcb.profile.acceptance.reset_at_sack_edge):
        return False
    held = sack.held(tcb)
    return bool(held) and text.offset_of(tcb, seg.seq) == held[-1][1]


# -- third ------------------------------------------------------------------------------------


def third_check_security(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Third, check security: there are no compartments here, every segment passes."""
    return True


# -- fourth -----------------------------------------------------------------------------------


def fourth_check_syn(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Fourth, check the SYN bit. In synchronized states RFC 5961 section 4: a challenge ACK."""
    if not seg.flags & SYN:
        return True
    if tcb.state is SYN_RECEIVED:
        if seg.seq == tcb.irs:
            if seg.flags & ACK and tcb.passive and checks.by_edges(tcb):
                # whoever asked for the connection has nothing to accept
                challenge.answer(tcb, now)
                return drop(tcb, seg, Reason.OLD_DUPLICATE, now)
            if seg.flags & ACK:
                # the SYN|ACK of a simultaneous open: its ACK counts, and ours tells the peer
                # that its SYN|ACK is here
                tcb.acks.at_once = True
                return True
            if tcb.passive:
                if challenge.may_send(tcb, now):
                    emit.send_syn(tcb, now, again=True)
            else:
                tcb.acks.at_once = True
            return drop(tcb, seg, Reason.OLD_DUPLICATE, now)
        if checks.acceptable(tcb, seg) and tcb.passive:
            # a new SYN where ours is half open: return to LISTEN, as MUST-11 lets us know
            return _reset(tcb, seg, Reason.SYN_IN_SYN_RECEIVED, now)
    elif checks.acceptable(tcb, seg) and tcb.profile.acceptance.syn_check is SynCheck.RESET:
        # "If the SYN is in the window it is an error, send a reset" (RFC 793)
        error = calls.reset_errno(tcb)
        emit.send_reset(tcb, Reason.SYN_ON_CONNECTION, now)
        calls.gone(tcb, Reason.SYN_ON_CONNECTION, now, error=error)
        return False
    challenge.answer(tcb, now)
    return drop(tcb, seg, Reason.SYN_ON_CONNECTION, now)


# -- fifth ------------------------------------------------------------------------------------


def fifth_check_ack(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Fifth, check the ACK field."""
    if not seg.flags & ACK:
        return drop(tcb, seg, Reason.NO_ACK_FLAG, now)
    opening = tcb.state is SYN_RECEIVED
    # RFC 5961 section 5 (MAY-12): acceptable is SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT
    behind = seq.diff(tcb.snd_una, seg.ack)
    if not opening:
        if behind > 0 and tcb.ts_ok and checks.predicted(tcb, seg):
            timestamps.remember(tcb, seg, now)
        if behind > 0 and behind > checks.oldest_ack(tcb):
            challenge.answer(tcb, now)
            return drop(tcb, seg, Reason.ACK_TOO_OLD, now)
        if behind < 0 and seq.gt(seg.ack, tcb.snd_nxt):
            beyond = tcb.profile.acks.beyond_snd_nxt
            challenge.answer(tcb, now, limited=beyond is BeyondSndNxt.CHALLENGE)
            return drop(tcb, seg, Reason.ACK_OF_UNSENT, now)
    elif not _open_by_ack(tcb, seg, now):
        return False
    # RFC 7323 section 5.3 R3 sets TS.Recent in step one; an ACK of what was never sent shall not,
    # nor one that is old
    if behind <= 0:
        timestamps.remember(tcb, seg, now)
    _acknowledgment(tcb, seg, now, moved=behind < 0)
    if opening and tcb.rtt.srtt < 0:
        tcb.rtt.fall_back()
    if opening and tcb.fin_queued:
        calls.close_now(tcb, now)
    if tcb.state not in _AWAITS_ACK_OF_FIN or not tcb.fin_acked():
        return True
    # FIN-WAIT-1: our FIN is acknowledged
    if tcb.state is FIN_WAIT_1:
        enter(tcb, FIN_WAIT_2, Reason.FIN_ACKED, now)
        tcb.wake(WRITABLE)
        if tcb.orphan:
            return _orphan_in_fin_wait_2(tcb, seg, now)
    # CLOSING
    elif tcb.state is CLOSING:
        enter_time_wait(tcb, Reason.FIN_ACKED, now)
        return False
    # LAST-ACK
    elif tcb.state is LAST_ACK:
        calls.gone(tcb, Reason.FIN_ACKED, now)
        return False
    return True


def _open_by_ack(tcb: Tcb, seg: Segment, now: int) -> bool:
    """SYN-RECEIVED: SND.UNA < SEG.ACK =< SND.NXT enters ESTABLISHED, anything else draws RST."""
    if not (seq.gt(seg.ack, tcb.snd_una) and seq.le(seg.ack, tcb.snd_nxt)):
        emit.reply_reset(tcb, seg, Reason.BAD_ACK_IN_SYN_RECEIVED, now)
        return drop(tcb, seg, Reason.BAD_ACK_IN_SYN_RECEIVED, now)
    if tcb.passive and not tcb.synack_accepted:
        # The accept queue has no place: the host decided so before it handed the segment over.
        return drop(tcb, seg, Reason.ACCEPT_QUEUE_FULL, now)
    if tcb.passive and tcb.retransmits < tcb.settings.defer and not seg.length:
        tcb.deferred = True
        return drop(tcb, seg, Reason.DEFERRED, now)
    established(tcb, seg, Reason.HANDSHAKE_DONE, now)
    return True


def established(tcb: Tcb, seg: Segment, reason: Reason, now: int) -> None:
    """Enter ESTABLISHED, with the window of the segment that completes the handshake."""
    enter(tcb, ESTABLISHED, reason, now)
    simultaneous = not tcb.passive and reason is Reason.HANDSHAKE_DONE
    tcb.snd_wnd = seg.wnd if reason is Reason.SYN_ACK_ARRIVED else tcb.window_told(seg)
    tcb.max_snd_wnd = max(tcb.snd_wnd, tcb.max_snd_wnd if simultaneous else 0)
    tcb.snd_wl1 = seg.seq
    tcb.snd_wl2 = seg.ack
    if not simultaneous:
        tcb.acks.opened(now)
    tcb.buffers.opened(min(tcb.peer_mss, tcb.advertised_mss))
    tcb.buffers.grow_send(tcb.congestion.initial_segments, tcb.mss)
    most = tcb.buffers.before_text(tcb.largest_text())
    tcb.rcv_ssthresh = min(tcb.rcv_ssthresh, most, 1 << 30 if tcb.scale_ok else 0xFFFF)
    if tcb.retransmits:
        undo.lost_syn(tcb, seg)
    tcb.share_sizes()
    keepalive.heard(tcb, now)
    keepalive.begin(tcb, now, now)
    tcb.challenge_at = UNSET  # what a request answered counts for the request
    tcb.wake(WRITABLE)


def _acknowledgment(tcb: Tcb, seg: Segment, now: int, *, moved: bool) -> None:
    """ESTABLISHED: advance SND.UNA (`moved`), count duplicates, update the send window."""
    tcb.soft_error = 0  # the path carries segments again
    if tcb.rack is not None:
        tcb.rack.ack_arrives(tcb.sendq.start, some_held=bool(tcb.board.ranges))
    news = recovery.take_sack(tcb, seg, now) if seg.sack and tcb.sack_ok else 0
    if moved:
        arrived = recovery.new_ack(tcb, seg, now)
        if tcb.rack is not None:
            news += arrived
        elif news:
            recovery.find_loss(tcb, now)
    else:
        recovery.duplicate_ack(tcb, seg, news, now)
        tcb.probes_out = 0
        if tcb.timers.running(timers.PERSIST) and tcb.snd_wnd and seg.wnd:
            tcb.timers.stop(timers.PERSIST)  # it begins again: the peer is there
    if tcb.ecn_ok:
        ecn.ack_arrives(tcb, seg)
    if tcb.rack is not None:
        loss.acknowledged(tcb, tcb.rack, seg, news, moved, now)
    if tcb.flight is not None and tcb.flight.delivery.fresh:
        marked = tcb.ecn_ok and bool(seg.flags & ECE)
        tcb.flight.delivery.acked(now, tcb.rtt.least, marked=marked)
    if seg.ack == tcb.snd_una and checks.tells_window(tcb, seg, moved=moved):
        opened = tcb.snd_wnd == 0 and seg.wnd != 0
        # it may also be a smaller one than before (MUST-34)
        window = tcb.window_told(seg)
        if window != tcb.snd_wnd:
            tcb.snd_wnd = window
            tcb.max_snd_wnd = max(tcb.max_snd_wnd, window)
        tcb.snd_wl1 = seg.seq
        tcb.snd_wl2 = seg.ack
        if opened:
            tcb.rtt.progress()
            tcb.timers.stop(timers.PERSIST)
            tcb.probing_since = UNSET


def _orphan_in_fin_wait_2(tcb: Tcb, seg: Segment, now: int) -> bool:
    """An orphan reached FIN-WAIT-2. TCP_LINGER2 below 0 ends it here, with a RST."""
    if tcb.settings.linger2 >= UNSET:
        # what brings nothing new ends here, without an answer
        return seq.gt((seg.seq + seg.length) & seq.MASK, tcb.rcv_nxt)
    return _reset(tcb, seg, Reason.LINGER2_NEGATIVE, now)


# -- sixth ------------------------------------------------------------------------------------


def sixth_check_urg(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Sixth, check the URG bit (MUST-30): in states in which the peer may still send text."""
    if seg.ecn:
        ecn.note(tcb, seg)
    if tcb.state in _READING and (seg.flags & URG or tcb.mark.stage is Urgent.AWAITED):
        urgent.pointer_arrives(tcb, seg, now)
    # CLOSE-WAIT, CLOSING, LAST-ACK: "this should not occur, since a FIN has been received"
    return True


# -- seventh ----------------------------------------------------------------------------------


def seventh_process_text(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Seventh, process the segment text."""
    if not seg.length:
        return True
    if seq.le((seg.seq + seg.length) & seq.MASK, tcb.rcv_nxt):
        sack.repeated(tcb, seg)
        return _answered_at_once(tcb, seg, Reason.OLD_DUPLICATE, now)
    beyond = seq.gt((seg.seq + len(seg.text)) & seq.MASK, tcb.rcv_nxt)
    if tcb.state not in _READING:
        # CLOSE-WAIT, CLOSING, LAST-ACK: "this should not occur, since a FIN has been received"
        return _text_after_fin(tcb, seg, now) if seg.text and beyond else True
    if beyond and (tcb.closing or (tcb.shut_read and tcb.fin_queued)):
        return _nobody_reads(tcb, seg, now)
    if checks.outside_after_all(tcb, seg):
        return _answered_at_once(tcb, seg, Reason.OUTSIDE_WINDOW, now)
    if seg.text:
        ecn.text_arrives(tcb, seg)
        text.take(tcb, seg, now, whole=checks.by_edges(tcb))
    return True


def _answered_at_once(tcb: Tcb, seg: Segment, reason: Reason, now: int) -> bool:
    """Nothing of the segment is taken, and the peer learns at once where we are."""
    tcb.acks.hurry(quick_acks(tcb))  # on Linux in vain while unread text takes half of the buffer
    tcb.acks.due = True
    tcb.acks.at_once = tcb.acks.at_once or enough_to_acknowledge(tcb) or tcb.acks.hurries
    return drop(tcb, seg, reason, now)


def _nobody_reads(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Nobody is left to read the text: SHLD-3's RST, so that the peer learns of the loss. After a
    shutdown() of both directions the program is told as well."""
    reason = Reason.DATA_AFTER_CLOSE if tcb.closing else Reason.DATA_AFTER_SHUTDOWN
    error = 0 if tcb.closing else calls.reset_errno(tcb)
    return _reset(tcb, seg, reason, now, error=error)


def _text_after_fin(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Text beyond the peer's own FIN: dropped, also where it begins before the FIN; Linux takes
    the latter for a fault and resets."""
    across = seq.lt(seg.seq, tcb.rcv_nxt)
    if not (across and tcb.profile.acceptance.text_across_fin_resets):
        drop(tcb, seg, Reason.TEXT_AFTER_FIN, now)
        return True
    return _reset(tcb, seg, Reason.TEXT_ACROSS_FIN, now, error=calls.reset_errno(tcb))


# -- eighth -----------------------------------------------------------------------------------


def eighth_check_fin(tcb: Tcb, seg: Segment, now: int) -> bool:
    """Eighth, check the FIN bit, once everything before the FIN is here."""
    if seg.flags & FIN and not tcb.fin_received:
        _fin_arrives(tcb, seg)
    if tcb.fin_received or tcb.fin_at != tcb.recvq.ready:
        return True
    # "advance RCV.NXT over the FIN, and send an acknowledgment for the FIN"
    tcb.fin_received = tcb.fin_unread = True
    tcb.rcv_nxt = (tcb.rcv_nxt + 1) & seq.MASK
    tcb.wake(READABLE)
    _owe_ack_of_fin(tcb, seg)
    # SYN-RECEIVED, ESTABLISHED: enter CLOSE-WAIT
    if tcb.state is ESTABLISHED:
        enter(tcb, CLOSE_WAIT, Reason.FIN_ARRIVED, now)
    # FIN-WAIT-1: our FIN acknowledged by this segment was step five; so it is not
    elif tcb.state is FIN_WAIT_1:
        again = tcb.profile.closing.fin_again_in_closing and tcb.fin_seq != UNSET
        if not again:
            emit.send_ack(tcb, now)
        enter(tcb, CLOSING, Reason.FIN_ARRIVED, now)
        if again:
            emit.resend(tcb, tcb.fin_seq, now)
    # FIN-WAIT-2
    elif tcb.state is FIN_WAIT_2:
        emit.send_ack(tcb, now)
        enter_time_wait(tcb, Reason.FIN_ARRIVED, now)
    # CLOSE-WAIT, CLOSING, LAST-ACK: remain
    calls.discard_beyond_gap(tcb, Reason.TEXT_AFTER_FIN, now)
    sack.ended(tcb)
    return True


def _fin_arrives(tcb: Tcb, seg: Segment) -> None:
    """Note where the FIN is; behind a gap it is reported like text, and waits."""
    at = text.offset_of(tcb, (seg.seq + len(seg.text)) & seq.MASK)
    again = at == tcb.fin_at
    # of two FINs that a confused peer sends the first in the stream counts
    if tcb.fin_at == UNSET or at < tcb.fin_at:
        tcb.fin_at, tcb.fin_begins = at, at - len(seg.text)
    if at > tcb.recvq.ready:
        tcb.out_of_order += not seg.text
        sack.fin_received(tcb, at, again=again, alone=not seg.text)
    if tcb.fin_at != tcb.recvq.ready:
        tcb.acks.at_once = True


def _owe_ack_of_fin(tcb: Tcb, seg: Segment) -> None:
    """The FIN is in order: its ACK waits, or leaves at once where it closed a gap."""
    if seg.flags & FIN:
        full = enough_to_acknowledge(tcb)
        tcb.acks.fin_received(with_text=bool(seg.text), full=full)
        if not seg.text:
            tcb.seen_blocks = ()
        return
    tcb.acks.at_once = True
