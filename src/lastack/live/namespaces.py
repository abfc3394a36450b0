"""Other network namespaces: a container's, another process's, one of ip-netns(8).

A socket belongs for ever to the namespace in which it was made. So only the making happens inside,
in a thread of its own that ends there; the rest of the process never leaves home.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from .errors import need_linux

_T = TypeVar("_T")
_NAMED: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWUSER: Final = 0x10000000


class NoNamespace(ValueError):
    """There is no such network namespace; the message is one line."""


@dataclass(frozen=True)
class Namespace:
    """A network namespace, held by the path of its handle in /proc/PID/ns or /run/netns."""

    path: Path
    title: str
    user: Path | None = None

    @classmethod
    def of_pid(cls, pid: int) -> Namespace:
        """The namespace in which process `pid` lives; raises NoNamespace."""
        need_linux("another network namespace")
        place = Path(f"/proc/{pid}/ns")
        if not place.exists():
            raise NoNamespace(f"there is no process {pid}")
        return cls(place / "net", f"process {pid}", place / "user")

    @classmethod
    def named(cls, name: str) -> Namespace:
        """The namespace that ip-netns(8) calls so, or the one at a path; raises NoNamespace."""
        need_linux("another network namespace")
        path = Path(name) if "/" in name else _NAMED / name
        if not path.exists():
            raise NoNamespace(f"there is no network namespace {path} (a container's: use --pid)")
        return cls(path, name)

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """Make a socket inside. Raises PermissionError, which says what is missing."""
        try:
            return self.run(lambda: socket.socket(family, kind, protocol))
        except PermissionError:
            if self.user is None or _same(self.user, Path("/proc/self/ns/user")):
                raise
            return self._by_child(family, kind, protocol)

    def run(self, work: Callable[[], _T]) -> _T:
        """Call `work` in a thread inside the namespace and return what it returns or raise it."""
        if _same(self.path, Path("/proc/thread-self/ns/net")):
            return work()
        results: list[_T] = []
        errors: list[BaseException] = []

        def inside() -> None:
            try:
                self._enter(self.path, _CLONE_NEWNET)
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                errors.append(error)

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def _by_child(self, family: int, kind: int, protocol: int) -> socket.socket:
        """Make the socket in a child process and take it over.

        For a container without root: its owner must enter the container's user namespace first,
        which the kernel allows only to a process of one thread (setns(2)).
        """
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            try:
                network = os.open(self.path, os.O_RDONLY)
                self._enter(Path(str(self.user)), _CLONE_NEWUSER)
                _setns(network, _CLONE_NEWNET)
                made = socket.socket(family, kind, protocol)
                socket.send_fds(theirs, [b"s"], [made.fileno()])
            finally:
                os._exit(0)
        theirs.close()
        with ours:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        os.waitpid(child, 0)
        if not descriptors:
            raise PermissionError(1, self._refused())
        return socket.socket(fileno=descriptors[0])

    def _enter(self, path: Path, kind: int) -> None:
        try:
            handle = os.open(path, os.O_RDONLY)
        except PermissionError:
            raise PermissionError(1, self._refused()) from None
        except FileNotFoundError:
            raise NoNamespace(f"the network namespace of {self.title} is gone") from None
        try:
            _setns(handle, kind)
        except PermissionError:
            raise PermissionError(1, self._refused()) from None
        finally:
            os.close(handle)

    def _refused(self) -> str:
        return f"the network namespace of {self.title} needs CAP_SYS_ADMIN there (root)"


def _same(one: Path, other: Path) -> bool:
    """Tell whether two handles are of one namespace; not known counts as no."""
    try:
        return os.stat(one).st_ino == os.stat(other).st_ino
    except OSError:
        return False


def _setns(handle: int, kind: int) -> None:
    # os.setns came with Python 3.12
    if ctypes.CDLL(None, use_errno=True).setns(handle, kind):
        number = ctypes.get_errno()
        if number == 22:
            raise NoNamespace("this is not a network namespace")
        raise OSError(number, os.strerror(number))
