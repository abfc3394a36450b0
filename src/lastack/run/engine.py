"""The part of a world that has no threads: clock, hosts, network, timers, who waits for what.

A call into the engine goes through `engine`: one at a time, nothing interrupts it, and what it made
is passed on at once.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

from lastack.net import Network
from lastack.sockets import File
from lastack.wire import Packet

from .names import Names
from .process import Node, Process
from .waits import Due, Timer, Waiters

T = TypeVar("T")

DEEPER: Final = 200
"""Frames that the engine may use beyond the program's recursion limit."""


class Stopped(SystemExit):
    """Raised in a simulated thread to end it; `threading` and `concurrent` keep quiet about it."""


class Machine:
    """Hosts, their network, and the time that they share."""

    network: Network

    def __init__(self) -> None:
        self.now = 0
        self.nodes: dict[str, Node] = {}
        self.by_address: dict[bytes, Node] = {}
        self.families = "46"  # of the addresses that names have, in order
        self.names: dict[Node, Names] = {}  # what each host knows, once it has been asked
        self.waiters = Waiters()
        self.waits: list[tuple[int, int, int, Due]] = []
        self.active_at = 0
        self.steps = 0
        self.in_engine = False
        self.stopping = ""
        self.over = False
        self.failure: BaseException | None = None
        self._count = count(1)
        self._objects = count(1)
        self._abandoned: list[tuple[Process, int]] = []

    def engine(self, node: Node, function: Callable[..., T], *args: Any) -> T:
        """Return function(*args, now), a call into the engine, and pass on what it made.

        OSError is an answer; any other exception ends the world.
        """
        if self.in_engine:
            raise RuntimeError("the engine was entered while it works")
        self.in_engine = True
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + DEEPER)
        try:
            try:
                return function(*args, self.now)
            finally:
                self.flush(node)
        except OSError:
            raise
        except BaseException as error:
            self.fail(error)
            raise Stopped from error
        finally:
            self.in_engine = False
            sys.setrecursionlimit(limit)

    def flush(self, node: Node) -> None:
        """Send the packets that a host made and wake whom its files concern."""
        self.steps += 1
        packets, ready = node.host.take_news()
        if packets:
            self.active_at = self.now
            leaving = packets if node.linked else self.outgoing(node, packets)
            self.network.send(node.name, leaving, self.now)
        for file, events in ready:
            self.active_at = self.now
            if isinstance(file, File):
                self.waiters.wake(file, events)

    def outgoing(self, node: Node, packets: list[Packet]) -> list[Packet]:
        """Return those of a host's packets that leave it."""
        return packets

    def abandon(self, process: Process, fd: int) -> None:
        """Close a descriptor whose object is gone, at the next call or park; for __del__."""
        self._abandoned.append((process, fd))

    def drain(self) -> None:
        """Close what was abandoned. Nobody waits for a lingering close here."""
        while self._abandoned:
            process, fd = self._abandoned.pop(0)
            file = process.descriptors.pop(fd, None)
            if file is not None and not self.over:
                call, text = _ends(process, "close", "close (object deleted)")
                self.engine(process.node, partial(_drop, file, call, text))

    def close_all(self, process: Process) -> None:
        """Close the descriptors of a program that has ended, unless the world has, too."""
        self.drain()
        for fd in list(process.descriptors):
            file = process.descriptors.pop(fd)
            if not self.over:
                call, text = _ends(process, "exit", "exit of the program")
                self.engine(process.node, partial(_drop, file, call, text))

    def number(self) -> int:
        """Return a number that no other object of this world has."""
        return next(self._objects)

    def fail(self, error: BaseException) -> None:
        """End the world with an error; the first one counts."""
        if self.failure is None:
            self.failure = error
        self.stopping = self.stopping or "failed"

    def call_at(self, at: int, function: Callable[[], None]) -> Timer:
        """Call `function` at virtual time `at`, unless the timer is cancelled."""
        timer = Timer(function)
        heapq.heappush(self.waits, (max(at, self.now), 0, next(self._count), timer))
        return timer

    def fire_wait(self) -> None:
        """End the wait, or ring the timer, that is due first."""
        heapq.heappop(self.waits)[3].fire()


def _ends(process: Process, call: str, text: str) -> tuple[str, str]:
    """Return what closes a file that its program does not close itself, in the trace's words."""
    return ("kill", "kill of the program") if process.ended_by else (call, text)


def _drop(file: File, call: str, text: str, now: int) -> None:
    """Close a file for a program that does not itself; nobody waits."""
    last = file.refs == 1
    if last:
        file.called(call, text, "", now)
    file.drop(now, exiting=True)
    if last:
        file.returned(call, "ok", 0, now)
