"""TIME-WAIT: how a connection enters it, and what it answers (RFC 9293 sections 3.4.2, 3.10.7.4).

The state lives in a table of the host, not in a Tcb; `answer` is the only code that says what
happens to a segment for it. An orphan in FIN-WAIT-2 lives in the same table (`fin_wait_2`).
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from lastack.profile import (
    ExactReset,
    NoAckFlag,
    Reopen,
    RestartedBy,
    TimeWaitRules,
)
from lastack.state import TIME_WAIT
from lastack.trace import Reason
from lastack.wire import ABSENT, ACK, FIN, RST, SYN, Segment, seq

from . import emit
from .entry import Entry
from .tcb import READABLE, WRITABLE, Tcb, enter


class Action(Enum):
    """What the table does with the entry."""

    KEEP = "leave it as it is"
    RESTART = "begin the 2MSL again"
    KILL = "remove it"
    REOPEN = "remove it and let the SYN open a new connection"
    CLOSE = "FIN arrived: FIN-WAIT-2 becomes TIME-WAIT"


class Reply(Enum):
    """What is sent back."""

    NOTHING = "nothing"
    ACK = "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>"
    LIMITED_ACK = "an ACK, at most one in `answer_gap_ns`"
    RESET = "RST"


class Answer(NamedTuple):
    """The table's move, the reply, and why."""

    action: Action
    reply: Reply
    reason: Reason


def entry_of(tcb: Tcb, *, fin_wait_2: bool) -> Entry:
    """Return what the table has to remember; the host adds the options of the socket."""
    window = tcb.rcv_wnd() >> tcb.rcv_wscale & 0xFFFF  # of a larger one the low bits, as on Linux
    return Entry(
        tcb.flow.reversed(), tcb.snd_nxt, tcb.rcv_nxt, tcb.ts_recent, window, tcb.conn,
        tcb.ts_ok, False, False, False, fin_wait_2, tcb.rcv_wscale, tcb.ip.tos,
    )  # fmt: skip


def enter_time_wait(tcb: Tcb, reason: Reason, now: int) -> None:
    """Both FINs are acknowledged: leave an entry for the host's table; to the owner we are CLOSED.

    The 2MSL timer (MUST-13) and everything that may still arrive is the table's
    (`timewait.answer`).
    """
    if tcb.acks.at_once:
        emit.send_ack(tcb, now)
    tcb.entry = (entry_of(tcb, fin_wait_2=False), 0)
    tcb.timers.stop_all()
    enter(tcb, TIME_WAIT, reason, now)
    tcb.wake(READABLE | WRITABLE)


_IGNORE = Answer(Action.KEEP, Reply.NOTHING, Reason.OLD_DUPLICATE)


def answer(entry: Entry, seg: Segment, rules: TimeWaitRules) -> Answer:
    """Say what a segment does to TIME-WAIT and draws from it. The caller acts."""
    if entry.fin_wait_2:
        return _answer_fin_wait_2(entry, seg)
    old_timestamp = _older(entry, seg)
    if seg.flags & RST:
        return _reset(entry, seg, rules, old_timestamp)
    if seg.flags & SYN and not seg.flags & ACK:
        if not old_timestamp:
            if _reopens(entry, seg, rules):
                return Answer(Action.REOPEN, Reply.NOTHING, Reason.TIME_WAIT_REOPENED)
            return Answer(Action.KEEP, Reply.LIMITED_ACK, Reason.TIME_WAIT_ANSWER)
        return _restart(seg, rules, Reply.LIMITED_ACK, Reason.PAWS)
    without_ack = not seg.flags & (ACK | SYN)
    if without_ack and rules.no_ack_flag is NoAckFlag.IGNORED:
        return Answer(Action.KEEP, Reply.NOTHING, Reason.NO_ACK_FLAG)
    if old_timestamp:
        return _restart(seg, rules, _ack(seg), Reason.PAWS)
    if seg.length == 0 and seg.seq == entry.rcv_nxt:
        # what is empty and exactly where we stand needs no answer
        return _restart(seg, rules, Reply.NOTHING, Reason.TIME_WAIT_ANSWER)
    if without_ack:
        reply = _ack(seg)
        return Answer(Action.KEEP, reply, Reason.NO_ACK_FLAG)
    # The only thing that should arrive is the peer's FIN again, which is acknowledged; so is
    # whatever else the other side sends (section 3.10.7.4, first and eighth).
    return _restart(seg, rules, _ack(seg), Reason.TIME_WAIT_ANSWER)


