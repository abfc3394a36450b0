"""The kernel as the target of a packetdrill script, in real time.

A private namespace holds the sockets and one TUN device; the script's peer is on its other side.
Calls that may wait are made by a thread each. Nothing outlives the process: see `namespace`.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import time
from collections.abc import Callable
from socket import SHUT_RDWR, SO_LINGER, SOL_SOCKET
from typing import Final

from lastack.drill import Answer, Ends, Left, OutOfTime, Request, captured
from lastack.profile import MS, S
from lastack.wire import Packet, build, show_address

from .namespace import Namespace
from .settings import Settings
from .socket_table import socket_table
from .system_calls import CALLS, NOT_OPEN, OPENING, WAITING
from .tun import Tun

SLACK: Final = 20 * MS
"""By how much times may be off on a kernel beyond what a script allows: a machine has other work
too. The order and content of packets may not be off."""
_AT_ONCE: Final = 3 * MS
"""A call that does not wait has returned by then."""
_LEAVE: Final = 0.2
"""Seconds that a thread gets to end its call when its socket is gone."""
_NO_WAIT: Final = struct.pack("ii", 1, 0)
_SS_STATES: Final = {
    "SYN-SENT": "syn-sent", "SYN-RECEIVED": "syn-recv", "ESTABLISHED": "established",
    "FIN-WAIT-1": "fin-wait-1", "FIN-WAIT-2": "fin-wait-2", "CLOSE-WAIT": "close-wait",
    "LAST-ACK": "last-ack", "CLOSING": "closing", "TIME-WAIT": "time-wait", "LISTEN": "listening",
}  # fmt: skip
"""ss(8)'s words."""


class KernelCall:
    """A call under way, or over. `ended` is set before `answer`."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.ended = 0


class Kernel:
    """The target. `limit`: seconds of real time, 0 for no end; OutOfTime when they are over."""

    def __init__(self, space: Namespace, settings: Settings, tun: Tun, limit: float) -> None:
        self._space = space
        self._settings = settings
        self._tun = tun
        self._left: list[Left] = []
        self._open: set[int] = set()
        self._waiting: list[KernelCall] = []
        self._threads: list[threading.Thread] = []
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._limit = limit
        self._began = time.monotonic_ns()

    @property
    def now(self) -> int:
        """Real time since the target began."""
        return time.monotonic_ns() - self._began

    # -- calls ---------------------------------------------------------------------------------

    def begin(self, request: Request) -> KernelCall:
        """Make a call, in a thread of its own if it may wait."""
        call = KernelCall()
        make = self._bound(request)
        if request.name == "socket":
            self._finish(call, request, self._space.call(make))
        elif request.name not in WAITING:
            self._finish(call, request, make())
        else:
            self._in_thread(call, request, make)
        return call

    def _bound(self, request: Request) -> Callable[[], Answer]:
        """Return the call. Numbers of descriptors that the script closed may be our own by now."""
        fd = request.fd if request.fd in self._open else NOT_OPEN
        arguments = request.arguments
        if request.name == "poll":
            wanted, timeout = arguments
            assert isinstance(wanted, tuple)
            known = tuple((one if one in self._open else NOT_OPEN, bits) for one, bits in wanted)
            arguments = (known, timeout)
        elif request.name == "epoll_ctl":
            operation, other, events = arguments
            arguments = (operation, other if other in self._open else NOT_OPEN, events)
        return lambda: CALLS[request.name](fd, *arguments)

    def _in_thread(self, call: KernelCall, request: Request, make: Callable[[], Answer]) -> None:
        def body() -> None:
            self._finish(call, request, make())
            os.write(self._wake, b"!")

        if request.name == "close":
            # Linux frees the number at once, whatever close() answers
            self._open.discard(request.fd)
        thread = threading.Thread(target=body, name=request.name, daemon=True)
        self._threads.append(thread)
        self._waiting.append(call)
        thread.start()
        until = self.now + _AT_ONCE
        while call.answer is None and self.now < until:
            self._look(until)

    def _finish(self, call: KernelCall, request: Request, answer: Answer) -> None:
        call.ended = self.now
        if request.name in OPENING and answer.value >= 0:
            self._open.add(answer.value)
            self._settings.prepare(answer.value, request.name)
        call.answer = answer

    # -- time and packets ----------------------------------------------------------------------

    def inject(self, packet: Packet) -> None:
        """Let a packet arrive. What the kernel sends at once has left when this returns."""
        self._tun.send(build(packet))

    def run(self, until: int) -> None:
        """Let real time pass."""
        self._look(0)
        while not (self._left or self._any_ended()):
            now = self.now
            if self._limit and now > self._limit * S:
                raise OutOfTime(f"it takes more than {self._limit:g} s of real time")
            if now >= until:
                return
            self._look(until)

    def _look(self, until: int) -> None:
        """Wait for a packet or the end of a call, a second at most; read the packets."""
        wait = min(max(until - self.now, 0) / S, 1)
        ready, _, _ = select.select([self._tun.fileno(), self._woken], [], [], wait)
        if self._woken in ready:
            os.read(self._woken, 64)
        while data := self._tun.receive():
            seg = captured(data)
            if seg is not None:
                self._left.append(Left(self.now, seg))

    def _any_ended(self) -> bool:
        before = len(self._waiting)
        self._waiting = [call for call in self._waiting if call.answer is None]
        return len(self._waiting) < before

    def take(self) -> list[Left]:
        """Return the packets that left since the last call."""
        left, self._left = self._left, []
        return left

    # -- to look at, to change -----------------------------------------------------------------

    def states(self) -> list[str]:
        """Return the state of every row of the socket tables."""
        return [row.state.value for row in self._space.call(socket_table)]

    def forget(self, state: str) -> None:
        """Destroy what is in a state, by ss -K."""
        self._space.kill("state", _SS_STATES[state])

    def change(self, name: str, value: str) -> bool:
        """Make a setting of the namespace."""
        self._settings.set(name, value)
        return True

    # -- the end -------------------------------------------------------------------------------

    def close(self) -> None:
        """Reset what is open, and take device and namespace away."""
        for fd in self._open:
            CALLS["setsockopt"](fd, SOL_SOCKET, SO_LINGER, _NO_WAIT)
            CALLS["shutdown"](fd, SHUT_RDWR)
            CALLS["close"](fd)
        self._open.clear()
        if any(thread.is_alive() for thread in self._threads):
            self._space.kill()
        for thread in self._threads:
            thread.join(_LEAVE)
        self._tun.close()
        self._space.close()
        if not any(thread.is_alive() for thread in self._threads):
            os.close(self._wake)
        os.close(self._woken)


class KernelGround:
    """A namespace to which the settings of a script are made. `limit` as for Kernel."""

    slack = SLACK

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._space = Namespace()
        self._settings = Settings(self._space)

    def set(self, name: str, value: str) -> None:
        """Make a setting."""
        self._settings.set(name, value)

    def be_neutral(self) -> None:
        """Take the conditions of the neutral form; from now on what is not there is passed over."""
        self._settings.be_neutral()

    def open(self, ends: Ends, mtu: int) -> Kernel:
        """Join the namespace to the peer."""
        near, far = show_address(ends.local), show_address(ends.remote)
        tun = Tun(self._space, "tun0", near, far, mtu=mtu)
        self._settings.device_is("tun0")
        return Kernel(self._space, self._settings, tun, self._limit)

    def close(self) -> None:
        """Let go of the namespace; a target that was opened has done so."""
        self._space.close()
