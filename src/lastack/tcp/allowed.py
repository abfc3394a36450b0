"""What may be sent next: the peer's window, cwnd, Nagle, and silly window avoidance as a sender
(RFC 9293 sections 3.7.4, 3.8.6.2.1)."""

from __future__ import annotations

from lastack.wire import seq

from . import train
from .tcb import UNSET, Tcb


def following(
    tcb: Tcb, full: int, sent_end: int, ahead: int, train_length: int, *, owes_fin: bool
) -> tuple[int, bool] | None:
    """Return size and FIN of the segment that may be sent once `ahead` more bytes were, in one
    segment, than the position `sent_end` says; None when nothing may. `full`: the most text of a
    segment; `train_length`: the segments before it that leave in one piece."""
    if tcb.link_full:
        return None
    unsent = tcb.sendq.end - sent_end - ahead
    if not unsent and not owes_fin:
        return None
    packets = tcb.congestion.whole
    flight = tcb.network() + (tcb.mss if packets and ahead else ahead)
    room = tcb.window_left(tcb.snd_nxt) - ahead
    held = unsent or tcb.profile.closing.fin_held_by_cwnd
    if held and flight:
        # after a time-out cwnd is one segment, and what was repeated is that, however short
        cost = tcb.mss if packets else min(max(unsent, 1), full)
        if tcb.retransmits or flight + cost > _in_network(tcb, tcb.mss if packets else full):
            tcb.cwnd_full = True
            return None
    size = unsent if unsent < full else full  # SHLD-28
    if room < size:
        tcb.window_full = True
        size = room
    if room <= 0:
        return None  # also when the window shrank (SHLD-15)
    if tcb.sendq.records and size:
        first = sent_end + ahead
        record = tcb.sendq.record_after(first) - first
        if record <= size and record < unsent:
            return record, False  # something comes behind it, and may not join it
    fin = owes_fin and size == unsent and size < room + (size == 0)
    if owes_fin and not fin and size == room == unsent <= full and train.used(tcb):
        tcb.window_full = True
        return None  # the FIN is of one piece with the last text, and does not fit
    if size and size < full:
        busy = ahead > 0 or tcb.in_flight() > 0
        if not _worth_sending(tcb, size, unsent, train_length, fin=fin, busy=busy):
            return None
    return size, fin


def _in_network(tcb: Tcb, full: int) -> int:
    """Return how much may be in the network: cwnd, and for each of the first two duplicate ACKs
    another segment (limited transmit, RFC 3042); with RACK `network` knows what has left it."""
    known = tcb.recovering or tcb.rxt_nxt != UNSET or tcb.rack is not None
    extra = 0 if known else min(tcb.dupacks, 2) * full
    return max(tcb.congestion.cwnd, full) + extra


def _worth_sending(
    tcb: Tcb, size: int, unsent: int, train_length: int, *, fin: bool, busy: bool
) -> bool:
    """Sender's side of silly window avoidance and Nagle (sections 3.8.6.2.1 and 3.7.4; MUST-38,
    SHLD-7).

    (1) a full segment, which the caller has seen; (2) all there is, and no small segment of ours
    is unacknowledged (Nagle as Minshall restated it: a small tail waits for a small segment only),
    or Nagle is off, or the FIN goes with it; (3) half of the largest window the peer has had, or,
    in one piece with full segments before it, what the window has left. Nothing waits
    for a push (MUST-60). `busy`: something is in flight.
    """
    calm = tcb.nodelay or tcb.small_seq == UNSET or seq.le(tcb.small_seq, tcb.snd_una)
    if size == unsent:
        if tcb.snd_up != UNSET:
            return True  # neither Nagle nor TCP_CORK hold back what is urgent
        if tcb.cork and not tcb.fin_queued:
            return False
        return fin or not busy or tcb.fin_queued or calm
    if 2 * size >= tcb.max_snd_wnd:
        return True
    return calm and not tcb.cork and 0 < train_length < train.segments(tcb)
