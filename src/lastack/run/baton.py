"""One baton: of all the threads of a world exactly one runs, the one that holds it.

A program's threads are real threads. Each blocking point is `park`: the thread that parks runs the
world's events itself until some thread can go on, and hands the baton over to that one directly
(or keeps it). Whoever is not the holder sits in a real lock.
"""

from __future__ import annotations

import gc
import heapq
import sys
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Final, TypeVar

from lastack.profile import NEVER
from lastack.sockets import File

from .engine import DEEPER, Machine
from .engine import Stopped as Stopped
from .osthread import OSThread, allocate_lock, get_ident, one_cpu
from .process import Node, Process
from .waits import Ticket

T = TypeVar("T")

PARKS_PER_COLLECTION: Final = 2_000
"""Garbage is collected at parks of fixed ordinal, so that __del__ runs at the same virtual time."""
_NEW, _ALL = 1, 2
"""Generations of the interpreter's collector."""
FREE_CALLS: Final = 1_000
SPIN_NS: Final = 1_000
"""Calls that came back empty-handed cost no time at first, then SPIN_NS and slowly more."""
CALLS_PER_TURN: Final = 10_000
"""So many calls without a wait, and other threads have their turn, as a kernel would see to it."""
PARKS_PER_INSTANT: Final = 300_000
"""So many parks without time going on are a livelock."""
REFUSALS: Final = 10_000
"""So often a thread that is being ended may try to go on."""


What = str | Callable[[], str]
"""What a thread waits for, for people; a function where words take time, as few are ever read."""


class Livelock(Exception):
    """Threads run for ever without virtual time going on."""


class Hung(Exception):
    """What a block of a world waits for cannot come, or not within its limit of virtual time."""


class Baton:
    """What one thread waits on for its turn."""

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.lock.acquire()


class SimThread(Baton):
    """One thread of a simulated program. `number` and `ident` count within the world."""

    def __init__(
        self, world: Scheduler, process: Process, number: int, name: str, body: Callable[[], None]
    ) -> None:
        super().__init__()
        self.world = world
        self.process = process
        self.number = number
        self.ident = number
        self.name = name
        self.body: Callable[[], None] | None = body
        self.real = OSThread()
        self.cpu: int | None = None
        self.ticket: Ticket[SimThread] | None = None
        self.what: What = ""
        self.until = NEVER
        self.since = 0
        self.waited = 0  # how long it waited last, if to the end of a time-out
        self.spins = 0
        self.calls = 0
        self.polled = -1  # calls, at its last poll that found something at once
        self.killed = False
        self.refusals = 0
        self.done = False
        self.lost = False
        self.heir: Baton | None = None
        self.at_end: list[Callable[[], None]] = []

    def __repr__(self) -> str:
        return f"{self.process.name}, {self.name}"

    @property
    def waits_for(self) -> str:
        """What it waits for, or waited for last, for people."""
        return self.what if isinstance(self.what, str) else self.what()


_active: Scheduler | None = None
_lost: Final[set[int]] = set()
"""Real threads that were left behind; wherever they come out they are to end."""


def current() -> SimThread | None:
    """Return the simulated thread that this code runs in; None in the real world."""
    # Every seam of a program asks this, twenty times an echo.
    if (
        (world := _active) is not None
        and (thread := world.running) is not None
        and thread.real.ident == get_ident()
    ):
        return thread
    return None


def here() -> SimThread:
    """Return the simulated thread that this code runs in; RuntimeError in the real world."""
    if (
        (world := _active) is not None
        and (thread := world.running) is not None
        and thread.real.ident == get_ident()
    ):
        return thread
    if get_ident() in _lost:
        raise Stopped
    raise RuntimeError("an object of a simulated program was used outside the simulation")


def activate(world: Scheduler | None) -> None:
    """Make a world the one whose threads `current` knows; RuntimeError when another one runs."""
    global _active
    if world is not None and _active is not None:
        raise RuntimeError("another world is running in this process")
    _active = world


