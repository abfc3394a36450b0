"""What a program finds around it: put in place while one of its threads runs, taken away after.

Each program has its own sys.argv, sys.path, standard streams, environment, working directory,
`__main__`, exception hooks, numbering of threads, and modules of its own directory. Everything
else in the interpreter is shared by all programs of a world: two programs that both configure
`logging` configure the same one.
"""

from __future__ import annotations

import copy
import io
import itertools
import os
import platform
import sys
import sysconfig
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from .baton import here
from .fences import C_SOCKETS
from .hush import hush
from .libraries import OWN, own
from .seams import Dispatch, Registry
from .tracebacks import without_ours

_chdir: Final[Callable[[Any], None]] = os.chdir
_fchdir: Final[Callable[[int], None]] = os.fchdir
CPUS: Final = 4
"""Processors of a simulated host, as programs see them; its threads take turns all the same."""
_NOT_OWN: Final = ("site-packages", "dist-packages")
_PACKAGE: Final = __name__.partition(".")[0]
_LIBRARY: Final = os.path.realpath(sysconfig.get_paths()["stdlib"]) + os.sep


class Surroundings:
    """One set of what changes; made from what is in place."""

    def __init__(self) -> None:
        self.argv: list[str] = list(sys.argv)
        self.path: list[str] = list(sys.path)
        self.stdin: Any = sys.stdin
        self.stdout: Any = sys.stdout
        self.stderr: Any = sys.stderr
        self.environ: dict[Any, Any] = environ()
        self.cwd = os.getcwd()
        self.main_module: Any = sys.modules.get("__main__")
        self.thread_number: Any = vars(threading)["_counter"]
        self.hook: Any = sys.excepthook
        self.thread_hook: Any = threading.excepthook
        self.directory = ""
        self.of_program = False
        self.hushed = False  # killed: no object of it says that nobody closed it
        self._hush: AbstractContextManager[None] | None = None
        self.modules: dict[str, Any] = {}

    def for_program(self, stdout: Any, stderr: Any) -> Surroundings:
        """Return surroundings for a new program: fresh, with its own output and no input."""
        fresh = copy.copy(self)
        fresh.of_program = True
        fresh.argv, fresh.path = list(self.argv), list(self.path)
        fresh.environ, fresh.modules = dict(self.environ), {}
        fresh.stdin = io.TextIOWrapper(io.BytesIO(b""))
        fresh.stdout, fresh.stderr = stdout, stderr
        fresh.thread_number = itertools.count(1).__next__
        fresh.hook, fresh.thread_hook = sys.__excepthook__, thread_hook
        return fresh

    def number_threads(self, numbers: Callable[[], int]) -> Callable[[], int]:
        """Number new threads so from now on, in these surroundings, which are in place; return
        how it was done before."""
        before: Callable[[], int] = self.thread_number
        self.thread_number = vars(threading)["_counter"] = numbers
        return before

    def enter(self) -> None:
        """Put them in place."""
        sys.argv, sys.path = self.argv, self.path
        sys.stdin, sys.stdout, sys.stderr = self.stdin, self.stdout, self.stderr
        vars(os.environ)["_data"] = self.environ
        vars(threading)["_counter"] = self.thread_number
        sys.excepthook, threading.excepthook = self.hook, self.thread_hook
        if self.hushed:
            self._hush = hush()
            self._hush.__enter__()
        sys.modules["__main__"] = self.main_module
        sys.modules.update(self.modules)
        if os.getcwd() != self.cwd:
            _chdir(self.cwd)

    def leave(self, shared: set[str]) -> None:
        """Keep what the program changed; its own modules go out of sight."""
        if self._hush is not None:
            self._hush.__exit__(None, None, None)
            self._hush = None
        self.argv, self.path = sys.argv, sys.path
        self.stdin, self.stdout, self.stderr = sys.stdin, sys.stdout, sys.stderr
        self.hook, self.thread_hook = sys.excepthook, threading.excepthook
        self.main_module = sys.modules.get("__main__")
        if self.of_program or self.modules:
            self._take_modules(shared)

    def _take_modules(self, shared: set[str]) -> None:
        if len(sys.modules) != len(shared) + len(self.modules):
            new = sys.modules.keys() - shared - self.modules.keys()
            mine = own(new, sys.modules)
            for name in new:
                if name in mine or self._owns(name, sys.modules[name]):
                    self.modules[name] = None
                else:
                    shared.add(name)
        for name in list(self.modules):
            module = sys.modules.pop(name, None)
            if module is None:
                del self.modules[name]
            else:
                self.modules[name] = module

    def _owns(self, name: str, module: Any) -> bool:
        if not self.directory:
            return False
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or name.partition(".")[0] == _PACKAGE:
            return False
        path = os.path.realpath(path)
        inside = path.startswith(self.directory + os.sep) and not path.startswith(_LIBRARY)
        return inside and not any(part in path.split(os.sep) for part in _NOT_OWN)


