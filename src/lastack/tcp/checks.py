"""Which segments count: their numbers against our windows (RFC 9293 section 3.10.7.4, RFC 5961)."""

from __future__ import annotations

from lastack.profile import MS, OldAck, WindowCheck, WindowUpdate
from lastack.state import ESTABLISHED, SYN_RECEIVED
from lastack.wire import ABSENT, ACK, PSH, SYN, Segment, seq

from .tcb import UNSET, Tcb


def by_edges(tcb: Tcb) -> bool:
    """Tell whether a segment passes by where it ends, and then as a whole."""
    return tcb.profile.acceptance.window_check is WindowCheck.EDGES


def acceptable(tcb: Tcb, seg: Segment) -> bool:
    """Table 6: does the segment overlap the receive window? At a
    window of 0 a RST and a pointer at RCV.NXT do (MUST-66). Or it is asked whether its ends are
    too far off."""
    window = tcb.rcv_acceptable()
    if seg.seq == tcb.rcv_nxt and len(seg.text) < window:
        return True  # "0 <= ahead < window" of both cases with a window, the usual one
    length = seg.length
    ahead = seq.diff(seg.seq, tcb.rcv_nxt)
    if by_edges(tcb):
        if not (tcb.passive and tcb.state is SYN_RECEIVED):
            return _between_edges(tcb, seg, ahead, window)
        if length == 0 and ahead == window:
            return True
    if length == 0:
        return ahead == 0 if window == 0 else 0 <= ahead < window or ahead == 0
    if window == 0:
        return False
    return 0 <= ahead < window or 0 <= ahead + length - 1 < window


def _between_edges(tcb: Tcb, seg: Segment, ahead: int, window: int) -> bool:
    """The check of Linux, which measures from the last ACK sent, and lets a peer whose text is
    all read send more than it was offered. A FIN needs no window, and waits to be read as
    text does."""
    if seq.lt((seg.seq + seg.length) & seq.MASK, tcb.rcv_wup):
        return False
    if ahead + len(seg.text) + bool(seg.flags & SYN) <= window:
        return True
    return ahead <= window and not (len(tcb.recvq) or tcb.fin_unread)


def outside_after_all(tcb: Tcb, seg: Segment) -> bool:
    """Tell whether nothing of an acceptable segment is taken: where its ends are what counts, it
    may begin just behind the window, or bring text to a window of 0."""
    if seg.seq == tcb.rcv_nxt != tcb.rcv_adv or not by_edges(tcb):
        return False
    window = tcb.rcv_acceptable()
    ahead = seq.diff(seg.seq, tcb.rcv_nxt)
    if ahead > 0:
        return ahead >= window
    return window == 0 and bool(seg.text) and ahead + seg.length > 0


def oldest_ack(tcb: Tcb) -> int:
    """Return how far behind SND.UNA an ACK may be: MAX.SND.WND, and no further than anything was
    acknowledged (the SYN counts where we sent the first)."""
    if tcb.profile.acceptance.old_ack is OldAck.ACKED:
        return min(tcb.max_snd_wnd, tcb.sendq.start + (not tcb.passive))
    return max(tcb.max_snd_wnd, 1)


def tells_window(tcb: Tcb, seg: Segment, *, moved: bool) -> bool:
    """Tell whether SND.WND is to be SEG.WND; `moved`: the segment acknowledges something new."""
    if tcb.profile.acceptance.window_update is WindowUpdate.RFC9293:
        # "If (SND.WL1 < SEG.SEQ or (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)), set SND.WND"
        if tcb.snd_wl1 == seg.seq:
            return seq.le(tcb.snd_wl2, seg.ack)
        return seq.lt(tcb.snd_wl1, seg.seq)
    if moved or seq.lt(tcb.snd_wl1, seg.seq):
        return True
    return tcb.snd_wl1 == seg.seq and (not seg.wnd or tcb.window_told(seg) > tcb.snd_wnd)


def repeats_window(tcb: Tcb, seg: Segment) -> bool:
    """Tell whether the window of an ACK is that of the one before, as a duplicate's is (RFC 5681
    section 2), or is not taken where only larger ones are."""
    if tcb.profile.acceptance.window_update is WindowUpdate.RFC9293:
        return tcb.window_told(seg) == tcb.snd_wnd
    return not tells_window(tcb, seg, moved=False)


def late_duplicate(tcb: Tcb, seg: Segment) -> bool:
    """Tell whether an ACK that says nothing new is older by no more than 1.2 RTO: Linux takes it
    for one that others have overtaken, whatever its timestamp (tcp_disordered_ack)."""
    if not by_edges(tcb) or seg.length or not seg.flags & ACK or seg.seq != tcb.rcv_nxt:
        return False
    if seg.ack != tcb.snd_una or tells_window(tcb, seg, moved=False):
        return False
    return seq.sub(tcb.ts_recent, seg.tsval) * MS <= tcb.rtt.rto * 6 // 5


def predicted(tcb: Tcb, seg: Segment) -> bool:
    """Tell whether a segment is what Linux expects next (header prediction): its timestamp counts
    before its ACK is looked at."""
    return (
        tcb.state is ESTABLISHED
        and seg.flags & ~PSH == ACK
        and seg.seq == tcb.rcv_nxt
        and not (tcb.recvq.pieces or tcb.fin_at != UNSET or seg.sack)
        and (seg.tsval != ABSENT) == tcb.ts_ok
        and seg.wnd << tcb.snd_wscale == tcb.snd_wnd
    )
