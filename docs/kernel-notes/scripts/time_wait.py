"""What a TIME-WAIT answers, what restarts or ends it, and what follows it on its port."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import KERNEL, PEER, Peer, Tun, shown


class Graveyard:
    """Fresh TIME-WAITs of the kernel's on one device."""

    def __init__(self, timestamps: bool = False, listener: bool = True) -> None:
        self.tun, self.timestamps, self.port = Tun(), timestamps, 1000
        self.listener = socket.socket()
        self.listener.bind((KERNEL, 0))
        if listener:
            self.listener.listen(50)

    def fresh(self) -> Peer:
        """A TIME-WAIT on the listener's port: numbers 2 (ours) and 2 (the peer's) come next."""
        self.port += 1
        peer = Peer(self.tun, self.port, timestamps=self.timestamps)
        accepted = peer.connect(self.listener)
        lab.close(accepted)
        peer.receive()
        peer.send("F.")
        peer.receive()
        return peer


def timer(peer: Peer) -> float | None:
    """Seconds that the TIME-WAIT still has, None when there is none."""
    rows = lab.table(peer.kernel_port, peer.port)
    return rows[0].timer if rows and rows[0].state == "TIME-WAIT" else None


def verdict(peer: Peer) -> str:
    """Whether a TIME-WAIT that is 1.2 s old was restarted."""
    left = timer(peer)
    return "gone" if left is None else "restarted" if left > 59.4 else "kept"


def table(timestamps: bool) -> Facts:
    """One TIME-WAIT per kind of segment; all wait 1.2 s, then each gets its segment."""
    acked = ". seq=2 ack=2"
    plays = [
        ("fin-again", "F.", 1, 2, b"", acked, "restarted"),
        ("new-fin", "F.", 2, 2, b"", acked, "restarted"),
        ("data", ".", 2, 2, b"x", acked, "restarted"),
        ("data-ahead", ".", 102, 2, b"x", acked, "restarted"),
        ("old-data", ".", 1, 2, b"x", acked, "restarted"),
        ("beyond-window", ".", 1_000_000, 2, b"x", acked, "restarted"),
        ("syn-ack", "S.", 0, 1, b"", acked, "restarted"),
        ("ack", ".", 2, 2, b"", "nothing", "restarted"),
        ("wrong-ack", ".", 2, 999, b"", "nothing", "restarted"),
        ("old-ack", ".", 1, 2, b"", acked, "restarted"),
        ("rst-exact", "R", 2, 0, b"", "nothing", "gone"),
        ("rst-in-window", "R", 50, 0, b"", "nothing", "kept"),
        ("rst-old", "R", 1, 0, b"", "nothing", "kept"),
        ("no-flags", "", 50, 0, b"", acked, "kept"),
        ("no-flags-exact", "", 2, 0, b"", "nothing", "restarted"),
    ]
    if not timestamps:
        plays.append(("syn-old", "S", 2, 0, b"", acked, "kept"))
    yard = Graveyard(timestamps)
    graves = [yard.fresh() for _ in plays]
    time.sleep(1.2)
    kind = "stamped" if timestamps else "plain"
    for peer, (name, flags, seq, ack, data, noted, then) in zip(graves, plays, strict=True):
        answer = peer.ask(flags, seq=seq, ack=ack, data=data, wait=0.05)
        yield Fact(f"time-wait.{kind}.{name}", answer, noted)
        yield Fact(f"time-wait.{kind}.{name}.timer", verdict(peer), then)


def plain() -> Facts:
    """Without timestamps."""
    yield from table(False)


def stamped() -> Facts:
    """With timestamps that go on growing."""
    yield from table(True)


def old_stamps() -> Facts:
    """What PAWS rejects is acknowledged and restarts the time; an old RST does nothing."""
    yard = Graveyard(True)
    plays = [
        ("ack", ".", 2, ". seq=2 ack=2", "restarted"),
        ("fin", "F.", 1, ". seq=2 ack=2", "restarted"),
        ("syn", "S", 500, ". seq=2 ack=2", "restarted"),
        ("rst", "R", 2, "nothing", "kept"),
    ]
    graves = [yard.fresh() for _ in plays]
    time.sleep(1.2)
    for peer, (name, flags, seq, noted, then) in zip(graves, plays, strict=True):
        answer = peer.ask(flags, seq=seq, clock=100, wait=0.05)
        yield Fact(f"time-wait.paws.{name}", answer, noted)
        yield Fact(f"time-wait.paws.{name}.timer", verdict(peer), then)
    yield Fact("time-wait.paws.counted", lab.counter("PAWSTimewait"), 4)


def reopening() -> Facts:
    """A SYN that is newer begins a new connection, at old SND.NXT + 65537."""
    for name, timestamps, seq, stamp, noted in (
        ("plain.higher", False, 3, True, "S. seq=0"),
        ("plain.equal", False, 2, True, ". seq=2"),
        ("stamped.lower", True, -5000, True, "S. seq=0"),
        ("stamped.without-stamp", True, 3, False, "S. seq=0"),
    ):
        yard = Graveyard(timestamps)
        peer = yard.fresh()
        before = peer.kernel_isn
        answer = peer.ask("S", seq=seq, stamped=stamp, wait=0.05)
        yield Fact(f"time-wait.syn.{name}", answer.split(" ack")[0], noted)
        if noted.startswith("S."):
            step = (peer.kernel_isn - before - 2) & 0xFFFFFFFF
            yield Fact(f"time-wait.syn.{name}.isn-after-snd-nxt", step, 65537)
        lab.shell("ip link del peer0")
    yard = Graveyard()
    peer = yard.fresh()
    yield Fact("time-wait.syn-fin", peer.ask("SF", seq=500), "nothing")
    yield Fact("time-wait.syn-fin.timer", verdict(peer), "gone")
    lab.shell("ip link del peer0")
    yard = Graveyard()
    peer = yard.fresh()
    yard.listener.close()
    yield Fact("time-wait.syn.no-listener", peer.ask("S", seq=500), ". seq=2 ack=2")


