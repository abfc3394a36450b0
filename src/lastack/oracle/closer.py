"""The kernel as the closer of a case of the matrix, behind a TUN device on which a peer is played.

The class has the methods of `matrix.Target`; the peer is any object that takes segments and time.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterable
from typing import Final, Protocol

from lastack.profile import NEVER, S
from lastack.state import CLOSED, LISTEN, TIME_WAIT
from lastack.wire import Segment

from .namespace import Namespace
from .socket_table import socket_table
from .tun import Tun

_NEAR, _FAR, _PORT = "10.0.0.1", "10.0.0.2", 80
_LOOK_EVERY: Final = 0.02
_SETTLE: Final = 0.05
"""How long after the last thing a segment may still be on its way through the kernel, s."""


class ScriptedPeer(Protocol):
    """The far end; times in ns."""

    def segment_arrives(self, seg: Segment, now: int) -> list[Segment]:
        """Take a segment; return the answers."""

    def timeout(self, now: int) -> list[Segment]:
        """Return what is due."""

    @property
    def next_timeout(self) -> int:
        """When to call `timeout`, NEVER for not at all."""


class KernelCloser:
    """One connection of the kernel to a scripted peer, in a namespace of its own.

    `sent` is all that the kernel sent. A context manager.
    """

    name = "kernel"

    def __init__(self) -> None:
        self.sent: list[Segment] = []
        self._space = Namespace()
        self._tun = Tun(self._space, "peer0", _NEAR, _FAR)
        self._socket = self._space.call(socket.socket)
        # what most kernels have; a machine's default may be one that paces (bbr)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        self._peer: ScriptedPeer | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._pump = threading.Thread(target=self._carry, name="peer", daemon=True)

    def __enter__(self) -> KernelCloser:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._pump.is_alive():
            self._pump.join()
        self._socket.close()
        self._tun.close()
        self._space.close()

    # -- what a case does ----------------------------------------------------------------------

    def open(self, peer: ScriptedPeer) -> None:
        """Connect the kernel's socket to the peer."""
        self._peer = peer
        self._pump.start()
        self._socket.connect((_FAR, _PORT))

    def set_linger(self, onoff: int, linger: int) -> int:
        """setsockopt(SO_LINGER); return its errno."""
        value = struct.pack("ii", onoff, linger)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, value)
        except OSError as error:
            return error.errno or 0
        return 0

    def inject(self, segments: Iterable[Segment]) -> None:
        """Hand segments of the peer to the kernel."""
        with self._lock:
            self._tun.send_packets(segments)

    def write(self, size: int) -> int:
        """Send as much of `size` bytes as the socket takes without waiting."""
        self._socket.setblocking(False)
        written = 0
        try:
            while written < size:
                written += self._socket.send(bytes(size - written))
        except BlockingIOError:
            pass
        finally:
            self._socket.setblocking(True)
        return written

    def pause(self, duration: int) -> None:
        """Let `duration` ns pass."""
        time.sleep(duration / S)

    def close(self, *, blocking: bool) -> tuple[int, int]:
        """close(2); return (errno, ns it took)."""
        self._socket.setblocking(blocking)
        return timed_close(self._socket.detach())

    def run_out(self, limit: int) -> None:
        """Let time pass until both ends are gone, or a limit is over."""
        end = time.monotonic() + limit / S
        while time.monotonic() < end and (self.alive or self._planned < NEVER):
            time.sleep(_LOOK_EVERY)
        time.sleep(_SETTLE)

    # -- what can be seen ----------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the kernel has the connection still; a TIME-WAIT is none."""
        table = self._space.call(socket_table)
        return any(row.state not in (TIME_WAIT, LISTEN, CLOSED) for row in table)

    @property
    def time_wait(self) -> bool:
        """Whether the kernel has a TIME-WAIT."""
        return any(row.state is TIME_WAIT for row in self._space.call(socket_table))

    # -- the peer ------------------------------------------------------------------------------

    @property
    def _planned(self) -> int:
        with self._lock:
            return self._peer.next_timeout if self._peer is not None else NEVER

    def _carry(self) -> None:
        """Play the peer in real time until the end."""
        peer = self._peer
        assert peer is not None
        while not self._over.is_set():
            wait = (min(self._planned, NEVER) - time.monotonic_ns()) / S
            self._tun.wait(min(wait, _LOOK_EVERY))
            with self._lock:
                for packet in self._tun.receive_packets():
                    if isinstance(packet, Segment):
                        self.sent.append(packet)
                        self._tun.send_packets(peer.segment_arrives(packet, time.monotonic_ns()))
                if peer.next_timeout <= time.monotonic_ns():
                    self._tun.send_packets(peer.timeout(time.monotonic_ns()))


def timed_close(fd: int) -> tuple[int, int]:
    """close(2) itself, as socket.close() hides an ECONNRESET; return (errno, ns it took)."""
    begun = time.monotonic_ns()
    try:
        os.close(fd)
    except OSError as error:
        return error.errno or 0, time.monotonic_ns() - begun
    return 0, time.monotonic_ns() - begun
