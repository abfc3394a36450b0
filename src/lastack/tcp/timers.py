"""One deadline for each kind of timer of a connection (RFC 9293 section 3.10.8).

A timer is nothing but a number: time is whatever `now` the caller passes.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import NEVER

RETRANSMIT: Final = 0
"""Something in flight was not acknowledged (RFC 6298)."""
PERSIST: Final = 1
"""The peer's window keeps us from sending, and nothing is in flight (MUST-36)."""
DELAYED_ACK: Final = 2
"""An ACK that waits for company (SHLD-18)."""
FIN_WAIT_2_IDLE: Final = 3
"""A closed connection whose peer does not close."""
KEEPALIVE: Final = 4
"""An idle connection whose peer may be gone (SO_KEEPALIVE)."""

LOSS_PROBE: Final = 5
"""The last segment of a flight is repeated before the retransmission timer (RFC 8985 section 7)."""
REORDER: Final = 6
"""What may only be late counts as lost from now on (RFC 8985 section 6)."""

NAMES: Final = (
    "retransmit", "persist", "delayed-ack", "fin-wait-2", "keepalive", "loss-probe", "reorder",
)  # fmt: skip


_STOPPED: Final = [NEVER] * len(NAMES)
"""The deadlines of every connection of which no timer runs."""


class Timers:
    """The deadlines; `earliest` is the next of them."""

    __slots__ = ("deadline", "earliest")

    def __init__(self) -> None:
        self.deadline = _STOPPED
        self.earliest = NEVER

    def set(self, kind: int, at: int) -> None:
        """Let the timer expire at `at`."""
        deadline = self.deadline
        if deadline is _STOPPED:
            deadline = self.deadline = _STOPPED.copy()
        before, deadline[kind] = deadline[kind], at
        if at <= self.earliest:
            self.earliest = at
        elif before == self.earliest:
            self.earliest = min(deadline)

    def stop(self, kind: int) -> None:
        """Let the timer not expire."""
        deadline = self.deadline
        before = deadline[kind]
        if before != NEVER:
            deadline[kind] = NEVER
            if before == self.earliest:
                self.earliest = min(deadline)
                if self.earliest == NEVER:
                    self.deadline = _STOPPED

    def stop_all(self) -> None:
        """Stop every timer."""
        self.deadline = _STOPPED
        self.earliest = NEVER

    def running(self, kind: int) -> bool:
        """Tell whether the timer is set."""
        return self.deadline[kind] != NEVER

    def expired(self, kind: int, now: int) -> bool:
        """Tell whether the timer is set and due."""
        return self.deadline[kind] <= now
