"""Where the bytes are: sizes and growth of both buffers, and what a lost answer loses."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time

import lab
from lab import Between, Fact, Facts

SO_MEMINFO = 55
LOOPBACK, ETHERNET = 65536, 1500


def near(value: int, share: float = 0.05) -> Between:
    """Within 5 % of what the note says."""
    return Between(value * (1 - share), value * (1 + share))


def memory(sock: socket.socket) -> tuple[int, int, int]:
    """(receive buffer, send buffer, charge of the send queue) in bytes."""
    field = struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36))
    return field[1], field[3], field[5]


def fill(sock: socket.socket) -> int:
    """Write until the kernel takes no more; the bytes taken."""
    sock.setblocking(False)
    taken, refused = 0, 0
    while refused < 15:
        try:
            taken += sock.send(bytes(65536))
            refused = 0
        except BlockingIOError:
            refused += 1
            time.sleep(0.02)
    return taken


def mtu(size: int) -> None:
    """Give the loopback device this MTU."""
    lab.shell(f"ip link set lo mtu {size}")


def options() -> Facts:
    """setsockopt doubles, with a floor and a ceiling; sizes of a fresh socket."""
    sock = socket.socket()
    fresh = [
        sock.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_SNDBUF, socket.SO_RCVBUF)
    ]
    yield Fact("buffers.fresh", fresh, [16384, 131072])
    for value, send, receive in (
        (0, 4608, 2304),
        (1152, 4608, 2304),
        (1153, 4608, 2306),
        (2305, 4610, 4610),
        (65536, 131072, 131072),
        (1 << 23, 8388608, 8388608),
    ):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, value)
        yield Fact(f"buffers.set.{value}.send", memory(sock)[1], send)
        yield Fact(f"buffers.set.{value}.receive", memory(sock)[0], receive)


def handshake() -> Facts:
    """Timestamps and a window scale that fits tcp_rmem's largest buffer are offered."""
    span = lab.sysctl("tcp_rmem").split()
    yield Fact("buffers.tcp-rmem", span, ["4096", "131072", "33554432"])
    yield Fact("buffers.tcp-wmem", lab.sysctl("tcp_wmem").split(), ["4096", "16384", "4194304"])
    a, _ = lab.pair()
    info = a.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    yield Fact("buffers.window-scale", (info[6] & 15, info[6] >> 4), (10, 10))
    yield Fact("buffers.timestamps", bool(info[5] & 1), True)


def capacity() -> Facts:
    """A peer that reads nothing: what each buffer holds, and the send buffer's growth."""
    for size, start, grown, unread, queue in (
        (LOOPBACK, 2_626_560, 2_626_560, 128_512, 2_591_744),
        (ETHERNET, 46_080, 373_248, 126_184, 382_272),
    ):
        mtu(size)
        a, b = lab.pair()
        yield Fact(f"buffers.mtu-{size}.send-buffer", memory(a)[1], start)
        taken = fill(a)
        yield Fact(f"buffers.mtu-{size}.taken", taken, near(unread + queue, 0.1))
        yield Fact(f"buffers.mtu-{size}.unread", lab.queued(b, lab.SIOCINQ), near(unread))
        yield Fact(f"buffers.mtu-{size}.queued", lab.queued(a, lab.SIOCOUTQ), near(queue, 0.1))
        yield Fact(f"buffers.mtu-{size}.send-buffer-grown", memory(a)[1], near(grown, 0.1))
        yield Fact(f"buffers.mtu-{size}.receive-buffer", memory(b)[0], 131_072)


def pacing() -> Facts:
    """bbr asks for three congestion windows of send buffer where reno and cubic ask for two."""
    if "bbr" not in lab.sysctl("tcp_available_congestion_control").split():
        return
    with socket.socket() as listener, socket.socket() as client:
        for sock in (listener, client):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        yield Fact("buffers.bbr.mtu-65536.send-buffer", memory(client)[1], 3_939_840)


def fixed() -> Facts:
    """SO_SNDBUF and SO_RCVBUF of 65,536 (131,072 as the kernel counts) do not grow."""
    for size, unread, queue in ((LOOPBACK, 127_575, 142_251), (ETHERNET, 126_488, 150_592)):
        mtu(size)
        a, b = lab.pair(SO_SNDBUF=65536, SO_RCVBUF=65536)
        fill(a)
        yield Fact(f"buffers.fixed.mtu-{size}.unread", lab.queued(b, lab.SIOCINQ), near(unread))
        yield Fact(f"buffers.fixed.mtu-{size}.queued", lab.queued(a, lab.SIOCOUTQ), near(queue))
        yield Fact(f"buffers.fixed.mtu-{size}.send-buffer", memory(a)[1], 131_072)


def writable() -> Facts:
    """A sender that was refused is woken when a third of its buffer is free."""
    for size in (LOOPBACK, ETHERNET):
        mtu(size)
        for option in (65536, 1_000_000):
            a, b = lab.pair(SO_SNDBUF=option)
            fill(a)
            poll = select.poll()
            poll.register(a, select.POLLOUT)
            lowest_refused = 1.0
            while not poll.poll(0):
                _, buffer, charge = memory(a)
                lowest_refused = min(lowest_refused, charge / buffer)
                b.recv(2000)
                time.sleep(0.001)
            _, buffer, charge = memory(a)
            name = f"buffers.writable.mtu-{size}.{option}"
            yield Fact(f"{name}.charge-share", charge / buffer, Between(0.4, 0.667))
            yield Fact(f"{name}.refused-above", lowest_refused, Between(0.666, 1.2))


