"""Fences: what would leave the simulation fails with a sentence that says what to do instead.

One audit hook, which does nothing outside a simulation, stops what the interpreter announces:
real sockets, new processes, C libraries. Extension modules that bring sockets of their own
announce nothing, so a guard at import keeps the known ones out.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final, NoReturn

from .baton import current
from .program import exit_now
from .seams import Registry

_ABORTED: Final = 134
"""The status that a shell shows for a program that SIGABRT ended."""

_PROCESS: Final = (
    "a simulated program cannot start a process: give that program a name of its own "
    "(lastack run NAME='PROGRAM ARGS'), or start a thread"
)
_SOCKET: Final = (
    "this would use a socket of the real machine: the object or the class was made outside the "
    "simulation; make it inside the program"
)
_LIBRARY: Final = (
    "a simulated program cannot load a C library with ctypes: its system calls would leave the "
    "simulation"
)
EVENTS: Final = {
    "socket.__new__": _SOCKET, "socket.connect": _SOCKET, "socket.bind": _SOCKET,
    "socket.getaddrinfo": _SOCKET, "socket.gethostbyname": _SOCKET, "socket.sendto": _SOCKET,
    "os.fork": _PROCESS, "os.forkpty": _PROCESS, "os.exec": _PROCESS, "os.posix_spawn": _PROCESS,
    "os.spawn": _PROCESS, "os.system": _PROCESS, "subprocess.Popen": _PROCESS,
    "ctypes.dlopen": _LIBRARY,
}  # fmt: skip
"""Audit events (the interpreter's audit event table) that fail in a simulated program."""

_ASYNCIO: Final = "asyncio's own loop runs here"
_PURE_POSTGRES: Final = "use asyncpg or pg8000"
_PURE_MYSQL: Final = "use PyMySQL"
C_SOCKETS: Final = {
    "uvloop": _ASYNCIO,
    "winloop": _ASYNCIO,
    "rloop": _ASYNCIO,
    "gevent": "its loop is written in C; use threads or asyncio",
    "bjoern": "use wsgiref or another server that is written in Python",
    "pycurl": "use http.client, urllib or requests",
    "curl_cffi": "use http.client, urllib or requests",
    "grpc": "use grpclib",
    "psycopg2": _PURE_POSTGRES,
    "psycopg_c": _PURE_POSTGRES,
    "psycopg_binary": _PURE_POSTGRES,
    "MySQLdb": _PURE_MYSQL,
    "_mysql_connector": _PURE_MYSQL,
    "pymssql": "use python-tds",
    "pyodbc": "use a driver that is written in Python",
    "pylibmc": "use pymemcache",
    "pycares": "names are those of the world's hosts; use socket.getaddrinfo",
    "zmq": "use plain sockets",
    "pynng": "use plain sockets",
    "confluent_kafka": "use kafka-python",
}
"""Modules with sockets written in C, and the way out for each."""


class Fenced(RuntimeError):
    """A simulated program tried to do something that would leave the simulation."""


def audit(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what would leave the simulation."""
    sentence = EVENTS.get(event)
    if sentence is None or current() is None:
        return
    if event == "ctypes.dlopen" and arguments[:1] == (None,):
        return  # the interpreter itself
    refuse(event)


def refuse(event: str) -> NoReturn:
    """Raise Fenced with the sentence for an audit event."""
    raise Fenced(f"{event}: {EVENTS[event]}")


class ImportGuard(MetaPathFinder):
    """Refuses modules whose sockets are written in C, in simulated programs."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise ImportError for such a module; leave every other to the finders after it."""
        way_out = C_SOCKETS.get(fullname.partition(".")[0])
        if way_out is not None and current() is not None:
            raise ImportError(
                f"{fullname} has sockets of its own, written in C, which cannot be simulated: "
                f"{way_out}",
                name=fullname,
            )
        return None


def _popen(self: Any, *args: Any, **kwargs: Any) -> None:
    """`subprocess.Popen.__init__`: refused before it has made pipes that no process will have."""
    if current() is not None:
        refuse("subprocess.Popen")
    _popen_real(self, *args, **kwargs)


def fork_exec(*_: object) -> NoReturn:
    """`_posixsubprocess.fork_exec`, which multiprocessing calls where no audit event says so."""
    refuse("subprocess.Popen")


_popen_real: Final[Any] = subprocess.Popen.__init__


def abort() -> None:
    """`os.abort`: end the program, not the process that simulates it."""
    exit_now(_ABORTED)


def find_library(name: str) -> str | None:
    """`ctypes.util.find_library`: none is found, as none may be loaded.

    The real one starts ldconfig(8); libraries that ask it at import know how to do without.
    """
    return None


_guard: Final = ImportGuard()
_hooked: list[bool] = []


def put_up() -> None:
    """Put up the fences; once per process, as an audit hook cannot be taken away."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(audit)
    if _guard not in sys.meta_path:
        sys.meta_path.insert(0, _guard)


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.function("os", "_exit", exit_now)
    registry.function("os", "abort", abort)
    registry.function("ctypes.util", "find_library", find_library)
    registry.function("_posixsubprocess", "fork_exec", fork_exec)
    registry.attribute(subprocess.Popen, "__init__", _popen)
    registry.before(put_up)
