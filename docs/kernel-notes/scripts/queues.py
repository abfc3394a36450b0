"""The first window, what an unread queue holds by the size of its segments, when buffers grow."""

from __future__ import annotations

import select
import socket
import time

import lab
from buffers import LOOPBACK, fill, memory, mtu, near
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Tun

OPTIONS = (0, 2304, 10_000, 65_536, 1_000_000)
FIRST = {
    576: (65_392, 2_144, 9_648, 65_392, 65_535),
    1500: (64_240, 1_460, 8_760, 64_240, 65_535),
    9000: (62_720, 2_304, 8_960, 62_720, 65_535),
}
"""By MTU, for SO_RCVBUF as in OPTIONS (0: not set)."""
UNREAD = {
    1500: {10: 83_000, 100: 105_424, 500: 116_960, 1000: 118_648, 1448: 119_864, 4000: 123_040,
           16_000: 124_776},
    LOOPBACK: {10: 108_100, 100: 121_120, 500: 120_520, 1000: 119_672, 1448: 92_344,
               4000: 117_984, 16_000: 128_384},
}  # fmt: skip
"""Bytes unread when nothing moves any more, by MTU and by the bytes of each send()."""


def first_window() -> Facts:
    """The window field of the SYN and of the SYN|ACK, by MTU and SO_RCVBUF."""
    tun = Tun()
    port = 20000
    for size, windows in FIRST.items():
        lab.shell(f"ip link set peer0 mtu {size}")
        for option, noted in zip(OPTIONS, windows, strict=True):
            port += 1
            sock = socket.socket()
            if option:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, option)
            sock.bind((KERNEL, port))
            peer = Peer(tun, port)
            peer.start(sock)
            syn = peer.receive()
            assert syn is not None
            yield Fact(f"queues.first-window.syn.mtu-{size}.{option}", syn.window, noted)
            sock.close()
            listener = socket.socket()
            if option:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, option)
            listener.bind((KERNEL, port + 100))
            listener.listen()
            peer = Peer(tun, port)
            peer.kernel_port = port + 100
            peer.send("S")
            answer = peer.receive()
            assert answer is not None
            name = f"queues.first-window.syn-ack.mtu-{size}.{option}"
            yield Fact(name, answer.window, noted)
            listener.close()


def flood(a: socket.socket, b: socket.socket, each: int) -> int:
    """Send pieces until nothing moves any more for a third of a second; the bytes unread."""
    unread, still = -1, 0
    for _ in range(1500):
        for _ in range(500):
            if lab.outcome(a.send, bytes(each)) != "ok":
                break
        time.sleep(0.01)
        now = lab.queued(b, lab.SIOCINQ)
        still = still + 1 if now == unread else 0
        unread = now
        if still > 32:
            break
    return unread


def by_size() -> Facts:
    """Nobody reads: bytes unread at the receiver, by what each send() gave (TCP_NODELAY)."""
    for size, unread_by in UNREAD.items():
        mtu(size)
        for each, noted in {1: 0, **unread_by}.items():
            a, b = lab.pair()
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            a.setblocking(False)
            unread = flood(a, b, each)
            name, buffer = f"queues.unread.mtu-{size}.by-{each}", memory(b)[0]
            if each == 1:
                yield Fact(f"{name}.no-end", unread > 700_000, True)
            else:
                yield Fact(name, unread, near(noted))
            if each == 10:
                yield Fact(f"{name}.buffer-has-grown", buffer > 3 * 131_072, True)
            else:
                yield Fact(f"{name}.buffer", buffer, 1 << 25 if each == 1 else 131_072)
            a.close()
            b.close()


def send_growth() -> Facts:
    """The send buffer: at the handshake, while nobody is refused, after a refusal."""
    mtu(1500)
    a, b = lab.pair()
    yield Fact("queues.send-buffer.open", memory(a)[1], 46_080)
    for _ in range(200):
        a.sendall(bytes(10_000))
        got = 0
        while got < 10_000:
            got += len(b.recv(65536))
    yield Fact("queues.send-buffer.never-refused", memory(a)[1], 46_080)
    fill(a)
    refused = memory(a)[1]
    yield Fact("queues.send-buffer.refused", refused, Between(92_160, 4_194_304))
    got = 0
    b.setblocking(False)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        try:
            got += len(b.recv(65536))
        except BlockingIOError:
            time.sleep(0.005)
    yield Fact("queues.send-buffer.drained", memory(a)[1] >= refused, True)
    yield Fact("queues.receive-buffer.drained", memory(b)[0], Between(500_000, 1 << 25))


def readiness() -> Facts:
    """poll: one byte is readable; a sender is writable below two thirds, whatever it was told."""
    a, b = lab.pair(SO_SNDBUF=20_000)
    one, other = select.poll(), select.poll()
    one.register(a, select.POLLOUT)
    other.register(b, select.POLLIN)
    yield Fact("queues.poll.empty", (bool(one.poll(0)), bool(other.poll(0))), (True, False))
    a.send(b"x")
    time.sleep(0.02)
    yield Fact("queues.poll.one-byte", (bool(one.poll(0)), bool(other.poll(0))), (True, True))
    fill(a)
    yield Fact("queues.poll.full", bool(one.poll(0)), False)
    b.recv(1)
    time.sleep(0.02)
    yield Fact("queues.poll.one-byte-read", bool(one.poll(0)), False)


if __name__ == "__main__":
    lab.main([first_window, by_size, send_growth, readiness])
