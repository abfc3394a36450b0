"""Explicit congestion notification: the handshake, marks that arrive, and echoes of our own."""

from __future__ import annotations

import socket
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun, shown

MSS, CE, ECT = 1460, 3, 2


def listening() -> tuple[socket.socket, Peer]:
    """A listening kernel and a peer with SACK."""
    peer = Peer(Tun(), 80, sack=True)
    listener = socket.create_server((KERNEL, 0))
    peer.kernel_port = listener.getsockname()[1]
    return listener, peer


def offered() -> Facts:
    """The default (2): not asked for, granted to who asks."""
    yield Fact("net.ipv4.tcp_ecn", lab.sysctl("tcp_ecn"), "2")
    peer = Peer(Tun(), 80)
    sock = socket.socket()
    sock.bind((KERNEL, 0))
    peer.start(sock)
    yield Fact("SYN by default", shown(peer.collect(0.05)), "S seq=0")
    sock.close()
    lab.sysctl("tcp_ecn", 1)
    peer = Peer(peer.tun, 81)
    sock = socket.socket()
    sock.bind((KERNEL, 0))
    peer.start(sock)
    yield Fact("SYN with tcp_ecn=1, and again", shown(peer.collect(1.2)), "SEW seq=0, S seq=0")
    sock.close()


def granted() -> Facts:
    """Which SYN is answered with ECE."""
    for flags, mark, answer in (
        ("SEW", 0, "S.E seq=0 ack=1"), ("SE", 0, "S. seq=0 ack=1"),
        ("SEW", ECT, "S. seq=0 ack=1"), ("S", 0, "S. seq=0 ack=1"),
    ):  # fmt: skip
        listener, peer = listening()
        peer.send(flags, mark=mark)
        yield Fact(f"{flags} with codepoint {mark}", shown(peer.collect(0.05)), answer)
        listener.close()
        lab.shell("ip link del peer0")


def accepted() -> tuple[socket.socket, Peer]:
    """A connection with ECN, accepted by the kernel."""
    listener, peer = listening()
    peer.send("SEW")
    peer.receive()
    peer.send(".")
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return sock, peer


def receiver() -> Facts:
    """A mark is echoed on every ACK until CWR."""
    sock, peer = accepted()
    peer.send(".", data=b"a" * 100, mark=CE)
    yield Fact("marked text", shown(peer.collect(0.03)), ".E seq=1 ack=101")
    peer.send(".", data=b"a" * 100, mark=ECT)
    yield Fact("the next", shown(peer.collect(0.03)), ".E seq=1 ack=201")
    peer.send(".W", data=b"a" * 100, mark=ECT)
    yield Fact("CWR", shown(peer.collect(0.03)), ". seq=1 ack=301")
    sock.close()


def sender() -> Facts:
    """New text is ECT; an echo costs the window, and the next text says CWR."""
    sock, peer = accepted()
    sock.send(bytes(2 * MSS))
    sent = peer.collect(0.003)
    yield Fact("codepoints of new text", [one.mark for one in sent[:2]], [ECT, ECT])
    again = peer.collect(0.3)
    yield Fact("codepoints of repeated text", {one.mark for one in again}, {0})
    peer.send(".")
    time.sleep(0.02)
    cwnd = peer_cwnd(sock)
    sock.send(bytes(2 * MSS))
    peer.collect(0.003)
    peer.send(".E", ack=peer.seen)
    time.sleep(0.02)
    yield Fact("an echo takes window away", peer_cwnd(sock) < cwnd, True)
    sock.send(bytes(100))
    yield Fact("the next text", shown(peer.collect(0.003)[:1]).split(" ")[0], ".W")
    sock.close()


def peer_cwnd(sock: socket.socket) -> int:
    """tcpi_snd_cwnd, in segments."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[80:84], "little")


if __name__ == "__main__":
    lab.main([offered, granted, receiver, sender])