class Scheduler(Machine):
    """Clock, threads and waits of a world; `advance` (in World) is where events come from."""

    def __init__(self) -> None:
        super().__init__()
        self.main = Baton()
        self.holder: Baton = self.main
        self.running: SimThread | None = None
        self.threads: list[SimThread] = []
        self.parks = 0
        self._ready: deque[Ticket[SimThread]] = deque()
        self._numbers = count(1)
        self._instant = (-1, 0)
        self._dying: SimThread | None = None
        self._lost: list[SimThread] = []
        self._cpu = one_cpu()

    # -- what World fills in

    def advance(self) -> bool:
        """Do the next event; False when the run is over."""
        raise NotImplementedError

    def change_program(self, process: Process | None) -> None:
        """Put the surroundings of a program in place (None: those of the real world)."""
        raise NotImplementedError

    def deliver(self, process: Process) -> None:
        """Call the handlers of the program's pending signals, in its main thread."""
        raise NotImplementedError

    def loopback_arrives(self, node: Node) -> None:
        """Let arrive what a host has sent to itself; see `World`."""
        raise NotImplementedError

    # -- threads

    def spawn(self, process: Process, body: Callable[[], None], name: str) -> SimThread:
        """Start a thread; it runs when the threads before it in the line have parked."""
        thread = SimThread(self, process, next(self._numbers), name, body)
        self.threads.append(thread)
        thread.ticket = Ticket(thread, self._ready)
        thread.ticket.wake()
        if self.running is None:
            thread.cpu = self._cpu  # any other thread inherits it from the one that starts it
        thread.real.start(lambda: self._boot(thread))
        return thread

    def _boot(self, thread: SimThread) -> None:
        thread.real.entered(thread.cpu)
        thread.lock.acquire()
        self._took_over(thread)
        try:
            if not thread.killed and thread.body is not None:
                thread.body()
        except SystemExit:
            pass  # sys.exit() in a thread ends the thread; Stopped is one, too
        except BaseException as error:  # noqa: BLE001 - the body reports what the program raised
            if not thread.lost:
                self.fail(error)
        if thread.lost:
            _lost.discard(thread.real.ident)
            return
        thread.body = None  # this frame outlives the baton; what it holds must not
        thread.done = True
        self.threads.remove(thread)
        for function in thread.at_end:
            function()
        thread.at_end.clear()
        heir = thread.heir or self._next()
        self._dying = thread
        self._hand_over(heir)

    def _hand_over(self, heir: Baton) -> None:
        sim = heir if isinstance(heir, SimThread) else None
        self.change_program(sim.process if sim is not None else None)
        self.running = sim
        self.holder = heir
        heir.lock.release()

    def _took_over(self, me: Baton) -> None:
        dying, self._dying = self._dying, None
        if dying is not None:
            dying.real.join()
        self.running = me if isinstance(me, SimThread) else None

    def _wait_for_baton(self, me: Baton) -> None:
        """Block for real until it is this thread's turn (World's main thread keeps watch too)."""
        me.lock.acquire()

    def _switch(self, me: Baton) -> None:
        heir = self._next()
        if heir is not me:
            self._hand_over(heir)
            self._wait_for_baton(me)
        self._took_over(me)

    def _next(self) -> Baton:
        """Run events until somebody can run; the main thread when the run is over."""
        self.running = None
        self.in_engine = True
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + DEEPER)
        try:
            while not self.stopping:
                while self._ready:
                    ticket = self._ready.popleft()
                    thread = ticket.thread
                    if thread.ticket is ticket and not thread.done:
                        return thread
                if not self.advance():
                    break
        except BaseException as error:  # noqa: BLE001 - whatever leaves the engine ends the world
            self.fail(error)
        finally:
            sys.setrecursionlimit(limit)
            self.in_engine = False
        return self.main

    def unwind(self, thread: SimThread) -> None:
        """End a thread: Stopped is raised where it waits, and again wherever it waits next."""
        me: Baton = self.running or self.main
        self.running = None
        thread.killed = True
        thread.ticket = None
        thread.heir = me
        self._hand_over(thread)
        self._wait_for_baton(me)
        self._took_over(me)

    # -- waiting

    def park(
        self, files: Iterable[tuple[File, int]], until: int, *, exclusive: bool = False,
        what: What = "",
    ) -> bool:  # fmt: skip
        """Let the current thread wait for events of files; see `park` below."""
        files = tuple(files)
        ticket = self.ticket()
        for file, bits in files:
            self.waiters.add(file, bits, ticket, exclusive=exclusive)
        try:
            return self._wait(ticket, until, what, polls=True)
        finally:
            self.waiters.remove(files, ticket)

    def ticket(self) -> Ticket[SimThread]:
        """Return a ticket with which the current thread can be woken."""
        return Ticket(here(), self._ready)

    def wait(self, ticket: Ticket[SimThread], until: int, what: What) -> bool:
        """Let the current thread sleep until its ticket is woken (True) or `until` (False)."""
        return self._wait(ticket, until, what, polls=False)

    def _wait(self, ticket: Ticket[SimThread], until: int, what: What, *, polls: bool) -> bool:
        me = ticket.thread
        if me.killed:
            self.check(me)
        me.spins = 0
        woken = self._sleep(me, ticket, until, what)
        me.waited = 0 if woken or until >= NEVER else until - me.since
        if woken or not polls:
            me.process.stirred_at = self.now
        return woken

    def _sleep(self, me: SimThread, ticket: Ticket[SimThread], until: int, what: What) -> bool:
        process = me.process
        if process.pending and self._signalled(me):
            ticket.open = False
            return True
        if self._abandoned:
            self.drain()
        self.parks += 1
        if self.parks % PARKS_PER_COLLECTION == 0:
            _collect(self.parks // PARKS_PER_COLLECTION)
        at, parks = self._instant
        self._instant = (self.now, parks + 1 if at == self.now else 1)
        if parks > PARKS_PER_INSTANT:
            me.what = what
            self.fail(Livelock(f"{me!r} and others go round at one instant, {me.waits_for}"))
        if until < NEVER:
            entry = (max(until, self.now), me.number, next(self._count), ticket)
            heapq.heappush(self.waits, entry)
        if process.blocked_at == NEVER:
            process.blocked_at = self.now
        me.ticket, me.what, me.until, me.since = ticket, what, until, self.now
        me.calls = 0
        self._switch(me)
        me.ticket, me.what = None, ""
        ticket.open = False
        self.check(me)
        return (bool(process.pending) and self._signalled(me)) or ticket.woken

    def _signalled(self, me: SimThread) -> bool:
        process = me.process
        if process.main is not me:
            return False
        self.deliver(process)
        return True

    def check(self, me: SimThread) -> None:
        """Raise Stopped in a thread that is being ended."""
        if me.killed:
            me.refusals += 1
            if me.refusals > REFUSALS:
                self._bury(me)
            raise Stopped

    def leave_behind(self, thread: SimThread) -> None:
        """Go on without a thread that is stuck in C, in the one that calls this. Should it ever
        come out it meets Stopped at every call."""
        thread.lost = thread.done = thread.killed = True
        _lost.add(thread.real.ident)
        self.threads.remove(thread)
        self._lost.append(thread)
        self.running = None
        self.holder = self.main

    def _bury(self, me: SimThread) -> None:
        """Leave a thread that will not end sitting for ever, and go on without it."""
        me.done = True
        self.threads.remove(me)
        self.fail(Livelock(f"{me!r} catches every exception and cannot be ended"))
        self._hand_over(me.heir or self.main)
        me.lock.acquire()

    def yield_(self) -> None:
        """Let the other threads run that can (time.sleep(0), sched_yield)."""
        me = here()
        self.check(me)
        self.spin(me)
        ticket = Ticket(me, self._ready)
        ticket.wake()
        self._sleep(me, ticket, NEVER, "yields")

    def spin(self, me: SimThread) -> None:
        """Count a call that came back empty-handed without waiting; see `spin` below."""
        me.spins += 1
        if me.killed:
            self.check(me)
        if me.spins > FREE_CALLS:
            pause = SPIN_NS * (1 + me.spins // FREE_CALLS)
            ticket = Ticket(me, self._ready)
            self._sleep(me, ticket, self.now + pause, "runs in a loop without waiting")

    def turn(self, me: SimThread) -> None:
        """Let the other threads have their turn, after so many calls of this one."""
        if not me.killed and not self.in_engine:
            pause = self.now + SPIN_NS
            self._sleep(me, self.ticket(), pause, "calls again and again without waiting")

    def step(self, node: Node, function: Callable[..., T], *args: Any) -> T:
        """Do what `engine` does for a program's call; a thread that is being ended has none."""
        me = self.running
        if me is not None:
            if me.killed:
                self.check(me)
            me.calls += 1
            if me.calls > CALLS_PER_TURN:
                self.turn(me)
            if self._abandoned:
                self.drain()
            if self.network.on_loopback:
                self.loopback_arrives(node)
        return self.engine(node, function, *args)


def _collect(ordinal: int) -> None:
    """Collect what garbage there is of new objects; of all, each time the run has grown twofold.

    A collection looks at every object it is about, and a run that is told keeps all its events. In
    one of 4,000 requests all of them each time took four times as long to collect as this.
    """
    gc.collect(_ALL if ordinal & (ordinal - 1) == 0 else _NEW)


def park(
    files: Iterable[tuple[File, int]], until: int, *, exclusive: bool = False, what: What = ""
) -> bool:
    """Let the current thread wait until one of the files has one of the event bits.

    False when virtual time `until` came first. True may also mean that a signal handler ran: the
    caller looks again and parks again. exclusive: only one of the threads that wait so is woken
    by an event, the first to park (accept). what: for the report of a program that hangs.
    """
    return here().world.park(files, until, exclusive=exclusive, what=what)


def found(me: SimThread) -> None:
    """Count a poll that found something at once: when a thread has called nothing else since the
    last it goes round, with a socket that is writable all the time, and is treated as in `spin`."""
    if me.polled == me.calls:
        me.world.spin(me)
    me.polled = me.calls


def spin() -> SimThread:
    """Count a system call that came back empty-handed without waiting (EAGAIN, poll(0)), and return
    the thread that made it.

    After 1,000 in a row without a wait each costs a little virtual time, more and more, so that a
    program that asks again and again gets its answer.
    """
    me = here()
    me.world.spin(me)
    return me
