"""A random walk over two hosts: all that programs, the network and an administrator may do.

    Walk(seed).run()

Everything follows from the seed. What must hold is watched at every event (`watch`); in the end
all is closed, time runs until nothing is left, and the hosts must be empty.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import Final

from lastack.net import DROP, PASS, Delay, Duplicate, Fate, LinkRules
from lastack.profile import LINUX, NEVER, RFC9293, TEXTBOOK, FullQueue, Profile, S, Unread
from lastack.sockets import ClosePlan, TcpSocket, names
from lastack.state import CLOSED, FIN_WAIT_2
from lastack.wire import LOOPBACK4, Packet
from tests.exchange import A, B, Lab, ms, s
from tests.properties.watch import ORPHANS_FOR_EVER, Watch, text_of

LOSSES: Final = (0.0, 0.0, 0.02, 0.1, 0.3)
SERVICES: Final = (80, 81)
FIXED: Final = (5000, 5001)
"""Ports that clients bind, so that 4-tuples come again and simultaneous opens happen."""

MOST_STEPS: Final = 150_000

_OPENING: Final = {errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.ECONNABORTED}
_BROKEN: Final = {errno.ECONNRESET, errno.ETIMEDOUT, errno.ECONNREFUSED, errno.ECONNABORTED}
ALLOWED: Final[dict[str, set[int]]] = {
    "bind": {errno.EINVAL, errno.EADDRINUSE, errno.EADDRNOTAVAIL},
    "listen": {errno.EINVAL, errno.EADDRINUSE},
    "accept": {errno.EINVAL},
    # EPIPE: a connection that had opened was reset in CLOSE-WAIT before connect() was called again
    "connect": {errno.EISCONN, errno.EALREADY, errno.EINVAL, errno.EADDRNOTAVAIL, errno.EPIPE}
    | _OPENING,
    "send": {errno.EPIPE} | _BROKEN,
    "recv": {errno.ENOTCONN, errno.EPIPE} | _BROKEN,
    "shutdown": {errno.ENOTCONN},
    "setsockopt": {errno.ENOPROTOOPT, errno.EINVAL},
    "look": {errno.ENOTCONN, errno.EINVAL, errno.ENOPROTOOPT},
}
"""The errors that each call may give: another one is a mistake."""


class CheckedLab(Lab):
    """A Lab that fails when time stands still, and counts its steps."""

    steps = 0

    def step(self) -> None:
        due = self.next()
        assert due >= self.now, f"something was due {self.now - due} ns ago"
        self.steps += 1
        assert self.steps < MOST_STEPS, f"no end after {MOST_STEPS} steps, at {self.now / S} s"
        self.now = due
        arrival = self.network.take_arrival(self.now)
        if arrival is not None:
            name, packet = arrival
            self.hosts[name].packet_arrives(packet, self.now)
        else:
            for host in self.hosts.values():
                if host.next_timeout <= self.now:
                    host.timeout(self.now)
                    assert host.next_timeout > self.now, f"{host.name}: due at once again"
        self.flush()


@dataclass(eq=False)
class Lingering:
    """A close() that waits."""

    sock: TcpSocket
    plan: ClosePlan


def _variant(dice: Random) -> Profile:
    """Return a profile of ours, now and then with one field changed."""
    profile = dice.choice((LINUX, LINUX, TEXTBOOK, RFC9293))
    fields: list[tuple[str, object]] = [
        ("window_scale", -1), ("window_scale", 0), ("window_scale", 14), ("timestamps", False),
        ("full_queue", FullQueue.RESET), ("unread", Unread.RESET_ALSO_OUT_OF_ORDER),
        ("unread", Unread.FIN), ("orphan_retries", 1), ("fin_held_by_cwnd", False),
        ("initial_cwnd", 1), ("every_segments", 1), ("fin_wait_2_orphan_ns", s(90)),
    ]  # fmt: skip
    if dice.random() < 0.4:
        name, value = dice.choice(fields)
        profile = profile.with_field(name, value)
    return profile


class Walk:
    """One walk; `run` does it, `digest` tells its trace from others."""

    def __init__(self, seed: int, *, wire: bool = False) -> None:
        self.dice = dice = Random(seed)
        profiles = _variant(dice), _variant(dice)
        self.rules = LinkRules(
            delay_ns=dice.choice((ms(0.05), ms(1), ms(40), ms(300))),
            jitter_ns=dice.choice((0, 0, ms(1), ms(50))),
            loss=dice.choice(LOSSES),
            rate_bps=dice.choice((0, 0, 1_000_000, 100_000_000)),
            queue=dice.choice((1000, 20)),
            mtu=dice.choice((1500, 1500, 576, 65536)),
        )
        self.lab = CheckedLab(*profiles, link=self.rules, seed=seed, wire=wire)
        # Without timestamps nothing but TIME-WAIT keeps the segments of an aborted connection out
        # of the next one with the same 4-tuple (RFC 7323 section 5); so there is none then.
        self.same_tuples = all(profile.start.timestamps for profile in profiles)
        self.watch = Watch()
        self.lab.journal.listeners.append(self.watch)
        self._in_vain: list[TcpSocket] = []
        self.open: list[TcpSocket] = []
        self.lingering: list[Lingering] = []
        self.lab.network.add_rule(self._weather(Random(~seed)), name="weather")

    @property
    def digest(self) -> str:
        """A fingerprint of everything that happened."""
        return self.watch.digest

    def _weather(self, dice: Random) -> Callable[[Packet, int], Fate]:
        twice, late, burst = dice.choice(((0.0, 0.0, 0.0), (0.05, 0.1, 0.0), (0.1, 0.3, 0.02)))

        def rule(packet: Packet, now: int) -> Fate:
            chance = dice.random()
            if chance < burst:
                return DROP
            if chance < burst + twice:
                return Duplicate(dice.choice((1, 1, 3)))
            if chance < burst + twice + late:
                return Delay(dice.choice((ms(2), ms(30), ms(500), s(10))))
            return PASS

        return rule

    # -- the walk ------------------------------------------------------------------------------

    def run(self) -> Walk:
        """Walk, close everything, and let time run out."""
        for _ in range(self.dice.randint(10, 60)):
            self._act()
            self._look_around()
            if self.dice.random() < 0.6:
                self._pause()
        self.lab.network.link("a", "b", self.rules)
        self._close_all()
        self._let_end()
        return self

    def _act(self) -> None:
        dice = self.dice
        if not self.open:
            self._serve()
        weights: dict[Callable[[], None], int] = {
            self._listen: 1, self._connect: 5, self._again: 2, self._accept: 8, self._send: 10,
            self._receive: 12, self._talk: 8, self._shutdown: 4, self._option: 6, self._close: 5,
            self._cross: 1, self._administrate: 1,
        }  # fmt: skip
        dice.choices(list(weights), list(weights.values()))[0]()

    def _call(self, name: str, call: Callable[[], object], sock: TcpSocket | None = None) -> object:
        """Make a call on the engine; None when it fails with an error that it may give."""
        now = self.lab.now
        if sock is not None:
            sock.called(name, name, "", now)
        number = 0
        result: object = None
        try:
            result = call()
        except OSError as error:
            number = error.errno or -1
        if sock is not None:
            sock.returned(name, "", number, now)
        assert number in ALLOWED[name] | {0}, f"{name}: {errno.errorcode.get(number, number)}"
        self.lab.flush()
        return result

    def _serve(self) -> None:
        """Begin with a service on each host and a client."""
        for host in "ab":
            sock = self.lab.socket(host)
            self.open.append(sock)
            sock.binding.reuseaddr = True
            self._call("bind", lambda: sock.bind(bytes(4), 80, self.lab.now), sock)  # noqa: B023
            self._maybe_options(sock)
            self._call("listen", lambda: sock.listen(5, self.lab.now), sock)  # noqa: B023
        self._connect()
        self._pass(s(1))
        self._accept()

    def _talk(self) -> None:
        """Data to and fro, as a program does it."""
        for _ in range(self.dice.randint(2, 12)):
            self._accept()
            self.dice.choice((self._send, self._receive, self._receive))()
            self._pass(self.dice.choice((0, ms(1), ms(50), ms(400))))

    # -- calls ---------------------------------------------------------------------------------

    def _listen(self) -> None:
        lab, dice = self.lab, self.dice
        sock = lab.socket(dice.choice("ab"))
        self.open.append(sock)
        sock.binding.reuseaddr = dice.random() < 0.7
        sock.binding.reuseport = dice.random() < 0.1
        own = A if sock.host is lab.a else B
        address, port = dice.choice((bytes(4), bytes(4), own)), dice.choice((*SERVICES, 0))
        if dice.random() < 0.95:
            self._call("bind", lambda: sock.bind(address, port, lab.now), sock)
        self._maybe_options(sock)
        backlog = dice.choice((0, 1, 5, -1))
        self._call("listen", lambda: sock.listen(backlog, lab.now), sock)

    def _connect(self) -> None:
        sock = self.lab.socket(self.dice.choice("ab"))
        self.open.append(sock)
        sock.nonblocking = self.dice.random() < 0.5
        self._maybe_options(sock)
        if self.dice.random() < 0.3 and self.same_tuples:
            self._bind_fixed(sock, self.dice.choice(FIXED))
        self._dial(sock, self.dice.choice((80, 80, 80, 81)))

    def _bind_fixed(self, sock: TcpSocket, port: int) -> None:
        sock.binding.reuseaddr = self.dice.random() < 0.8
        self._call("bind", lambda: sock.bind(bytes(4), port, self.lab.now), sock)

    def _dial(self, sock: TcpSocket, port: int) -> None:
        lab = self.lab
        own, other = (A, B) if sock.host is lab.a else (B, A)
        address = self.dice.choice((other,) * 8 + (own, LOOPBACK4))
        self._call("connect", lambda: sock.connect(address, port, lab.now), sock)

    def _again(self) -> None:
        """connect() on any socket: one under way, one that listens, one that failed."""
        sock = self.dice.choice(self.open)
        if self.same_tuples or sock.binding.auto or not sock.binding.port:
            self._dial(sock, self.dice.choice(SERVICES))

    def _cross(self) -> None:
        """Simultaneous open (RFC 9293 section 3.5)."""
        if not self.same_tuples:
            return
        lab = self.lab
        for host, port, address, other in (("a", 5000, B, 5001), ("b", 5001, A, 5000)):
            sock = lab.socket(host)
            self.open.append(sock)
            self._bind_fixed(sock, port)
            self._call("connect", lambda: sock.connect(address, other, lab.now), sock)  # noqa: B023
            if self.dice.random() < 0.3:
                self._pause()

    def _accept(self) -> None:
        listening = [sock for sock in self.open if sock.listening]
        ready = [sock for sock in listening if sock.mask(self.lab.now)]
        sock = self.dice.choice(ready or listening or self.open)
        child = self._call("accept", lambda: sock.accept(self.lab.now), sock)
        if isinstance(child, TcpSocket):
            child.hold()
            self.open.append(child)

    def _send(self) -> None:
        sock, dice = self._busy_socket(), self.dice
        size = dice.choice((0, 1, 10, 500, 1460, 3000, 20_000, dice.randint(1, 70_000)))
        for _ in range(dice.choice((1, 1, 1, 4))):
            first = self.watch.gave[sock.conn]
            data = text_of(sock.conn, first, first + size)
            count = self._call("send", lambda: sock.send(data, 0, self.lab.now), sock)  # noqa: B023
            if isinstance(count, int):
                assert 0 <= count <= size
                self.watch.gave[sock.conn] += count

    def _receive(self) -> None:
        sock, dice = self._busy_socket(), self.dice
        size = dice.choice((0, 1, 100, 4096, 1 << 20))
        peek = dice.random() < 0.15
        flags = names.MSG_PEEK if peek else 0
        text = self._call("recv", lambda: sock.recv(size, flags, self.lab.now), sock)
        if isinstance(text, bytes) and size:
            self._received(sock, text, size, peek=peek)

    def _received(self, sock: TcpSocket, text: bytes, size: int, *, peek: bool) -> None:
        story = self.watch.book.story_of(sock.conn)
        if story is None:
            # the end of nothing: of a listening socket that was killed (kernel-notes/kill.md), and
            # of a new one after a shutdown() that failed
            assert sock.listener is not None or sock in self._in_vain
            assert text == b""
            return
        end = story.client if story.client and story.client.conn == sock.conn else story.server
        assert end is not None
        peer = end if story.to_itself else story.peer(end)
        first = self.watch.took[sock.conn]
        assert len(text) <= size
        if text:
            assert peer is not None, "bytes from nobody"
            assert text == text_of(peer.conn, first, first + len(text)), "not what was sent"
        elif sock.endpoint is not None and sock.endpoint.connection.peer_closed:
            assert peer is not None
            assert first == self.watch.gave[peer.conn], "the end of the stream came too early"
        if not peek:
            self.watch.took[sock.conn] += len(text)

    def _busy_socket(self) -> TcpSocket:
        """Return any socket, mostly one with a connection."""
        connected = [sock for sock in self.open if sock.endpoint and sock.state is not CLOSED]
        return self.dice.choice(connected if connected and self.dice.random() < 0.95 else self.open)

    def _shutdown(self) -> None:
        sock = self._busy_socket()
        how = self.dice.choice((names.SHUT_RD, names.SHUT_WR, names.SHUT_WR, names.SHUT_RDWR))
        self._call("shutdown", lambda: sock.shutdown(how, self.lab.now), sock)
        if sock.endpoint is None:
            self._in_vain.append(sock)

    def _maybe_options(self, sock: TcpSocket) -> None:
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self._set(sock)

    def _option(self) -> None:
        self._set(self.dice.choice(self.open))

    def _set(self, sock: TcpSocket) -> None:
        dice = self.dice
        linger = pack("ii", dice.choice((0, 1, 1)), dice.choice((0, 0, 1, 5, 100, -1)))
        level, name, value = dice.choice((
            (names.SOL_SOCKET, names.SO_LINGER, linger),
            (names.SOL_SOCKET, names.SO_LINGER, linger),
            (names.SOL_SOCKET, names.SO_SNDBUF, pack("i", dice.choice((1, 5000, 200_000)))),
            (names.SOL_SOCKET, names.SO_RCVBUF, pack("i", dice.choice((1, 5000, 200_000)))),
            (names.IPPROTO_TCP, names.TCP_NODELAY, pack("i", dice.choice((0, 1)))),
            (names.IPPROTO_TCP, names.TCP_LINGER2, pack("i", dice.choice((-1, 0, 1, 70, 200)))),
            (names.IPPROTO_TCP, names.TCP_MAXSEG, pack("i", dice.choice((0, 88, 500, 9000)))),
            (names.SOL_SOCKET, names.SO_REUSEADDR, pack("i", dice.choice((0, 1)))),
        ))  # fmt: skip
        now = self.lab.now
        self._call("setsockopt", lambda: sock.setsockopt(level, name, value, now), sock)
        sock.nonblocking = dice.random() < 0.3

    def _administrate(self) -> None:
        dice, lab = self.dice, self.lab
        what = dice.choice(("kill", "network", "blackout"))
        host = dice.choice((lab.a, lab.b))
        if what == "kill" and (rows := [row for row in host.snapshot() if row.conn]):
            host.kill(dice.choice(rows).conn, lab.now)
        elif what == "network":
            host.restart_network(lab.now)
        elif what == "blackout":
            lab.network.link("a", "b", LinkRules(loss=1.0))
            self._pause()
            lab.network.link("a", "b", self.rules)
        lab.flush()

    def _close(self) -> None:
        sock = self.dice.choice(self.open)
        self.open.remove(sock)
        now = self.lab.now
        exiting = self.dice.random() < 0.1
        sock.called("close", "close", "", now)
        plan = sock.drop(now, exiting=exiting)
        self.lab.flush()
        if plan is None:
            sock.returned("close", "", 0, now)
        else:
            assert not exiting, "a process that ends waits for nothing"
            self.lingering.append(Lingering(sock, plan))

    # -- time ----------------------------------------------------------------------------------

    def _pause(self) -> None:
        dice = self.dice
        self._pass(dice.choice((ms(0.01), ms(1), ms(5), ms(50), ms(400), s(2), s(30), s(100))))

    def _pass(self, duration: int) -> None:
        """Let time pass; a close() that waits goes on when it may."""
        lab = self.lab
        end = lab.now + duration
        while (due := min(lab.next(), self._next_return())) <= end:
            if lab.next() <= due:
                lab.step()
            else:
                lab.now = due
            self._return_from_close()
        if end < NEVER:
            lab.now = end

    def _next_return(self) -> int:
        limits = (one.plan.wait_until for one in self.lingering)
        return max(min(limits, default=NEVER), self.lab.now)

    def _return_from_close(self) -> None:
        lab = self.lab
        for one in list(self.lingering):
            interrupted = self.dice.random() < 0.001
            if one.sock.still_closing(one.plan, lab.now) and not interrupted:
                continue
            self.lingering.remove(one)
            error = one.sock.finish_close(one.plan, lab.now, interrupted=interrupted)
            assert error in (0, one.plan.expiry_errno, one.plan.signal_errno)
            one.sock.returned("close", "", error, lab.now)
            lab.flush()

    # -- what may be looked at at any time -----------------------------------------------------

    def _look_around(self) -> None:
        now = self.lab.now
        for sock in self.open:
            sock.mask(now)
            sock.describe()
            sock.getsockname()
            self._call("look", sock.getpeername)
            self._call("look", lambda: sock.ioctl(names.SIOCINQ))  # noqa: B023
            size = 104
            sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, size, now)
            endpoint = sock.endpoint
            ranges = self.watch.ranges(sock.conn)
            if endpoint is not None and ranges is not None:
                tcp = endpoint.connection
                assert tcp.unread == ranges.queued - ranges.read
        for host in self.lab.hosts.values():
            host.snapshot()

    # -- the end -------------------------------------------------------------------------------

    def _close_all(self) -> None:
        while self.open:
            self._close()
            if self.dice.random() < 0.2:
                self._pause()

    def _let_end(self) -> None:
        lab = self.lab
        self._pass(NEVER - lab.now - 1)
        assert not self.lingering, "a close() waits for ever"
        assert not lab.network.in_flight()
        stays = False
        for host in lab.hosts.values():
            assert host.next_timeout == NEVER
            for row in host.snapshot():
                assert row.state is FIN_WAIT_2, f"{host.name} still has {row}"
                assert row.orphan
                assert host.profile.closing.fin_wait_2_orphan_ns == NEVER
                stays = True
        self.watch.done(may_stay=ORPHANS_FOR_EVER if stays else frozenset())
        if not stays:
            self._ports_are_free()

    def _ports_are_free(self) -> None:
        for host in self.lab.hosts.values():
            for port in (*SERVICES, *FIXED):
                sock = self.lab.socket(host.name)
                sock.bind(bytes(4), port, self.lab.now)
                sock.drop(self.lab.now)
