"""One host, its hand-made peers, and time that only tests move; `peer` says how to use it."""

from __future__ import annotations

import errno
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from lastack.host import Host
from lastack.profile import LINUX, Profile, S
from lastack.sockets import AGAIN, ClosePlan, NotNow, TcpSocket, names
from lastack.trace import Event, Journal, Sent
from lastack.wire import Flow, Packet, Segment, pack_address
from lastack.wire import show as show_packet

K = pack_address("10.0.0.1")
P = pack_address("10.0.0.2")
K6 = pack_address("fd00::1")
P6 = pack_address("fd00::2")


class Peer(Protocol):
    """What a world needs of a peer."""

    def take(self, seg: Segment) -> None:
        """A segment of K arrives."""


class Call:
    """A blocking call of another thread: it holds a reference to the file until it is done."""

    def __init__(self, world: World, sock: TcpSocket, attempt: Callable[[], Any]) -> None:
        self.sock = sock
        self._world, self._attempt = world, attempt
        self.done = False
        self.value: Any = None
        self.errno = 0
        self.at = 0
        self.plan: ClosePlan | None = None
        sock.hold()
        world.calls.append(self)
        self.poll()

    def poll(self) -> None:
        """Try again, as the thread does when it is woken."""
        if self.done:
            return
        try:
            self.value = self._attempt()
        except OSError as error:
            self.value, self.errno = None, error.errno or 0
        if self.value is AGAIN:
            return
        self.done, self.at = True, self._world.now
        self.plan = self.sock.drop(self._world.now)


class World:
    """Host "k", its hand-made peers, and virtual time."""

    def __init__(self, profile: Profile = LINUX, *, seed: int = 0) -> None:
        self.now = 0
        journal = Journal()
        self.events: list[Event] = []
        journal.listeners.append(self.events.append)
        self.k = Host("k", profile, [K, K6], seed=seed, scribe=journal.scribe("k"))
        self.peers: dict[Flow, Peer] = {}
        self.calls: list[Call] = []
        self._wire: deque[Packet] = deque()
        self._carrying = False

    # -- time ----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Carry everything that waits, there and back, until nobody has anything to say."""
        if self._carrying:
            return  # a peer that answers from inside: what it says is carried in its turn
        self._carrying = True
        try:
            self._carry_all()
        finally:
            self._carrying = False

    def _carry_all(self) -> None:
        while True:
            woken = {owner for owner, _ in self.k.take_ready()}
            for call in self.calls:
                if call.sock in woken:
                    call.poll()
            for packet in self.k.take_packets():
                assert isinstance(packet, Segment)
                peer = self.peers.get(packet.flow)
                if peer is not None:
                    peer.take(packet)
            if self._wire:
                self.k.packet_arrives(self._wire.popleft(), self.now)
            elif not woken:
                return

    def carry(self, packet: Packet) -> None:
        """Put a packet for K on the wire."""
        self._wire.append(packet)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.flush()
        end = self.now + int(seconds * S)
        while self.k.next_timeout <= end:
            self._step()
        self.now = end

    def until(self, condition: Callable[[], bool], limit: float = 3600) -> None:
        """Let time pass until the condition holds; fail after `limit` s."""
        self.flush()
        end = self.now + int(limit * S)
        while not condition():
            assert self.k.next_timeout <= end, f"not within {limit} s\n{self.lines()}"
            self._step()

    def _step(self) -> None:
        self.now = max(self.now, self.k.next_timeout)
        self.k.timeout(self.now)
        self.flush()

    def lines(self) -> str:
        """Return what K sent and when, for people."""
        return "\n".join(
            f"{event.at / S:10.6f} {show_packet(event.what)}"
            for event in self.events if isinstance(event, Sent)
        )  # fmt: skip

    # -- sockets -------------------------------------------------------------------------------

    def socket(
        self, *, linger: tuple[int, int] | None = None, linger2: int | None = None,
        family: int = names.AF_INET,
    ) -> TcpSocket:  # fmt: skip
        """Return a socket of K with one descriptor."""
        sock = TcpSocket(self.k, family)
        sock.hold()
        self.linger(sock, linger)
        if linger2 is not None:
            self.set_tcp(sock, names.TCP_LINGER2, linger2)
        return sock

    def linger(self, sock: TcpSocket, value: tuple[int, int] | None) -> None:
        """Set SO_LINGER to (l_onoff, l_linger)."""
        if value is not None:
            raw = struct.pack("ii", *value)
            sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, raw, self.now)

    def set(self, sock: TcpSocket, name: int, value: int) -> None:
        """Set an int option of level SOL_SOCKET."""
        sock.setsockopt(names.SOL_SOCKET, name, struct.pack("i", value), self.now)

    def set_tcp(self, sock: TcpSocket, name: int, value: int) -> None:
        """Set an int option of level IPPROTO_TCP."""
        sock.setsockopt(names.IPPROTO_TCP, name, struct.pack("i", value), self.now)

    def listen(
        self, port: int = 40000, backlog: int = 5, *, linger: tuple[int, int] | None = None
    ) -> TcpSocket:
        """Return a listening socket of K with SO_REUSEADDR."""
        sock = self.socket(linger=linger)
        self.set(sock, names.SO_REUSEADDR, 1)
        sock.bind(bytes(4), port, self.now)
        sock.listen(backlog, self.now)
        return sock

    def drop(self, sock: TcpSocket, *, exiting: bool = False) -> ClosePlan | None:
        """Give one reference back: close(2) until it would wait, or exit with `exiting`."""
        plan = sock.drop(self.now, exiting=exiting)
        self.flush()
        return plan

    def close(self, sock: TcpSocket) -> tuple[int, float]:
        """close(2) to its end; return (errno, s waited)."""
        return self.linger_until(sock, self.drop(sock))

    def linger_until(
        self, sock: TcpSocket, plan: ClosePlan | None, *, interrupt: float | None = None
    ) -> tuple[int, float]:
        """Wait as close() does; a signal comes after `interrupt` s. Return (errno, s waited)."""
        begun = self.now
        if plan is None:
            return 0, 0.0
        signal = None if interrupt is None else begun + int(interrupt * S)
        limit = plan.wait_until if signal is None else min(plan.wait_until, signal)
        while sock.still_closing(plan, self.now) and self.now < limit:
            if self.k.next_timeout < limit:
                self._step()
            else:
                self.now = limit
        interrupted = signal is not None and self.now >= signal
        number = sock.finish_close(plan, self.now, interrupted=interrupted)
        self.flush()
        return number, (self.now - begun) / S

    def begin(self, sock: TcpSocket, attempt: Callable[[], Any]) -> Call:
        """Begin a blocking call in another thread."""
        call = Call(self, sock, attempt)
        self.flush()
        return call


def tries(world: World, sock: TcpSocket, what: bytes | str) -> bytes | int | str:
    """Try a call once: "recv" (of up to 1 MB), "peek", or bytes to send.

    Return the bytes read, the count sent, the name of the error, or "AGAIN".
    """
    answer: int | bytes | NotNow
    try:
        if isinstance(what, bytes):
            answer = sock.send(what, 0, world.now)
        else:
            answer = sock.recv(1 << 20, names.MSG_PEEK if what == "peek" else 0, world.now)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    finally:
        world.flush()
    return "AGAIN" if answer is AGAIN else answer
