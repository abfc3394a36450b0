"""What ICMP says of a connection's segments (RFC 9293 section 3.9.2.2): errors, and the path's MTU.

A message about a number that is not in flight says nothing (RFC 5927 section 4.1).
"""

from __future__ import annotations

from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT
from lastack.trace import ErrorSet, Reason
from lastack.wire import seq

from . import calls, emit, recovery, timeouts, timers
from .tcb import UNSET, Tcb


def error_arrives(
    tcb: Tcb, error: int, quoted_seq: int, path_lost: bool, ends_request: bool, hard: bool,
    now: int,
) -> bool:  # fmt: skip
    """An error about a segment of ours. It ends a connection that is being opened; an open one only
    remembers it (MUST-56), unless it is hard and the profile believes that (SHLD-26). False when
    the segment is not in flight.

    `path_lost`: net or host are unreachable; `ends_request`: it ends a passive open, too.
    """
    if not _covers(tcb, quoted_seq):
        return False
    half_open = tcb.state in (SYN_SENT, SYN_RECEIVED)
    if half_open and tcb.passive:
        if ends_request and quoted_seq == tcb.iss:
            calls.gone(tcb, Reason.UNREACHABLE, now)
    elif half_open or (hard and tcb.profile.errors.hard_unreachable):
        calls.gone(tcb, Reason.UNREACHABLE, now, error=error)
    elif tcb.state is not CLOSED:
        if path_lost and quoted_seq == tcb.snd_una:
            timeouts.revert_backoff(tcb, now)
        tcb.soft_error = error
        if tcb.scribe is not None:
            tcb.scribe.write(ErrorSet(tcb.conn, error, Reason.UNREACHABLE), now)
    return True


def _covers(tcb: Tcb, quoted_seq: int) -> bool:
    """Whether a quoted number is in SND.UNA =< SEQ =< SND.NXT."""
    return seq.le(tcb.snd_una, quoted_seq) and seq.le(quoted_seq, tcb.snd_nxt)


def has_sent(tcb: Tcb, quoted_seq: int) -> bool:
    """Tell whether a message about the size of a segment may be believed: the number is in flight.
    A SYN|ACK is small, so half-open requests do not listen to one."""
    request = tcb.passive and tcb.state is SYN_RECEIVED
    return tcb.state is not CLOSED and not request and _covers(tcb, quoted_seq)


def path_mtu(tcb: Tcb, mss: int, now: int) -> bool:
    """The path takes no more than `mss` octets a segment, options not counted (RFC 1191): send the
    text in flight again in smaller segments. A FIN of its own fits the path, and waits for its ACK.
    False, and nothing happens, when segments are no larger now."""
    mss = max(mss - (12 if tcb.ts_ok else 0), 48)
    if mss >= tcb.mss:
        return False
    tcb.max_flight = tcb.max_flight // tcb.mss * mss  # as many segments
    tcb.congestion.resize(mss)
    if tcb.flight is not None:
        tcb.flight.resize(mss)
    tcb.mss = mss
    # what fits all the same was not lost for its size
    larger = tcb.in_flight() > mss
    if larger and tcb.rxt_nxt == UNSET and tcb.syn_acked():
        recovery.go_back(tcb)
        end = tcb.sent_end()
        if tcb.flight is not None:
            tcb.flight.expired(over=mss)
            first, last = tcb.flight.over(mss)
            tcb.rxt_nxt = tcb.seq_of(first)
            end = min(tcb.sendq.block_end(last), end)  # what left in one piece goes in one
        all_text = end == tcb.sent_end() and not tcb.fin_alone
        tcb.recover = tcb.snd_nxt if all_text else tcb.seq_of(end)
        tcb.timers.stop(timers.LOSS_PROBE)
        tcb.timers.set(timers.RETRANSMIT, now + tcb.rtt.rto)
    emit.flush(tcb, now)
    return True
