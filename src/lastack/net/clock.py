"""Where `now` comes from: the world's own time, or that of a machine."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What a front end asks for the time; all times are ns since some beginning."""

    def now(self) -> int:
        """Return the time; it never goes back."""
        ...

    def wait(self, until: int) -> None:
        """Return at `until`, or earlier when a pipe has packets."""
        ...


class VirtualClock:
    """Time that passes only when somebody waits."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        """Return the time in ns."""
        return self._now

    def wait(self, until: int) -> None:
        """Let the time be `until`; a time that has passed changes nothing."""
        self._now = max(self._now, until)
