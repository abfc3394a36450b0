"""Urgent data (RFC 9293 section 3.8.5): the last byte of an urgent send, as sockets have it.

The pointer marks the end of what is urgent (MUST-62); BSD's sockets make of it one byte "out of
band" and a mark in the stream at which reading stops. RFC 6093 section 3.1 describes both, and
asks new programs to use neither (SHLD-13). The byte stands in the stream all the same: it has its
sequence number and its place in the queue, and unread it is unread data.
What each call sees is measured in docs/kernel-notes/urgent.md.
"""

from __future__ import annotations

from lastack.trace import Destroyed, Queue, Read, Reason
from lastack.wire import URG, Segment, seq

from . import text
from .mark import Urgent
from .tcb import READABLE, UNSET, URGENT, Tcb

_FARTHEST = 0xFFFF


def mark_sent(tcb: Tcb) -> None:
    """SEND with the urgent flag: everything queued so far is urgent (SND.UP)."""
    tcb.snd_up = tcb.seq_of(tcb.sendq.end)


def acknowledged(tcb: Tcb) -> None:
    """There is a SND.UP. Once the peer has everything that was urgent, segments point no more."""
    if seq.ge(tcb.snd_una, tcb.snd_up):
        tcb.snd_up = UNSET


def pointer(tcb: Tcb, number: int) -> int:
    """Return the urgent pointer for a segment that begins at `number`, 0 for no URG, where there
    is a SND.UP.

    The field has 16 bits: what is farther off is announced as far as it reaches, unless more
    segments come before it.
    """
    ahead = seq.diff(tcb.snd_up, number)
    if ahead <= 0:
        return 0
    if ahead <= _FARTHEST:
        return ahead
    return _FARTHEST if seq.gt((number + _FARTHEST) & seq.MASK, tcb.snd_nxt) else 0


def pointer_arrives(tcb: Tcb, seg: Segment, now: int) -> None:
    """Step six: RCV.UP moves on, and the program is told once the byte is here (MUST-32), however
    much of it is urgent (MUST-31)."""
    mark = tcb.mark
    if seg.flags & URG:
        at = text.offset_of(tcb, seg.seq) + max(seg.up - 1, 0)
        stale = at < tcb.recvq.ready or (mark.stage is not Urgent.NONE and at <= mark.at)
        if not stale:
            _skip_earlier(tcb, now)
            mark = tcb.own_mark()
            mark.stage, mark.at = Urgent.AWAITED, at
    if mark.stage is Urgent.AWAITED:
        index = mark.at - text.offset_of(tcb, seg.seq)
        if 0 <= index < len(seg.text):
            mark.stage, mark.byte = Urgent.HERE, seg.text[index : index + 1]
            tcb.wake(READABLE | URGENT)


def _skip_earlier(tcb: Tcb, now: int) -> None:
    """Another urgent byte comes while the reader stands at the mark of the last: that is past."""
    mark = tcb.mark
    if mark.stops_at(tcb.recvq.read) and len(tcb.recvq):
        _skip(tcb, now)


def _skip(tcb: Tcb, now: int) -> None:
    """The stream goes on behind the byte. Not taken with MSG_OOB, it was never read."""
    mark = tcb.mark
    tcb.recvq.take(1)
    if mark.stage is not Urgent.TAKEN and tcb.scribe is not None:
        gone = Destroyed(tcb.conn, Queue.UNREAD, mark.at, mark.at + 1, Reason.URGENT_SKIPPED)
        tcb.scribe.write(gone, now)


def take(tcb: Tcb, now: int, *, peek: bool) -> bytes:
    """RECEIVE of the urgent byte (MSG_OOB); it stays in its place in the stream."""
    mark = tcb.mark
    assert mark.stage is Urgent.HERE
    if not peek:
        mark.stage = Urgent.TAKEN
        if tcb.scribe is not None:
            tcb.scribe.write(Read(tcb.conn, mark.at, mark.at + 1), now)
    return mark.byte


def receive(tcb: Tcb, size: int, now: int, *, peek: bool) -> bytes:
    """RECEIVE while there is a mark: up to it, or from it on; the byte itself is left out unless
    it is wanted in line (SO_OOBINLINE)."""
    mark, recvq = tcb.mark, tcb.recvq
    if mark.stops_at(recvq.read) and len(recvq):
        if peek:
            return recvq.take(size + 1, peek=True)[1:]
        _skip(tcb, now)
        mark.passed(recvq.read)
    elif recvq.read < mark.at:
        size = min(size, mark.at - recvq.read)
    taken = recvq.take(size, peek=peek)
    mark.passed(recvq.read)
    return taken
