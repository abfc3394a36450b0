"""A world that its own process visits: pieces of ordinary code run as a program of a host.

    world = OpenWorld(seed=1)
    world.program(world.host("web"), serve)
    client = world.host("client")
    with world.on(client):
        sock = socket.create_connection(("web", 80))    # a simulated socket, virtual time
    outcome = world.finish()

The thread that executes the `with` is the main thread of a program of that host while the block
lasts, and of the same program in the next block for the same host: its sockets and threads stay.
Between blocks the world stands still. `finish` ends these programs as if their code had come to
its end, and runs the world to its own.

There is no other thread that keeps watch: whoever is in the block does so while it waits, so that
a run that cannot go on becomes an exception there: Hung, Livelock, what left the engine, or what a
signal handler of the process raised (KeyboardInterrupt).
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

from lastack.profile import NEVER, S

from . import foundations
from .baton import Baton, Hung, SimThread, activate
from .ending import Ending, Verdict, report, table
from .engine import Stopped
from .osthread import get_ident
from .process import Node, Process
from .program import exit_process, shut_down
from .world import HOUR, Outcome, World


class Visitor(SimThread):
    """The thread of this process that is in a block, as the main thread of a program."""

    def __init__(self, world: World, process: Process) -> None:
        super().__init__(world, process, next(world._numbers), "MainThread", lambda: None)
        self.real.ident = get_ident()


class _Visited(Ending):
    """As long as the world is visited the run is over only when nothing can happen any more."""

    def __init__(self, world: World, until: int) -> None:
        super().__init__(world, world.processes, until)
        self._limit = until

    def decide(self, at: int) -> Verdict:
        """Say what to do when the next event is due at time `at`."""
        return Verdict.EVENT if at <= self._limit and at < NEVER else Verdict.OVER


class OpenWorld(World):
    """See the module. `until`: the world's limit of virtual time, in ns."""

    def __init__(self, seed: int = 0, *, until: int = HOUR, **options: Any) -> None:
        super().__init__(seed, **options)
        self._until = until
        self._visitors: dict[Node, Visitor] = {}
        self._inside: list[Visitor] = []
        self._props = ExitStack()
        self._chance: Any = None  # the state of the random module on the other side
        self._ending = _Visited(self, until)
        self._frozen = False

    # -- blocks

    @contextmanager
    def on(self, node: Node) -> Iterator[None]:
        """Run the block as a program of the host; the world goes on while the block waits.

        Programs that were added before start before the block's first line. RuntimeError when
        the world has run or cannot go on, and when the block's program was ended in it (os._exit,
        a signal, a power cut).
        """
        if self.over or self.stopping:
            raise RuntimeError("this world is over; make another one")
        self._set_up()
        visitor = self._visitor(node)
        with self._entered(visitor):
            visitor.real.outermost = sys._getframe(2)  # of the `with`
            try:
                if visitor.process.main_thread is None:
                    visitor.process.main_thread = threading._MainThread()  # type: ignore[attr-defined]
                self._start_programs()
                yield
            except Stopped:
                self._exit(visitor)
                raise self._why_stopped(visitor.process) from None

    def _set_up(self) -> None:
        if self._stage is None:
            self._chance = random.getstate()
            self._props.enter_context(foundations.installed())
            self._props.enter_context(self._staged())
            self._exchange_chance()

    def _visitor(self, node: Node) -> Visitor:
        visitor = self._visitors.get(node)
        if visitor is not None and visitor.killed:
            self._part(visitor)
        if visitor is None or visitor.process.ended:
            number = -1 - len(self._visitors)
            process = Process(number, node.name, node, self.seed, lambda: self.now)
            process.started, process.epoch = True, self.start
            assert self._stage is not None
            process.surroundings = self._stage.real
            visitor = Visitor(self, process)
            process.main = visitor
            self._visitors[node] = visitor
            self.threads.append(visitor)
        return visitor

    @contextmanager
    def _entered(self, visitor: Visitor) -> Iterator[None]:
        """Make the calling thread the one that runs, as the main thread of its program."""
        assert self._stage is not None
        real, kept, loop = self._stage.real, visitor.process.kept, asyncio._get_running_loop()
        if not self._inside:
            activate(self)
            self._exchange_chance()
            real.cwd = os.getcwd()
        outside = real.number_threads(kept.get(__name__) or count(1).__next__)
        asyncio._set_running_loop(None)
        self._inside.append(visitor)
        self.main = self.holder = self.running = visitor
        try:
            yield
        finally:
            self._inside.pop()
            visitor.real.outermost = None
            kept[__name__] = real.number_threads(outside)
            asyncio._set_running_loop(loop)
            back = self._inside[-1] if self._inside else None
            self.running = back
            self.main = self.holder = back or Baton()
            if back is None:
                self._exchange_chance()
                activate(None)

    def _exchange_chance(self) -> None:
        here, there = random.getstate(), self._chance
        random.setstate(there)
        self._chance = here

    def _start_programs(self) -> None:
        for process in list(self.processes):
            if not process.started and (process.start_at or 0) <= self.now:
                self._start(process)
                self.yield_()  # until it waits

    def _switch(self, me: Baton) -> None:
        super()._switch(me)
        if isinstance(me, Visitor) and me.ticket is not None:
            if self.stopping or me.ticket.open:
                raise self._failure() or Hung(self._who_waits())

    def _failure(self) -> BaseException | None:
        return self._interruption or self.failure

    def _why_stopped(self, process: Process) -> BaseException:
        how = "" if process.exit is None else f" (exit status {process.exit})"
        return self._failure() or RuntimeError(f"the program of this block was ended{how}")

    def _who_waits(self) -> str:
        waiting = [report(self, visitor.process) for visitor in self._inside]
        waiting += [
            report(self, process)
            for process in self.processes
            if process.started and not process.ended and not process.in_background
        ]
        late = self._first_event()[0] < NEVER
        why = f"{self._until / S:g} s of virtual time are over" if late else "no event is pending"
        return "\n".join([f"{why}, and these wait", *waiting, table(self)])

    # -- faults between blocks

    def everybody(self) -> list[Process]:
        """Return every process, those of the blocks, too."""
        return self.processes + [visitor.process for visitor in self._visitors.values()]

    def settle(self) -> None:
        """Let run who can at this moment of virtual time, after something was done to the world
        from outside a block or in one."""
        if self.over or self._stage is None or self.in_engine:
            return  # a fault that was scheduled comes as an event
        if self._inside:
            self.yield_()
        else:
            self._frozen = True
            self._exchange_chance()
            activate(self)
            try:
                self._switch(self.main)
            finally:
                self._frozen = False
                activate(None)
                self._exchange_chance()
        for visitor in list(self._visitors.values()):
            if visitor.killed and visitor not in self._inside:
                self._part(visitor)

    def advance(self) -> bool:
        """Do the next event; none while the world stands still."""
        return not self._frozen and super().advance()

    # -- the end

    def finish(self) -> Outcome:
        """End the blocks' programs as if they had come to their end, and run to the end.

        Returns and raises what `World.run` does; the blocks' programs are not in the outcome.
        """
        if self.over:
            raise RuntimeError("this world has run; make another one")
        self._set_up()
        with self._last():
            for visitor in list(self._visitors.values()):
                self._part(visitor)
            self._ending = Ending(self, self.processes, self._until)
            self._exchange_chance()
            activate(self)
            self._switch(self.main)
            self._end_threads()
            self._exchange_chance()
        return self._outcome()

    def discard(self) -> None:
        """Stop everything where it stands; nothing more is sent. A second call does nothing."""
        if self.over:
            return
        self.stopping = self.stopping or "discarded"
        with self._last():
            self.over = True
            for visitor in list(self._visitors.values()):
                self._part(visitor)
            activate(self)
            self._end_threads()

    @contextmanager
    def _last(self) -> Iterator[None]:
        """Take the props away afterwards, and leave the process its own randomness."""
        chance = random.getstate()
        try:
            with self._props:
                yield
        finally:
            random.setstate(chance)

    def _part(self, visitor: Visitor) -> None:
        process = visitor.process
        if process.ended:
            return
        with self._entered(visitor):
            try:
                if not self.stopping and not visitor.killed:
                    shut_down(process)
                    process.exit = 0
            except Stopped:
                pass
            finally:
                self._exit(visitor)

    def _exit(self, visitor: Visitor) -> None:
        visitor.killed = visitor.done = True
        exit_process(visitor.process)
        self.threads.remove(visitor)
        for function in visitor.at_end:
            function()
