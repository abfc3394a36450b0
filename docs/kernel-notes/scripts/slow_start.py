"""Where slow start ends after a retransmission timeout."""

from __future__ import annotations

import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun, connected, listening

CA_STATE, SND_SSTHRESH, SND_CWND = 1, 25, 26
"""Places in struct tcp_info of linux/tcp.h, eight bytes and then words."""
LOSS = 4


def look(sock: socket.socket) -> tuple[int, int, int]:
    """(ca_state, cwnd, ssthresh) in segments."""
    info = struct.unpack_from("=8B24I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104))
    return info[CA_STATE], info[SND_CWND], info[SND_SSTHRESH]


def after_a_timeout() -> Facts:
    """Ten segments are out, the timer fires once, then one ACK covers all ten."""
    for name, cwnd, ssthresh in (("cubic", 7, 7), ("reno", 6, 5)):
        sock, peer = connected()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
        sock.send(bytes(30_000))
        time.sleep(0.3)
        peer.collect(0.01)
        yield Fact(f"slow-start.{name}.timed-out", look(sock), (LOSS, 1, ssthresh))
        peer.send(".", ack=14_601)
        sent = peer.collect(0.05)
        yield Fact(f"slow-start.{name}.sent-at-once", len(sent), cwnd)
        yield Fact(f"slow-start.{name}.acknowledged", look(sock), (LOSS, cwnd, ssthresh))
        lab.shell("ip link del peer0")


def lost_syns() -> Facts:
    """The first window after SYNs, or SYN|ACKs, that nobody answered; with the echo of the first
    SYN's timestamp they were not lost."""
    for name, seconds, old, noted in (
        ("active, none", 0.05, False, 10), ("active, one", 1.2, False, 10),
        ("active, two", 2.3, False, 1), ("active, two, an old echo", 2.3, True, 10),
    ):  # fmt: skip
        peer = Peer(Tun(), 80, timestamps=old)
        sock = socket.socket()
        sock.bind((KERNEL, 0))
        peer.start(sock)
        peer.receive()
        echo = peer.echo
        time.sleep(seconds)
        peer.collect(0.01)
        peer.echo = echo
        peer.send("S.")
        time.sleep(0.02)
        yield Fact(f"first window, {name}", look(sock)[1], noted)
        sock.close()
        lab.shell("ip link del peer0")
    for name, seconds, noted in (("passive, one", 1.2, 10), ("passive, two", 3.3, 1)):
        listener, peer = listening()
        peer.send("S")
        time.sleep(seconds)
        peer.collect(0.01)
        peer.send(".")
        yield Fact(f"first window, {name}", look(listener.accept()[0])[1], noted)
        lab.shell("ip link del peer0")


if __name__ == "__main__":
    lab.main([after_a_timeout, lost_syns])
