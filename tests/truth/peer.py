"""A hand-made TCP peer without a stack, for one host: how a kernel's answers are pinned.

    world = World(LINUX)                      # host "k" (10.0.0.1) and a clock that only tests move
    peer = HandPeer(world, mode="manual")     # 10.0.0.2; one peer is one connection
    sock = peer.accept_from_k()               # K connects, the peer opens passively
    sock = peer.connect_to_k(listener)        # the peer connects, K accepts

Numbers are relative: every ISN is 0, so the first byte of either stream is 1. `peer.iss` is the
peer's ISN, `peer.irs` K's; both are real numbers on the wire, `peer.irs` is known after K's SYN.

    mode        "ack": acknowledges all data and FINs at once, in order; "manual": nothing by itself
                (may be changed at any time). The handshake calls work in both.
    peer.wnd    the window field of what the peer sends (no scaling is offered)
    peer.nxt    the next sequence number of the peer (SND.NXT); peer.got the next one expected of K
    peer.una    the oldest of K's numbers the peer has acknowledged

    peer.tx("FIN|ACK", b"text", seq=, ack=, wnd=, tsval=, up=, ecn=, sack=, ip=)   sends a segment;
                seq and ack default to peer.nxt and peer.got; without `seq` peer.nxt advances;
                returns nothing, K has answered when it returns (delay 0)
    peer.data(b"..") .fin() .rst(seq=) .ack(number)         the usual ones
    peer.icmp(3, 1, seq=, mtu=)                             an ICMP error about K's segment
    HandPeer(world, sack=True)                              offers SACK
    HandPeer(world, ipv6=True)                              fd00::2, and K is fd00::1

    mark = peer.mark()                        from here on:
    peer.since(mark) -> list[Got]             what K sent; Got.t is in s since the mark, Got.flags
                                              is "SYN|ACK" ... in the order FIN SYN RST ACK URG ECE
                                              CWR, without PSH; seq and ack are relative; len,
                                              text, wnd
    peer.answers(mark, "RST|ACK", seq=1, ack=1)   asserts that K sent exactly this one segment;
                                              keywords: seq ack len wnd (each may be left out)
    peer.silent(mark)                         asserts that K sent nothing
    peer.times(mark, "FIN") -> list[float]    s since the mark of segments that have this flag
    peer.state -> State                       K's end as ss(8) shows it; CLOSED when there is none
    peer.row -> SocketRow | None              the whole row

    world.now                                 ns
    world.run(seconds) ; world.until(condition, limit_seconds)
    world.socket(linger=(1, 5), linger2=3) ; world.listen(port, backlog) ; world.set(sock, name, n)
    world.set_tcp(sock, name, n)              SOL_SOCKET and IPPROTO_TCP: their numbers overlap
    world.drop(sock, exiting=False) -> ClosePlan | None     gives one reference back
    world.close(sock) -> (errno, seconds)     close(2) to its end, lingering included
    world.linger_until(sock, plan) -> (errno, seconds)      the wait of a plan; `interrupt=` seconds
    call = world.begin(sock, lambda: sock.recv(9, 0, world.now))  a call of another thread, which
                                              holds a reference: call.done .value .errno .plan .at
    tries(world, sock, "recv" | b"bytes to send") -> bytes | int | "EPIPE" | "AGAIN"
"""

from __future__ import annotations

from dataclasses import dataclass

from lastack.profile import S
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import CLOSED, LISTEN, State
from lastack.trace import SocketRow
from lastack.wire import (
    ABSENT,
    ACK,
    CWR,
    ECE,
    FIN,
    PLAIN_IP,
    PSH,
    RST,
    SYN,
    URG,
    Flow,
    IcmpMessage,
    IpFields,
    Segment,
    seq,
    show_endpoint,
)

from .world import K6 as K6
from .world import P6 as P6
from .world import Call as Call
from .world import K as K
from .world import P as P
from .world import World as World
from .world import tries as tries

_BITS = {
    "FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG,
    "ECE": ECE, "CWR": CWR,
}  # fmt: skip


def bits(flags: str) -> int:
    """Return the flag bits of "FIN|ACK"; "" is a segment without flags."""
    return sum(_BITS[name] for name in flags.split("|") if name)


