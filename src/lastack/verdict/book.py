"""The reducer: events in, connection stories out. A listener of a Journal, O(1) an event.

Ends are joined where the trace says so: a passive end names the SYN that made it, and a SYN names
the connection that sent it. Two active ends are one connection when their flows are each other's
reverse and the earlier is still there (simultaneous open, RFC 9293 section 3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lastack.trace import (
    POWER_CUT,
    POWER_ON,
    Accepted,
    Acked,
    Called,
    Destroyed,
    Event,
    Fault,
    Opened,
    Queued,
    Read,
    Refused,
    ResetSent,
    ResetTaken,
    Sent,
    StateChanged,
    TimerFired,
    Waiting,
    segment_of,
)
from lastack.wire import ACK, RST, SYN, Flow

from .story import ConnectionStory, End, Reset, TimeWait

Handler = Callable[[Any], None]


class Book:
    """All connections of a world, in the order in which they were opened.

    `resets` is every RST that was sent, by packet number; `refusals` every call that was refused;
    `powerless` the hosts that are switched off.
    """

    def __init__(self) -> None:
        self.stories: list[ConnectionStory] = []
        self.refusals: list[Refused] = []
        self.resets: dict[int, Reset] = {}
        self.powerless: set[str] = set()
        self._ends: dict[int, End] = {}
        self._story: dict[int, ConnectionStory] = {}
        self._latest: dict[Flow, End] = {}  # active ends by flow
        self._syns: dict[int, int] = {}  # packet -> conn that sent it
        self._reset_due: dict[str, ResetSent] = {}
        self._calls: dict[str, Called] = {}
        self._waits: dict[tuple[str, Flow], TimeWait] = {}
        self._handlers: dict[type[Event], Handler] = {
            Opened: self._opened,
            StateChanged: self._moved,
            Called: self._called,
            Accepted: self._accepted,
            Sent: self._sent,
            Acked: self._acked,
            Queued: self._queued,
            Read: self._read,
            Destroyed: self._destroyed,
            ResetSent: self._reset_sent,
            ResetTaken: self._reset_taken,
            TimerFired: self._timer,
            Waiting: self._waiting,
            Refused: self.refusals.append,
            Fault: self._fault,
        }

    def __call__(self, event: Event) -> None:
        """Take one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def read(self, events: Iterable[Event]) -> Book:
        """Take the events of a stored trace; return the book. Cheaper than to listen."""
        handlers = self._handlers
        for event in events:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)
        return self

    def story_of(self, conn: int) -> ConnectionStory | None:
        """Return the connection that an end belongs to."""
        return self._story.get(conn)

    def time_waits(self) -> list[TimeWait]:
        """Return the TIME-WAITs that stand, in the order in which they were entered."""
        return sorted(self._waits.values(), key=lambda wait: wait.entered_at)

    # -- who with whom -----------------------------------------------------------------------

    def _opened(self, event: Opened) -> None:
        end = End(
            event.conn, event.host, event.flow, event.active, event.syn, event.at, event.watched
        )
        self._ends[end.conn] = end
        if end.active:
            self._join_active(end)
        else:
            self._join_passive(end)

    def _join_active(self, end: End) -> None:
        other = self._latest.get(end.flow.reversed())
        self._latest[end.flow] = end
        if other is not None and not other.gone:
            self._part_from_dead_peer(other)
            if self._story[other.conn].server is None:
                self._add(end, self._story[other.conn])
                return
        self._add(end, None)
        if end.flow == end.flow.reversed():
            self._story[end.conn].server = end

    def _part_from_dead_peer(self, end: End) -> None:
        """A peer that closed in SYN-SENT becomes a story of its own: another may take its place."""
        story = self._story[end.conn]
        peer = story.peer(end)
        if peer is None or not peer.gone or peer.was_synchronized:
            return
        story.client, story.server = peer, None
        self._story[end.conn] = ConnectionStory(end, None)
        self.stories.append(self._story[end.conn])

    def _join_passive(self, end: End) -> None:
        story = self._story.get(self._syns.get(end.syn, 0))
        client = story.client if story else None
        if client is not None and client.gone and not client.was_synchronized:
            # It closed in SYN-SENT; whoever dialled the same 4-tuple since then is answered.
            latest = self._latest[client.flow]
            if not latest.gone and self._story[latest.conn].server is None:
                story, client = self._story[latest.conn], latest
        earlier = story.server if story else None
        if story is None or client is None:
            self._add(end, None)
        elif earlier is None:
            self._add(end, story)
        elif earlier.gone and not earlier.was_synchronized and not client.gone:
            # The first answer to this SYN came to nothing: it becomes a story of its own.
            alone = ConnectionStory(None, earlier)
            self._story[earlier.conn] = alone
            self.stories.append(alone)
            self._add(end, story)
        else:
            self._add(end, None)  # an old duplicate of the SYN

    def _add(self, end: End, story: ConnectionStory | None) -> None:
        if story is not None:
            story.server = end
        else:
            story = ConnectionStory(end, None) if end.active else ConnectionStory(None, end)
            self.stories.append(story)
        self._story[end.conn] = story

    # -- what happened to an end -------------------------------------------------------------

    def _moved(self, event: StateChanged) -> None:
        if end := self._ends.get(event.conn):
            end.moved(event)

    def _called(self, event: Called) -> None:
        self._calls[event.host] = event
        if end := self._ends.get(event.conn):
            end.last_call = event

    def _accepted(self, event: Accepted) -> None:
        if end := self._ends.get(event.conn):
            end.accepted = max(end.accepted, event.last)

    def _acked(self, event: Acked) -> None:
        if end := self._ends.get(event.conn):
            end.acked = max(end.acked, event.last)
            end.tries = 0

    def _queued(self, event: Queued) -> None:
        if end := self._ends.get(event.conn):
            end.queued = max(end.queued, event.last)

    def _read(self, event: Read) -> None:
        if end := self._ends.get(event.conn):
            # a sum: the urgent byte may be read before those in front of it
            end.read += event.last - event.first

    def _destroyed(self, event: Destroyed) -> None:
        if end := self._ends.get(event.conn):
            end.destroyed.append(event)

    def _fault(self, event: Fault) -> None:
        if event.what == POWER_CUT:
            self.powerless.add(event.host)
        elif event.what == POWER_ON:
            self.powerless.discard(event.host)

    def _timer(self, event: TimerFired) -> None:
        end = self._ends.get(event.conn)
        if end is not None and event.timer in ("retransmit", "persist"):
            end.tries = event.count

    def _sent(self, event: Sent) -> None:
        end = self._ends.get(event.conn)
        if end is not None and event.last > event.first:
            end.sent = max(end.sent, event.last)
        seg = segment_of(event.what)
        if seg is None:
            return
        if seg.flags & (SYN | ACK) == SYN and event.conn:
            self._syns[event.packet] = event.conn
        if seg.flags & RST:
            why = self._reset_due.pop(event.host, None)
            if why is not None:
                call = self._call_behind(why)
                self.resets[event.packet] = Reset(
                    why.host, why.at, why.reason, why.conn, call, event.packet
                )

    def _reset_sent(self, event: ResetSent) -> None:
        self._reset_due[event.host] = event
        if end := self._ends.get(event.conn):
            end.reset_sent = event
            end.reset_call = self._call_behind(event)

    def _reset_taken(self, event: ResetTaken) -> None:
        if end := self._ends.get(event.conn):
            end.reset_taken = event

    def _call_behind(self, event: Event) -> Called | None:
        """Return the call that the host was working on when the event was written."""
        call = self._calls.get(event.host)
        return call if call is not None and call.n == event.cause else None

    def _waiting(self, event: Waiting) -> None:
        key = (event.host, event.flow)
        standing = self._waits.pop(key, None)
        if event.what == "ended":
            return
        since = standing.entered_at if standing and event.what == "restarted" else event.at
        wait = TimeWait(event.host, event.flow, since, event.until, event.conn)
        self._waits[key] = wait
        if end := self._ends.get(event.conn):
            end.time_wait = wait
