"""How a connection ended: the value that close(), aclose() and abort() return."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """The six ways in which closing a connection can turn out."""

    CONFIRMED = "CONFIRMED"
    """Everything is acknowledged, and the peer closed after it had our FIN."""
    ACKED = "ACKED"
    """Everything is acknowledged, but the peer had closed before our FIN reached it: its TCP has
    every byte, and nothing shows that its program looked at them."""
    OPEN = "OPEN"
    """Everything is acknowledged, and the peer's side was still open when the waiting ended."""
    TIMED_OUT = "TIMED_OUT"
    """Bytes were unacknowledged when the waiting ended, or when the kernel gave up."""
    RESET = "RESET"
    """The connection was destroyed before it had ended; `errno` says how, where that is known."""
    ABORTED = "ABORTED"
    """We reset it."""


class NotDelivered(ConnectionError):
    """Not everything that was sent is known to have arrived; `ending` tells the rest."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.errno, f"{ending.kind}: {ending.reason}")
        self.ending = ending


@dataclass(frozen=True, slots=True)
class Ending:
    """What closing a connection came to.

    Counts are bytes of the program's stream (of ciphertext under TLS); SYN and FIN do not count.
    `bool(ending)` is true for CONFIRMED alone. The most that TCP can show is that the peer's
    program closed after everything had reached its kernel. Only an answer of the application
    proves that the bytes were processed.
    """

    kind: Kind
    delivered: bool | None
    """True: the peer's TCP acknowledged every byte. False: it did not. None: nobody can say: this
    system does not tell, or everything was acknowledged and the connection then destroyed, with
    which the peer may have thrown away what it had not read."""
    unacked: int | None
    """Bytes that the peer's TCP had not acknowledged at the end, those included that were still in
    an asyncio transport; some of them may have arrived. None: not known."""
    unsent: int | None
    """How many of `unacked` had never left this machine, so cannot have arrived."""
    drained: int
    """Bytes that arrived while closing and were thrown away."""
    elapsed: float
    """Seconds."""
    errno: int | None
    """The error that ended the connection, if there was one and the kernel still knew it."""
    peer_closed_first: bool
    """The peer sent its FIN before ours had arrived there."""
    state: str | None
    """The TCP state just before the descriptor was given back, as ss(8) spells it; Linux only."""
    reason: str
    """One sentence for people."""

    def __bool__(self) -> bool:
        return self.kind is Kind.CONFIRMED

    def check(self) -> Ending:
        """Return this ending; raise NotDelivered unless every byte is known to have arrived.

        Where the system does not count acknowledgments, CONFIRMED is taken for an answer.
        """
        if self.delivered or (self.delivered is None and self.kind is Kind.CONFIRMED):
            return self
        raise NotDelivered(self)
