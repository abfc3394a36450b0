"""Where slow start ends after a retransmission timeout."""

from __future__ import annotations

import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import connected

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


if __name__ == "__main__":
    lab.main([after_a_timeout])