def _ack(seg: Segment) -> Reply:
    """An answer to what brings nothing, or a SYN, is limited: it might be answered in turn."""
    return Reply.ACK if seg.length and not seg.flags & SYN else Reply.LIMITED_ACK


def _reset(entry: Entry, seg: Segment, rules: TimeWaitRules, old_timestamp: bool) -> Answer:
    exact = seg.seq == entry.rcv_nxt and not old_timestamp
    if exact and rules.exact_reset is ExactReset.KILLS:
        return Answer(Action.KILL, Reply.NOTHING, Reason.TIME_WAIT_RESET)
    return Answer(Action.KEEP, Reply.NOTHING, Reason.RESET_IN_TIME_WAIT)


def _older(entry: Entry, seg: Segment) -> bool:
    """PAWS (RFC 7323 section 5.3), against TS.Recent of the old connection."""
    return entry.ts_ok and seg.tsval != ABSENT and seq.lt(seg.tsval, entry.ts_recent)


def _reopens(entry: Entry, seg: Segment, rules: TimeWaitRules) -> bool:
    """Tell whether a SYN opens the 4-tuple again (MAY-2; by timestamps SHLD-4, RFC 6191
    section 2)."""
    beyond = seq.gt(seg.seq, entry.rcv_nxt)
    comparable = entry.ts_ok and seg.tsval != ABSENT
    newer = comparable and seq.gt(seg.tsval, entry.ts_recent)
    if rules.reopen is Reopen.SEQUENCE:
        return beyond
    if rules.reopen is Reopen.SEQUENCE_OR_TIMESTAMP:
        return beyond or newer
    if rules.reopen is Reopen.RFC6191:
        if not entry.ts_ok and seg.tsval != ABSENT:
            return True  # timestamps are new here, so the SYN is no old duplicate
        same = comparable and seg.tsval == entry.ts_recent
        return newer or (beyond and (same or not comparable))
    return False


def _restart(seg: Segment, rules: TimeWaitRules, reply: Reply, reason: Reason) -> Answer:
    if rules.restarted_by is RestartedBy.ANY_ACCEPTED or seg.flags & FIN:
        return Answer(Action.RESTART, reply, reason)
    return Answer(Action.KEEP, reply, reason)


def _answer_fin_wait_2(entry: Entry, seg: Segment) -> Answer:
    """An orphan in FIN-WAIT-2: nobody reads, so new data is answered with a RST.

    The order is that of the eight steps; docs/kernel-notes/orphans.md has the measured rows.
    Inside of the window is also what begins before it and reaches into it.
    """
    beyond = (seg.seq + seg.length) & seq.MASK
    edge = (entry.rcv_nxt + (entry.window << entry.rcv_wscale)) & seq.MASK
    news = seq.gt(beyond, entry.rcv_nxt)
    outside = seq.gt(seg.seq, edge) or (seg.length > 0 and seg.seq == edge)
    old = not news and seg.seq != entry.rcv_nxt
    if outside or old or _older(entry, seg):
        reason = Reason.OUTSIDE_WINDOW if outside else Reason.OLD_DUPLICATE
        if seg.flags & (RST | SYN):
            ignored = Reason.RESET_OUTSIDE_WINDOW
            reason = ignored if seg.flags & RST else Reason.SYN_ON_CONNECTION
        return Answer(Action.KEEP, _ack(seg), reason)
    if seg.flags & RST:
        return Answer(Action.KILL, Reply.NOTHING, Reason.RESET_BY_PEER)
    if seg.flags & SYN and seq.ge(seg.seq, entry.rcv_nxt):
        return Answer(Action.KILL, Reply.RESET, Reason.DATA_AFTER_CLOSE)
    if not seg.flags & ACK:
        return Answer(Action.KEEP, Reply.NOTHING, Reason.NO_ACK_FLAG)
    if not (news and seg.length):
        return _IGNORE
    if seg.flags & FIN and beyond == (entry.rcv_nxt + 1) & seq.MASK:
        return Answer(Action.CLOSE, Reply.ACK, Reason.FIN_ARRIVED)
    return Answer(Action.KILL, Reply.RESET, Reason.DATA_AFTER_CLOSE)
