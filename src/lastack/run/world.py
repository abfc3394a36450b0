"""A world: hosts joined by links, programs on them, one virtual clock.

    world = World(seed=1)
    web = world.host("web")
    world.program(web, ["-m", "http.server", "8000"])
    world.program(world.host("get"), ["fetch.py"])
    outcome = world.run()

Events are ordered by (time, class, source, number): arrivals, timers of hosts, waits of programs,
starts of programs. The same seed gives the same run, whatever the machine does meanwhile.
"""

from __future__ import annotations

import gc
import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

from lastack.host import Host
from lastack.net import LOOPBACK, LinkRules, Network
from lastack.profile import LINUX, NEVER, Profile, S
from lastack.trace import Journal
from lastack.wire import pack_address

from . import foundations, libraries, signals
from .baton import Baton, Livelock, SimThread, Stopped, activate
from .ending import Ending, Verdict, report, table
from .engine import DEEPER
from .faults import Faults, Installed, start_of
from .output import Line
from .process import Node, Process
from .program import live, load
from .surroundings import Stage
from .waits import Timer
from .watchdog import GLANCE, Watch

DAWN: Final = 1_767_225_600 * S
"""2026-01-01T00:00:00Z, in ns since 1970."""
HOUR: Final = 3600 * S
FAMILIES: Final = ("46", "64", "4", "6")
RUNS_PER_COLLECTION: Final = 10
"""Garbage of earlier worlds is collected before every tenth."""
_runs: Final = count(1)


