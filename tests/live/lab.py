"""A network namespace for one test, and sockets in every state, made for real.

A namespace belongs to a thread: the test body runs in a thread of its own that leaves the machine's
namespace for a new, empty one, which disappears with the thread and the last socket.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import select
import socket
import struct
import subprocess
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import pytest

from lastack.live import Row, sockets

_T = TypeVar("_T")
_Test = Callable[..., None]
NOBODY: Final = 65534
LOOPBACK: Final = "127.0.0.1"
_CLONE_NEWNET: Final = 0x40000000
_PR_SET_DUMPABLE: Final = 4
_SETRESUID: Final = {"x86_64": 117, "aarch64": 147}


def private(test: _Test) -> _Test:
    """Run a test in a new network namespace with nothing but a loopback interface; needs root."""
    wrapped: _Test = pytest.mark.root(_in_thread(test, None))
    return wrapped


def private_as_nobody(test: _Test) -> _Test:
    """Run a test like `private`, as a user without any privilege."""
    wrapped: _Test = pytest.mark.root(_in_thread(test, NOBODY))
    return wrapped


def enter_new_namespace() -> None:
    """Move the calling thread to a new network namespace whose loopback interface is up."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def become(uid: int) -> None:
    """Make the calling thread, and no other, a thread of another user."""
    # the C library's setresuid() would change every thread of the process
    number = _SETRESUID.get(platform.machine())
    if number is None:
        pytest.skip(f"the number of setresuid(2) on {platform.machine()} is not known")
    if ctypes.CDLL(None, use_errno=True).syscall(number, uid, uid, uid):
        raise OSError(ctypes.get_errno(), "setresuid")
    # a process that changed its user is closed to others of that user until it says otherwise
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1)


@contextmanager
def child(work: Callable[[], int]) -> Generator[tuple[int, int], None, None]:
    """Fork, let the child do some work and keep what it made; yields its (pid, result of work).

    The child has the namespace and the user of the calling thread, and ends with the block.
    """
    said, says = os.pipe()
    waits, end = os.pipe()
    with warnings.catch_warnings():
        # the child calls `work` alone, which needs no lock that another thread could hold
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os.close(end)
            os.write(says, b"%d" % work())
            os.read(waits, 1)
        finally:
            os._exit(0)
    os.close(says)
    os.close(waits)
    try:
        answer = os.read(said, 20)
        assert answer, "the child failed"
        yield pid, int(answer)
    finally:
        os.close(said)
        os.close(end)
        os.waitpid(pid, 0)


def _in_thread(test: _Test, uid: int | None) -> _Test:
    @functools.wraps(test)
    def wrapped(*args: Any, **named: Any) -> None:
        errors: list[BaseException] = []

        def body() -> None:
            try:
                enter_new_namespace()
                if uid is not None:
                    become(uid)
                test(*args, **named)
            except BaseException as error:  # noqa: BLE001 - raised again below, for pytest
                errors.append(error)

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]

    return wrapped


def eventually(look: Callable[[], _T]) -> _T:
    """Return the first true value that `look` has; the kernel ends an exchange within moments."""
    for _ in range(500):
        value = look()
        if value:
            return value
        select.select((), (), (), 0.01)
    raise AssertionError(f"never true: {look}")


def row(filter: str, *, info: bool = False) -> Row:
    """Return the one socket that a filter keeps."""
    found = eventually(lambda: sockets(filter, info=info))
    assert len(found) == 1, found
    return found[0]


class Stage:
    """Makes sockets and closes those that a test has left open."""

    def __init__(self) -> None:
        self.open: list[socket.socket] = []

    def close(self) -> None:
        """Close every socket."""
        for sock in self.open:
            sock.close()

    def keep(self, sock: socket.socket) -> socket.socket:
        """Close the socket at the end of the test."""
        self.open.append(sock)
        return sock

    def bound(self, port: int = 0, *, reuse: bool = False, host: str = LOOPBACK) -> socket.socket:
        """Return a socket that has a port and nothing else."""
        sock = self.keep(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        sock.bind((host, port))
        return sock

    def listener(self, port: int = 0, *, reuse: bool = True, host: str = LOOPBACK) -> socket.socket:
        """Return a listening socket with room for eight connections."""
        sock = self.bound(port, reuse=reuse, host=host)
        sock.listen(8)
        return sock

    def client(self, listener: socket.socket) -> socket.socket:
        """Return a connection that nobody has accepted yet."""
        sock = self.keep(socket.socket(listener.family))
        sock.connect(listener.getsockname())
        return sock

    def pair(self, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a connection: (client, server)."""
        client = self.client(listener)
        return client, self.keep(listener.accept()[0])

    def server_side(
        self, state: str, port: int, *, reuse: bool = True
    ) -> tuple[socket.socket, socket.socket]:
        """Bring the server's end of a connection to `port` into a state; return (client, server).

        The listener is closed, so that this connection alone holds the port. States: those of
        ss(8); "fin-wait-2" is an orphan, "fin-wait-2 owned" only shut down.
        """
        listener = self.listener(port, reuse=reuse)
        client, server = self.pair(listener)
        listener.close()
        if state in ("fin-wait-1", "last-ack"):
            fill(server)
        if state in ("close-wait", "last-ack"):
            client.shutdown(socket.SHUT_WR)
            eventually(lambda: sockets(f"state fin-wait-2 dport = :{port}"))
        if state == "fin-wait-2 owned":
            server.shutdown(socket.SHUT_WR)
        elif state not in ("established", "close-wait"):
            server.close()
        if state == "time-wait":
            eventually(lambda: sockets(f"state fin-wait-2 sport = :{port}"))
            client.close()
        name = state.partition(" ")[0]
        eventually(lambda: sockets(f"state {name} sport = :{port}"))
        return client, server

    def connecting(self) -> socket.socket:
        """Return a socket in SYN-SENT: nobody is behind that interface."""
        for words in (
            "link add hole type veth peer name pit", "link set pit up", "link set hole up",
            "addr add 10.7.0.1/24 dev hole", "neigh add 10.7.0.2 lladdr 02:00:00:00:00:02 dev hole",
        ):  # fmt: skip
            subprocess.run(["ip", *words.split()], check=True)
        sock = self.keep(socket.socket())
        sock.setblocking(False)
        sock.connect_ex(("10.7.0.2", 80))
        return sock


def fill(sock: socket.socket) -> int:
    """Send until neither the peer's window nor our queue takes more; return the bytes."""
    sock.setblocking(False)
    total = 0
    while True:
        try:
            total += sock.send(bytes(1 << 16))
        except BlockingIOError:
            return total


def reset(sock: socket.socket) -> None:
    """Close with an RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def is_root() -> bool:
    """Tell whether this is root."""
    return os.geteuid() == 0
