"""What an end of an observed connection did, told from a segment that it sends or that reaches it.

Each rule writes the events that follow. `Observer` finds the connection and calls them.
"""

from __future__ import annotations

from typing import Final

from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from lastack.trace import (
    Accepted,
    Acked,
    Called,
    Destroyed,
    Event,
    Journal,
    Opened,
    Queue,
    Queued,
    Reason,
    ResetIgnored,
    ResetSent,
    ResetTaken,
    Returned,
    Sent,
    StateChanged,
)
from lastack.wire import ACK, FIN, RST, SYN, Segment, seq

from .observed import Half, Pair

_FAR: Final = 1 << 30
"""More than a window (RFC 7323 section 2.3): a number so far off belongs to something else."""
_AFTER_FIN: Final = {
    ESTABLISHED: CLOSE_WAIT, SYN_RECEIVED: CLOSE_WAIT, FIN_WAIT_1: CLOSING,
    FIN_WAIT_2: TIME_WAIT,
}  # fmt: skip
_AFTER_OWN_FIN: Final = {
    ESTABLISHED: FIN_WAIT_1, SYN_RECEIVED: FIN_WAIT_1, CLOSE_WAIT: LAST_ACK,
}  # fmt: skip
_AFTER_ACK_OF_FIN: Final = {
    FIN_WAIT_1: FIN_WAIT_2, CLOSING: TIME_WAIT, LAST_ACK: CLOSED,
}  # fmt: skip


