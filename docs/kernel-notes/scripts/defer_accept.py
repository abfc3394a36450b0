"""TCP_DEFER_ACCEPT: the option, and what the handshake looks like on either side."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Tun, shown

DEFER = socket.TCP_DEFER_ACCEPT


def option() -> Facts:
    """Seconds are kept as a number of SYN|ACK repeats."""
    sock = socket.socket()
    for value, kept in ((0, 0), (1, 1), (2, 3), (3, 3), (4, 7), (7, 7), (8, 15), (30, 31), (-1, 0)):
        sock.setsockopt(socket.IPPROTO_TCP, DEFER, value)
        yield Fact(f"set {value}", sock.getsockopt(socket.IPPROTO_TCP, DEFER), kept)
    sock.close()


def listening(seconds: int) -> tuple[socket.socket, Peer]:
    """A kernel that listens with the option, and a peer whose handshake is at its last ACK."""
    peer = Peer(Tun(), 80)
    listener = socket.create_server((KERNEL, 0))
    listener.setsockopt(socket.IPPROTO_TCP, DEFER, seconds)
    listener.setblocking(False)
    peer.kernel_port = listener.getsockname()[1]
    peer.send("S")
    peer.receive()
    return listener, peer


def server() -> Facts:
    """The last ACK alone opens nothing; text does."""
    listener, peer = listening(5)
    yield Fact("the last ACK", peer.ask("."), "nothing")
    yield Fact("state", lab.state(listener.getsockname()[1], 80), "SYN-RECEIVED")
    yield Fact("accept()", lab.outcome(listener.accept), "EAGAIN")
    peer.send(".", data=b"x")
    time.sleep(0.05)
    yield Fact("accept() after text", lab.outcome(listener.accept), "ok")
    lab.shell("ip link del peer0")
    listener, peer = listening(5)
    peer.send("F.")
    time.sleep(0.05)
    yield Fact("accept() after a FIN", lab.outcome(listener.accept), "ok")


def silent_client() -> Facts:
    """No text comes: the SYN|ACK is repeated once at the end, and its ACK opens."""
    listener, peer = listening(3)
    begun = time.monotonic()
    peer.send(".")
    seen = peer.collect(4.5)
    yield Fact("repeats", [str(one) for one in seen], ["S. seq=0 ack=1"])
    yield Fact("after", seen[0].at - begun, Between(2.8, 3.6))
    peer.send(".")
    time.sleep(0.05)
    yield Fact("and its ACK", lab.outcome(listener.accept), "ok")


def client() -> Facts:
    """The same option on the side that connects: the last ACK waits for text."""
    peer = Peer(Tun(), 80)
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, DEFER, 1)
    sock.bind((KERNEL, 0))
    peer.start(sock)
    peer.receive()
    begun = time.monotonic()
    peer.send("S.")
    seen = peer.collect(0.5)
    yield Fact("last ACK", shown(seen), ". seq=1 ack=1")
    yield Fact("last ACK after", seen[0].at - begun, Between(0.19, 0.26))
    sock.close()


if __name__ == "__main__":
    lab.main([option, server, silent_client, client])
