"""The real clock on a thread that does not give the baton back.

Whoever waits for the baton in the main thread keeps watch. A thread that has not come back for
`patience` seconds of real time either computes or is blocked in C, where the simulation cannot see
it: the world ends with a Livelock that names the thread, its line, how long, and what to do. The
best known case is a file of `socket.makefile()`: its buffer has a lock of its own in C, so two
threads that read it wait for each other outside of everything that is simulated.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import Final

from .baton import SimThread
from .engine import Stopped
from .osthread import cpu_seconds, frames_of, raise_in, real_time, stack_of

GLANCE: Final = 0.25
"""How often the main thread looks, in seconds."""
_GRACE: Final = 1.0
_AT_ONCE: Final = 0.2
_TRIES: Final = 10
_IDLE: Final = 0.01
"""Below this share of a processor a thread is blocked."""
_OF_BUFFERS: Final = frozenset({"readinto", "write"})


class Watch:
    """One wait for the baton."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self._parks = -1
        self._holder: SimThread | None = None
        self._since = self._looked_at = real_time()
        self._cpu = 0.0
        self._forced_at = 0.0
        self._forced = 0

    def bored(self, holder: SimThread, parks: int) -> bool:
        """Tell whether the holder has not parked for `patience` seconds."""
        now = real_time()
        if parks != self._parks or holder is not self._holder:
            self._parks, self._holder, self._since = parks, holder, now
            self._cpu = cpu_seconds(holder.real)
        return now - self._since > self.patience

    def blocked(self, holder: SimThread) -> bool:
        """Tell whether the holder has used no processor since it was first seen."""
        spent = cpu_seconds(holder.real) - self._cpu
        return spent < _IDLE * max(real_time() - self._since, GLANCE)

    def verdict(self, holder: SimThread, threads: Iterable[SimThread]) -> str:
        """Say who does not come back, for how long, what to do, and where it is."""
        return f"{fill(self._told(holder, threads), 80)}\n{stack_of(holder.real)}"

    def _told(self, holder: SimThread, threads: Iterable[SimThread]) -> str:
        spent = f"{self.patience:g} s of real time"
        if not self.blocked(holder):
            return (
                f"{holder!r} has run for {spent} without a wait: it computes, or goes round. Give "
                "it more patience (--patience), or let it sleep or wait where it goes round"
            )
        text = f"{holder!r} has been blocked in C for {spent}, where no simulated event reaches it"
        owner = _reader(holder, threads)
        if owner is None:
            return (
                f"{text}: it waits for a real lock, pipe, file or terminal. Let it wait for "
                "something simulated, or give it more patience (--patience)"
            )
        return (
            f"{text}: it wants the file of a socket (makefile()) that {owner!r} reads or writes; "
            "the lock of that file's buffer is in C. Use the file in one thread only; to end a "
            "read from another one, call shutdown() on the socket"
        )

    def force(self, thread: SimThread, *, at_once: bool) -> bool:
        """Raise Stopped in a thread that runs on though it must end, again and again.

        False when that is no use: it is blocked, or catches everything.
        """
        now = real_time()
        if self._forced_at == 0.0:
            self._forced_at = now
        if now - self._forced_at < (_AT_ONCE if at_once else _GRACE):
            return True
        if self._forced and self.blocked(thread):
            return False
        self._forced_at = now
        self._forced += 1
        thread.killed = True
        raise_in(thread.real.ident, Stopped)
        return self._forced <= _TRIES


def _reader(holder: SimThread, threads: Iterable[SimThread]) -> SimThread | None:
    """Return the thread of the same program that waits inside the file of a socket."""
    for thread in threads:
        if thread is not holder and thread.process is holder.process:
            for frame, _ in frames_of(thread.real):
                code = frame.f_code
                if code.co_name in _OF_BUFFERS and code.co_filename.endswith("socket.py"):
                    return thread
    return None
