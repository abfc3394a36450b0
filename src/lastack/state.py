"""The eleven states and the only lawful ways between them (RFC 9293 section 3.3.2, figure 5).

The names are the RFC's, which are also what a report prints. `lastack.tcp` moves along
`TRANSITIONS` and nowhere else; the documentation draws its picture from the same table.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """A connection state; the value is the RFC's spelling."""

    __hash__ = object.__hash__  # that of Enum is written in Python: 20 times a request of urllib

    CLOSED = "CLOSED"
    LISTEN = "LISTEN"
    SYN_SENT = "SYN-SENT"
    SYN_RECEIVED = "SYN-RECEIVED"
    ESTABLISHED = "ESTABLISHED"
    FIN_WAIT_1 = "FIN-WAIT-1"
    FIN_WAIT_2 = "FIN-WAIT-2"
    CLOSE_WAIT = "CLOSE-WAIT"
    CLOSING = "CLOSING"
    LAST_ACK = "LAST-ACK"
    TIME_WAIT = "TIME-WAIT"


CLOSED: Final = State.CLOSED
LISTEN: Final = State.LISTEN
SYN_SENT: Final = State.SYN_SENT
SYN_RECEIVED: Final = State.SYN_RECEIVED
ESTABLISHED: Final = State.ESTABLISHED
FIN_WAIT_1: Final = State.FIN_WAIT_1
FIN_WAIT_2: Final = State.FIN_WAIT_2
CLOSE_WAIT: Final = State.CLOSE_WAIT
CLOSING: Final = State.CLOSING
LAST_ACK: Final = State.LAST_ACK
TIME_WAIT: Final = State.TIME_WAIT

# Every arrow of figure 5, plus the arrows to CLOSED that the figure leaves to the text:
# ABORT and an acceptable RST (3.10.5, 3.10.7.4) lead there from any state.
TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    CLOSED: frozenset({LISTEN, SYN_SENT, SYN_RECEIVED}),
    LISTEN: frozenset({SYN_RECEIVED, SYN_SENT, CLOSED}),
    SYN_SENT: frozenset({SYN_RECEIVED, ESTABLISHED, CLOSED}),
    SYN_RECEIVED: frozenset({ESTABLISHED, FIN_WAIT_1, CLOSE_WAIT, LISTEN, CLOSED}),
    ESTABLISHED: frozenset({FIN_WAIT_1, CLOSE_WAIT, CLOSED}),
    FIN_WAIT_1: frozenset({FIN_WAIT_2, CLOSING, TIME_WAIT, CLOSED}),
    FIN_WAIT_2: frozenset({TIME_WAIT, CLOSED}),
    CLOSE_WAIT: frozenset({LAST_ACK, CLOSED}),
    CLOSING: frozenset({TIME_WAIT, CLOSED}),
    LAST_ACK: frozenset({CLOSED}),
    TIME_WAIT: frozenset({CLOSED}),
}

# CLOSED -> SYN-RECEIVED is LISTEN -> SYN-RECEIVED seen from the new connection: the listening
# socket stays in LISTEN, and the connection that a SYN creates is born in SYN-RECEIVED.

SYNCHRONIZED: Final[frozenset[State]] = frozenset(
    {ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT}
)
"""States in which both sequence numbers are agreed (RFC 9293 section 3.5.2, group 3)."""

SENDING: Final = (ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, CLOSING, LAST_ACK)
"""States in which text or a FIN of ours may be on its way. A tuple, the frequent ones first: `in`
compares by identity there."""
