"""RACK and the tail loss probe: what is sent again on a connection with SACK, and when."""

from __future__ import annotations

import os
import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Segment, Tun

MSS = 1460


def opened(rtt: float) -> tuple[socket.socket, Peer]:
    """The kernel connects with cubic to a peer with SACK; the handshake takes `rtt` seconds."""
    peer = Peer(Tun(), 80, sack=True)
    sock = peer.open((socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic"), rtt=rtt)
    return sock, peer


def unanswered(rtt: float, size: int, *, fin: bool, wait: float) -> list[tuple[float, Segment]]:
    """Send `size` bytes, and FIN; return what the kernel sends, with s since the call."""
    sock, peer = opened(rtt)
    begun = time.monotonic()
    if size:
        sock.send(bytes(size))
    if fin:
        os.close(sock.detach())
    seen = [(segment.at - begun, segment) for segment in peer.collect(wait)]
    lab.shell("ip link del peer0")
    return seen


def alone() -> Facts:
    """One segment in flight: the probe comes when the timer would, and the timer once more."""
    for name, size, fin in (("a FIN", 0, True), ("100 bytes", 100, False)):
        seen = unanswered(0, size, fin=fin, wait=2)
        times = [at for at, _ in seen]
        yield Fact(f"{name}: first repeat", times[1], Between(0.2, 0.25))
        yield Fact(f"{name}: second, no backoff yet", times[2] - times[1], Between(0.2, 0.25))
        yield Fact(f"{name}: third", times[3] - times[2], Between(0.4, 0.48))


def behind_data() -> Facts:
    """100 bytes and a FIN, both unanswered: the FIN is probed, then the data carries it."""
    seen = unanswered(0, 100, fin=True, wait=1)
    told = [str(segment) for _, segment in seen]
    yield Fact("sent", told[:2], [". seq=1 ack=1 len=100", "F. seq=101 ack=1"])
    yield Fact("probe", told[2], "F. seq=101 ack=1")
    yield Fact("probe after", seen[2][0], Between(0.002, 0.03))
    yield Fact("time-out", told[3], "F. seq=1 ack=1 len=100")
    yield Fact("time-out after the probe", seen[3][0] - seen[2][0], Between(0.2, 0.25))


def flight() -> Facts:
    """Several segments in flight: after two round trips the last is repeated, or a new one sent."""
    for rtt in (0.03, 0.1):
        seen = unanswered(rtt, 3000, fin=False, wait=1)
        at, probe = seen[3]
        yield Fact(f"rtt {rtt}: probe", str(probe), ". seq=2921 ack=1 len=80")
        yield Fact(f"rtt {rtt}: probe after", at, Between(2 * rtt, 2 * rtt + 0.03))
    seen = unanswered(0.03, 20_000, fin=False, wait=0.15)
    at, probe = seen[10]
    yield Fact("beyond cwnd", str(probe), ". seq=14601 ack=1 len=1460")
    yield Fact("beyond cwnd, after", at, Between(0.06, 0.09))


def overtaken() -> Facts:
    """Three segments; the third is held, the second missing: lost after a quarter round trip."""
    sock, peer = opened(0.05)
    sock.send(bytes(3 * MSS))
    peer.collect(0.05)
    peer.send(".", ack=1 + MSS)
    begun = time.monotonic()
    peer.send(".", ack=1 + MSS, held=((1 + 2 * MSS, 1 + 3 * MSS),))
    seen = peer.collect(0.1)
    yield Fact("repeated", [str(one) for one in seen[:1]], [f". seq={1 + MSS} ack=1 len=1460"])
    yield Fact("after", seen[0].at - begun, Between(0.01, 0.035))
    sock.close()


def three_held() -> Facts:
    """Five segments; three behind the missing one are held: lost at once."""
    sock, peer = opened(0.05)
    sock.send(bytes(5 * MSS))
    peer.collect(0.05)
    peer.send(".", ack=1 + MSS)
    begun = time.monotonic()
    for last in (3, 4, 5):
        peer.send(".", ack=1 + MSS, held=((1 + 2 * MSS, 1 + last * MSS),))
    seen = peer.collect(0.05)
    yield Fact("repeated with three held", str(seen[0]), f". seq={1 + MSS} ack=1 len=1460")
    yield Fact("with three held, after", seen[0].at - begun, Between(0, 0.008))
    sock.close()


if __name__ == "__main__":
    lab.main([alone, behind_data, flight, overtaken, three_held])
