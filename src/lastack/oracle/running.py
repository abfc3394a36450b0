"""Programs as processes on a stage, in real time: who starts when, and when it is over.

They start in the order given, each when the one before it listens, has made a call that may wait,
has ended, or has done none of it for a while without work; their interpreters are up before. A host
that listens is in the background. When only such are left and nothing has happened for a second (no
packet, no call, no output; ten seconds while a connection is open and one of them sleeps), each
gets SIGINT, and is killed some seconds later if need be; neither is a failure. What still runs at
the limit is killed and counts as hung.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from lastack.profile import S
from lastack.startup import prepare
from lastack.state import CLOSED, LISTEN, TIME_WAIT
from lastack.wire import Frame

from .records import RECORDER, environment, open_gate
from .socket_table import Entry
from .stage import Stage

_LOOK_EVERY: Final = 0.02
_QUIET: Final = S
"""How long nothing happens before all counts as idle; 60 s in a simulated world."""
_ASLEEP: Final = 10 * S
"""The same while a connection is open and a program sleeps or is at work."""
_TRIES: Final = frozenset({1, 4})
"""What the socket table calls a retransmission and a window probe that are due."""
_SETTLE: Final = S // 10
"""How long after a packet its answer may take."""
_AFTER_INTERRUPT: Final = 5.0
_NEXT_STARTS_AFTER: Final = 1.5
"""A program that does nothing and neither listens nor ends is not waited for longer, s."""
_AT_THE_LATEST: Final = 15.0
"""Nor is one that computes, s."""
_INTERRUPTED: Final = frozenset({-signal.SIGINT, -signal.SIGKILL, 128 + signal.SIGINT})
_WAITING: Final = (b"'call', 'connect", b"'call', 'accept'", b"'call', 'recv")
_WORKS: Final = frozenset({"R", "D"})
"""It runs, waits for a processor, or for a disk (proc(5))."""
_OVER: Final = frozenset({LISTEN, TIME_WAIT, CLOSED})

Act = Callable[[], None]


@dataclass(frozen=True)
class Program:
    """One process: its host, its arguments after the interpreter, whether it serves for ever (None:
    if it listens), and when it starts (ns), None for in its turn."""

    host: str
    arguments: Sequence[str]
    background: bool | None = None
    start_at: int | None = None


@dataclass
class Finished:
    """How a process ended: exit is None when it was stopped, which is no failure, or hung, that is
    was killed at the limit. Lines of output are (ns, "stdout" or "stderr", text)."""

    host: str
    exit: int | None = None
    stopped: bool = False
    hung: bool = False
    output: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Raw:
    """What a run left behind: `began` and the frames' times are ns since 1970, `looked` (when the
    sockets were looked at) ns since then."""

    programs: list[Finished]
    began: int
    looked: int
    frames: list[Frame]
    missed: int
    records: list[Path]
    tables: dict[str, list[Entry]]


def run(
    stage: Stage, programs: Sequence[Program], limit: float, acts: Sequence[tuple[int, Act]] = (),
    since: Callable[[], int] | None = None,
) -> Raw:  # fmt: skip
    """Run programs for `limit` seconds at most. acts: what is done meanwhile, (ns, what), counted
    from the start, or from the time that `since` tells (ns since 1970, 0 for not yet)."""
    running = _Running(stage, programs, time.monotonic() + limit, acts, since)
    try:
        running.play()
    finally:
        running.stop()
    return running.raw()


class _Running:
    def __init__(
        self, stage: Stage, programs: Sequence[Program], end: float,
        acts: Sequence[tuple[int, Act]], since: Callable[[], int] | None,
    ) -> None:  # fmt: skip
        self._stage = stage
        self._since = since
        self._programs = programs
        self._finished = [Finished(program.host) for program in programs]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []
        self._acts = sorted(acts, key=lambda pair: pair[0])
        self._interrupted: set[int] = set()
        self._tables: dict[str, list[Entry]] = {}
        self._frames: list[Frame] = []
        self._looked = 0
        prepare(stage.directory, RECORDER, forgiving=False)
        self._began = time.time_ns()
        self._end = end

    def play(self) -> None:
        """Run until every program has ended or the limit is reached."""
        in_turn = [
            number for number, program in enumerate(self._programs) if program.start_at is None
        ]
        for number in in_turn:
            self._begin(number)
        for number in in_turn:
            open_gate(self._record(number))
            self._until_ready(number)
        kill_at = self._end
        while time.monotonic() < min(kill_at, self._end):
            self._do_what_is_due()
            alive = [one for one in range(len(self._programs)) if self._lives(one)]
            if not alive:
                break
            if not self._interrupted and all(map(self._in_background, alive)) and self._at_rest():
                kill_at = time.monotonic() + _AFTER_INTERRUPT
                self._interrupted |= set(alive)
                for number in alive:
                    self._processes[number].send_signal(signal.SIGINT)
            time.sleep(_LOOK_EVERY)
        for number in self._interrupted:
            if self._lives(number):
                self._processes[number].kill()
        while time.monotonic() < self._end and not self._over():
            time.sleep(_LOOK_EVERY)

    def stop(self) -> None:
        """Look at the sockets that are left, let the capture end, and only then kill what hangs:
        what that does to its connections is no part of the run."""
        self._tables = {host: self._stage.table(host) for host in self._stage.hosts}
        self._looked = self._now()
        self._frames = self._stage.wires.stop()
        # who hangs is looked at before the first is killed, whose end lets others end
        alive = {number for number in self._processes if self._processes[number].poll() is None}
        for number, one in enumerate(self._finished):
            process = self._processes.get(number)
            if process is None:
                one.hung = True
                continue
            if number in alive:
                one.hung = number not in self._interrupted
                process.kill()
            status = process.wait()
            one.stopped = number in self._interrupted and status in _INTERRUPTED
            one.exit = None if one.hung or one.stopped else status
        for reader in self._readers:
            reader.join(1.0)

    def raw(self) -> Raw:
        """Return what was left behind."""
        records = [self._record(number) for number in range(len(self._programs))]
        return Raw(
            self._finished, self._began, self._looked, self._frames, self._stage.wires.lost,
            records, self._tables,
        )  # fmt: skip

    # -- one program ---------------------------------------------------------------------------

    def _record(self, number: int) -> Path:
        return self._stage.directory / f"record-{number}"

    def _begin(self, number: int) -> None:
        program = self._programs[number]
        arguments = [sys.executable, *program.arguments]
        surroundings = environment(self._stage.directory, self._record(number))

        def start() -> subprocess.Popen[bytes]:
            process = self._processes[number] = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=surroundings, start_new_session=True,
            )  # fmt: skip
            return process

        # stored where it is started: an interrupt of the main thread comes at any moment
        process = self._stage.space(program.host).call(start)
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert pipe is not None
            reader = threading.Thread(target=self._read, args=(number, name, pipe), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, number: int, name: str, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                text = line.decode("utf-8", "replace").rstrip("\n")
                self._finished[number].output.append((self._now(), name, text))

    def _until_ready(self, number: int) -> None:
        if number + 1 == len(self._programs):
            return
        begun = time.monotonic()
        last = min(begun + _AT_THE_LATEST, self._end)
        end = begun + _NEXT_STARTS_AFTER
        used = self._used(number)
        while self._lives(number) and not self._waits(number):
            now = time.monotonic()
            before, used = used, self._used(number)
            if used != before:
                end = now + _NEXT_STARTS_AFTER  # it imports, or waits for a processor
            if now > min(end, last):
                return
            time.sleep(_LOOK_EVERY / 4)

    def _used(self, number: int) -> object:
        """Return something that is another each time while a process has work to do."""
        try:
            told = Path(f"/proc/{self._processes[number].pid}/stat").read_text("ascii", "replace")
        except OSError:
            return None
        state, *rest = told.rpartition(")")[2].split()
        return time.monotonic() if state in _WORKS else rest[10:12]

    def _lives(self, number: int) -> bool:
        process = self._processes.get(number)
        return process is None or process.poll() is None

    def _waits(self, number: int) -> bool:
        """Whether it listens, or has made a call that may wait."""
        path = self._record(number)
        calls = path.read_bytes() if path.exists() else b""
        return any(word in calls for word in _WAITING) or self._listens(number)

    def _listens(self, number: int) -> bool:
        table = self._stage.table(self._programs[number].host)
        return any(row.state is LISTEN for row in table)

    def _in_background(self, number: int) -> bool:
        if number not in self._processes:
            return False
        background = self._programs[number].background
        return self._listens(number) if background is None else background

    # -- all of them ---------------------------------------------------------------------------

    def _do_what_is_due(self) -> None:
        now = self._now()
        since = self._since() if self._since is not None else self._began
        while self._acts and since and self._acts[0][0] <= time.time_ns() - since:
            self._acts.pop(0)[1]()
        for number, program in enumerate(self._programs):
            if number not in self._processes and (program.start_at or 0) <= now:
                self._begin(number)
                open_gate(self._record(number))

    def _over(self) -> bool:
        """Whether no connection is open any more, or nothing happens on those that are."""
        closed = not self._connected()
        return self._at_rest() or (closed and self._stage.wires.last + _SETTLE < time.time_ns())

    def _at_rest(self) -> bool:
        if any(row.timer in _TRIES for row in self._sockets()):
            return False  # it will be sent again, or asked whether the window is open
        paths = (self._record(number) for number in self._processes)
        calls = (path.stat().st_mtime_ns for path in paths if path.exists())
        lines = (self._began + one.output[-1][0] for one in self._finished if one.output)
        last = max(self._stage.wires.last, self._began, *calls, *lines)
        quiet = time.time_ns() - last
        return quiet > _ASLEEP or (quiet > _QUIET and not (self._connected() and self._asleep()))

    def _connected(self) -> bool:
        return any(row.state not in _OVER for row in self._sockets())

    def _sockets(self) -> Iterator[Entry]:
        return (row for host in self._stage.hosts for row in self._stage.table(host))

    def _asleep(self) -> bool:
        """Whether a thread of a program sleeps, and so is going to wake, or has woken and waits for
        a processor (proc(5), wchan and stat)."""
        for process in self._processes.values():
            for task in Path(f"/proc/{process.pid}/task").glob("*"):
                with contextlib.suppress(OSError):  # it has just ended
                    if "nanosleep" in (task / "wchan").read_text("ascii"):
                        return True
                    state = (task / "stat").read_text("ascii", "replace").rpartition(")")[2]
                    if state.split()[0] in _WORKS:
                        return True
        return False

    def _now(self) -> int:
        return time.time_ns() - self._began
