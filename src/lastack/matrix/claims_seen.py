"""What judges ask about a run: calls with their results, segments, states, bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lastack.profile import S
from lastack.state import TIME_WAIT
from lastack.trace import Acked, Called, Event, Read, Returned, Sent, StateChanged, segment_of
from lastack.verdict import ConnectionStory, End, account, seconds
from lastack.wire import ACK, FIN, RST, SYN, Segment

from .claims_stage import Played, error_name

_FLAGS = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK"))


class NotSeen(Exception):
    """What a judge asks about did not happen; the claim does not hold then."""


@dataclass(frozen=True)
class CallSeen:
    """One socket call: of which host, what it returned ("0" or an errno's name), when (ns).

    [first_n, n] are the numbers of the events from its beginning to its end.
    """

    host: str
    conn: int
    call: str
    text: str
    returned: str
    begun: int
    ended: int
    first_n: int
    n: int

    @property
    def at_once(self) -> bool:
        """Whether the caller did not sleep."""
        return self.ended == self.begun

    @property
    def waited(self) -> int:
        """How long the caller slept, in ns."""
        return self.ended - self.begun

    @property
    def told(self) -> str:
        """Return "close() = 0 at once", "close() = EWOULDBLOCK after 1 s"."""
        slept = f"after {seconds(self.waited)}" if self.waited else "at once"
        return f"{self.call}() = {self.returned} {slept}"


@dataclass(frozen=True)
class SegmentSeen:
    """One segment as it was sent; `seq` counts from the SYN."""

    at: int
    n: int
    flags: str
    seq: int
    size: int
    again: bool
    segment: Segment


class Side:
    """One end of a connection."""

    def __init__(self, seen: Seen, story: ConnectionStory, end: End) -> None:
        self._seen = seen
        self.end = end
        self.account = account(story, end)

    @property
    def path(self) -> list[str]:
        """The states after ESTABLISHED; what comes after TIME-WAIT is left out."""
        states = [step.state.value for step in self.end.steps]
        if "ESTABLISHED" in states:
            states = states[states.index("ESTABLISHED") + 1 :]
        return states[: states.index("TIME-WAIT") + 1] if "TIME-WAIT" in states else states

    @property
    def close(self) -> CallSeen:
        """The last close() of it; NotSeen if it was never closed."""
        if not self.closes:
            raise NotSeen(f"the {self.end.host} did not close the connection")
        return self.closes[-1]

    @property
    def closes(self) -> list[CallSeen]:
        """Every close() of it that returned, one for each descriptor; where there was none, what
        the end of its process did instead."""
        for name in ("close", "exit"):
            found = [call for call in self._seen.calls(name) if call.conn == self.end.conn]
            if found:
                return found
        return []

    @property
    def saw_time_wait(self) -> bool:
        """Whether it came into TIME-WAIT."""
        return any(step.state is TIME_WAIT for step in self.end.steps)

    def events(self, kind: type[Event]) -> list[Any]:
        """Return its events of one kind."""
        return [
            event for event in self._seen.played.events
            if isinstance(event, kind) and event.conn == self.end.conn
        ]  # fmt: skip

    def sent(self, since: int = 0, *, flags: str = "") -> list[SegmentSeen]:
        """Return the segments that it sent from event number `since` on, with exact flags."""
        found = []
        base: int | None = None
        for event in self.events(Sent):
            seg = segment_of(event.what)
            if seg is None:
                continue
            base = seg.seq if base is None else base
            names = "|".join(name for bit, name in _FLAGS if seg.flags & bit)
            one = SegmentSeen(
                event.at, event.n, names, (seg.seq - base) & 0xFFFFFFFF, len(seg.text),
                event.again, seg,
            )  # fmt: skip
            if event.n >= since and flags in ("", names):
                found.append(one)
        return found

    def fins(self) -> list[SegmentSeen]:
        """Return every copy of its FIN."""
        return [one for one in self.sent() if "FIN" in one.flags]

    def acked(self, n: int) -> int:
        """Return how many of its bytes were acknowledged before event number n."""
        return max((int(event.last) for event in self.events(Acked) if event.n < n), default=0)

    def read(self, n: int) -> int:
        """Return how many bytes its program had read before event number n."""
        return max((int(event.last) for event in self.events(Read) if event.n < n), default=0)

    def fin_acked(self, n: int) -> bool:
        """Tell whether its FIN was acknowledged before event number n."""
        return any(
            event.n < n and event.new.value in ("FIN-WAIT-2", "TIME-WAIT", "CLOSED")
            for event in self.events(StateChanged)
        )

    @property
    def delivered(self) -> bool:
        """Whether the peer's program read all that it sent, and that was something."""
        return 0 < self.account.accepted == self.account.read

    @property
    def lost(self) -> int:
        """How many of its bytes never reached the peer's TCP and never will."""
        return self.account.destroyed

    @property
    def fate(self) -> str:
        """Return what became of its bytes: "all 300,000 bytes read", "200,000 of ... lost"."""
        one = self.account
        if one.destroyed:
            return f"{one.destroyed:,} of {one.accepted:,} bytes lost"
        if one.read == one.accepted:
            return f"all {one.accepted:,} bytes read by the peer"
        return f"{one.read:,} of {one.accepted:,} bytes read by the peer, none lost"

    @property
    def ending(self) -> str:
        """Return by which segment it ended: "RST", "FIN, then TIME-WAIT", "FIN"."""
        if self.sent(flags="RST|ACK") or self.sent(flags="RST"):
            return "RST"
        if not self.fins():
            return "no FIN"
        return "FIN, then TIME-WAIT" if self.saw_time_wait else "FIN"


class Connection:
    """Both ends of a connection."""

    def __init__(self, seen: Seen, story: ConnectionStory, client: End, server: End) -> None:
        self.client = Side(seen, story, client)
        self.server = Side(seen, story, server)


class Seen:
    """A run, as judges ask about it."""

    def __init__(self, played: Played) -> None:
        self.played = played
        self.results = played.results
        self._calls = _calls(played.events)

    def connections(self, number: int) -> list[Connection]:
        """Return the first `number` connections with two ends; NotSeen if there were fewer."""
        found = [
            Connection(self, story, story.client, story.server)
            for story in self.played.book.stories
            if story.client is not None and story.server is not None
        ]
        if len(found) < number:
            raise NotSeen(f"{len(found)} of {number} connections came about")
        return found[:number]

    def clients(self, number: int) -> list[Side]:
        """Return the client's ends of the first `number` connections."""
        return [one.client for one in self.connections(number)]

    def calls(self, call: str, host: str = "") -> list[CallSeen]:
        """Return the calls of one name that returned, of one host or all."""
        return [one for one in self._calls if one.call == call and host in ("", one.host)]

    def binds(self, port: int, number: int) -> list[str]:
        """Return what the server's first bind() calls for a port gave; NotSeen if too few."""
        found = [one for one in self.calls("bind", "server") if one.text.endswith(f":{port}")]
        if len(found) < number:
            raise NotSeen(f"bind() was called {len(found)} times")
        return [one.returned for one in found[:number]]


def _calls(events: list[Event]) -> list[CallSeen]:
    open_calls: dict[tuple[str, int, str], Called] = {}
    found = []
    for event in events:
        if isinstance(event, Called):
            open_calls[event.host, event.conn, event.call] = event
        elif isinstance(event, Returned):
            called = open_calls.pop((event.host, event.conn, event.call), None)
            if called is not None:
                result = error_name(event.errno) if event.errno else "0"
                seen = CallSeen(
                    event.host, event.conn, event.call, called.text, result, called.at,
                    event.at, called.n, event.n,
                )  # fmt: skip
                found.append(seen)
    return found


def about(ns: int, expected: float) -> bool:
    """Tell whether a duration is within 5 % of a number of seconds."""
    return abs(ns - expected * S) <= 0.05 * expected * S
