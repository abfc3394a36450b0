"""One connection, seen from both of its ends: all that was learnt from its events.

`End` is filled event by event, in O(1) each, and holds no event list: a run of any length costs
what its endings cost. `ConnectionStory` is the pair.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    FIN_WAIT_1,
    FIN_WAIT_2,
    SYNCHRONIZED,
    TIME_WAIT,
    State,
)
from lastack.trace import (
    Called,
    Destroyed,
    Reason,
    ResetSent,
    ResetTaken,
    StateChanged,
)
from lastack.wire import Flow


class Step(NamedTuple):
    """The connection came into `state` at `at` (ns)."""

    at: int
    state: State
    reason: Reason


class TimeWait(NamedTuple):
    """A TIME-WAIT: whose, of which flow (local end as src), since when, until when (ns)."""

    host: str
    flow: Flow
    entered_at: int
    expires_at: int
    conn: int


class Reset(NamedTuple):
    """Where a RST came from: its sender's reason, the call that made it send, the packet."""

    host: str
    at: int
    reason: Reason
    conn: int
    call: Called | None
    packet: int


@dataclass(eq=False)
class End:
    """One end of a connection. Byte positions are offsets, `accepted`, `sent` and `acked` in its
    own stream, `queued` and `read` in its peer's; the bytes below each are so. watched: whether
    the calls of its program are known, or only its packets."""

    conn: int
    host: str
    flow: Flow
    active: bool
    syn: int
    opened_at: int
    watched: bool = True
    state: State = CLOSED
    steps: list[Step] = field(default_factory=list)
    # bytes
    accepted: int = 0
    sent: int = 0
    acked: int = 0
    queued: int = 0
    read: int = 0
    destroyed: list[Destroyed] = field(default_factory=list)
    # the end of it
    terminal: StateChanged | None = None
    close_at: int | None = None
    reset_sent: ResetSent | None = None
    reset_call: Called | None = None
    reset_taken: ResetTaken | None = None
    fin_taken_at: int | None = None
    fin_acked_at: int | None = None
    time_wait: TimeWait | None = None
    last_call: Called | None = None
    tries: int = 0

    @property
    def gone(self) -> bool:
        """Whether it has been CLOSED or in TIME-WAIT: nothing more will be sent or taken."""
        return self.terminal is not None

    @property
    def ended_at(self) -> int | None:
        """When it first came to CLOSED or TIME-WAIT (ns)."""
        return None if self.terminal is None else self.terminal.at

    @property
    def was_synchronized(self) -> bool:
        """Whether the handshake was completed here."""
        return any(step.state in SYNCHRONIZED for step in self.steps)

    @property
    def closed_first(self) -> bool:
        """Whether it sent a FIN before it took the peer's (RFC 9293 section 3.6, case 1 or 3)."""
        return any(step.state is FIN_WAIT_1 for step in self.steps)

    def moved(self, event: StateChanged) -> None:
        """Take note of a change of state."""
        new = event.new
        self.state = new
        self.steps.append(Step(event.at, new, event.reason))
        # These states say that the peer's FIN was taken, that ours was acknowledged, or both.
        if new in (CLOSE_WAIT, CLOSING, TIME_WAIT) and self.fin_taken_at is None:
            self.fin_taken_at = event.at
        fin_acked = new in (FIN_WAIT_2, TIME_WAIT) or event.reason is Reason.FIN_ACKED
        if fin_acked and self.fin_acked_at is None:
            self.fin_acked_at = event.at
        if event.reason in (Reason.CLOSE_CALL, Reason.SHUTDOWN_CALL) and self.close_at is None:
            self.close_at = event.at
        if self.terminal is None and new in (CLOSED, TIME_WAIT):
            self.terminal = event


@dataclass(eq=False)
class ConnectionStory:
    """A connection. An end that nobody watched (a peer outside, a refusing host) is None.

    The client is the end that sent the SYN; of two that did, the one that was opened first. In a
    connection of a socket with itself both names are the same `End`.
    """

    client: End | None
    server: End | None = None

    @property
    def ends(self) -> tuple[End, ...]:
        """The known ends, the client first, each once."""
        found = [end for end in (self.client, self.server) if end is not None]
        return tuple(found[:1] if self.to_itself else found)

    @property
    def to_itself(self) -> bool:
        """Whether one socket is both ends (RFC 9293 section 3.5, a self-connect)."""
        return self.client is not None and self.client is self.server

    @property
    def flow(self) -> Flow:
        """The 4-tuple with the client as src."""
        if self.client is not None:
            return self.client.flow
        assert self.server is not None
        return self.server.flow.reversed()

    @property
    def opened_at(self) -> int:
        """When its first end began (ns)."""
        return min(end.opened_at for end in self.ends)

    @property
    def ended_at(self) -> int | None:
        """When the last of its known ends came to CLOSED or TIME-WAIT (ns); None: one has not."""
        times = [end.ended_at for end in self.ends]
        known = [at for at in times if at is not None]
        return max(known) if len(known) == len(times) else None

    def peer(self, end: End) -> End | None:
        """Return the other end, if it is known."""
        return self.server if end is self.client else self.client
