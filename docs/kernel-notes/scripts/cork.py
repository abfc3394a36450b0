"""TCP_CORK and TCP_QUICKACK: how long a part of a segment waits, and how long an ACK."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Segment, connected

TCP = socket.IPPROTO_TCP
CORK, NODELAY, QUICK = socket.TCP_CORK, socket.TCP_NODELAY, socket.TCP_QUICKACK
CORKED = (TCP, CORK, 1)
AT_ONCE, CEILING, DELAYED = Between(0, 0.03), Between(0.19, 0.26), Between(0.036, 0.06)


def first(peer: Peer, start: float, wait: float = 1.0) -> tuple[Segment | None, float]:
    """The next segment and when it came, 9 s when there was none."""
    segment = peer.receive(wait)
    return segment, segment.at - start if segment else 9.0


def waits() -> Facts:
    """A corked part of a segment waits about RTO (200 ms), then goes."""
    sock, peer = connected(CORKED)
    start = time.monotonic()
    sock.send(bytes(100))
    segment, after = first(peer, start)
    yield Fact("cork.part.sent", str(segment), ". seq=1 ack=1 len=100")
    yield Fact("cork.part.after", after, CEILING)


def full_segments() -> Facts:
    """Full segments go at once, the rest waits; an ACK of the full ones begins the wait."""
    sock, peer = connected(CORKED)
    start = time.monotonic()
    sock.send(bytes(1560))
    segment, after = first(peer, start)
    yield Fact("cork.full.sent", str(segment), ". seq=1 ack=1 len=1460")
    yield Fact("cork.full.after", after, AT_ONCE)
    time.sleep(0.05)
    peer.send(".")
    start = time.monotonic()
    segment, after = first(peer, start)
    yield Fact("cork.rest.sent", str(segment), ". seq=1461 ack=1 len=100")
    yield Fact("cork.rest.after", after, CEILING)


def released() -> Facts:
    """What takes the cork out: TCP_CORK = 0, TCP_NODELAY, shutdown, close."""
    for name in ("cork-0", "nodelay", "shutdown", "close", "segment-full"):
        sock, peer = connected(CORKED)
        sock.send(bytes(100))
        time.sleep(0.05)
        start = time.monotonic()
        if name == "cork-0":
            sock.setsockopt(TCP, CORK, 0)
        elif name == "nodelay":
            sock.setsockopt(TCP, NODELAY, 1)
        elif name == "shutdown":
            sock.shutdown(socket.SHUT_WR)
        elif name == "close":
            sock.close()
        else:
            sock.send(bytes(1360))
        segment, after = first(peer, start)
        flags = "F." if name in ("shutdown", "close") else "."
        size = 1460 if name == "segment-full" else 100
        yield Fact(f"cork.released.{name}.sent", str(segment), f"{flags} seq=1 ack=1 len={size}")
        yield Fact(f"cork.released.{name}.after", after, AT_ONCE)
        if name == "nodelay":
            peer.send(".")
            start = time.monotonic()
            sock.send(bytes(100))
            yield Fact("cork.then-nodelay.next-part", first(peer, start)[1], CEILING)
        lab.shell("ip link del peer0")


def nodelay_first() -> Facts:
    """TCP_NODELAY before TCP_CORK: the cork holds all the same."""
    sock, peer = connected((TCP, NODELAY, 1), CORKED)
    start = time.monotonic()
    sock.send(bytes(100))
    yield Fact("cork.nodelay-and-cork.after", first(peer, start)[1], CEILING)


def ack_time(peer: Peer, sock: socket.socket, *, read: bool = False) -> float:
    """How long the ACK of one small segment takes; the program reads it afterwards, or before."""
    peer.send(".", data=b"x")
    start = time.monotonic()
    if read:
        sock.recv(9)
    after = first(peer, start)[1]
    if not read:
        sock.recv(9)
    return after


def owed_time(peer: Peer, sock: socket.socket, *, read: bool) -> float:
    """How long an ACK that is owed takes from TCP_QUICKACK = 1, the data read before or not."""
    sock.setsockopt(TCP, QUICK, 0)
    peer.send(".", data=b"x")
    time.sleep(0.005)
    if read:
        sock.recv(9)
    start = time.monotonic()
    sock.setsockopt(TCP, QUICK, 1)
    after = first(peer, start)[1]
    if not read:
        sock.recv(9)
    return after


def quickack() -> Facts:
    """0 delays the next ACK; 1 sends one that is owed for text that was read."""
    sock, peer = connected()
    yield Fact("quickack.default", sock.getsockopt(TCP, QUICK), 1)
    yield Fact("quickack.first", ack_time(peer, sock), AT_ONCE)
    sock.setsockopt(TCP, QUICK, 0)
    yield Fact("quickack.0.get", sock.getsockopt(TCP, QUICK), 0)
    yield Fact("quickack.0.ack", ack_time(peer, sock), DELAYED)
    yield Fact("quickack.0.get-after-the-timer", sock.getsockopt(TCP, QUICK), 1)
    yield Fact("quickack.0.next-ack", ack_time(peer, sock), AT_ONCE)
    sock.setsockopt(TCP, QUICK, 0)
    yield Fact("quickack.0.ack.read", ack_time(peer, sock, read=True), DELAYED)
    yield Fact("quickack.1.owed.unread", owed_time(peer, sock, read=False), Between(0.02, 0.05))
    yield Fact("quickack.1.owed.read", owed_time(peer, sock, read=True), Between(0, 0.015))


def exhausted() -> Facts:
    """TCP_QUICKACK = 1 gives no new quick ACKs; but reading all sends one that is owed."""
    sock, peer = connected()
    for _ in range(30):
        ack_time(peer, sock)
    yield Fact("quickack.exhausted", ack_time(peer, sock), DELAYED)
    sock.setsockopt(TCP, QUICK, 1)
    yield Fact("quickack.exhausted.1", ack_time(peer, sock), DELAYED)
    yield Fact("quickack.exhausted.read", ack_time(peer, sock, read=True), AT_ONCE)
    peer.send(".", data=b"xy")
    start = time.monotonic()
    sock.recv(1)
    yield Fact("quickack.exhausted.read-half", first(peer, start)[1], DELAYED)


def conversation() -> Facts:
    """An answer turns it into a conversation: TCP_QUICKACK is 0, and 1 ends that."""
    sock, peer = connected()
    peer.send(".", data=b"x")
    peer.receive()
    sock.recv(9)
    sock.send(b"answer")
    peer.receive()
    peer.send(".")
    yield Fact("quickack.conversation.get", sock.getsockopt(TCP, QUICK), 0)
    yield Fact("quickack.conversation.ack", ack_time(peer, sock), DELAYED)
    peer.send(".", data=b"x")
    peer.receive()
    sock.recv(9)
    sock.send(b"answer")
    peer.receive()
    peer.send(".")
    sock.setsockopt(TCP, QUICK, 1)
    yield Fact("quickack.conversation.1.ack", ack_time(peer, sock), AT_ONCE)


if __name__ == "__main__":
    lab.main([waits, full_segments, released, nodelay_first, quickack, exhausted, conversation])
