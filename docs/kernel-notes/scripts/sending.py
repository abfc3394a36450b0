"""When text leaves, and how cwnd follows what is used of it."""

from __future__ import annotations

import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Segment, Tun

MSS = 1460
CWND = 26
"""Place in struct tcp_info of linux/tcp.h, eight bytes and then words."""


def open_to(peer: Peer, rtt: float = 0.0, kind: bytes = b"cubic") -> socket.socket:
    """A connection of the kernel's to this peer, whose SYN took `rtt` seconds to be answered."""
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    sock.bind((KERNEL, 0))
    peer.start(sock)
    peer.receive()
    time.sleep(rtt)
    peer.send("S.")
    peer.receive()
    sock.setblocking(True)
    return sock


def cwnd(sock: socket.socket) -> int:
    """tcpi_snd_cwnd, in segments."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("=8B24I", info)[CWND])


def pushes(segments: list[Segment]) -> str:
    """P for each segment with PSH."""
    return "".join("P" if one.pushed else "." for one in segments if one.size)


def least_train() -> Facts:
    """tcp_min_tso_segs: far away, where a train would be two segments."""
    tun = Tun()
    yield Fact("net.ipv4.tcp_min_tso_segs", lab.sysctl("tcp_min_tso_segs"), "2")
    cases = (2, ".P.P.P.P.P"), (4, "...P...P.P"), (9, "....P....P")
    for number, (least, noted) in enumerate(cases):
        lab.sysctl("tcp_min_tso_segs", least)
        peer = Peer(tun, 100 + number, sack=True)
        sock = open_to(peer, 0.05)
        sock.send(bytes(30_000))
        yield Fact(f"sending.train.{least}", pushes(peer.collect(0.01)), noted)
        sock.close()


def use_of_the_window() -> Facts:
    """Slow start goes on where more than half of cwnd was in flight, also when it was not full."""
    tun = Tun()
    for number, (segments, noted) in enumerate(((16, 36), (10, 20), (11, 31))):
        peer = Peer(tun, 200 + number, sack=True)
        sock = open_to(peer)
        sock.send(bytes(10 * MSS))
        peer.collect(0.003)
        peer.send(".")
        yield Fact(f"sending.cwnd.{segments}.before", cwnd(sock), 20)
        sock.send(bytes(segments * MSS))
        peer.collect(0.003)
        peer.send(".")
        time.sleep(0.01)
        yield Fact(f"sending.cwnd.{segments}.acknowledged", cwnd(sock), noted)
        sock.close()


def pause_at_a_closed_window() -> Facts:
    """Text that waited for window longer than the RTO begins with the first window, too."""
    peer = Peer(Tun(), 300, sack=True)
    sock = open_to(peer)
    sock.send(bytes(10 * MSS))
    peer.collect(0.02)
    peer.window = 0
    peer.send(".")
    sock.send(bytes(30 * MSS))
    yield Fact("sending.closed.cwnd", cwnd(sock), 20)
    peer.collect(0.9)
    yield Fact("sending.closed.cwnd-later", cwnd(sock), 20)
    peer.window = 65535
    peer.send(".")
    sent = peer.collect(0.02)
    yield Fact("sending.closed.opened.segments", len([one for one in sent if one.size]), 10)
    yield Fact("sending.closed.opened.cwnd", cwnd(sock), 10)


if __name__ == "__main__":
    lab.main([least_train, use_of_the_window, pause_at_a_closed_window])
