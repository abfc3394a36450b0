"""A connection whose program has closed it: what it still answers, and how the others differ."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun


class Orphanage:
    """Fresh connections on one device, each with its own peer port."""

    def __init__(self) -> None:
        self.tun, self.port = Tun(), 1000

    def live(self) -> tuple[socket.socket, Peer]:
        """An established connection."""
        self.port += 1
        peer = Peer(self.tun, self.port)
        return peer.open(), peer

    def orphan(self, acknowledge: bool) -> tuple[int, Peer]:
        """(kernel's port, peer) after close(), the FIN acknowledged or not."""
        sock, peer = self.live()
        port = sock.getsockname()[1]
        lab.close(sock)
        peer.collect(0.03, acknowledge=acknowledge)
        if not acknowledge:
            peer.seen = 1
        return port, peer


def fin_wait_1() -> Facts:
    """New data in any form ends an orphan in FIN-WAIT-1 with a bare RST; old data and SYN do not.

    The RST's number is the segment's ACK field.
    """
    home = Orphanage()
    for name, flags, seq, data, noted, left in (
        ("data", ".", 1, b"x", "R seq=1", "CLOSED"),
        ("data-acking-fin", "ack2", 1, b"x", "R seq=2", "CLOSED"),
        ("out-of-order", ".", 101, b"x", "R seq=1", "CLOSED"),
        ("data-and-fin", "F.", 1, b"x", "R seq=1", "CLOSED"),
        ("old-data", ".", 0, b"x", ". seq=2 ack=1", "FIN-WAIT-1"),
        ("syn", "S", 5, b"", ". seq=2 ack=1", "FIN-WAIT-1"),
    ):
        port, peer = home.orphan(False)
        ack = 2 if flags == "ack2" else 1
        flags = "." if flags == "ack2" else flags
        answer = peer.ask(flags, seq=seq, ack=ack, data=data, wait=0.06).split(", F.")[0]
        yield Fact(f"orphans.fin-wait-1.{name}", answer, noted)
        yield Fact(f"orphans.fin-wait-1.{name}.state", lab.state(port), left)


def fin_wait_2() -> Facts:
    """The same in FIN-WAIT-2, where the kernel keeps only a small socket and a timer."""
    home = Orphanage()
    for name, flags, seq, data, noted, left in (
        ("data", ".", 1, b"x", "R seq=2", "CLOSED"),
        ("data-and-fin", "F.", 1, b"x", "R seq=2", "CLOSED"),
        ("out-of-order-fin", "F.", 101, b"", "R seq=2", "CLOSED"),
        ("new-syn", "S", 5, b"", "R. seq=0 ack=6", "CLOSED"),
        ("ack", ".", 1, b"", "nothing", "FIN-WAIT-2"),
        ("old-data", ".", 0, b"x", ". seq=2 ack=1", "FIN-WAIT-2"),
        ("old-syn", "S", -10, b"", ". seq=2 ack=1", "FIN-WAIT-2"),
        ("beyond-window", ".", 1_000_000, b"x", ". seq=2 ack=1", "FIN-WAIT-2"),
        ("no-ack-flag", "", 1, b"x", "nothing", "FIN-WAIT-2"),
        ("exact-fin", "F.", 1, b"", ". seq=2 ack=2", "TIME-WAIT"),
        ("exact-rst", "R", 1, b"", "nothing", "CLOSED"),
        ("rst-in-window", "R", 100, b"", "nothing", "CLOSED"),
        ("rst-outside", "R", 1_000_000, b"", ". seq=2 ack=1", "FIN-WAIT-2"),
    ):
        port, peer = home.orphan(True)
        yield Fact(f"orphans.fin-wait-2.{name}", peer.ask(flags, seq=seq, data=data), noted)
        yield Fact(f"orphans.fin-wait-2.{name}.state", lab.state(port), left)


def timers() -> Facts:
    """FIN-WAIT-2 is timed only once it is an orphan; an ACK does not restart it, a FIN does."""
    lab.sysctl("tcp_fin_timeout", 5)
    home = Orphanage()
    sock, waiting = home.live()
    sock.shutdown(socket.SHUT_WR)
    waiting.collect(0.05, acknowledge=True)
    row = lab.table(sock.getsockname()[1])[0]
    yield Fact("orphans.shut-wr.timer", row.timer, 0.0)
    port, peer = home.orphan(True)
    time.sleep(1.2)
    yield Fact("orphans.fin-wait-2.timer", lab.table(port)[0].timer, Between(3.2, 4.2))
    peer.send(".")
    peer.send(".", seq=0, data=b"x")
    time.sleep(0.1)
    yield Fact("orphans.fin-wait-2.timer-kept", lab.table(port)[0].timer, Between(3.1, 4.1))
    _, killed = home.orphan(True)
    killed.send("F.")
    time.sleep(0.1)
    left = lab.table(killed.kernel_port)[0].timer
    yield Fact("orphans.time-wait.timer", left, Between(59, 60))
    time.sleep(4.4)
    yield Fact("orphans.fin-wait-2.gone-after-5-s", lab.state(port), "CLOSED")
    yield Fact("orphans.shut-wr.stays", lab.state(sock.getsockname()[1]), "FIN-WAIT-2")


def linger2() -> Facts:
    """TCP_LINGER2 is the time of this one socket; -1 means no FIN-WAIT-2 at all."""
    home = Orphanage()
    home.port += 1
    peer = Peer(home.tun, home.port)
    sock = peer.open((socket.IPPROTO_TCP, socket.TCP_LINGER2, 2))
    port = sock.getsockname()[1]
    lab.close(sock)
    peer.collect(0.05, acknowledge=True)
    yield Fact("orphans.linger2.2.state", lab.state(port), "FIN-WAIT-2")
    home.port += 1
    other = Peer(home.tun, home.port)
    sock = other.open((socket.IPPROTO_TCP, socket.TCP_LINGER2, -1))
    lab.close(sock)
    other.collect(0.05)
    yield Fact("orphans.linger2.-1", other.ask(".", ack=2), "R seq=2")
    yield Fact("orphans.linger2.-1.state", lab.state(other.kernel_port), "CLOSED")
    time.sleep(2.3)
    yield Fact("orphans.linger2.2.gone", lab.state(port), "CLOSED")


def last_ack() -> Facts:
    """LAST-ACK leaves no TIME-WAIT; what comes after the peer's FIN is dropped."""
    home = Orphanage()
    sock, peer = home.live()
    port = sock.getsockname()[1]
    peer.send("F.", ack=1)
    peer.collect(0.06)
    lab.close(sock)
    peer.collect(0.03)
    yield Fact("orphans.last-ack.state", lab.state(port), "LAST-ACK")
    for name, flags, seq, data, noted in (
        ("data-behind-fin", ".", 2, b"x", "nothing"),
        ("fin-again", "F.", 1, b"", ". seq=2 ack=2"),
    ):
        answer = peer.ask(flags, seq=seq, ack=1, data=data, wait=0.05)
        yield Fact(f"orphans.last-ack.{name}", answer.split(", F.")[0], noted)
    peer.collect(0.6)
    syn = peer.ask("S", seq=50, wait=0.05).split(", F.")[0]
    yield Fact("orphans.last-ack.syn", syn, ". seq=2 ack=2")
    yield Fact("orphans.last-ack.ack", peer.ask(".", ack=2), "nothing")
    yield Fact("orphans.last-ack.gone", lab.state(port), "CLOSED")
    yield Fact("orphans.last-ack.late-fin", peer.ask("F.", seq=1, ack=2), "R seq=2")


def both_close() -> Facts:
    """Simultaneous close: CLOSING and TIME-WAIT, or TIME-WAIT at once when the FIN is acked."""
    home = Orphanage()
    port, peer = home.orphan(False)
    yield Fact("orphans.both.fin", peer.ask("F.", ack=1).split(", F.")[0], ". seq=2 ack=2")
    yield Fact("orphans.both.state", lab.state(port), "CLOSING")
    peer.send(".", ack=2)
    time.sleep(0.05)
    yield Fact("orphans.both.then", lab.state(port), "TIME-WAIT")
    port, peer = home.orphan(False)
    yield Fact("orphans.both.fin-acks", peer.ask("F.", ack=2), ". seq=2 ack=2")
    yield Fact("orphans.both.fin-acks.state", lab.state(port), "TIME-WAIT")


def with_descriptor() -> Facts:
    """Half-closed but not orphaned: data is taken; with both directions shut it is refused."""
    home = Orphanage()
    for name, acked in (("fin-wait-1", False), ("fin-wait-2", True)):
        sock, peer = home.live()
        sock.shutdown(socket.SHUT_WR)
        peer.collect(0.03, acknowledge=acked)
        peer.send(".", ack=2 if acked else 1, data=b"hello")
        time.sleep(0.05)
        yield Fact(f"orphans.open.{name}.recv", lab.outcome(sock.recv, 10), "5 bytes")
    for name, order in (
        ("wr-rd", (socket.SHUT_WR, socket.SHUT_RD)),
        ("rd-wr", (socket.SHUT_RD, socket.SHUT_WR)),
    ):
        sock, peer = home.live()
        for how in order:
            sock.shutdown(how)
        peer.collect(0.03, acknowledge=True)
        yield Fact(f"orphans.shut-both.{name}", peer.ask(".", data=b"x"), "R seq=2")
        yield Fact(f"orphans.shut-both.{name}.error", lab.error_of(sock), "ECONNRESET")


def self_connect() -> Facts:
    """A socket connected to itself is a simultaneous open, and ends in TIME-WAIT."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.connect(sock.getsockname())
    port = sock.getsockname()[1]
    yield Fact("orphans.self-connect", lab.state(port), "ESTABLISHED")
    sock.send(b"echo")
    yield Fact("orphans.self-connect.recv", lab.outcome(sock.recv, 9), "4 bytes")
    lab.close(sock)
    time.sleep(0.05)
    yield Fact("orphans.self-connect.closed", lab.state(port), "TIME-WAIT")


if __name__ == "__main__":
    CASES = [fin_wait_1, fin_wait_2, timers, linger2, last_ack, both_close, with_descriptor]
    lab.main([*CASES, self_connect])