class Rules:
    """The rules; `journal` gets the events."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def open(self, pair: Pair, half: Half, at: int, *, active: bool) -> None:
        """An incarnation begins at one end."""
        half.conn = self.journal.next_conn()
        syn = 0 if active else pair.syn
        self.write(half, Opened(half.conn, half.flow, active, syn, half.watched), at)

    # -- what an end sends ---------------------------------------------------------------------

    def sends(self, pair: Pair, half: Half, peer: Half, number: int, seg: Segment, at: int) -> None:
        """It sends something else than a RST."""
        if not half.opened and _is_stale(pair, peer, seg):
            self.write(half, Sent(0, number, seg, 0, 0, False), at)
            return
        self._outlives_reset(half, at)
        again = False
        if seg.flags & SYN:
            again, half.syn_sent = half.syn_sent, True
            self._sends_syn(pair, half, number, seg, at)
        else:
            self._catches_up(pair, half, seg, at)
        first = self._place(half, seg)
        if seg.text or not seg.flags & SYN:
            again |= first < half.top
            self._reaches(half, first, at)
            self._gives(half, first + len(seg.text), at)
        if seg.flags & ACK:
            self._acknowledges(half, peer, seg.ack, at)
        if seg.flags & FIN:
            again |= half.fin_at >= 0
            self._sends_fin(half, first + len(seg.text), at)
        last = min(max(first + len(seg.text), 0), half.top)
        first = min(max(first, 0), last)
        self.write(half, Sent(half.trace_conn, number, seg, first, last, again), at)

    def _sends_syn(self, pair: Pair, half: Half, number: int, seg: Segment, at: int) -> None:
        half.learn((seg.seq + 1) & seq.MASK)
        answers = bool(seg.flags & ACK)
        if not answers and not pair.syn:
            pair.syn = number
        if not half.opened:
            self.open(pair, half, at, active=not (answers and pair.syn))
            if answers:
                self.move(half, SYN_RECEIVED, Reason.SYN_ARRIVED, at)
            else:
                self.move(half, SYN_SENT, Reason.OPEN_CALL, at)
        elif half.state is CLOSED and not half.over:  # its connect() was seen
            self.move(half, SYN_SENT, Reason.OPEN_CALL, at)
        elif answers and half.state is SYN_SENT:
            self.move(half, SYN_RECEIVED, Reason.SYN_ARRIVED, at)

    def _catches_up(self, pair: Pair, half: Half, seg: Segment, at: int) -> None:
        """It is further in the handshake than the capture shows: packets are missing."""
        if not half.opened:
            half.learn(seg.seq)
            self.open(pair, half, at, active=not pair.syn)
            self.move(half, SYN_RECEIVED, Reason.SYN_ARRIVED, at)
        if half.state is SYN_SENT and seg.flags & ACK:
            self.move(half, ESTABLISHED, Reason.SYN_ACK_ARRIVED, at)
        elif half.state is SYN_RECEIVED and (seg.text or seg.flags & FIN):
            self.move(half, ESTABLISHED, Reason.HANDSHAKE_DONE, at)

    @staticmethod
    def _place(half: Half, seg: Segment) -> int:
        """Return the offset at which a segment begins; what is far off stands at the end."""
        number = (seg.seq + bool(seg.flags & SYN)) & seq.MASK
        half.learn(number)
        first = half.offset(number)
        return first if abs(first - half.top) <= _FAR else half.top

    def _reaches(self, half: Half, first: int, at: int) -> None:
        """Its stream is at `first` now: what is before it and was not seen, was sent unseen."""
        if half.top < first and half.fin_at < 0:
            half.missing += first - half.top
            self._gives(half, first, at)

    def _gives(self, half: Half, last: int, at: int) -> None:
        if last <= half.top or 0 <= half.fin_at < last:
            return
        if half.opened and last > half.given:
            self.write(half, Accepted(half.conn, half.given, last), at)
            half.given = last
        half.top = last

    def _acknowledges(self, half: Half, peer: Half, number: int, at: int) -> None:
        """Its acknowledgment says what it has got of the peer's stream."""
        peer.learn(number)
        offset = peer.offset(number)
        if offset > peer.top + _FAR or not half.opened or half.over:
            return
        with_fin = 0 <= peer.fin_at < offset
        last = peer.fin_at if with_fin else offset
        self._reaches(peer, last, at)
        if last > half.proven:
            self.queue(half, last, at)
        if with_fin and not half.took_fin:
            half.took_fin = True
            new = _AFTER_FIN.get(half.state)
            if new is not None:
                self.move(half, new, Reason.FIN_ARRIVED, at)

    def queue(self, half: Half, last: int, at: int) -> None:
        """Its peer's bytes up to `last` are in its receive queue."""
        event = Queued(half.conn, half.proven, last)
        self.journal.write(event, half.host, half.heard_event, at)
        half.proven = last
        half.edge = max(half.edge, last)

    def _sends_fin(self, half: Half, place: int, at: int) -> None:
        if half.fin_at >= 0 or half.over:
            return
        half.fin_at = max(place, 0)
        # a FIN without a shutdown() is that of a close(), the program's own or that of its exit
        half.closed |= half.watched and half.closing is not Reason.SHUTDOWN_CALL
        if half.watched and half.closing is Reason.FIN_SENT:
            # nobody called close(): the last descriptor went with its process, or with its object
            half.closing = Reason.CLOSE_CALL
            self.write(half, Called(half.conn, "close", "closed by the end of the process"), at)
            self.write(half, Returned(half.conn, "close", "ok", 0), at)
        new = _AFTER_OWN_FIN.get(half.state)
        if new is not None:
            self.move(half, new, half.closing, at)

    # -- what reaches an end -------------------------------------------------------------------

    def hears(self, half: Half, peer: Half, number: int, seg: Segment, at: int) -> None:
        """A segment reaches an end that is there."""
        if seg.flags & RST:
            self._hears_reset(half, peer, number, seg, at)
            return
        if seg.flags & SYN:
            self._hears_syn(half, seg, at)
        elif peer.iss >= 0:
            first = peer.offset(seg.seq)
            if first <= half.edge and not half.closed:
                half.edge = max(half.edge, first + len(seg.text))
        if seg.flags & ACK and half.iss >= 0:
            self._hears_ack(half, seg, at)

    def _hears_syn(self, half: Half, seg: Segment, at: int) -> None:
        if half.state is not SYN_SENT:
            return
        if not seg.flags & ACK:
            self.move(half, SYN_RECEIVED, Reason.SYN_ARRIVED, at)
        elif seg.ack == (half.iss + 1) & seq.MASK:
            self.move(half, ESTABLISHED, Reason.SYN_ACK_ARRIVED, at)

    def _hears_ack(self, half: Half, seg: Segment, at: int) -> None:
        offset = half.offset(seg.ack)
        if half.state is SYN_RECEIVED and 0 <= offset <= half.top + 1:
            self.move(half, ESTABLISHED, Reason.HANDSHAKE_DONE, at)
        last = min(offset, half.top)
        if last > half.acked:
            self.write(half, Acked(half.conn, half.acked, last), at)
            half.acked = last
        if half.fin_at >= 0 and offset == half.fin_at + 1:
            new = _AFTER_ACK_OF_FIN.get(half.state)
            if new is not None:
                self.move(half, new, Reason.FIN_ACKED, at)

    # -- resets --------------------------------------------------------------------------------

    def sends_reset(self, half: Half, peer: Half, number: int, seg: Segment, at: int) -> None:
        """It sends a RST: out of no connection, or to end its own."""
        if not half.opened or half.over or half.state is TIME_WAIT:
            refuses = not half.opened and peer.state is SYN_SENT
            why = Reason.PORT_CLOSED if refuses else Reason.NO_CONNECTION
            self.write(half, ResetSent(0, why, half.heard), at)
            self.write(half, Sent(0, number, seg, 0, 0, False), at)
            return
        if seg.flags & ACK:
            self._acknowledges(half, peer, seg.ack, at)
        why = _why(half, seg)
        if half.watched:
            if half.edge > half.proven and why is not Reason.DATA_AFTER_SHUTDOWN:
                self.queue(half, half.edge, at)
            self.throw_away(half, why, at)
        answers = why in _ANSWERS
        self.write(half, ResetSent(half.conn, why, half.heard if answers else 0), at)
        self.write(half, Sent(half.conn, number, seg, half.top, half.top, False), at)
        self.move(half, CLOSED, why, at)

    def throw_away(self, half: Half, why: Reason, at: int) -> None:
        """What its program has not read is gone."""
        if half.proven > half.read:
            gone = Destroyed(half.conn, Queue.UNREAD, half.read, half.proven, why)
            self.write(half, gone, at)

    def _hears_reset(self, half: Half, peer: Half, number: int, seg: Segment, at: int) -> None:
        if half.state is TIME_WAIT:
            return
        if half.state is SYN_SENT:
            if seg.flags & ACK and seg.ack == (half.iss + 1) & seq.MASK:
                self.write(half, ResetTaken(half.conn, number, Reason.REFUSED), at)
                self.move(half, CLOSED, Reason.REFUSED, at)
            else:
                self.write(half, ResetIgnored(half.conn, number, Reason.RESET_WITH_BAD_ACK), at)
            return
        peer.learn(seg.seq)
        place = peer.offset(seg.seq)
        if place in (half.edge, half.proven, half.proven + half.took_fin):
            self.takes_reset(half, number, at)
        else:
            half.pending = (number, at)

    def takes_reset(self, half: Half, number: int, at: int) -> None:
        """A RST ends it."""
        half.pending = None
        if half.over:
            return
        if half.watched and half.edge > half.proven:
            self.queue(half, half.edge, at)
        self.write(half, ResetTaken(half.conn, number, Reason.RESET_BY_PEER), at)
        self.move(half, CLOSED, Reason.RESET_BY_PEER, at)

    def end(self, half: Half, why: Reason, at: int) -> None:
        """It ended without a segment, as a call of its program told."""
        self.move(half, CLOSED, why, at)

    def _outlives_reset(self, half: Half, at: int) -> None:
        """It sends something else than a RST, so the one before did not end it."""
        if half.pending is not None:
            number, _ = half.pending
            half.pending = None
            self.write(half, ResetIgnored(half.conn, number, Reason.RESET_NOT_EXACT), at)

    # -- to the journal ------------------------------------------------------------------------

    def move(self, half: Half, new: State, reason: Reason, at: int) -> None:
        """Write down a change of state."""
        old, half.state = half.state, new
        half.over = half.over or new is CLOSED
        self.write(half, StateChanged(half.conn, old, new, reason), at)

    def write(self, half: Half, event: Event, at: int) -> int:
        """Write an event in the name of an end, its cause a call in progress; return its number."""
        return self.journal.write(event, half.host, half.call, at)


