"""Two hosts on one link, driven by hand: the way the protocol tests talk.

    lab = Lab()
    client, server = lab.connection()
    client.send(b"hello", 0, lab.now)
    lab.run(ms(5))

Time moves only in `run`. A failing test prints `lab.lines()`, the tcpdump-style history.
"""

from __future__ import annotations

from collections.abc import Callable

from lastack.host import Host
from lastack.net import LinkRules, Network
from lastack.profile import LINUX, MS, Profile, S
from lastack.sockets import AGAIN, ClosePlan, TcpSocket, names
from lastack.trace import Event, Journal, Lost, Sent
from lastack.wire import Packet, pack_address, show

A = pack_address("10.0.0.1")
B = pack_address("10.0.0.2")
A6 = pack_address("fd00::1")
B6 = pack_address("fd00::2")


def ms(n: float) -> int:
    """Milliseconds in ns."""
    return int(n * MS)


def s(n: float) -> int:
    """Seconds in ns."""
    return int(n * S)


class Lab:
    """Hosts "a" (10.0.0.1, fd00::1) and "b" (10.0.0.2, fd00::2) and the link between them."""

    def __init__(
        self, a: Profile = LINUX, b: Profile = LINUX, *, link: LinkRules | None = None,
        seed: int = 0, wire: bool = False, trace: bool = True,
    ) -> None:  # fmt: skip
        self.now = 0
        self.journal = Journal()
        self.events: list[Event] = []
        if trace:
            self.journal.listeners.append(self.events.append)
        self.network = Network(seed, self.journal, wire=wire)
        self.hosts: dict[str, Host] = {}
        for name, addresses, profile in (("a", (A, A6), a), ("b", (B, B6), b)):
            self.network.attach(name, addresses)
            scribe = self.journal.scribe(name) if trace else None
            host = Host(name, profile, addresses, seed=seed, scribe=scribe)
            host.mtu_to = lambda to, name=name: self.network.mtu(name, to)  # type: ignore[misc]
            self.hosts[name] = host
        self.network.link("a", "b", link or LinkRules())
        self.a, self.b = self.hosts["a"], self.hosts["b"]

    # -- time ----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Put what the hosts have to send on the wire."""
        for host in self.hosts.values():
            host.take_ready()
            self.network.send(host.name, host.take_packets(), self.now)

    def next(self) -> int:
        """When the next thing happens."""
        return min(self.network.next_arrival, *(h.next_timeout for h in self.hosts.values()))

    def step(self) -> None:
        """Let the next thing happen."""
        self.now = max(self.now, self.next())
        arrival = self.network.take_arrival(self.now)
        if arrival is not None:
            name, packet = arrival
            self.hosts[name].packet_arrives(packet, self.now)
        else:
            for host in self.hosts.values():
                if host.next_timeout <= self.now:
                    host.timeout(self.now)
                    break
        self.flush()

    def run(self, duration: int) -> None:
        """Let time pass."""
        self.flush()
        end = self.now + duration
        while self.next() <= end:
            self.step()
        self.now = end

    def until(self, condition: Callable[[], bool], limit: int = 3600 * S) -> int:
        """Let time pass until the condition holds; return the time, fail after `limit`."""
        self.flush()
        end = self.now + limit
        while not condition():
            if self.next() > end:
                raise AssertionError(f"did not happen within {limit / S} s\n{self.lines()}")
            self.step()
        return self.now

    # -- sockets -------------------------------------------------------------------------------

    def socket(self, host: str, family: int = names.AF_INET) -> TcpSocket:
        """Return a socket with one descriptor."""
        sock = TcpSocket(self.hosts[host], family)
        sock.hold()
        return sock

    def listen(self, host: str = "b", port: int = 80, backlog: int = 5) -> TcpSocket:
        """Return a listening socket with SO_REUSEADDR."""
        sock = self.socket(host)
        sock.binding.reuseaddr = True
        sock.bind(bytes(4), port, self.now)
        sock.listen(backlog, self.now)
        return sock

    def connection(self, *, port: int = 80) -> tuple[TcpSocket, TcpSocket]:
        """Return both ends of an open connection, the client on "a"."""
        listener = self.listen(port=port)
        client = self.socket("a")
        assert client.connect(B, port, self.now) is AGAIN
        self.until(lambda: bool(listener.mask(self.now)))
        server = listener.accept(self.now)
        assert server is not AGAIN
        server.hold()
        assert self.close(listener) is None
        return client, server

    def close(self, sock: TcpSocket, *, exiting: bool = False) -> ClosePlan | None:
        """close(2): give the one descriptor back."""
        plan = sock.drop(self.now, exiting=exiting)
        self.flush()
        return plan

    def linger_close(self, sock: TcpSocket) -> tuple[int, int]:
        """close(2) to its end; return (errno, ns waited)."""
        begun = self.now
        plan = self.close(sock)
        if plan is None:
            return 0, 0
        while sock.still_closing(plan, self.now):
            if self.next() >= plan.wait_until:
                self.now = plan.wait_until
            else:
                self.step()
        error = sock.finish_close(plan, self.now)
        self.flush()
        return error, self.now - begun

    # -- what happened -------------------------------------------------------------------------

    def sent(self, host: str | None = None) -> list[Packet]:
        """Return the packets sent, by one host or by all."""
        return [
            event.what for event in self.events
            if isinstance(event, Sent) and host in (None, event.host)
        ]  # fmt: skip

    def lines(self) -> str:
        """Return the history for people."""
        out = []
        for event in self.events:
            if isinstance(event, Sent):
                again = " again" if event.again else ""
                out.append(f"{event.at / S:10.6f} {event.host} {show(event.what)}{again}")
            elif isinstance(event, Lost):
                out.append(f"{event.at / S:10.6f} lost {event.packet} {event.reason.value}")
        return "\n".join(out)