def rate_limit() -> Facts:
    """Segments with length are always acknowledged, bare ACKs once in 500 ms."""
    yard = Graveyard()
    plays = [("fin", "F.", b"", 5), ("data", ".", b"x", 5), ("ack", ".", b"", 1)]
    for name, flags, data, noted in plays:
        peer = yard.fresh()
        for _ in range(5):
            peer.send(flags, seq=1, ack=2, data=data)
        yield Fact(f"time-wait.five-times.{name}", len(peer.collect(0.1)), noted)


def rfc1337() -> Facts:
    """With tcp_rfc1337 the exact RST changes nothing."""
    lab.sysctl("tcp_rfc1337", 1)
    peer = Graveyard().fresh()
    time.sleep(1.2)
    yield Fact("time-wait.rfc1337.rst-exact", peer.ask("R", seq=2), "nothing")
    yield Fact("time-wait.rfc1337.timer", verdict(peer), "kept")


def length() -> Facts:
    """60 s whatever tcp_fin_timeout says, also after a FIN-WAIT-2."""
    lab.sysctl("tcp_fin_timeout", 5)
    yield Fact("time-wait.length", timer(Graveyard().fresh()) or 0.0, Between(59, 60))


def full_length() -> Facts:
    """The 60 s themselves, to the timer wheel's grain."""
    peer, start = Graveyard().fresh(), time.monotonic()
    while timer(peer) is not None and time.monotonic() - start < 70:
        time.sleep(0.05)
    yield Fact("time-wait.length.measured", time.monotonic() - start, Between(59.9, 63))


def survives() -> Facts:
    """Taking the interface down ends neither a TIME-WAIT nor an established connection."""
    yard = Graveyard()
    peer = yard.fresh()
    live = Peer(yard.tun, 2000).open()
    lab.shell("ip link set peer0 down && ip addr flush dev peer0")
    yield Fact("time-wait.link-down", verdict(peer) != "gone", True)
    yield Fact("time-wait.link-down.live", lab.state(live.getsockname()[1]), "ESTABLISHED")
    other = socket.socket()
    yield Fact("time-wait.link-down.bind", lab.outcome(other.bind, (KERNEL, 0)), "EADDRNOTAVAIL")


def descriptor_open() -> Facts:
    """What the program sees while its connection is in TIME-WAIT already."""
    tun = Tun()
    peer = Peer(tun, 7)
    sock = peer.open()
    sock.shutdown(socket.SHUT_WR)
    peer.collect(0.05, acknowledge=True)
    peer.send("F.", data=b"rest")
    time.sleep(0.05)
    yield Fact("time-wait.open.state", lab.state(sock.getsockname()[1]), "TIME-WAIT")
    yield Fact("time-wait.open.recv", lab.outcome(sock.recv, 9), "4 bytes")
    yield Fact("time-wait.open.recv-again", lab.outcome(sock.recv, 9), "EOF")
    yield Fact("time-wait.open.send", lab.outcome(sock.send, b"x"), "EPIPE")
    yield Fact("time-wait.open.getpeername", lab.outcome(sock.getpeername), "ENOTCONN")
    yield Fact("time-wait.open.shutdown", lab.outcome(sock.shutdown, socket.SHUT_WR), "ENOTCONN")
    yield Fact("time-wait.open.error", lab.error_of(sock), "0")


def active_reuse() -> Facts:
    """The active side may take its 4-tuple again only with timestamps."""
    plays = [("plain", False, "EADDRNOTAVAIL"), ("stamped", True, "EINPROGRESS")]
    for name, timestamps, noted in plays:
        tun = Tun()
        peer = Peer(tun, 7, timestamps=timestamps)
        sock = peer.open()
        port = sock.getsockname()[1]
        lab.close(sock)
        peer.receive()
        peer.send("F.")
        peer.receive()
        before = peer.kernel_isn
        again = socket.socket()
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((KERNEL, port))
        again.setblocking(False)
        yield Fact(f"time-wait.reuse.{name}", lab.outcome(again.connect, (PEER, 7)), noted)
        if timestamps:
            yield Fact("time-wait.reuse.syn", shown(peer.collect(0.1))[:7], "S seq=0")
            step = (peer.kernel_isn - before - 2) & 0xFFFFFFFF
            yield Fact("time-wait.reuse.isn-after-snd-nxt", step, 65537)
        lab.shell("ip link del peer0")


def buckets() -> Facts:
    """At tcp_max_tw_buckets a TIME-WAIT is not made at all."""
    lab.sysctl("tcp_max_tw_buckets", 1)
    yard = Graveyard()
    first, second = yard.fresh(), yard.fresh()
    yield Fact("time-wait.buckets.first", timer(first) is not None, True)
    yield Fact("time-wait.buckets.second", timer(second) is None, True)
    yield Fact("time-wait.buckets.fin-again", second.ask("F.", seq=1), "R seq=2")


if __name__ == "__main__":
    CASES = [plain, stamped, old_stamps, reopening, rate_limit, rfc1337, length, survives]
    lab.main([*CASES, descriptor_open, active_reuse, buckets], long=[full_length])
