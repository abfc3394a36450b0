"""What must hold at every event of every run, whatever programs, network and peers do.

`Watch` listens to a Journal and fails at the first event that cannot be; `Watch.done` looks at
what is left when nothing more can happen.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from random import Random

from lastack.state import CLOSED, FIN_WAIT_2, TIME_WAIT, TRANSITIONS, State
from lastack.trace import (
    Accepted,
    Acked,
    Arrived,
    Called,
    Destroyed,
    Event,
    Opened,
    Queue,
    Queued,
    Read,
    ResetSent,
    Sent,
    StateChanged,
    segment_of,
)
from lastack.verdict import Account, Book, ConnectionStory, End, account
from lastack.wire import RST, Flow, Segment, seq, show

_PERIOD = 65_521  # a prime: no shift by segments, buffers or powers of two maps it to itself


@lru_cache(maxsize=256)
def _pattern(conn: int) -> bytes:
    return Random(conn).randbytes(_PERIOD)


def text_of(conn: int, first: int, last: int) -> bytes:
    """Return the bytes [first, last) that the walk sends on a connection."""
    pattern = _pattern(conn)
    begin = first % _PERIOD
    out = pattern[begin : begin + last - first]
    while len(out) < last - first:
        out += pattern[: last - first - len(out)]
    return out


class Ranges:
    """How far each stream position of one end has come; all only grow."""

    def __init__(self) -> None:
        self.accepted = self.sent = self.acked = 0  # its own stream
        self.queued = self.read = 0  # its peer's; `read` includes what was thrown away unread
        self.snd_nxt: int | None = None  # the sequence number after everything it sent


class Watch:
    """Every event of one world; AssertionError at the first that breaks a law.

    `patterned`: what is sent is `text_of` the sender. `gave` and `took` are filled by whoever makes
    the calls: bytes that send() took and recv() gave, by connection.
    """

    def __init__(self, *, patterned: bool = True) -> None:
        self.book = Book()
        self.states: dict[int, State] = {}
        self.gave: Counter[int] = Counter()
        self.took: Counter[int] = Counter()
        self.sent_by_host: Counter[str] = Counter()
        self.arrived_at: Counter[str] = Counter()
        self._patterned = patterned
        self._flows: dict[int, Flow] = {}
        self._ranges: dict[int, Ranges] = {}
        self._arrived: dict[int, Flow] = {}
        self._reset: ResetSent | None = None
        self._last_arrival: Segment | None = None
        self._digest = blake2b(digest_size=16)

    def __call__(self, event: Event) -> None:
        """Take an event."""
        self.book(event)
        self._digest.update(repr(event).encode())
        ranges = self._ranges.get(event.conn)
        if isinstance(event, Opened):
            assert event.conn not in self._flows, "an incarnation begins twice"
            self._flows[event.conn] = event.flow
            self._ranges[event.conn] = Ranges()
            self.states[event.conn] = CLOSED
        elif isinstance(event, StateChanged):
            self._moved(event)
        elif isinstance(event, Sent):
            self._sent(event)
        elif isinstance(event, ResetSent):
            self._reset = event
        elif isinstance(event, Arrived):
            self.arrived_at[event.host] += 1
            self._arrived[event.packet] = event.what.flow
            self._last_arrival = segment_of(event.what)
        elif ranges is not None and not isinstance(event, Called):
            self._bytes(event, ranges)

    @property
    def digest(self) -> str:
        """A fingerprint of the whole trace so far."""
        return self._digest.hexdigest()

    def ranges(self, conn: int) -> Ranges | None:
        """Return how far the positions of a connection have come, None before it was opened."""
        return self._ranges.get(conn)

    # -- single events -------------------------------------------------------------------------

    def _moved(self, event: StateChanged) -> None:
        old, new = event.old, event.new
        way = f"conn {event.conn}: {old.value} -> {new.value} ({event.reason.value})"
        assert self.states[event.conn] is old, f"{way}, but was {self.states[event.conn].value}"
        assert new in TRANSITIONS[old], way
        self.states[event.conn] = new

    def _sent(self, event: Sent) -> None:
        self.sent_by_host[event.host] += 1
        seg = segment_of(event.what)
        assert seg is not None
        self._digest.update(show(seg).encode())
        reset, self._reset = self._reset, None
        assert bool(seg.flags & RST) is (reset is not None), "a RST and its reason come in pairs"
        flow = self._flows.get(event.conn)
        if flow is None:
            # a host without a connection, or a listening socket, says nothing but RST, in answer
            assert reset is not None, f"sent for no connection: {show(seg)}"
            assert seg.flow == self._arrived[reset.reply_to].reversed()
            return
        assert seg.flow == flow, f"sent into another connection: {show(seg)}"
        if not seg.flags & RST:
            assert self.states[event.conn] is not CLOSED, f"sent when CLOSED: {show(seg)}"
        ranges = self._ranges[event.conn]
        beyond = seg.seq + seg.length & seq.MASK
        if not seg.flags & RST and (ranges.snd_nxt is None or seq.gt(beyond, ranges.snd_nxt)):
            ranges.snd_nxt = beyond
        assert event.last - event.first == len(seg.text)
        if seg.text:
            assert ranges.acked <= event.first <= ranges.sent, "a gap, or acknowledged already"
            assert event.last <= ranges.accepted, "sent what nobody gave"
            ranges.sent = max(ranges.sent, event.last)
            if self._patterned:
                assert seg.text == text_of(event.conn, event.first, event.last), "not these bytes"

    def _bytes(self, event: Event, ranges: Ranges) -> None:
        state = self.states[event.conn]
        over = state in (CLOSED, TIME_WAIT)
        if isinstance(event, Accepted):
            assert not over
            assert event.first == ranges.accepted < event.last
            ranges.accepted = event.last
        elif isinstance(event, Acked):
            assert not over
            assert event.first == ranges.acked < event.last <= ranges.sent
            assert self._last_arrival is not None
            assert ranges.snd_nxt is not None
            assert seq.le(self._last_arrival.ack, ranges.snd_nxt), "an ACK of what was not sent"
            ranges.acked = event.last
        elif isinstance(event, Queued):
            assert not over
            assert event.first == ranges.queued < event.last
            ranges.queued = event.last
        elif isinstance(event, Read):
            assert event.first == ranges.read < event.last <= ranges.queued
            ranges.read = event.last
        elif isinstance(event, Destroyed):
            self._destroyed(event, ranges)

    def _destroyed(self, event: Destroyed, ranges: Ranges) -> None:
        assert event.first < event.last
        if event.queue is Queue.UNACKED:
            assert (event.first, event.last) == (ranges.acked, ranges.sent)
        elif event.queue is Queue.UNSENT:
            assert (event.first, event.last) == (ranges.sent, ranges.accepted)
        elif event.queue is Queue.UNREAD:
            assert (event.first, event.last) == (ranges.read, ranges.queued)
            ranges.read = event.last
        else:
            assert event.first > ranges.queued, "it was in order"

    # -- what is left --------------------------------------------------------------------------

    def done(self, *, may_stay: frozenset[State] = frozenset(), forged: bool = False) -> None:
        """Nothing more can happen: every end is CLOSED (or in `may_stay`), every byte has a place.

        forged: somebody else wrote segments, so that the bytes of both ends need not agree.
        """
        for conn, state in self.states.items():
            assert state is CLOSED or state in may_stay, f"conn {conn} stays in {state.value}"
        if forged:
            return
        for story in self.book.stories:
            for end in story.ends:
                self._account(story, end)

    def _account(self, story: ConnectionStory, end: End) -> None:
        peer = end if story.to_itself else story.peer(end)
        found = account(story, end)
        assert min(found.read, found.unread, found.queued, found.destroyed) >= 0, found
        assert found.accepted == _sum(found), found
        assert found.accepted == self.gave[end.conn], found
        if peer is None:
            # its SYN came to nothing, or made an end that is told of in a story of its own
            assert not found.read
            return
        assert found.read == self.took[peer.conn], found
        assert found.queued == 0 or not end.gone, f"{found} is still under way"
        if end.fin_acked_at is not None:
            assert peer.queued == end.accepted, "the FIN was acknowledged before its bytes"
            assert found.destroyed == 0, found


def _sum(found: Account) -> int:
    return found.read + found.unread + found.queued + found.destroyed + found.unknown


ORPHANS_FOR_EVER = frozenset({FIN_WAIT_2})
"""What may stay where FIN-WAIT-2 has no limit (RFC 9293 section 3.6 gives none)."""
