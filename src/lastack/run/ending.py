"""When a run is over.

As long as a foreground program lives the run goes on, at most until `until`. A program that owns
a listening socket is in the background. When only such programs are left, the run goes on until
every connection is closed or has been idle for 60 s, and until the servers are at rest, for 60 s
after the last packet at most: none is in the middle of a sleep, and who polls with a time-out has
come back to its poll once since the last packet or sleep, so that a server that has been told to
stop stops. Then each gets KeyboardInterrupt, 60 s later those that remain are stopped, and the
network runs on until what they left has ended or is idle. TIME-WAIT is not waited for.
"""

from __future__ import annotations

import signal
from enum import Enum
from typing import Final

from lastack.profile import NEVER, S
from lastack.state import State
from lastack.trace import SocketRow

from .baton import SimThread
from .counted import forget_tasks
from .faults import Faults
from .osthread import stack_of
from .process import Process
from .signals import send

IDLE_NS: Final = 60 * S
PATIENCE_NS: Final = 60 * S
_DONE: Final = {State.LISTEN, State.TIME_WAIT, State.CLOSED}
_TRIES: Final = {"retransmit", "persist"}


class Verdict(Enum):
    """What to do next."""

    EVENT = "run the next event"
    LOOK_AGAIN = "programs were told something; let them run first"
    OVER = "the run is over"


class _Phase(Enum):
    PROGRAMS = "foreground programs run"
    INTERRUPTED = "the background programs got KeyboardInterrupt"
    NETWORK = "no program is left"


class Ending:
    """Decides, before each event, whether there is to be one. Asked when all threads wait."""

    def __init__(self, world: Faults, processes: list[Process], until: int) -> None:
        self._world = world
        self._processes = processes
        self._until = until
        self._phase = _Phase.PROGRAMS
        self._foreground: Process | None = None
        self._deadline = NEVER
        self._rows: list[SocketRow] = []
        self._rows_of = -1
        self.deadlock = ""

    def decide(self, at: int) -> Verdict:
        """Say what to do when the next event is due at time `at` (NEVER: there is none)."""
        if self._phase is _Phase.PROGRAMS:
            one = self._foreground  # who was it last is it still, nearly always
            if one is None or one.ended or one.in_background:
                found = (p for p in self._processes if not (p.ended or p.in_background))
                one = self._foreground = next(found, None)
            return self._only_background(at) if one is None else self._watch(at)
        if self._phase is _Phase.INTERRUPTED:
            return self._wait_for_programs(at)
        return Verdict.OVER if self._quiet(at) or at > self._until else Verdict.EVENT

    def _watch(self, at: int) -> Verdict:
        if at <= self._until and at < NEVER:
            return Verdict.EVENT
        foreground = [p for p in self._processes if not p.ended and not p.in_background]
        if at < NEVER:
            self._world.now = max(self._world.now, self._until)
        for process in foreground:
            process.hung = report(self._world, process)
        if at == NEVER:
            waiting = "\n".join(process.hung for process in foreground)
            head = "deadlock: no event is pending, and these wait"
            self.deadlock = "\n".join([head, waiting, table(self._world)])
        return Verdict.OVER

    def _only_background(self, at: int) -> Verdict:
        unstarted = any(not p.started and p.node.up for p in self._processes)
        if unstarted or self._world.scheduled:
            return Verdict.EVENT if at <= self._until else Verdict.OVER
        if not self._quiet(at):
            return Verdict.EVENT if at <= self._until else Verdict.OVER
        for process in self._living():
            process.interrupted = True
            send(process, signal.SIGINT)
        self._phase = _Phase.INTERRUPTED
        self._deadline = self._world.now + PATIENCE_NS
        return Verdict.LOOK_AGAIN

    def _wait_for_programs(self, at: int) -> Verdict:
        living = self._living()
        if not living:
            self._phase = _Phase.NETWORK
            return Verdict.LOOK_AGAIN
        if at > self._until:
            return Verdict.OVER
        if at <= self._deadline:
            return Verdict.EVENT
        self._world.now = max(self._world.now, self._deadline)
        for process in living:
            stop(process)
        self._deadline = NEVER
        return Verdict.LOOK_AGAIN

    def _living(self) -> list[Process]:
        return [process for process in self._processes if process.started and not process.ended]

    def _quiet(self, at: int) -> bool:
        """Whether every connection is closed, or all are idle and have been for IDLE_NS.

        When they will have been before the next event, time goes on to that moment.
        """
        world = self._world
        enough = min(world.active_at + IDLE_NS, self._until)
        if at <= enough and any(node.host.connections() for node in world.nodes.values()):
            return False  # without the rows, which for 1,000 TIME-WAITs were 9 % of a run
        rows = self._connections()
        if not rows:
            return world.network.in_flight() == 0 and not self._busy()
        # Without any event to come, also what is not idle stays as it is for ever.
        if at <= enough or not (at == NEVER or all(idle(row) for row in rows)):
            return False
        world.now = max(world.now, enough)
        return True

    def _busy(self) -> bool:
        """Whether a thread of a server will go on by itself within IDLE_NS of the last packet."""
        world = self._world
        bound = min(world.active_at + IDLE_NS, self._until)
        for thread in world.threads:
            process = thread.process
            if process.ended or process.background or thread.ticket is None:
                continue
            last = max(world.active_at, process.stirred_at)
            at_rest = (
                world.waiters.has(thread.ticket)
                and thread.since > last
                # After a long wait a short one is the rest of it: poll(2) in milliseconds may
                # return a little early, and its caller waits for what is left (socketserver).
                and thread.until - thread.since >= thread.waited
            )
            if thread.until <= bound and not at_rest:
                return True
        return False

    def _connections(self) -> list[SocketRow]:
        world = self._world
        if self._rows_of != world.steps:
            self._rows_of = world.steps
            self._rows = [
                row
                for node in world.nodes.values()
                for row in node.host.snapshot()
                if row.state not in _DONE
            ]
        return self._rows


def idle(row: SocketRow) -> bool:
    """Tell whether a connection has nothing to do but to wait for its programs.

    An orphan is idle only when all it had to say has been taken.
    """
    if row.send_queue or row.recv_queue or row.timer in _TRIES:
        return False
    return not row.orphan or row.state is State.FIN_WAIT_2


def stop(process: Process) -> None:
    """End a program: its main thread raises Stopped where it waits."""
    process.output.close()
    forget_tasks(process)
    main = process.main
    if isinstance(main, SimThread):
        main.killed = True
        if main.ticket is not None:
            main.ticket.fire()


def report(world: Faults, process: Process) -> str:
    """Say who of a program's threads waits for what, and where."""
    if not process.started:
        return f"{process.name}: has not started"
    rows = []
    for thread in world.threads:
        if thread.process is process:
            rows.append(f"{thread!r}: {thread.waits_for or 'runs'}")
            rows.append(stack_of(thread.real))
    return "\n".join(row for row in rows if row)


def table(world: Faults) -> str:
    """Return the sockets of all hosts, a line each, as `ss -tan` has them."""
    rows = [
        f"    {name}: {row.state.value} recv {row.recv_queue} send {row.send_queue} "
        f"{row.local} {row.remote} {row.timer}".rstrip()
        for name, node in world.nodes.items()
        for row in node.host.snapshot()
    ]
    return "\n".join(["sockets:", *(rows or ["    none"])])
