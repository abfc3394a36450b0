"""Who writes events down: one Journal for a world, one Scribe for each host in it."""

from __future__ import annotations

from collections.abc import Callable

from .events import Event

Listener = Callable[[Event], None]


class Journal:
    """Numbers the events of a world and hands each to every listener, in order."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.last_event = 0
        self.last_packet = 0
        self.last_conn = 0

    def scribe(self, host: str) -> Scribe:
        """Return the scribe that writes in the name of `host`."""
        return Scribe(self, host)

    def next_packet(self) -> int:
        """Return a packet number, 1 and on."""
        self.last_packet += 1
        return self.last_packet

    def next_conn(self) -> int:
        """Return the number of a connection's incarnation, 1 and on, unique in the world."""
        self.last_conn += 1
        return self.last_conn

    def write(self, event: Event, host: str, cause: int, now: int) -> int:
        """Stamp the event and hand it on; return its number."""
        self.last_event += 1
        event.at = now
        event.host = host
        event.n = self.last_event
        event.cause = cause
        for listener in self.listeners:
            listener(event)
        return self.last_event


class Scribe:
    """The journal in the hands of one host; knows what the host is working on."""

    __slots__ = ("journal", "host", "cause")

    def __init__(self, journal: Journal, host: str) -> None:
        self.journal = journal
        self.host = host
        self.cause = 0

    def write(self, event: Event, now: int) -> None:
        """Write down an event that follows from what the host is working on."""
        # Ten times an echo, so that Journal.write is written out here, and here in `begin`.
        journal = self.journal
        journal.last_event = event.n = journal.last_event + 1
        event.at = now
        event.host = self.host
        event.cause = self.cause
        for listener in journal.listeners:
            listener(event)

    def begin(self, event: Event, now: int) -> None:
        """Write down a call, an arrival or a timer: the cause of what follows."""
        journal = self.journal
        journal.last_event = self.cause = event.n = journal.last_event + 1
        event.at = now
        event.host = self.host
        event.cause = 0
        for listener in journal.listeners:
            listener(event)
