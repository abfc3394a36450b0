"""The seam of `_thread`: locks, starting threads, thread identifiers.

`threading`, `queue` and `concurrent.futures` are CPython's own above it. Outside a simulation the
locks made in one behave as real locks do: a module that a simulated program imported may go on
being used.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from lastack.profile import NEVER

from .baton import CALLS_PER_TURN, Scheduler, SimThread, current, here, spin
from .osthread import allocate_lock, get_ident
from .seams import Registry
from .waits import Ticket

S: Final = 1_000_000_000
TIMEOUT_MAX: Final = round(threading.TIMEOUT_MAX * S)
"""The longest wait for a lock, in ns: 292 years."""


class WaitList:
    """Threads that wait for something that is no file, the first to come first in the line."""

    def __init__(self) -> None:
        self._tickets: deque[Ticket[SimThread]] = deque()

    def wait(self, world: Scheduler, until: int, what: str) -> bool:
        """Sleep until `wake` (True) or time `until` (False)."""
        ticket = world.ticket()
        self._tickets.append(ticket)
        try:
            return world.wait(ticket, until, what)
        except BaseException:
            if ticket.woken:
                self.wake()  # a signal came between: the turn goes to the next
            raise
        finally:
            if not ticket.woken:
                self._tickets.remove(ticket)

    def wake(self, many: bool = False) -> None:
        """Wake the first that still waits, or all."""
        while self._tickets:
            if self._tickets.popleft().wake() and not many:
                break

    def forget(self) -> None:
        """Drop those who waited; their world is over."""
        self._tickets.clear()


def deadline(world: Scheduler, timeout: float) -> int:
    """Return the time at which a timeout in seconds is over; negative: never."""
    return NEVER if timeout < 0 else min(world.now + round(timeout * S), NEVER)


def check_timeout(blocking: bool, timeout: float) -> None:
    """Raise what `_thread.lock.acquire` raises for arguments that make no sense."""
    if not blocking and timeout != -1:
        raise ValueError("can't specify a timeout for a non-blocking call")
    if blocking and timeout < 0 and timeout != -1:
        raise ValueError("timeout value must be a non-negative number")
    if timeout * S > TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")


class SimLock:
    """A `_thread.lock` whose waiting takes virtual time."""

    __slots__ = ("_holder", "_outside", "_waiting", "__weakref__")

    def __init__(self) -> None:
        self._holder: Scheduler | None = None  # the world in which it is locked
        self._outside = allocate_lock()
        self._waiting = WaitList()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Lock it; False when that was not possible at once, or within timeout seconds."""
        thread = current()
        if thread is None:
            return self._outside.acquire(blocking, timeout)
        if timeout != -1 or not blocking:
            check_timeout(blocking, timeout)
        world = thread.world
        thread.calls += 1  # who looks into a queue again and again never waits for its lock
        if blocking and thread.calls > CALLS_PER_TURN:
            world.turn(thread)
        if self._holder is None or self._free(world):
            self._holder = world
            return True
        if not blocking or timeout == 0:
            spin()
            return False
        until = deadline(world, timeout)
        while not self._free(world):
            if world.now >= until:
                return False
            self._waiting.wait(world, until, "waits for a lock")
        self._holder = world
        return True

    def _free(self, world: Scheduler) -> bool:
        if self._holder is not None and self._holder is not world:
            # A thread that was stopped with its world left it locked.
            self._holder = None
            self._waiting.forget()
        return self._holder is None

    def release(self) -> None:
        """Unlock it; RuntimeError when it is not locked."""
        if self._holder is not None:
            self._holder = None
            self._waiting.wake()
        else:
            self._outside.release()

    def locked(self) -> bool:
        """Say whether it is locked."""
        return self._holder is not None or self._outside.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        how = "locked" if self.locked() else "unlocked"
        return f"<{how} _thread.lock object at {id(self):#x}>"

    def _at_fork_reinit(self) -> None:
        self._holder = None
        self._outside = allocate_lock()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked


class SimRLock:
    """A `_thread.RLock`, likewise."""

    __slots__ = ("_block", "_owner", "_count", "__weakref__")

    def __init__(self, *_: object, **__: object) -> None:  # CPython ignores them as well
        self._block = SimLock()
        self._owner: object = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Lock it once more, if it is ours, or as soon as it is free."""
        me = me_or_ident()
        if self._owner == me:
            self._count += 1
            return True
        if not self._block.acquire(blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self) -> None:
        """Undo one acquire; RuntimeError when it is not ours."""
        if self._owner != me_or_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._owner = None
            self._block.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        how = "locked" if self._count else "unlocked"
        return f"<{how} _thread.RLock object count={self._count} at {id(self):#x}>"

    def _is_owned(self) -> bool:
        return self._owner == me_or_ident()

    def _recursion_count(self) -> int:
        return self._count if self._is_owned() else 0

    def _release_save(self) -> tuple[int, object]:
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        state, self._count, self._owner = (self._count, self._owner), 0, None
        self._block.release()
        return state

    def _acquire_restore(self, state: tuple[int, object]) -> None:
        self._block.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        self._block._at_fork_reinit()
        self._owner, self._count = None, 0


# trio asserts that a lock's class comes from `_thread`; tracebacks should say so, too.
for _class, _name in ((SimLock, "lock"), (SimRLock, "RLock")):
    _class.__module__, _class.__name__, _class.__qualname__ = "_thread", _name, _name


def me_or_ident() -> object:
    """Return who runs: the simulated thread, or the real one's number."""
    return current() or get_ident()


