"""Signals of simulated programs: each has its own table, and they reach nobody else.

`signal.py` is CPython's own above the seam `_signal`. A signal is taken by the program's main
thread when it next waits, or at once when it waits already, as in CPython.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any, Final

from .baton import SimThread, Stopped, here
from .process import Process
from .seams import Registry
from .threads import S
from .waits import Timer

IGNORED_BY_DEFAULT: Final = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
_IGNORE: Final = int(signal.SIG_IGN)
_default_int_handler: Final = signal.default_int_handler


def send(process: Process, number: int) -> None:
    """Send a signal to a program; its main thread wakes for it."""
    if process.ended or process.exiting:
        return
    process.pending.append(number)
    main = process.main
    if isinstance(main, SimThread) and main.ticket is not None:
        main.ticket.fire()


def deliver(process: Process) -> None:
    """Act on the pending signals, in the program's main thread."""
    while process.pending:
        number = process.pending.pop(0)
        handler = process.signals.get(number, default(number))
        if handler == _IGNORE:
            continue
        process.delivered += 1
        if callable(handler):
            wake_up(process, number)
            handler(number, None)
        elif number not in IGNORED_BY_DEFAULT:
            process.exit = 128 + number
            raise Stopped


def default(number: int) -> Any:
    """Return what handles a signal at the start of a program."""
    return _default_int_handler if number == signal.SIGINT else int(signal.SIG_DFL)


def wake_up(process: Process, number: int) -> None:
    """Write the number to the descriptor of set_wakeup_fd, on which an event loop waits."""
    file: Any = process.descriptors.get(process.wakeup_fd)
    if file is not None:
        here().world.step(process.node, partial(file.send, bytes((number,)), 0))


def main_only(what: str) -> Process:
    """Return the current program; ValueError outside its main thread."""
    thread = here()
    if thread.process.main is not thread:
        raise ValueError(f"{what} only works in main thread of the main interpreter")
    return thread.process


def sim_signal(number: int, handler: Any) -> Any:
    """`_signal.signal`."""
    process = main_only("signal")
    if not 1 <= number < signal.NSIG:
        raise ValueError("signal number out of range")
    if not callable(handler) and handler not in (signal.SIG_DFL, signal.SIG_IGN):
        raise TypeError("a signal handler is SIG_IGN, SIG_DFL, or a callable object")
    old = process.signals.get(number, default(number))
    process.signals[number] = handler if callable(handler) else int(handler)
    return old


def getsignal(number: int) -> Any:
    """`_signal.getsignal`."""
    return here().process.signals.get(number, default(number))


def set_wakeup_fd(fd: int, *, warn_on_full_buffer: bool = True) -> int:
    """`_signal.set_wakeup_fd`: EBADF for a descriptor that is not open."""
    process = main_only("set_wakeup_fd")
    if fd != -1 and os.get_blocking(fd):
        raise ValueError(f"the fd {fd} must be in non-blocking mode")
    old, process.wakeup_fd = process.wakeup_fd, fd
    return old


def raise_signal(number: int) -> None:
    """`_signal.raise_signal`: the main thread takes it before the call returns; from another
    thread it interrupts what the main thread waits for."""
    thread = here()
    send(thread.process, number)
    if thread.process.main is thread:
        deliver(thread.process)


def kill(pid: int, number: int) -> None:
    """`os.kill`: a program reaches itself only."""
    if pid != here().process.pid:
        raise RuntimeError(f"os.kill({pid}): a simulated program has no other process to signal")
    if number:
        raise_signal(number)


def killpg(group: int, _number: int) -> None:
    """`os.killpg`: the groups of the machine are out of reach."""
    raise RuntimeError(f"os.killpg({group}): a simulated program has no other process to signal")


def pthread_kill(ident: int, number: int) -> None:
    """`_signal.pthread_kill`: whichever thread it is for, Python handles it in the main one."""
    send(here().process, number)


def interrupt_main(number: int = signal.SIGINT) -> None:
    """`_thread.interrupt_main`."""
    send(here().process, number)


class Alarm:
    """The interval timer of a program (setitimer(2), ITIMER_REAL)."""

    def __init__(self, process: Process, seconds: float, interval: float) -> None:
        world = here().world
        self.at = world.now + round(seconds * S)
        self.interval = interval
        self._process = process
        self._world = world
        self.timer: Timer = world.call_at(self.at, self._ring)

    def _ring(self) -> None:
        send(self._process, signal.SIGALRM)
        if self.interval > 0 and not self._process.ended:
            self.at += round(self.interval * S)
            self.timer = self._world.call_at(self.at, self._ring)

    def left(self) -> tuple[float, float]:
        """Return how long until it rings, and the interval, in seconds."""
        return max(0, self.at - self._world.now) / S, self.interval


def setitimer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
    """`_signal.setitimer`: ITIMER_REAL; the others count CPU time, of which there is none."""
    process = here().process
    old = getitimer(which)
    if isinstance(process.alarm, Alarm):
        process.alarm.timer.cancel()
    process.alarm = Alarm(process, seconds, interval) if seconds > 0 else None
    return old


def getitimer(which: int) -> tuple[float, float]:
    """`_signal.getitimer`."""
    alarm = here().process.alarm
    return alarm.left() if isinstance(alarm, Alarm) else (0.0, 0.0)


def alarm(seconds: int) -> int:
    """`_signal.alarm`."""
    left, _ = setitimer(signal.ITIMER_REAL, seconds)
    return -int(-left // 1)


def getpid() -> int:
    """`os.getpid`: the same in every run."""
    return here().process.pid


def nothing(*_: object, **__: object) -> None:
    """`siginterrupt`: Python retries interrupted calls anyway."""


def no_signals(*_: object) -> set[int]:
    """`pthread_sigmask`, `sigpending`: nothing is ever blocked."""
    return set()


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    for name, sim in (
        ("signal", sim_signal), ("getsignal", getsignal), ("set_wakeup_fd", set_wakeup_fd),
        ("raise_signal", raise_signal), ("pthread_kill", pthread_kill), ("alarm", alarm),
        ("setitimer", setitimer), ("getitimer", getitimer), ("siginterrupt", nothing),
        ("pthread_sigmask", no_signals), ("sigpending", no_signals),
    ):  # fmt: skip
        registry.function("_signal", name, sim)
    registry.function("_thread", "interrupt_main", interrupt_main)
    registry.function("os", "kill", kill)
    registry.function("os", "killpg", killpg)
    registry.function("os", "getpid", getpid)
