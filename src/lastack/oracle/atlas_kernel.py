"""Many connections of the kernel side by side, each with a hand-made peer: cells of the atlas.

One namespace and one TUN device hold them all; each has a port of its own. The class `KernelGround`
has the methods of `matrix.Ground`. The kernel answers a segment before the write to the device
returns, so what it sends at once is there at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Final

from lastack.profile import S
from lastack.state import CLOSED, LISTEN, State
from lastack.wire import Flow, Packet, Segment, pack_address

from .closer import timed_close
from .namespace import Namespace
from .socket_table import socket_table
from .tun import Tun

_NEAR, _FAR, _FAR_PORT = "10.0.0.1", "10.0.0.2", 40_000
_FIRST_PORT: Final = 2000
_PAUSE: Final = 0.005

Returned = tuple[str, int]


class AtlasKernel:
    """The namespace. A context manager; `ground` gives another connection. NoNamespace where there
    can be none."""

    def __init__(self) -> None:
        self._space = Namespace()
        self._grounds: list[KernelGround] = []
        try:
            self._tun = Tun(self._space, "peer0", _NEAR, _FAR)
        except BaseException:
            self._space.close()
            raise
        self._inbox: dict[int, list[tuple[int, Segment]]] = {}
        self._table: dict[int, State] = {}
        self._listening: set[int] = set()
        self._lock = threading.Lock()
        # what one connection learned of the path is not to be another one's beginning
        self._space.sysctl("ipv4/tcp_no_metrics_save", 1)

    def __enter__(self) -> AtlasKernel:
        return self

    def __exit__(self, *_: object) -> None:
        for ground in self._grounds:
            ground.leave()
        self._tun.close()
        self._space.close()

    def ground(self) -> KernelGround:
        """Return a connection that is still to be made."""
        ground = KernelGround(self, _FIRST_PORT + len(self._grounds))
        self._grounds.append(ground)
        return ground

    def wait(self, until: int) -> None:
        """Take packets until a time (time.monotonic_ns())."""
        self.pump()
        while (left := until - time.monotonic_ns()) > 0:
            self._tun.wait(left / S)
            self.pump()

    def pump(self) -> None:
        """Take the packets that are there."""
        with self._lock:
            for packet in self._tun.receive_packets():
                if isinstance(packet, Segment):
                    box = self._inbox.setdefault(packet.flow.sport, [])
                    box.append((time.monotonic_ns(), packet))

    def read_table(self) -> None:
        """Look at the socket table; until the next time states are as of now."""
        rows = self._space.call(socket_table)
        self._listening = {row.flow.sport for row in rows if row.state is LISTEN}
        self._table = {row.flow.sport: row.state for row in rows if row.state is not LISTEN}

    # -- for the grounds -----------------------------------------------------------------------

    def state(self, port: int) -> State:
        """The state of the connection on a port, as of the last look at the table."""
        return self._table.get(port, CLOSED)

    def listens(self, port: int) -> bool:
        """Whether somebody listened there then."""
        return port in self._listening

    def take(self, port: int) -> list[tuple[int, Segment]]:
        """Return what the kernel sent from a port."""
        with self._lock:
            return self._inbox.pop(port, [])

    def send(self, packet: Packet) -> None:
        """Let a packet arrive."""
        self._tun.send_packets([packet])

    def socket(self) -> socket.socket:
        """Return a non-blocking socket of the namespace."""
        sock = self._space.call(socket.socket)
        # a machine's default may be one that paces (bbr)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        sock.setblocking(False)
        return sock

    def kill(self, port: int) -> None:
        """Destroy the connection on a port, by ss -K."""
        self._space.kill("state", "connected", "sport", "=", f":{port}")


class KernelGround:
    """One connection. Times are ns since it was made."""

    def __init__(self, kernel: AtlasKernel, port: int) -> None:
        self._kernel = kernel
        self._port = port
        self._began = time.monotonic_ns()
        self._sock: socket.socket | None = None
        self._others: list[socket.socket] = []
        self.flow = Flow(pack_address(_NEAR), port, pack_address(_FAR), _FAR_PORT)

    @property
    def now(self) -> int:
        """The time."""
        return time.monotonic_ns() - self._began

    # -- the way there -------------------------------------------------------------------------

    def open(self) -> None:
        """Give the program a socket."""
        self._sock = self._kernel.socket()

    def bind(self) -> None:
        """Bind it to the port."""
        self._program.bind(("0.0.0.0", self._port))

    def listen(self) -> None:
        """Let it listen."""
        self._program.listen(5)

    def connect(self) -> None:
        """Begin to connect it."""
        self._program.connect_ex((_FAR, _FAR_PORT))

    def connected(self) -> None:
        """Learn that it is connected."""
        number = self._program.connect_ex((_FAR, _FAR_PORT))
        if number:
            raise OSError(number, os.strerror(number))

    def accept(self) -> None:
        """Give the program the accepted socket; the listening one stays."""
        listener = self._program
        self._sock, _ = listener.accept()
        self._sock.setblocking(False)
        self._others.append(listener)

    def write(self, size: int) -> None:
        """send(2), before it all begins."""
        self._program.send(bytes(size))

    def drop(self) -> None:
        """close(2), before it all begins."""
        self._program.close()
        self._sock = None

    def half_close(self) -> None:
        """shutdown(SHUT_WR), before it all begins."""
        self._program.shutdown(socket.SHUT_WR)

    # -- calls that are looked at ----------------------------------------------------------------

    def shutdown(self, how: int) -> Returned:
        """shutdown(2)."""
        return self._call(lambda sock: sock.shutdown(how))

    def send(self, size: int) -> Returned:
        """send(2)."""
        return self._call(lambda sock: sock.send(bytes(size), socket.MSG_NOSIGNAL))

    def recv(self) -> Returned:
        """recv(2)."""
        return self._call(lambda sock: sock.recv(4096))

    def close(self, linger: int | None, *, nonblocking: bool) -> Returned:
        """close(2); packets are taken while it waits."""
        sock, self._sock = self._program, None
        if linger is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger))
        sock.setblocking(not nonblocking)
        fd = sock.detach()
        told: list[tuple[int, int]] = []
        thread = threading.Thread(target=lambda: told.append(timed_close(fd)), name="close")
        thread.start()
        while thread.is_alive():
            thread.join(_PAUSE)
            self._kernel.pump()
        number, took = told[0]
        return _errno(number) if number else "0", took

    def exit(self) -> Returned:
        """End a process that has the socket: one that sleeps, and is killed."""
        sock, self._sock = self._program, None
        with subprocess.Popen(["sleep", "60"], pass_fds=[sock.fileno()]) as process:
            sock.close()
            begun = time.monotonic_ns()
            process.kill()
            process.wait()
        return "0", time.monotonic_ns() - begun

    def kill(self) -> None:
        """Let the administrator destroy the connection."""
        self._kernel.kill(self._port)

    @property
    def _program(self) -> socket.socket:
        if self._sock is None:
            raise RuntimeError("the program has no socket")
        return self._sock

    def _call(self, attempt: Callable[[socket.socket], object]) -> Returned:
        begun = time.monotonic_ns()
        try:
            value = attempt(self._program)
        except BlockingIOError:
            return "EAGAIN", time.monotonic_ns() - begun
        except OSError as error:
            return _errno(error.errno or 0), time.monotonic_ns() - begun
        return _told(value), time.monotonic_ns() - begun

    # -- packets and time ------------------------------------------------------------------------

    def arrive(self, seg: Segment) -> None:
        """Let a segment of the peer arrive."""
        self._kernel.send(seg)

    def take(self) -> list[tuple[int, Segment]]:
        """Return what was sent since the last call, with its times."""
        self._kernel.pump()
        return [(at - self._began, seg) for at, seg in self._kernel.take(self._port)]

    def pass_time(self, until: int) -> None:
        """Let time pass."""
        self._kernel.wait(self._began + until)

    def leave(self) -> None:
        """Let go of the sockets; what is connected is reset."""
        for sock in (self._sock, *self._others):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.close()

    # -- what can be seen ------------------------------------------------------------------------

    @property
    def has_socket(self) -> bool:
        """Whether the program has a socket that does not listen."""
        listening = (socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return self._sock is not None and not self._sock.getsockopt(*listening)

    @property
    def state(self) -> State:
        """The state in the socket table, as of the last look at it."""
        return self._kernel.state(self._port)

    @property
    def listens(self) -> bool:
        """Whether somebody listened on the port then."""
        return self._kernel.listens(self._port)


def _errno(number: int) -> str:
    return "EWOULDBLOCK" if number == errno.EWOULDBLOCK else errno.errorcode.get(number, "")


def _told(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes" if value else "EOF"
    if isinstance(value, int) and value:
        return f"{value} bytes"
    return "0"
