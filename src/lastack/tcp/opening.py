"""SEGMENT ARRIVES in SYN-SENT, and the birth of a connection from a SYN (3.10.7.2, 3.10.7.3)."""

from __future__ import annotations

from lastack.state import SYN_RECEIVED, SYN_SENT
from lastack.trace import Reason, ResetIgnored, ResetTaken
from lastack.wire import ABSENT, ACK, RST, SYN, Segment, seq

from . import arrives, calls, ecn, emit, recovery, timers
from .acking import first_guess
from .tcb import Tcb, enter


def first_window(tcb: Tcb, syn: Segment | None = None) -> None:
    """Set the first window and our window scale, before our SYN goes out; `syn` is the one that it
    answers. The window holds whole segments, which are smaller with timestamps."""
    start = tcb.profile.start
    stamped = syn is not None and syn.tsval != ABSENT and start.timestamps
    tcb.rcv_ssthresh = tcb.buffers.first_window(tcb.advertised_mss - (12 if stamped else 0))
    tcb.offers_scale = start.window_scale >= 0
    tcb.rcv_wscale = tcb.buffers.scale(max(start.window_scale, 0))
    tcb.offers_ts = start.timestamps
    tcb.offers_sack = start.sack


def _options(tcb: Tcb, seg: Segment, now: int) -> None:
    """Take the options of the peer's SYN: MSS (MUST-14, MUST-15), window scale, timestamps."""
    tcb.peer_mss = seg.mss or tcb.peer_mss
    if seg.wscale != ABSENT and tcb.offers_scale:
        tcb.scale_ok = True
        tcb.snd_wscale = min(seg.wscale, 14)  # RFC 7323 section 2.3
    elif tcb.passive or seg.flags & ACK or not tcb.profile.start.offers_again:
        tcb.rcv_wscale = 0  # else our SYN|ACK offers it once more, and Linux keeps to it
    tcb.ts_ok = seg.tsval != ABSENT and tcb.offers_ts
    tcb.sack_ok = seg.sack_ok and tcb.offers_sack
    if tcb.ts_ok:
        tcb.ts_recent = seg.tsval
        tcb.ts_recent_at = now
    # Eff.snd.MSS (MUST-16): what both ends take, less the option that every segment has
    path = tcb.mss  # no more than what we advertise, less if ICMP has told so
    tcb.mss = max(min(tcb.peer_mss, path) - (12 if tcb.ts_ok else 0), 1)
    tcb.congestion.begin(tcb.mss)
    tcb.rcv_mss = first_guess(tcb.mss, tcb.rcv_wnd())


def _take_syn(tcb: Tcb, seg: Segment, now: int) -> None:
    tcb.irs = seg.seq
    tcb.rcv_nxt = tcb.rcv_wup = (seg.seq + 1) & seq.MASK
    tcb.rcv_adv = (tcb.rcv_nxt + min(tcb.rcv_ssthresh, 0xFFFF)) & seq.MASK
    _options(tcb, seg, now)
    ecn.syn_arrives(tcb, seg, acked=bool(seg.flags & ACK))
    tcb.snd_wnd = tcb.max_snd_wnd = seg.wnd
    tcb.snd_wl1 = seg.seq
    tcb.snd_wl2 = seg.ack


def passive(tcb: Tcb, seg: Segment, now: int) -> None:
    """LISTEN, third: a SYN creates a connection in SYN-RECEIVED and is answered with SYN|ACK."""
    tcb.passive = True
    first_window(tcb, seg)
    _take_syn(tcb, seg, now)
    enter(tcb, SYN_RECEIVED, Reason.SYN_ARRIVED, now)
    emit.send_syn(tcb, now)


def cookie_returns(tcb: Tcb, syn: Segment, now: int) -> None:
    """The SYN that a cookie answered, as far as the cookie remembers it: SYN-RECEIVED, and our
    SYN|ACK has been sent already. Its round trip is not known."""
    tcb.passive = True
    first_window(tcb, syn)
    _take_syn(tcb, syn, now)
    enter(tcb, SYN_RECEIVED, Reason.SYN_ARRIVED, now)
    tcb.snd_nxt = (tcb.iss + 1) & seq.MASK


def segment_arrives(tcb: Tcb, seg: Segment, now: int) -> None:
    """SYN-SENT (3.10.7.3): ACK, RST, security, SYN, in this order."""
    # First, check the ACK bit
    acked = bool(seg.flags & ACK)
    if acked and not (seq.gt(seg.ack, tcb.iss) and seq.le(seg.ack, tcb.snd_nxt)):
        if seg.flags & RST:
            _reset_ignored(tcb, seg, now)
        else:
            emit.reply_reset(tcb, seg, Reason.BAD_ACK_IN_SYN_SENT, now)
            arrives.drop(tcb, seg, Reason.BAD_ACK_IN_SYN_SENT, now)
        rules = tcb.profile.retransmission
        if rules.syn_again_after_bad_ack and not tcb.retransmits:
            # the first of the repeats comes as soon as a timer can; docs/kernel-notes/resets.md
            tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.soon())
        return
    # Second, check the RST bit
    if seg.flags & RST:
        if not acked:
            _reset_ignored(tcb, seg, now)
            return
        if tcb.scribe is not None:
            tcb.scribe.write(ResetTaken(tcb.conn, seg.number, Reason.REFUSED), now)
        calls.gone(tcb, Reason.REFUSED, now, error=calls.reset_errno(tcb))
        return
    # Fourth, check the SYN bit
    if not seg.flags & SYN:
        arrives.drop(tcb, seg, Reason.SYN_SENT_IGNORES, now)
        return
    if not acked:
        tcb.advertised_mss = min(tcb.advertised_mss, tcb.mss)  # it goes with the SYN|ACK once more
    _take_syn(tcb, seg, now)
    if acked:
        _synchronized(tcb, seg, now)
    else:
        # simultaneous open (MUST-10): SYN-RECEIVED, and our SYN again, now with ACK; the timer is
        # still that of the SYN
        due = tcb.timers.deadline[timers.RETRANSMIT]
        enter(tcb, SYN_RECEIVED, Reason.SYN_ARRIVED, now)
        tcb.buffers.opened(min(tcb.peer_mss, tcb.advertised_mss))
        if not tcb.profile.start.offers_again:
            tcb.offers_scale, tcb.offers_ts = tcb.scale_ok, tcb.ts_ok
            tcb.offers_sack = tcb.sack_ok
        emit.send_syn(tcb, now, again=True)
        tcb.timed_seq, tcb.timed_at = tcb.iss, now  # no repetition: nobody has asked for it
        tcb.timers.set(timers.RETRANSMIT, due)


def _reset_ignored(tcb: Tcb, seg: Segment, now: int) -> None:
    if tcb.scribe is not None:
        tcb.scribe.write(ResetIgnored(tcb.conn, seg.number, Reason.RESET_WITH_BAD_ACK), now)


def _synchronized(tcb: Tcb, seg: Segment, now: int) -> None:
    """Our SYN is acknowledged: ESTABLISHED, and an ACK at once."""
    assert tcb.state is SYN_SENT
    recovery.measure(tcb, seg, now)
    if tcb.rtt.srtt < 0:
        tcb.rtt.fall_back()
    tcb.snd_una = seg.ack
    tcb.timers.stop(timers.RETRANSMIT)
    tcb.rtt.progress()
    if tcb.settings.defer:
        tcb.timers.set(timers.DELAYED_ACK, now + tcb.acks.put_off())
    else:
        tcb.acks.at_once = True
    arrives.established(tcb, seg, Reason.SYN_ACK_ARRIVED, now)
    tcb.retransmits = 0