def flag_names(flags: int) -> str:
    """Return "FIN|ACK"; PSH, which only says "a burst ends here", is left out."""
    return "|".join(name for name, bit in _BITS.items() if flags & bit and bit != PSH)


@dataclass(frozen=True)
class Got:
    """A segment that K sent: t in s since the mark, relative numbers (real ones without ISN)."""

    t: float
    flags: str
    seq: int
    ack: int
    len: int
    wnd: int
    text: bytes
    segment: Segment


class HandPeer:
    """One connection's other end, made by hand; see the module's text."""

    def __init__(
        self, world: World, *, mode: str = "ack", port: int = 80, kport: int = 40000,
        wnd: int = 64240, mss: int = 1460, timestamps: bool = False, sack: bool = False,
        ipv6: bool = False,
    ) -> None:  # fmt: skip
        self.world = world
        self.mode = mode
        self.wnd = wnd
        self.mss = mss
        self.timestamps = timestamps
        self.sack = sack
        self.tsval = 1000
        self.ts_recent = 0
        self.port, self.kport = port, kport
        self.iss = 5_000_000
        self.irs = 0
        self.nxt = 0
        self.got = 0
        self.una = 0
        self.arrived: list[tuple[int, Segment]] = []
        self.flow = Flow(K6, kport, P6, port) if ipv6 else Flow(K, kport, P, port)
        world.peers[self.flow] = self

    # -- beginning -----------------------------------------------------------------------------

    def begin_from_k(self, sock: TcpSocket | None = None, *, bind: bool = True) -> TcpSocket:
        """K connects from `kport` (non-blocking); its SYN has arrived and is not answered."""
        remote = self.flow.dst
        if sock is None:
            sock = self.world.socket(family=names.AF_INET if len(remote) == 4 else names.AF_INET6)
        if bind:
            sock.bind(bytes(len(remote)), self.kport, self.world.now)
        assert sock.connect(remote, self.port, self.world.now) is AGAIN
        self.world.flush()
        return sock

    def accept_from_k(self, sock: TcpSocket | None = None) -> TcpSocket:
        """K connects and the peer answers: ESTABLISHED."""
        sock = self.begin_from_k(sock)
        self.tx("SYN|ACK")
        assert sock.connected(self.world.now) is None, self.world.lines()
        return sock

    def handshake(self) -> None:
        """The peer connects to a listening socket of K; the connection is in its accept queue."""
        self.tx("SYN")
        self.tx("ACK")

    def connect_to_k(self, listener: TcpSocket) -> TcpSocket:
        """The peer connects and K accepts: ESTABLISHED."""
        self.handshake()
        sock = listener.accept(self.world.now)
        assert sock is not AGAIN, self.world.lines()
        sock.hold()
        return sock

    # -- sending -------------------------------------------------------------------------------

    def tx(
        self, flags: str, text: bytes = b"", *, seq: int | None = None, ack: int | None = None,
        wnd: int | None = None, tsval: int | None = None, tsecr: int | None = None, up: int = 0,
        ecn: int = 0, sack: tuple[tuple[int, int], ...] = (), ip: IpFields = PLAIN_IP,
    ) -> None:  # fmt: skip
        """Send a segment and let K answer; tsval overrides the clock, ABSENT leaves it out. tsecr
        overrides what is echoed."""
        which = bits(flags)
        number = self.nxt if seq is None else seq
        acked = (self.got if ack is None else ack) if which & ACK else None
        stamp = self._stamp() if tsval is None else tsval
        seg = Segment(
            self.flow.reversed(), _real(self.iss, number),
            0 if acked is None else _real(self.irs, acked), which,
            self.wnd if wnd is None else wnd, text, mss=self.mss if which & SYN else 0,
            tsval=stamp,
            tsecr=0 if stamp == ABSENT else self.ts_recent if tsecr is None else tsecr,
            sack_ok=self.sack and bool(which & SYN), up=up, ecn=ecn, ip=ip,
            sack=tuple((_real(self.irs, a), _real(self.irs, b)) for a, b in sack),
        )  # fmt: skip
        if seq is None:
            self.nxt += seg.length
        if acked is not None:
            self.una = max(self.una, acked)
        self.world.carry(seg)
        self.world.flush()

    def icmp(self, kind: int, code: int, *, seq: int | None = None, mtu: int = 0) -> None:
        """Send an ICMP error about K's segment `seq`, by default the oldest unacknowledged one."""
        quoted = _real(self.irs, self.una if seq is None else seq)
        about = Flow(self.flow.dst, 0, self.flow.src, 0)
        self.world.carry(IcmpMessage(about, kind, code, self.flow, quoted, mtu=mtu))
        self.world.flush()

    def _stamp(self) -> int:
        if not self.timestamps:
            return ABSENT
        return self.tsval + self.world.now // 1_000_000

    def data(self, text: bytes = b"x", *, seq: int | None = None, ack: int | None = None) -> None:
        """Send data."""
        self.tx("PSH|ACK", text, seq=seq, ack=ack)

    def fill(self) -> None:
        """Send text that nobody reads until the window is shut."""
        for _ in range(50):
            self.data(b"x" * 1000)
            self.world.run(0.3)  # past any delayed ACK
            if self.arrived[-1][1].wnd == 0:
                return
        raise AssertionError(self.world.lines())

    def fin(self, *, seq: int | None = None, ack: int | None = None) -> None:
        """Send FIN."""
        self.tx("FIN|ACK", seq=seq, ack=ack)

    def rst(self, *, seq: int | None = None) -> None:
        """Send a bare RST."""
        self.tx("RST", seq=seq)

    def ack(self, number: int | None = None, *, wnd: int | None = None) -> None:
        """Acknowledge everything, or up to `number`."""
        self.tx("ACK", ack=number, wnd=wnd)

    # -- receiving -----------------------------------------------------------------------------

    def take(self, seg: Segment) -> None:
        """Note a segment of K; in mode "ack", acknowledge what takes sequence numbers."""
        self.arrived.append((self.world.now, seg))
        if seg.flags & SYN:
            self.irs = seg.seq
        if seg.tsval != ABSENT:
            self.ts_recent = seg.tsval
        if seg.flags & RST or not seg.length:
            return
        first = _relative(self.irs, seg.seq)
        if first <= self.got < first + seg.length:
            self.got = first + seg.length
        if self.mode == "ack" and not seg.flags & SYN:
            self.ack()

    # -- what K said ---------------------------------------------------------------------------

    def mark(self) -> tuple[int, int]:
        """Return a place in the history."""
        self.world.flush()
        return len(self.arrived), self.world.now

    def since(self, mark: tuple[int, int]) -> list[Got]:
        """Return what K sent since the mark."""
        return [self._got(at - mark[1], seg) for at, seg in self.arrived[mark[0] :]]

    def _got(self, ns: int, seg: Segment) -> Got:
        acked = _relative(self.iss, seg.ack) if seg.flags & ACK else seg.ack
        return Got(
            ns / S, flag_names(seg.flags), _relative(self.irs, seg.seq), acked, len(seg.text),
            seg.wnd, seg.text, seg,
        )  # fmt: skip

    def answers(self, mark: tuple[int, int], flags: str, **expected: int) -> Got:
        """Assert that K sent exactly one segment since the mark, with these numbers."""
        sent = self.since(mark)
        assert [one.flags for one in sent] == [flags], f"{sent}\n{self.world.lines()}"
        told = {name: getattr(sent[0], name) for name in expected}
        assert told == expected, f"{sent}\n{self.world.lines()}"
        return sent[0]

    def silent(self, mark: tuple[int, int]) -> None:
        """Assert that K sent nothing since the mark."""
        assert self.since(mark) == [], self.world.lines()

    def times(self, mark: tuple[int, int], flag: str) -> list[float]:
        """Return when, in s since the mark, K sent segments with this flag ("" for all)."""
        which = bits(flag)
        return [got.t for got in self.since(mark) if got.segment.flags & which == which]

    @property
    def row(self) -> SocketRow | None:
        """K's end in its socket table."""
        remote, local = show_endpoint(self.flow.dst, self.port), f":{self.kport}"
        for row in self.world.k.snapshot():
            if row.remote == remote and row.local.endswith(local) and row.state is not LISTEN:
                return row
        return None

    @property
    def state(self) -> State:
        """K's state, TIME-WAIT and orphans included; CLOSED when nothing is left."""
        row = self.row
        return CLOSED if row is None else row.state


def _real(isn: int, number: int) -> int:
    return (isn + number) & seq.MASK


def _relative(isn: int, number: int) -> int:
    return seq.diff(number, isn)
