"""What the event loops share: the loop over the steps of a Parting, and TLS over their streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .outcome import Ending
from .parting import Parting, Pause

Clock = Callable[[], float]
Wait = Callable[[Pause], Awaitable[None]]


async def drive(parting: Parting, clock: Clock, wait: Wait) -> Ending:
    """Step until the end; `wait` must return at once or later, but let other tasks run."""
    while (pause := parting.step(clock())) is not None:
        await wait(pause)
    return parting.ending(clock())


def told(outcome: Ending | OSError | ValueError | None) -> Ending:
    """Return or raise what the body of a task group came to."""
    if isinstance(outcome, Ending):
        return outcome
    assert outcome is not None  # a group is left in order only behind an outcome
    raise outcome


class NothingArrives(Exception):
    """Raised instead of waiting for the peer's records, which are drained undeciphered."""


class SendOnly:
    """Stands in for the transport of a TLS stream, so that unwrap() sends and does not wait."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self.send = self.send_all = send

    async def receive(self, max_bytes: int = 0) -> bytes:
        """Refuse, as anyio calls it."""
        raise NothingArrives

    receive_some = receive


class Unwrapping:
    """The close_notify of a TLS stream of trio or anyio, sent by a task beside the draining."""

    tls = True

    def __init__(self, stream: Any, receive: Callable[[], Awaitable[Any]], errors: Any) -> None:
        self._stream = stream
        self._receive = receive
        self._errors = errors
        self.sent = False

    async def run(self, send: Callable[[Any], Awaitable[None]]) -> None:
        """Send the alert; returns when it is with the kernel, or when it cannot be sent."""
        lower = self._stream.transport_stream
        self._stream.transport_stream = SendOnly(send)
        try:
            # unwrap() fails, and sends nothing, while there is deciphered data nobody has read.
            while await self._receive():
                pass
        except (NothingArrives, *self._errors):
            pass
        try:
            await self._stream.unwrap()
        except (NothingArrives, *self._errors):
            pass
        finally:
            if self._stream.transport_stream is not lower:
                self._stream.transport_stream = lower
        self.sent = True

    def flush(self) -> bool:
        """Whether the FIN may go."""
        return self.sent

    def held(self) -> int:
        """Nothing of the program's: its send() has returned."""
        return 0
