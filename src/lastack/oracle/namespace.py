"""Network namespaces of our own, and the links between them. Linux, root.

A namespace here has no name and no holder process: this object's descriptor keeps it. When the
process ends, however it ends, the descriptor is closed, and the kernel takes the namespace away
with its sockets, its links and what ran on them; there is nothing to clean up.

A thread has a namespace of its own, so work is done by threads that enter one, and a program that
such a thread starts begins its life there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from lastack.wire import pack_address

_T = TypeVar("_T")

_CLONE_FS: Final = 0x200
_CLONE_NEWNS: Final = 0x20000
_CLONE_NEWUTS: Final = 0x4000000
_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 0x1000
_MS_PRIVATE_RECURSIVE: Final = 0x40000 | 0x4000
_LONGEST_NAME: Final = 64
_LOOKS: Final = 200
_PAUSE: Final = 0.01
"""So often, and after so many seconds, it is asked whether an address has its route."""


class NoNamespace(OSError):
    """The kernel does not let us have a namespace; the message is one line."""


class Namespace:
    """A network namespace with nothing but a loopback interface; a context manager.

    `files` are what programs find instead of the machine's own, by their paths: "/etc/hosts", and
    `name` the host name that they are told, which they may change without the machine knowing.
    """

    def __init__(self, files: Mapping[str, Path] | None = None, name: str = "") -> None:
        self.files = dict(files or {})
        self.name = name
        self._fd = in_thread(_make)

    def close(self) -> None:
        """Let go of it; it is gone when nothing in it runs any more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, work: Callable[[], _T]) -> _T:
        """Do some work in a thread inside: sockets that it makes and programs that it starts
        belong to the namespace. Return its result, or raise what it raised."""

        def inside() -> _T:
            self._enter()
            return work()

        return in_thread(inside)

    def ip(self, words: str) -> None:
        """Run ip(8) inside; its complaint is an OSError."""
        self.call(lambda: command(["ip", *words.split()]))

    def sysctl(self, name: str, value: object) -> None:
        """Set net.NAME inside, dots as slashes: "ipv4/tcp_congestion_control"."""
        self.call(lambda: Path(f"/proc/sys/net/{name}").write_text(str(value), encoding="ascii"))

    def kill(self, *which: str) -> None:
        """Destroy the TCP sockets that a filter of ss(8) names, all without one."""
        self.call(lambda: command(["ss", "-K", "-n", "-t", *which]))

    def address(self, link: str, near: str, far: str) -> None:
        """Give a link that is up an address and the way to its peer, usable at once."""
        # nobody is asked whether he has the address too. The link is up before, since an IPv6
        # address that waits for its link gets no route to the peer.
        at_once = " nodad" if ":" in near else ""
        self.ip(f"address add {near} peer {far} dev {link}{at_once}")
        if at_once:
            self.call(lambda: _wait_for_routes(near, far))

    def join(self, link: str, other: Namespace, other_link: str, mtu: int) -> None:
        """Join two namespaces by a veth pair, `link` here and `other_link` there."""
        self.ip(
            f"link add name {link} mtu {mtu} type veth "
            f"peer name {other_link} mtu {mtu} netns /proc/{os.getpid()}/fd/{other._fd}"
        )

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(self._fd, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        if self.name:
            if libc.unshare(_CLONE_NEWUTS):
                raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUTS)")
            socket.sethostname(self.name[:_LONGEST_NAME])
        if not self.files:
            return
        # a mount table of this thread alone: nobody else sees the other files
        if libc.unshare(_CLONE_FS | _CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
        mounts = [("none", "/", _MS_PRIVATE_RECURSIVE)]
        mounts += [(str(file), target, _MS_BIND) for target, file in self.files.items()]
        for source, target, flags in mounts:
            if libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None):
                raise OSError(ctypes.get_errno(), f"mount {target}")


def in_thread(work: Callable[[], _T]) -> _T:
    """Do some work in a thread of its own, which ends with it; return or raise as it does."""
    results: list[_T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below, in our caller's thread
            errors.append(error)

    thread = threading.Thread(target=body, name="namespace")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def command(words: list[str]) -> str:
    """Run a command line tool and return what it prints; its complaint is an OSError."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        raise NoNamespace(f"{words[0]} is not installed (Debian: iproute2)") from None
    if done.returncode:
        why = (done.stderr or done.stdout).strip().replace("\n", " ")
        raise OSError(f"{' '.join(words)}: {why}")
    return done.stdout


def namespaces_work() -> str:
    """Return why no namespace can be had here, "" if one can."""
    try:
        with contextlib.closing(Namespace()):
            return ""
    except OSError as error:
        return str(error)


def _wait_for_routes(*addresses: str) -> None:
    """Wait until IPv6 addresses have their routes, which the kernel makes when it has time."""
    wanted = [f"{pack_address(address).hex()} 80" for address in addresses]
    for _ in range(_LOOKS):
        told = Path("/proc/thread-self/net/ipv6_route").read_text("ascii")
        if all(route in told for route in wanted):
            return
        time.sleep(_PAUSE)
    raise NoNamespace(f"the kernel makes no IPv6 route to {addresses[-1]}")


def _make() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise NoNamespace("network namespaces are a thing of Linux")
    if libc.unshare(_CLONE_NEWNET):
        why = os.strerror(ctypes.get_errno())
        raise NoNamespace(f"a network namespace needs root: {why}")
    command(["ip", "link", "set", "lo", "up"])
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
