"""Two simulated hosts whose sockets are driven by hand: no programs, no threads, no trace.

One lifecycle is what a short connection is: handshake, request, response, and the close of both
ends, the client first. Every call is one of the room `sockets`; who waits is called again when the
host has news for its socket, as an event loop would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lastack.host import Host
from lastack.net import LinkRules, Network
from lastack.profile import LINUX, Profile, S
from lastack.sockets import AGAIN, IN, TcpSocket
from lastack.wire import pack_address

A, B = pack_address("10.0.0.1"), pack_address("10.0.0.2")
PORT = 80
REQUEST, RESPONSE = b"q" * 100, b"a" * 100
ROOMY = replace(LINUX.with_field("somaxconn", 1 << 20), name="linux, long queues")
"""Linux with `net.core.somaxconn` raised, so that 10,000 may knock at one instant."""

Ready = Callable[[int], None]


class Machines:
    """Hosts "a" and "b", the link between them, and the time. Nobody listens to the trace."""

    def __init__(self, profile: Profile = ROOMY, link: LinkRules | None = None, seed: int = 0):
        self.now = 0
        self.network = Network(seed, None)
        self.a, self.b = (self._host(name, at, profile) for name, at in (("a", A), ("b", B)))
        self.network.link("a", "b", link or LinkRules(delay_ns=50_000))
        self.on_ready: dict[object, Ready] = {}

    def _host(self, name: str, address: bytes, profile: Profile) -> Host:
        self.network.attach(name, [address])
        host = Host(name, profile, [address])
        host.mtu_to = lambda to: self.network.mtu(name, to)
        return host

    def flush(self) -> None:
        """Send what the hosts have made, and call who waits, until there is no news."""
        for host in (self.a, self.b):
            while True:
                packets, ready = host.take_news()
                if packets:
                    self.network.send(host.name, packets, self.now)
                if not ready:
                    break
                for file, events in ready:
                    call = self.on_ready.get(file)
                    if call is not None:
                        call(events)

    def step(self, until: int) -> bool:
        """Let the next thing happen, unless that is after `until`."""
        network, a, b = self.network, self.a, self.b
        arrival = network.next_arrival
        timer = min(a.timeout_before(arrival), b.timeout_before(arrival))
        if min(arrival, timer) > until:
            return False
        if arrival <= timer:
            self.now = now = arrival
            while (due := network.take_arrival(now)) is not None:
                (a if due[0] == "a" else b).packet_arrives(due[1], now)
        else:
            self.now = now = max(timer, self.now)
            a.timeout(now)
            b.timeout(now)
        self.flush()
        return True

    def run(self, until: int, over: Callable[[], bool] = bool) -> None:
        """Let time pass until it is `over`, or until then."""
        while not over() and self.step(until):
            pass
        if not over():
            self.now = max(self.now, until)

    def listen(self, host: Host, port: int = PORT, backlog: int = 1 << 20) -> TcpSocket:
        """Return a listening socket with SO_REUSEADDR."""
        sock = TcpSocket(host)
        sock.hold()
        sock.binding.reuseaddr = True
        sock.bind(bytes(4), port, self.now)
        sock.listen(backlog, self.now)
        return sock


class Lifecycles:
    """Connections from host a to a server on b, `together` at a time."""

    def __init__(self, machines: Machines, together: int) -> None:
        self.machines = machines
        self.together = together
        self.left = 0
        self.done = 0
        self.open = 0
        self.listener = machines.listen(machines.b)
        machines.on_ready[self.listener] = self._accept

    def run(self, count: int) -> None:
        """Have `count` whole lifecycles, then let every TIME-WAIT run out."""
        machines = self.machines
        self.left, self.done, self.open = count, 0, 0
        for _ in range(min(self.together, count)):
            self._begin()
        machines.flush()
        machines.run(machines.now + 3600 * S, lambda: self.done == count and not self.open)
        if self.done != count or self.open:
            raise AssertionError(f"{self.done} of {count} lifecycles ended, {self.open} are open")
        machines.run(machines.now + 61 * S)

    def _begin(self) -> None:
        self.left -= 1
        _Client(self)

    def _accept(self, events: int) -> None:
        now = self.machines.now
        while (sock := self.listener.accept(now)) is not AGAIN:
            sock.hold()
            self.open += 1
            _Server(self, sock)

    def client_done(self) -> None:
        """A client has its answer and has closed; the next one begins."""
        self.done += 1
        if self.left:
            self._begin()

    def server_done(self) -> None:
        """The server has closed its end."""
        self.open -= 1


class _Client:
    __slots__ = ("_life", "_sock", "_got", "_sent")

    def __init__(self, life: Lifecycles) -> None:
        machines = life.machines
        self._life = life
        self._got = 0
        self._sent = False
        self._sock = TcpSocket(machines.a)
        self._sock.hold()
        machines.on_ready[self._sock] = self._ready
        self._sock.connect(B, PORT, machines.now)

    def _ready(self, events: int) -> None:
        machines = self._life.machines
        now = machines.now
        if not self._sent:
            if self._sock.connected(now) is AGAIN:
                return
            assert self._sock.send(REQUEST, 0, now) == len(REQUEST)
            self._sent = True
        answer = self._sock.recv(65536, 0, now)
        if answer is AGAIN:
            return
        self._got += len(answer)
        assert answer, "the server closed early"
        if self._got == len(RESPONSE):
            del machines.on_ready[self._sock]
            assert self._sock.drop(now) is None
            self._life.client_done()


class _Server:
    __slots__ = ("_life", "_sock", "_got")

    def __init__(self, life: Lifecycles, sock: TcpSocket) -> None:
        self._life = life
        self._sock = sock
        self._got = 0
        life.machines.on_ready[sock] = self._ready
        self._ready(IN)

    def _ready(self, events: int) -> None:
        machines = self._life.machines
        now = machines.now
        while (data := self._sock.recv(65536, 0, now)) is not AGAIN:
            if not data:
                del machines.on_ready[self._sock]
                assert self._sock.drop(now) is None
                self._life.server_done()
                return
            self._got += len(data)
            if self._got == len(REQUEST):
                assert self._sock.send(RESPONSE, 0, now) == len(RESPONSE)
