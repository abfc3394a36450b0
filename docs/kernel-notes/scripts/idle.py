"""What is left of cwnd after a pause (RFC 5681 section 4.1)."""

from __future__ import annotations

import socket
import time

import lab
from lab import Fact, Facts
from peer import Peer, Tun

MSS = 1460


def grown() -> tuple[socket.socket, Peer]:
    """A connection whose cwnd has grown to 40 segments; the round trip is near 0."""
    peer = Peer(Tun(), 80)
    sock = peer.open(
        (socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno"),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20),
    )
    sock.send(bytes(30 * MSS))
    while peer.seen < 1 + 30 * MSS:
        if peer.receive(0.2):
            peer.send(".")
    return sock, peer


def cwnd(sock: socket.socket) -> int:
    """tcpi_snd_cwnd, in segments."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[80:84], "little")


def pause() -> Facts:
    """The window is halved for each time-out that passed, down to the first window."""
    yield Fact("net.ipv4.tcp_slow_start_after_idle", lab.sysctl("tcp_slow_start_after_idle"), "1")
    for seconds, share in ((0.1, 1), (0.3, 2), (0.5, 4), (3, 8)):
        sock, peer = grown()
        before = cwnd(sock)
        time.sleep(seconds)
        sock.send(b"x")
        left = cwnd(sock)
        noted = max(before // share, 10)
        yield Fact(f"{before} segments, after {seconds} s", left, noted)
        sock.close()
        peer.collect(0.05)
        lab.shell("ip link del peer0")


def fin() -> Facts:
    """A FIN after such a pause: cwnd goes half the way to what was used since it was full, or to
    the first window."""
    for seconds, segments, noted in ((0.1, 2, 40), (0.3, 2, 25), (3, 2, 25), (0.3, 16, 28)):
        sock, peer = grown()
        sock.send(bytes(segments * MSS))
        peer.collect(0.05, acknowledge=True)
        time.sleep(seconds)
        sock.shutdown(socket.SHUT_WR)
        yield Fact(f"{segments} segments, {seconds} s, FIN", cwnd(sock), noted)
        sock.close()
        peer.collect(0.05)
        lab.shell("ip link del peer0")


if __name__ == "__main__":
    lab.main([pause, fin])
