"""How a window is told: rounded to the window scale, which a fixed buffer makes smaller."""

from __future__ import annotations

import socket
import time
from itertools import pairwise

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun

RCV_WSCALE, RCV_WND = 6, 232
"""Where tcp_info has tcpi_rcv_wscale (the upper half of a byte) and tcpi_rcv_wnd."""


def connected(rcvbuf: int = 0) -> tuple[socket.socket, socket.socket]:
    """A connection over loopback: who opened it, and who accepted. rcvbuf: SO_RCVBUF of both."""
    listener, client = socket.socket(), socket.socket()
    if rcvbuf:
        for sock in (listener, client):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    client.connect(listener.getsockname())
    return client, listener.accept()[0]


def info(sock: socket.socket) -> bytes:
    """The kernel's struct tcp_info."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 280)


def rounded() -> Facts:
    """The ACK of the handshake tells 65,495 bytes as 64 units of 1,024, not 63. The SYN|ACK, whose
    field is not scaled, holds whole segments: 12 bytes less of each for timestamps."""
    for mtu, of_ack, of_syn_ack in ((65536, 65_536, 65_483), (1500, 64_512, 65_160)):
        lab.shell(f"ip link set lo mtu {mtu}")
        client, server = connected()
        for name, sock, noted in (("ack", client, of_ack), ("syn-ack", server, of_syn_ack)):
            seen = int.from_bytes(info(sock)[RCV_WND : RCV_WND + 4], "little")
            yield Fact(f"windows.{name}.mtu-{mtu}", seen, noted)
            sock.close()


def opening() -> Facts:
    """Text opens the window by two segments, but not a small text on a new connection."""
    lab.shell("ip link set lo mtu 1500")
    for size, noted in ((1, 65_536), (127, 65_536), (500, 65_536), (1_448, 68_608)):
        client, server = connected()
        client.send(bytes(size))
        time.sleep(0.05)
        seen = int.from_bytes(info(server)[RCV_WND : RCV_WND + 4], "little")
        yield Fact(f"windows.opened-by.{size}", seen, noted)
        client.close()
        server.close()


def scale() -> Facts:
    """The shift is what tcp_rmem's largest buffer needs, or half of a buffer with SO_RCVBUF."""
    for rcvbuf, noted in ((0, 10), (2_304, 0), (65_536, 1), (200_000, 2), (1_000_000, 4)):
        for end, sock in zip(("client", "server"), connected(rcvbuf), strict=True):
            yield Fact(f"windows.scale.{end}.{rcvbuf}", info(sock)[RCV_WSCALE] >> 4, noted)
            sock.close()


def told_again() -> Facts:
    """A window that could only be told smaller is told as it was, less what has come, and rounded
    up again: each ACK moves its right edge although nobody reads."""
    peer = Peer(Tun(), 80)
    peer.scale = 7
    listener = socket.create_server((KERNEL, 0))
    sock = peer.connect(listener)
    edges = []
    for _ in range(20):
        peer.send(".", data=bytes(1448))
        edges += [one.ack + (one.window << 10) for one in peer.collect(0.004)]
    moves = [after - before for before, after in pairwise(edges)]
    yield Fact("moves of the right edge, the last ten ACKs", moves[-10:], [424] * 10)
    sock.close()


if __name__ == "__main__":
    lab.main([rounded, opening, scale, told_again])
