"""The kernel as the ground of random scripts: one namespace and one TUN device for many of them.

Each script has a peer's address and a port of its own, so that neither a socket that is left nor
what a kernel remembers of a peer (path MTU, metrics) reaches another script.
"""

from __future__ import annotations

import select
import struct
import threading
import time
from collections.abc import Sequence
from socket import IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_CONGESTION
from typing import Final

from lastack.drill import Answer, Left, Request, captured
from lastack.profile import MS, S
from lastack.wire import Flow

from .fuzz_diag import Diag
from .fuzz_play import Play
from .fuzz_record import Recorded
from .fuzz_script import Fuzz
from .namespace import Namespace
from .system_calls import CALLS, OPENING
from .tun import Tun

LOCAL: Final = bytes((192, 168, 0, 1))
PEER_PORT: Final = 40_000
FIRST_PORT: Final = 2_000
_PORTS: Final = 30_000
_BEGUN: Final = 10 * MS
"""A lingering close() that has not returned by then waits."""
_WAKES: Final = 3 * MS
"""So long may a thread take to return from a close() that is over."""
_RESET: Final = struct.pack("ii", 1, 0)
_ROUNDS: Final = 4
"""So often is the wire looked at after a step: a packet may free room for the next."""


def flow_of(number: int) -> Flow:
    """Return the flow of the script with a number, the host's end as its source."""
    address = bytes((10, *((number + 1) & 0xFFFFFF).to_bytes(3, "big")))
    return Flow(LOCAL, FIRST_PORT + number % _PORTS, address, PEER_PORT)


class _Call:
    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer


class _Ground:
    """One script on the kernel, in real time."""

    def __init__(self, flow: Flow, tun: Tun, diag: Diag) -> None:
        self.flow = flow
        self._tun = tun
        self._diag = diag
        self._left: list[Left] = []
        self._open: set[int] = set()
        self._threads: list[threading.Thread] = []
        self._began = time.monotonic_ns()

    @property
    def now(self) -> int:
        return time.monotonic_ns() - self._began

    def begin(self, request: Request) -> _Call:
        name, fd = request.name, request.fd
        if name == "close":
            self._open.discard(fd)
            if self._lingers(fd):
                return self._in_thread(fd)
        answer = CALLS[name](fd, *request.arguments)
        if name in OPENING and answer.value >= 0:
            self._open.add(answer.value)
        if name == "socket":
            CALLS["setsockopt"](answer.value, IPPROTO_TCP, TCP_CONGESTION, b"cubic")
        return _Call(answer)

    def _lingers(self, fd: int) -> bool:
        told = CALLS["getsockopt"](fd, SOL_SOCKET, SO_LINGER, 8)
        on, seconds = struct.unpack("ii", told.data.ljust(8, b"\0"))
        return bool(on and seconds)

    def _in_thread(self, fd: int) -> _Call:
        call = _Call()

        def body() -> None:
            call.answer = CALLS["close"](fd)

        thread = threading.Thread(target=body, name="close", daemon=True)
        self._threads.append(thread)
        thread.start()
        thread.join(_BEGUN / S)
        return call

    def kill(self) -> bool:
        return self._diag.destroy(self.flow)

    def state(self) -> str:
        return self._diag.state(self.flow)

    def inject(self, raw: bytes) -> None:
        self._tun.send(raw)

    def run(self, until: int) -> None:
        wait = max(until - self.now, 0) / S
        if wait:
            select.select([self._tun.fileno()], [], [], wait)

    def take(self) -> Sequence[Left]:
        for thread in self._threads:
            thread.join(_WAKES / S)
        for _ in range(_ROUNDS):
            before = len(self._left)
            while data := self._tun.receive():
                seg = captured(data)
                if seg is not None and seg.flow == self.flow:
                    self._left.append(Left(self.now, seg))
            if len(self._left) == before:
                break
        left, self._left = self._left, []
        return left

    def end(self) -> None:
        """Reset what is open, destroy what is left, and end the threads."""
        for fd in self._open:
            CALLS["setsockopt"](fd, SOL_SOCKET, SO_LINGER, _RESET)
            CALLS["close"](fd)
        for _ in range(4):
            if not self._diag.destroy(self.flow):
                break
        for thread in self._threads:
            thread.join(1)
            if thread.is_alive():
                raise RuntimeError("a close() does not return though its socket is destroyed")
        while self._tun.receive():
            pass


class KernelPlayer:
    """Plays scripts on the kernel, one after the other. A context manager.

    Make and use it in one thread that is inside `space` (see `Namespace.call`).
    """

    def __init__(self, space: Namespace) -> None:
        self._played = 0
        self._tun = Tun(space, "tun0", "192.168.0.1", "192.168.0.2")
        space.ip("route add 10.0.0.0/8 dev tun0")
        self._diag = Diag()

    def __enter__(self) -> KernelPlayer:
        return self

    def __exit__(self, *_: object) -> None:
        self._diag.close()
        self._tun.close()

    def play(self, script: Fuzz) -> Recorded:
        """Play a script in real time, and return what was seen."""
        ground = _Ground(flow_of(self._played), self._tun, self._diag)
        self._played += 1
        try:
            play = Play(script, ground)
            looks = play.play()
            return Recorded(play.concrete, looks, ground.flow)
        finally:
            ground.end()