class SimHandle:
    """A `_thread._ThreadHandle` (Python 3.13 and on)."""

    def __init__(self) -> None:
        self.ident: int | None = None
        self._done = False
        self._waiting = WaitList()

    def _check_started(self) -> None:
        if self.ident is None:
            raise RuntimeError("thread not started")

    def is_done(self) -> bool:
        """Say whether the thread has ended."""
        return self._done

    def _set_done(self) -> None:
        self._check_started()
        self._done = True
        self._waiting.wake(many=True)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended, or for timeout seconds; RuntimeError for one that has
        not been started, and for the thread that calls."""
        self._check_started()
        me = here()
        if self.ident == me.ident and not self._done:
            raise RuntimeError("Cannot join current thread")
        world = me.world
        until = deadline(world, -1 if timeout is None else timeout)
        while not self.is_done() and world.now < until:
            self._waiting.wait(world, until, "joins a thread")


def start(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> SimThread:
    """Start a simulated thread of the current program."""
    me = here()
    if me.process.exiting:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    def body() -> None:
        try:
            function(*args, **kwargs)
        except SystemExit:
            pass  # ends the thread, no more
        except BaseException:  # noqa: BLE001 - a thread may raise anything; `_thread` prints it
            print(f"Exception ignored in thread started by: {function!r}", file=sys.stderr)
            traceback.print_exc()

    owner = getattr(function, "__self__", None)
    name = getattr(owner, "name", None) or getattr(function, "__name__", "thread")
    thread = me.world.spawn(me.process, body, str(name))
    if isinstance(owner, threading.Thread):
        vars(owner)[_PROCESS] = me.process
        # of one that its program does not live to see begin: `threading` would count it for ever
        thread.at_end.append(partial(vars(threading)["_limbo"].pop, owner, None))
    return thread


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
) -> int:
    """`_thread.start_new_thread`."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    return start(function, args, kwargs or {}).ident


def start_joinable_thread(
    function: Callable[[], object], handle: SimHandle | None = None, daemon: bool = True
) -> SimHandle:
    """`_thread.start_joinable_thread`, Python 3.13 and on."""
    handle = handle or SimHandle()
    if handle.ident is not None:
        raise RuntimeError("thread already started")
    thread = start(function, (), {})
    handle.ident = thread.ident
    thread.at_end.append(handle._set_done)
    return handle


def make_thread_handle(ident: int) -> SimHandle:
    """`_thread._make_thread_handle`, Python 3.13 and on."""
    handle = SimHandle()
    handle.ident = ident
    here().at_end.append(handle._set_done)
    return handle


def set_sentinel() -> SimLock:
    """`_thread._set_sentinel`, up to Python 3.12: a lock that is released when the thread ends."""
    lock = SimLock()

    def release() -> None:
        if lock.locked():
            lock.release()

    here().at_end.append(release)
    return lock


def thread_ident() -> int:
    """`_thread.get_ident`: small numbers that are the same in every run."""
    return here().ident


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    for name, sim in (
        ("start_new_thread", start_new_thread),
        ("start_new", start_new_thread),
        ("start_joinable_thread", start_joinable_thread),
        ("_make_thread_handle", make_thread_handle),
        ("_set_sentinel", set_sentinel),
        ("get_ident", thread_ident),
        ("get_native_id", thread_ident),
        ("_get_main_thread_ident", main_ident),
        ("allocate_lock", SimLock),
        ("allocate", SimLock),
    ):
        registry.function("_thread", name, sim)
    registry.klass("_thread", "RLock", SimRLock)
    if isinstance(registry.real("threading", "Lock"), type):  # Python 3.13 and on
        registry.klass("_thread", "lock", SimLock)
    registry.klass("_thread", "_ThreadHandle", SimHandle)
    registry.klass("_queue", "SimpleQueue", queue._PySimpleQueue)  # type: ignore[attr-defined]
    registry.function("threading", "main_thread", main_thread)
    registry.function("threading", "enumerate", enumerate_threads)
    registry.function("threading", "active_count", active_count)


def main_ident() -> int:
    """`_thread._get_main_thread_ident`, Python 3.13 and on."""
    main = here().process.main
    return main.ident if isinstance(main, SimThread) else 0


def main_thread() -> Any:
    """`threading.main_thread`: each program has its own."""
    return here().process.main_thread


_enumerate: Final = threading.enumerate
_PROCESS: Final = "_lastack_process"
"""Attribute of a thread object: the simulated process that has started it."""


def enumerate_threads() -> list[threading.Thread]:
    """`threading.enumerate`: the threads of this program only."""
    me = here()
    mine = {thread.ident for thread in me.world.threads if thread.process is me.process}
    # One that is being started has no number yet, and may be another program's.
    return [
        thread
        for thread in _enumerate()
        if thread.ident in mine
        or (thread.ident is None and vars(thread).get(_PROCESS) is me.process)
    ]


def active_count() -> int:
    """`threading.active_count`."""
    return len(enumerate_threads())