def thread_hook(args: Any) -> None:
    """`threading.excepthook`, which says nothing of a thread that a world ends."""
    if issubclass(args.exc_type, SystemExit):
        return
    own = args.exc_traceback if args.exc_value is None else without_ours(args.exc_value)
    told = (args.exc_type, args.exc_value, own, args.thread)
    threading.__excepthook__(threading.ExceptHookArgs(told))


class Stage:
    """Whose surroundings are in place."""

    def __init__(self) -> None:
        self.real = Surroundings()
        self.present = self.real
        self.shared = set(sys.modules)
        mine = set() if self.shared.isdisjoint(OWN) else own(self.shared, sys.modules)
        if not self.shared.isdisjoint(C_SOCKETS):  # as if they had not been imported: see fences
            mine |= {name for name in self.shared if name.partition(".")[0] in C_SOCKETS}
        self.shared -= mine
        self.real.modules = {name: sys.modules[name] for name in mine}

    def change(self, to: Surroundings | None) -> None:
        """Put others in place; None: those of the real world."""
        to = to or self.real
        if to is not self.present:
            self.present.leave(self.shared)
            self.present = to
            to.enter()


def environ() -> dict[Any, Any]:
    """Return the dict behind os.environ."""
    data: dict[Any, Any] = vars(os.environ)["_data"]
    return data


def surroundings() -> Surroundings:
    """Return those of the current program."""
    mine: Surroundings = here().process.surroundings
    return mine


def chdir(path: Any) -> None:
    """`os.chdir`, for this program only."""
    _chdir(path)
    surroundings().cwd = os.getcwd()


def fchdir(fd: int) -> None:
    """`os.fchdir`, likewise."""
    _fchdir(fd)
    surroundings().cwd = os.getcwd()


def nothing(*_: object) -> None:
    """`os.putenv`, `os.unsetenv`: os.environ is the program's own; C code is not told."""


def cpu_count() -> int:
    """`os.cpu_count`: the same on every machine; pools of threads take their size from it."""
    return CPUS


def getaffinity(pid: int, /) -> set[int]:
    """`os.sched_getaffinity`, likewise."""
    return set(range(CPUS))


def getppid() -> int:
    """`os.getppid`: a host's first process."""
    return 1


def processor() -> str:
    """What `uname -p` says: `platform` asks that program, and none is started here."""
    return ""


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    asks: Any = vars(platform).get("_Processor")  # platform.platform() comes to it, and others
    if asks is not None:
        registry.attribute(asks, "from_subprocess", Dispatch(processor, asks.from_subprocess))
    registry.function("os", "cpu_count", cpu_count)
    registry.function("os", "process_cpu_count", cpu_count)
    registry.function("os", "sched_getaffinity", getaffinity)
    registry.function("os", "getppid", getppid)
    registry.function("os", "chdir", chdir)
    registry.function("os", "fchdir", fchdir)
    registry.function("os", "putenv", nothing)
    registry.function("os", "unsetenv", nothing)