def reader() -> Facts:
    """The receive buffer grows while somebody reads, not when SO_RCVBUF fixed it."""
    for size in (LOOPBACK, ETHERNET):
        mtu(size)
        for name, option in (("default", {}), ("fixed", {"SO_RCVBUF": 65536})):
            a, b = lab.pair(**option)
            threading.Thread(target=a.sendall, args=(bytes(10_000_000),), daemon=True).start()
            got = 0
            while got < 10_000_000:
                got += len(b.recv(65536))
            grown = memory(b)[0]
            noted = Between(500_000, 1 << 26) if name == "default" else Between(131072, 131072)
            yield Fact(f"buffers.reader.mtu-{size}.{name}", grown, noted)


class Lost:
    """A client sends `request` bytes and then reads; the server reads one byte of them, answers.

    The server pauses so that the request is where it can get, the client so that the answer is.
    """

    def __init__(self, request: int, answer: int, **options: int) -> None:
        self.client, self.server = lab.pair(**options)
        self.send_error = self.read_error = self.server_outcome = "blocked"
        self.accepted = self.delivered = 0
        self.unread = self.left = self.unsent = -1
        client = threading.Thread(target=self.ask, args=(request,), daemon=True)
        server = threading.Thread(target=self.serve, args=(answer,), daemon=True)
        client.start()
        server.start()
        end = time.monotonic() + 3
        for thread in (client, server):
            thread.join(max(0.0, end - time.monotonic()))

    def ask(self, request: int) -> None:
        """The client's program."""
        try:
            while self.accepted < request:
                self.accepted += self.client.send(bytes(request - self.accepted))
            self.send_error = "none"
        except OSError as error:
            self.send_error = type(error).__name__
        time.sleep(0.8)
        try:
            while chunk := self.client.recv(65536):
                self.delivered += len(chunk)
            self.read_error = "EOF"
        except OSError as error:
            self.read_error = type(error).__name__

    def serve(self, answer: int) -> None:
        """The server's program."""
        self.server.recv(1)
        time.sleep(0.2)
        self.server.sendall(bytes(answer))
        time.sleep(0.1)
        self.unread = lab.queued(self.server, lab.SIOCINQ)
        self.unsent = lab.queued(self.server, lab.SIOCOUTQ)
        self.left = lab.queued(self.client, lab.SIOCOUTQ)
        self.server_outcome = lab.close(self.server).outcome


def lost_answer() -> Facts:
    """The lost answer over both MTUs; blocked on both sides is an outcome too."""
    cases: list[tuple[int, int, int, int, int, int]] = [
        (LOOPBACK, 1_000, 10_000, 999, 0, 10_000),
        (LOOPBACK, 1_000_000, 10_000, 127_972, 872_027, 10_000),
        (LOOPBACK, 1_000_000, 200_000, 127_972, 872_027, 128_000),
        (LOOPBACK, 1_000_000, 2_000_000, 127_972, 872_027, 128_000),
        (ETHERNET, 1_000_000, 10_000, 126_183, 382_272, 10_000),
        (ETHERNET, 1_000_000, 200_000, 126_183, 382_272, 126_184),
    ]
    for size, request, answer, unread, left, delivered in cases:
        mtu(size)
        lost = Lost(request, answer)
        name = f"buffers.lost.mtu-{size}.{request}.{answer}"
        yield Fact(f"{name}.server", lost.server_outcome, "ok")
        yield Fact(f"{name}.unread", lost.unread, near(unread))
        yield Fact(f"{name}.client-queue", lost.left, near(left, 0.1))
        yield Fact(f"{name}.delivered", lost.delivered, near(delivered))
        seen = (lost.send_error, lost.read_error)
        whole = left in (0, 872_027)
        reset = "ConnectionResetError"
        yield Fact(f"{name}.client-sees", seen, ("none", reset) if whole else (reset, "EOF"))


def blocked() -> Facts:
    """When neither buffer takes the rest both programs stand still in their sends."""
    for size, options in ((ETHERNET, {}), (LOOPBACK, {"SO_SNDBUF": 65536})):
        mtu(size)
        lost = Lost(1_000_000, 2_000_000, **options)
        name = f"buffers.blocked.mtu-{size}"
        yield Fact(f"{name}.both", (lost.server_outcome, lost.send_error), ("blocked", "blocked"))
        yield Fact(f"{name}.unread", lab.queued(lost.server, lab.SIOCINQ), near(127_000))


def queued_fin() -> Facts:
    """A FIN that waits counts one byte in SIOCOUTQ and none in SIOCINQ."""
    a, b = lab.pair()
    a.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    yield Fact("buffers.fin.inq", lab.queued(b, lab.SIOCINQ), 0)
    a, b = lab.pair()
    fill(a)
    before = lab.queued(a, lab.SIOCOUTQ)
    a.shutdown(socket.SHUT_WR)
    yield Fact("buffers.fin.outq", lab.queued(a, lab.SIOCOUTQ) - before, 1)


if __name__ == "__main__":
    CASES = [
        options,
        handshake,
        capacity,
        fixed,
        writable,
        reader,
        lost_answer,
        blocked,
        queued_fin,
    ]
    lab.main(CASES)
