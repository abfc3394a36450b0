"""Who waits for what: tickets of parked threads, by the file whose events they wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, Protocol, TypeVar

from lastack.sockets import ERR, HUP, File

ALWAYS: Final = ERR | HUP
"""poll(2) reports these whether asked or not; so every waiter is woken for them."""

ANY: Final = -1
"""Every event, also one without a bit."""

Watcher = Callable[[File, int], bool]
"""Told of an event; answers whether that woke a thread."""
T = TypeVar("T")


class Ticket(Generic[T]):
    """One wait of one thread. `wake` puts it in line once; later calls do nothing."""

    __slots__ = ("thread", "open", "woken", "_line")

    def __init__(self, thread: T, line: deque[Ticket[T]]) -> None:
        self.thread = thread
        self.open = True
        self.woken = False
        self._line = line

    def wake(self) -> bool:
        """End the wait because of what was waited for; False when it has ended already."""
        if not self.open:
            return False
        self.open = False
        self.woken = True
        self._line.append(self)
        return True

    def fire(self) -> None:
        """End the wait because its time is over."""
        if self.open:
            self.open = False
            self._line.append(self)


class Timer:
    """A function that a world calls at a virtual time, unless it is cancelled before."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], None]) -> None:
        self.function: Callable[[], None] | None = function

    def fire(self) -> None:
        """Call it."""
        function, self.function = self.function, None
        if function is not None:
            function()

    def cancel(self) -> None:
        """Forget it."""
        self.function = None


class Due(Protocol):
    """What stands in the list of a world's waits."""

    def fire(self) -> None:
        """Its time has come."""


def _alone(entry: tuple[Watcher, bool]) -> bool:
    return entry[1]


class Waiters:
    """The tickets of each file, in the order in which the threads parked."""

    def __init__(self) -> None:
        self._tickets: dict[File, list[tuple[Ticket[Any], int, bool]]] = {}
        self._watchers: dict[File, list[tuple[Watcher, bool]]] = {}

    def add(self, file: File, bits: int, ticket: Ticket[Any], *, exclusive: bool) -> None:
        """Let the ticket wait for one of the event bits of the file."""
        self._tickets.setdefault(file, []).append((ticket, bits | ALWAYS, exclusive))

    def remove(self, files: Iterable[tuple[File, int]], ticket: Ticket[Any]) -> None:
        """Take the ticket out of the lists of the files."""
        for file, _ in files:
            rest = [entry for entry in self._tickets.get(file, ()) if entry[0] is not ticket]
            if rest:
                self._tickets[file] = rest
            else:
                self._tickets.pop(file, None)

    def has(self, ticket: Ticket[Any]) -> bool:
        """Tell whether the ticket waits for a file."""
        return any(ticket is one for entries in self._tickets.values() for one, _, _ in entries)

    def wake(self, file: File, events: int) -> bool:
        """Tell the watchers, wake every poller, and one exclusive waiter (accept(2), or a set with
        EPOLLEXCLUSIVE): the first. Answer whether somebody was woken.

        Linux does the same with the exclusive entries of a socket's wait queue.
        """
        taken = woken = False
        if file in self._watchers:
            for watcher, exclusive in tuple(self._watchers[file]):
                if not (exclusive and taken):
                    answer = watcher(file, events)
                    woken |= answer
                    taken |= answer and exclusive
        if file not in self._tickets:
            return woken
        for ticket, bits, exclusive in tuple(self._tickets[file]):
            if not (bits & events or bits == ANY) or (exclusive and taken):
                continue
            answer = ticket.wake()
            woken |= answer
            taken |= answer and exclusive
        return woken

    def watch(self, file: File, watcher: Watcher, exclusive: bool) -> None:
        """Call `watcher` at every event of the file, before any thread is woken; an exclusive one
        only if none before it has woken anybody."""
        watchers = self._watchers.setdefault(file, [])
        watchers.append((watcher, exclusive))
        watchers.sort(key=_alone)

    def unwatch(self, file: File, watcher: Watcher, exclusive: bool) -> None:
        """Undo `watch`."""
        rest = [one for one in self._watchers.get(file, ()) if one != (watcher, exclusive)]
        if rest:
            self._watchers[file] = rest
        else:
            self._watchers.pop(file, None)