def _is_stale(pair: Pair, peer: Half, seg: Segment) -> bool:
    """Whether an end that was not seen to open answers for an older connection."""
    if seg.flags & SYN or not seg.flags & ACK or not pair.syn or peer.iss < 0:
        return False
    return not 0 <= peer.offset(seg.ack) <= peer.top + 1


_ANSWERS = (Reason.NO_CONNECTION, Reason.DATA_AFTER_CLOSE, Reason.DATA_AFTER_SHUTDOWN)


def _why(half: Half, seg: Segment) -> Reason:
    """Why an end that was open sends a RST, as far as it can be told."""
    if half.unaccepted:
        return Reason.LISTENER_CLOSED
    if half.watched and half.closed and half.edge > half.read:
        return Reason.UNREAD_AT_CLOSE  # also behind the FIN of a shutdown()
    if half.watched and half.fin_at < 0 and half.edge > half.read:
        return Reason.UNREAD_AT_CLOSE
    if half.watched and half.lingers_zero and (half.closed or half.fin_at < 0):
        return Reason.LINGER_ZERO
    if half.fin_at >= 0 and half.heard_text:
        alive = half.watched and not half.closed
        return Reason.DATA_AFTER_SHUTDOWN if alive else Reason.DATA_AFTER_CLOSE
    if not seg.flags & ACK:
        return Reason.NO_CONNECTION  # it answers, and knows no more than what it answers
    return Reason.ABORTED
