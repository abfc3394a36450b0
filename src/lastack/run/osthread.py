"""Real threads, the little that a world needs of them; everything here is the real thing.

The names are bound when this module is imported, before any seam replaces them.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final

get_ident: Final = _thread.get_ident
allocate_lock: Final = _thread.allocate_lock
real_time: Final = time.monotonic
real_pid: Final = os.getpid
current_frames: Final = sys._current_frames
_start: Final = _thread.start_new_thread
_BATCH: Final[int | None] = getattr(os, "SCHED_BATCH", None)
_cpu_clock: Final[Callable[[int], int] | None] = getattr(time, "pthread_getcpuclockid", None)
_clock_gettime: Final = time.clock_gettime
_sentinel: Final[Callable[[], Any] | None] = getattr(_thread, "_set_sentinel", None)
_start_joinable: Final[Callable[..., Any] | None] = getattr(_thread, "start_joinable_thread", None)
_GLANCE: Final = 0.25
"""How often to look whether a thread is there that has not said that it is gone, in seconds."""


class OSThread:
    """A real thread that can be joined: also its thread-local objects are gone then."""

    def __init__(self) -> None:
        self.ident = 0
        self.outermost: FrameType | None = None  # what is around it is no matter of its program
        self._gone: Any = None

    def start(self, body: Callable[[], None]) -> None:
        """Start it. The body must not end before `entered` was called in it."""
        if _start_joinable is not None:
            self._gone = _start_joinable(body, daemon=True)
        else:
            _start(body, ())

    def entered(self, cpu: int | None) -> None:
        """Register the thread that calls this; keep it on one CPU, if one is given.

        Threads that take turns are twice as fast on one CPU as on two, and need half as many
        switches where the one that is given the baton does not interrupt the one that gives it,
        which has the GIL still: so they are scheduled as SCHED_BATCH (sched(7)).
        """
        self.ident = get_ident()
        if _sentinel is not None:
            # The interpreter releases this lock when it has cleared the thread's state.
            self._gone = _sentinel()
            self._gone.acquire()
        if cpu is not None:
            try:
                os.sched_setaffinity(0, {cpu})
                if _BATCH is not None:
                    os.sched_setscheduler(0, _BATCH, os.sched_param(0))
            except OSError:
                return  # a container may forbid it; it is only a matter of speed

    def join(self, timeout: float = -1) -> None:
        """Wait until the thread is gone, at most for `timeout` seconds."""
        if _sentinel is None:
            self._gone.join(None if timeout < 0 else timeout)
        elif timeout >= 0:
            self._gone.acquire(timeout=timeout)
        else:
            # C code of a program may have asked for a sentinel as well; a thread has only one.
            while not self._gone.acquire(timeout=_GLANCE) and self.ident in current_frames():
                pass


def one_cpu() -> int | None:
    """Return the CPU for the threads of a world, or None where threads cannot be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[os.getpid() % len(allowed)]


def cpu_seconds(thread: OSThread) -> float:
    """Return the processor time that a thread has used; 0 where that cannot be asked."""
    if _cpu_clock is None:
        return 0.0
    try:
        return _clock_gettime(_cpu_clock(thread.ident))
    except OSError:
        return 0.0


def raise_in(ident: int, exception: type[BaseException]) -> None:
    """Raise an exception in another thread, at its next bytecode."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(exception))


def stack_of(thread: OSThread) -> str:
    """Return the innermost frames of a thread, the program's own, as text."""
    ours = (os.path.dirname(__file__), traceback.__file__, "<frozen")
    rows = [
        f"    {row.filename}:{row.lineno} in {row.name}"
        for row in traceback.StackSummary.extract(frames_of(thread))
        if not row.filename.startswith(ours)
    ]
    return "\n".join(reversed(rows[:6]))


def frames_of(thread: OSThread) -> Iterator[tuple[FrameType, int]]:
    """Yield the frames of a thread from the innermost on, each with the line where it is."""
    frame = current_frames().get(thread.ident)
    while frame is not None:
        yield frame, frame.f_lineno
        if frame is thread.outermost:
            break
        frame = frame.f_back
