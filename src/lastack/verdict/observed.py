"""What an observer knows of one end of a connection, and of the pair.

Stream positions are 64-bit offsets as in `trace`; a FIN stands one behind the last byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lastack.state import CLOSED, State
from lastack.trace import Reason
from lastack.wire import Flow, seq


@dataclass(eq=False)
class Half:
    """One end. top: first offset beyond what it was seen to send. fin_at: offset of its FIN, -1
    before it. acked: what reached it as acknowledged. proven: up to where it acknowledged its
    peer's stream. edge: up to where that stream was seen to reach it in order."""

    host: str
    flow: Flow
    conn: int = 0
    watched: bool = False
    unaccepted: bool = False
    """Its host is watched, and no program there ever had a descriptor of it."""
    state: State = CLOSED
    over: bool = False
    """It came to CLOSED; what its host sends from now on belongs to no connection."""
    iss: int = -1
    syn_sent: bool = False
    top: int = 0
    fin_at: int = -1
    acked: int = 0
    proven: int = 0
    edge: int = 0
    took_fin: bool = False
    missing: int = 0
    """Bytes that it must have sent and that the capture does not have."""
    heard: int = 0
    """The last packet that reached it."""
    heard_text: bool = False
    heard_event: int = 0
    """Number of the event of its arrival."""
    pending: tuple[int, int] | None = None
    """A RST that reached it and may not have been taken: packet and time."""
    read: int = 0
    given: int = 0
    """Bytes that its program is known to have handed to send()."""
    handed: int = 0
    """The same, by the results of send() alone."""
    call: int = 0
    """Number of the call in progress, 0 for none."""
    closing: Reason = Reason.FIN_SENT
    lingers_zero: bool = False
    closed: bool = False
    """close() was called: what arrives now is not for its program."""

    @property
    def opened(self) -> bool:
        """Whether its incarnation is in the trace."""
        return bool(self.conn)

    def offset(self, number: int) -> int:
        """Return the offset of a sequence number of this end's stream."""
        return self.top + seq.diff(number, (self.iss + 1 + self.top) & seq.MASK)

    @property
    def trace_conn(self) -> int:
        """Its number for events: 0 once it is over."""
        return 0 if self.over else self.conn

    def learn(self, first: int) -> None:
        """Take the sequence number of the first byte of its stream, if it is not known yet."""
        if self.iss < 0:
            self.iss = (first - 1) & seq.MASK


@dataclass(eq=False)
class Pair:
    """Both ends of one incarnation; `client` sent the SYN, or is taken for it."""

    client: Half
    server: Half
    syn: int = 0
    """Number of the SYN's packet."""
    midway: bool = False
    halves: tuple[Half, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.halves = (self.client,) if self.client is self.server else (self.client, self.server)

    def ends(self, flow: Flow) -> tuple[Half, Half]:
        """Return the end that sends on a flow, and the other."""
        if self.client.flow == flow:
            return self.client, self.server
        return self.server, self.client