@dataclass(frozen=True)
class Ended:
    """How one program ended.

    exit: its status, None when it was stopped or hangs. stopped: it was ended at the end of the
    run, which is no failure. hung: who of its threads waited for what when the run was cut off.
    ended_by: "killed" or "power cut" when that was done to it. program: the how-manieth program
    of the world it is, from 1 on; one that was started again is there once for each start.
    """

    name: str
    host: str
    exit: int | None
    stopped: bool
    hung: str
    output: list[Line]
    ended_by: str = ""
    program: int = 0

    @property
    def failed(self) -> bool:
        """Whether it ended by itself with a status other than 0, or hangs."""
        return bool(self.hung) or self.exit not in (None, 0)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its programs in order, when (ns), and what was wrong with it as a whole."""

    programs: list[Ended]
    ended_at: int
    deadlock: str = ""
    livelock: str = ""
    parks: int = field(default=0, compare=False)

    @property
    def failed(self) -> bool:
        """Whether a program failed or hung, or the run could not go on."""
        return bool(self.deadlock or self.livelock) or any(p.failed for p in self.programs)


class World(Faults):
    """See the module. `patience`: seconds of real time that a program may compute without a call.
    `families`: which addresses names have, in order: "46", "64", "4", "6".

    A world runs once, and one at a time in a process.
    """

    def __init__(
        self, seed: int = 0, *, profile: Profile = LINUX, link: LinkRules | None = None,
        wire: bool = False, start: int = DAWN, trace: bool = True, patience: float = 10.0,
        families: str = "46",
    ) -> None:  # fmt: skip
        super().__init__()
        if not getattr(sys, "_is_gil_enabled", lambda: True)():
            raise RuntimeError("lastack runs programs under the GIL; this is a free-threaded build")
        self.seed = seed
        if families not in FAMILIES:
            raise ValueError(f"families are one of {', '.join(FAMILIES)}, not {families!r}")
        self.families = families
        self.profile = profile
        self.start = start
        self.journal = Journal()
        self.network = Network(seed, self.journal if trace else None, wire=wire)
        self._trace = trace
        self._link = link or LinkRules()
        self._patience = patience
        self._interruption: BaseException | None = None
        self._ending = Ending(self, self.processes, HOUR)
        self._stage: Stage | None = None

    # -- building

    def host(
        self, name: str, profile: Profile | None = None, *, link: LinkRules | None = None
    ) -> Node:
        """Add a host; it gets the next addresses from 10.0.0.1 and fd00::1 on, and a link to every
        other host.

        link: the rules of its links to the hosts that were there before. ValueError for a name
        that is taken.
        """
        if name in self.nodes:
            raise ValueError(f"there are two hosts named {name}")
        number = len(self.nodes) + 1
        if number > 254:
            raise ValueError("a world has at most 254 hosts")
        addresses = pack_address(f"10.0.0.{number}"), pack_address(f"fd00::{number:x}")
        rules = profile or self.profile
        self.network.attach(name, addresses)
        for other in self.nodes:
            self.network.link(name, other, link or self._link)
        node = Node(number, name, addresses, rules, self._engine(name, rules, addresses, 0))
        self.nodes[name] = node
        self.names.clear()
        self.by_address.update(dict.fromkeys(addresses, node))
        return node

    def _engine(
        self, name: str, rules: Profile, addresses: tuple[bytes, bytes], boots: int
    ) -> Host:
        scribe = self.journal.scribe(name) if self._trace else None
        # Another boot has other secrets: its sequence numbers and ports begin elsewhere.
        engine = Host(name, rules, addresses, seed=self.seed + (boots << 64), scribe=scribe)
        engine.mtu_to = partial(self.network.mtu, name)
        return engine

    def give_engine(self, node: Node) -> None:
        """Give a host an engine with empty tables."""
        node.boots += 1
        node.host = self._engine(node.name, node.profile, node.addresses, node.boots)

    def program(
        self, node: Node, main: Sequence[str] | Callable[[], object], *, name: str = "",
        start_at: int | None = None, background: bool = False,
    ) -> Process:  # fmt: skip
        """Add a program: ["FILE.py", ARG...], ["-m", "MODULE", ARG...], or a callable; that of a
        coroutine function is run by asyncio.

        Programs start in the order in which they were added, each when the one before it first
        waits; one with start_at (ns) starts then. ValueError when there is no such program.
        """
        programs = self._installed.setdefault(node, [])
        number = sum(map(len, self._installed.values())) + 1
        program = Installed(number, main, name or node.name, start_at, background)
        process = self._new_process(node, program, start_at)
        programs.append(program)
        return process

    def start_again(self, node: Node, program: Installed, at: int) -> Process:
        """Add a process of an installed program that starts at time `at`."""
        return self._new_process(node, program, at)

    def _new_process(self, node: Node, program: Installed, start_at: int | None) -> Process:
        number, main = len(self.processes) + 1, program.main
        process = Process(number, program.name, node, self.seed, lambda: self.now)
        process.start_at, process.background = start_at, program.background
        process.epoch, process.installed = self.start, program.number
        self._mains.append(main if callable(main) else load(main))
        self.processes.append(process)
        return process

    # -- running

    def run(self, until: int = HOUR) -> Outcome:
        """Run to the end, at most until virtual time `until` in ns.

        Raises what left the engine; KeyboardInterrupt for Ctrl-C; RuntimeError when it ran before.
        """
        if self.over:
            raise RuntimeError("this world has run; make another one")
        with foundations.installed():
            return self._run(until)

    def _run(self, until: int) -> Outcome:
        self._ending = Ending(self, self.processes, until)
        activate(self)
        with self._staged():
            self._switch(self.main)
            self._end_threads()
        return self._outcome()

    @contextmanager
    def _staged(self) -> Iterator[None]:
        """Set the process up for a run, and put back what was there. The world is active."""
        collecting, chance = gc.isenabled(), random.getstate()
        gc.disable()
        # What worlds leave grows old by being frozen, and the interpreter looks for old garbage
        # seldom; a full collection costs as much as some small worlds.
        if next(_runs) % RUNS_PER_COLLECTION == 0:
            gc.collect()
        frozen = gc.get_freeze_count() == 0
        if frozen:
            gc.freeze()  # what was there before is no matter of this run's collections
        try:
            self._stage = Stage()
            random.seed(self.seed)
            libraries.seed_again(self.seed)
            yield
        finally:
            activate(None)
            self.over = True
            self.change_program(None)
            random.setstate(chance)
            libraries.forget()
            if frozen:
                gc.unfreeze()
            if collecting:
                gc.enable()

    def _outcome(self) -> Outcome:
        if self._interruption is not None:
            raise self._interruption
        livelock = ""
        if isinstance(self.failure, Livelock):
            hung = [process.hung for process in self.processes if process.hung]
            livelock = "\n".join([str(self.failure), *hung, table(self)])
        elif self.failure is not None:
            raise self.failure
        programs = [
            Ended(p.name, p.node.name, None if p.hung else p.exit, p.stopped and not p.hung,
                  p.hung, p.output.lines, p.ended_by, p.installed)
            for p in self.processes
        ]  # fmt: skip
        return Outcome(programs, self.now, self._ending.deadlock, livelock, self.parks)

    def _end_threads(self) -> None:
        self.over = True
        for process in self.processes:
            process.output.close()
            if isinstance(process.main, SimThread) and not process.main.done:
                self.unwind(process.main)
        while self.threads:
            self.unwind(self.threads[-1])
        self._part_from_lost()

    def _part_from_lost(self) -> None:
        """Give threads that were left behind a second of real time to come out: what they waited
        for is free now, if it was one of the others that had it."""
        for thread in self._lost:
            thread.real.join(1.0)
            vars(threading)["_active"].pop(thread.ident, None)
        self._lost.clear()

    def change_program(self, process: Process | None) -> None:
        """Put the surroundings of a program in place."""
        if self._stage is None:
            return
        if process is not None and process.surroundings is None:
            out = process.output
            process.surroundings = self._stage.real.for_program(out.stdout, out.stderr)
        self._stage.change(None if process is None else process.surroundings)

    def deliver(self, process: Process) -> None:
        """Call the handlers of pending signals."""
        signals.deliver(process)

    def fail(self, error: BaseException) -> None:
        """End the world with an error; a livelock names the programs that it caught."""
        if isinstance(error, Livelock):
            for process in self.processes:
                if process.started and not process.ended and not process.in_background:
                    process.hung = process.hung or report(self, process)
        super().fail(error)

    # -- events

    def advance(self) -> bool:
        """Do the next event, if there is to be one."""
        event = self._first_event()
        verdict = self._ending.decide(event[0])
        if verdict is Verdict.LOOK_AGAIN:
            return True
        if verdict is Verdict.OVER or event[0] == NEVER:
            return False
        self._do(event)
        return True

    def _first_event(self) -> tuple[int, int, int]:
        """Return (time, class, source) of the event that comes first."""
        # Classes and sources in rising order: what comes later in this function has to be earlier.
        at, kind, source = max(self.network.next_arrival, self.now), 0, 0
        for node in self.nodes.values():
            due = node.host.timeout_before(at)
            if due < at:
                at, kind, source = due, 1, node.number
        if self.waits and self.waits[0][0] < at:
            at, kind, source = self.waits[0][0], 2, 0
        previous: Process | None = None
        for process in self.processes:
            if not process.started:
                due = start_of(process, previous, self.now)
                if due < at:
                    at, kind, source = due, 3, process.number
            if process.start_at is None:
                previous = process
        return (at, kind, source) if at < NEVER else (NEVER, 0, 0)

    def _do(self, event: tuple[int, int, int]) -> None:
        at, kind, source = event
        self.now = max(at, self.now)
        if kind == 0:
            while (arrival := self.network.take_arrival(self.now)) is not None:
                node = self.nodes[arrival[0]]
                if not (node.up and node.linked) and self.lose_arrival(node, arrival[1]):
                    continue
                node.host.packet_arrives(arrival[1], self.now)
                self.active_at = self.now
                self.flush(node)
        elif kind == 1:
            node = next(n for n in self.nodes.values() if n.number == source)
            node.host.timeout(self.now)
            self.flush(node)
        elif kind == 2:
            self.fire_wait()
        else:
            self._start(self.processes[source - 1])

    def loopback_arrives(self, node: Node) -> None:
        """Let arrive what a host has sent to itself, and what that gives rise to there.

        Loopback takes time on a ladder, but no call of that host's programs comes between: Linux
        delivers before the call that sent returns (docs/kernel-notes/loopback.md). Done at the
        next call, unless a program starts or a timer rings before.
        """
        if self.network.next_on_loopback(node.name) > self.now + LOOPBACK.delay_ns:
            return
        self.in_engine = True
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + DEEPER)
        try:
            while self.network.next_on_loopback(node.name) <= self.now + LOOPBACK.delay_ns:
                event = self._first_event()
                if event[1] == 3 or (event[1] == 2 and isinstance(self.waits[0][3], Timer)):
                    break  # it may end the program that is calling
                self._do(event)
        except BaseException as error:
            self.fail(error)
            raise Stopped from error
        finally:
            sys.setrecursionlimit(limit)
            self.in_engine = False

    def _start(self, process: Process) -> None:
        process.started = True
        main = self._mains[process.number - 1]
        process.main = self.spawn(process, lambda: live(process, main), "MainThread")

    # -- keeping watch

    def _wait_for_baton(self, me: Baton) -> None:
        if me is not self.main:
            me.lock.acquire()
            return
        watch = Watch(self._patience)
        while not self._take_baton():
            holder = self.holder
            if self.in_engine or not isinstance(holder, SimThread):
                continue
            if not (self.over or self.stopping):
                if watch.bored(holder, self.parks):
                    self.fail(Livelock(watch.verdict(holder, self.threads)))
            elif not watch.force(holder, at_once=self._interruption is not None):
                self.leave_behind(holder)
                return

    def _take_baton(self) -> bool:
        try:
            return self.main.lock.acquire(timeout=GLANCE)
        except BaseException as error:  # noqa: BLE001 - a signal handler of this process may raise anything
            self._interruption = error
            self.stopping = self.stopping or "interrupted"
            if self.holder is not self.main:
                return False
            # The lock is ours already, or is just being released.
            self.main.lock.acquire(timeout=GLANCE)
            return True
