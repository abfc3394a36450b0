"""UDP: who shares a port, what fits into the receive queue, and what the calls say."""

from __future__ import annotations

import os
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts
from peer import PEER, Tun, ipv4

HOME = "127.0.0.1"
SO_MEMINFO = 55
ADDR, PORT = socket.SO_REUSEADDR, socket.SO_REUSEPORT
NAMES = {(): "none", (ADDR,): "addr", (PORT,): "port", (ADDR, PORT): "both"}


def udp(*options: int) -> socket.socket:
    """A UDP socket with these options on; its calls never wait long."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in options:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.settimeout(0.2)
    return sock


def bound(*options: int) -> socket.socket:
    """One that has a port."""
    sock = udp(*options)
    sock.bind((HOME, 0))
    return sock


def poll(sock: socket.socket) -> str:
    """What poll(2) says, by name."""
    waiting = select.poll()
    waiting.register(sock, select.POLLIN | select.POLLOUT | select.POLLRDHUP)
    bits = waiting.poll(0)[0][1]
    names = ("IN", "OUT", "ERR", "HUP", "RDHUP")
    return " ".join(name for name in names if bits & getattr(select, f"POLL{name}"))


def shared() -> Facts:
    """A port is shared if both set SO_REUSEADDR, or both SO_REUSEPORT; the last one gets all."""
    for first, name in NAMES.items():
        for second, other in NAMES.items():
            one, two = bound(*first), udp(*second)
            said = lab.outcome(two.bind, one.getsockname())
            noted = "ok" if set(first) & set(second) else "EADDRINUSE"
            yield Fact(f"udp-bind.{name}-{other}", said, noted)
    one = bound(ADDR)
    two = udp(ADDR)
    two.bind(one.getsockname())
    udp().sendto(b"x", one.getsockname())
    yield Fact("udp-bind.last", (lab.outcome(one.recv, 9), lab.outcome(two.recv, 9)),
               ("TimeoutError", "1 bytes"))  # fmt: skip
    port = one.getsockname()[1]
    one.close()
    wide, peer = udp(ADDR), bound()
    wide.bind(("", port))
    peer.sendto(b"x", (HOME, port))
    yield Fact("udp-bind.exact", lab.outcome(two.recv, 9), "1 bytes")
    two.connect(peer.getsockname())
    late = udp(ADDR)
    late.bind((HOME, port))
    peer.sendto(b"x", (HOME, port))
    yield Fact("udp-bind.connected", lab.outcome(two.recv, 9), "1 bytes")


def automatic() -> Facts:
    """The automatic ports."""
    lab.sysctl("ip_local_port_range", "40000 40003")
    kept = [udp() for _ in range(5)]
    said = [lab.outcome(sock.bind, ("", 0)) for sock in kept]
    yield Fact("udp-port.five-of-four", said, ["ok"] * 4 + ["EADDRINUSE"])
    late = udp()
    late.setblocking(True)  # with a timeout the interpreter would try again until it is over
    yield Fact("udp-port.sendto", lab.outcome(late.sendto, b"x", (HOME, 9)), "EAGAIN")
    yield Fact("udp-port.connect", lab.outcome(udp().connect, (HOME, 9)), "EAGAIN")
    kept[0].close()
    sock = udp()
    yield Fact("udp-port.send", lab.outcome(sock.send, b"x"), "EDESTADDRREQ")
    yield Fact("udp-port.send.has-one", sock.getsockname()[1] != 0, True)


def memory() -> Facts:
    """What a queued datagram takes of SO_RCVBUF, and how many fit."""
    for size, noted in (
        (0, 832), (197, 832), (198, 1280), (645, 1280), (646, 2304), (1669, 2304), (1670, 4352),
        (3717, 4352), (3718, 8448), (7813, 8448), (7814, 16640), (16004, 16640), (16005, 16837),
        (65507, 66339),
    ):  # fmt: skip
        sock = bound()
        udp().sendto(bytes(size), sock.getsockname())
        raw = sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        yield Fact(f"udp-memory.{size}", struct.unpack("9I", raw)[0], noted)
    for wanted, size, noted in (
        (0, 1, 256), (0, 1000, 92), (2304, 1, 5), (2304, 1000, 2), (2304, 65507, 1),
        (10000, 32000, 1), (10000, 4000, 2),
    ):  # fmt: skip
        sock = bound()
        if wanted:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        for _ in range(400):
            udp().sendto(bytes(size), sock.getsockname())
        count = 0
        sock.setblocking(False)
        while lab.outcome(sock.recv, 1) == "1 bytes":
            count += 1
        yield Fact(f"udp-memory.fit.{wanted or 'default'}.{size}", count, noted)
    sock = udp()
    both = [sock.getsockopt(socket.SOL_SOCKET, o) for o in (socket.SO_RCVBUF, socket.SO_SNDBUF)]
    yield Fact("udp-memory.default", both, [212992, 212992])


def calls() -> Facts:
    """What calls say that TCP answers differently, or not at all."""
    sock = udp()
    yield Fact("udp-call.poll", poll(sock), "OUT")
    yield Fact("udp-call.getpeername", lab.outcome(sock.getpeername), "ENOTCONN")
    yield Fact("udp-call.listen", lab.outcome(sock.listen), "ENOTSUP")
    yield Fact("udp-call.port-0", lab.outcome(sock.sendto, b"x", (HOME, 0)), "EINVAL")
    yield Fact("udp-call.65507", lab.outcome(sock.sendto, bytes(65507), (HOME, 9)), "ok")
    yield Fact("udp-call.65508", lab.outcome(sock.sendto, bytes(65508), (HOME, 9)), "EMSGSIZE")
    yield Fact("udp-call.bind-late", lab.outcome(sock.bind, (HOME, 0)), "EINVAL")
    tun = Tun()
    lab.shell("ip route add default dev peer0")
    out = (PEER, 9)
    yield Fact("udp-call.broadcast", lab.outcome(udp().sendto, b"x", ("<broadcast>", 9)), "EACCES")
    option = socket.SO_BROADCAST
    said = lab.outcome(udp(option).sendto, b"x", ("<broadcast>", 9))
    yield Fact("udp-call.broadcast.on", said, "ok")
    yield Fact("udp-call.from-loopback", lab.outcome(bound().sendto, b"x", out), "EINVAL")
    sock = udp()
    sock.connect((HOME, 9))
    first = sock.getsockname()
    sock.connect(("127.0.0.2", 9))
    yield Fact("udp-call.connect-again", sock.getsockname() == first, True)
    sock = udp()
    sock.connect(("0.0.0.0", 9))
    yield Fact("udp-call.connect-any", (sock.getsockname()[0], sock.getpeername()[0]), (HOME, HOME))
    sock = bound()
    for _ in range(2):
        udp().sendto(b"hello", sock.getsockname())
    yield Fact("udp-call.recvmsg", sock.recvmsg(2)[0:3:2], (b"he", socket.MSG_TRUNC))
    yield Fact("udp-call.inq", lab.queued(sock, lab.SIOCINQ), 5)
    sock.recvfrom(0)  # recv(0) of the interpreter makes no call
    yield Fact("udp-call.recvfrom-0", lab.outcome(sock.recv, 9), "TimeoutError")
    os.close(tun.fd)


def ends() -> Facts:
    """shutdown() sends nothing and works without a peer, though it says ENOTCONN."""
    for how, word, mask, sends in (
        (socket.SHUT_RD, "rd", "IN OUT RDHUP", "ok"), (socket.SHUT_WR, "wr", "OUT", "EPIPE"),
        (socket.SHUT_RDWR, "rdwr", "IN OUT HUP RDHUP", "EPIPE"),
    ):  # fmt: skip
        sock = udp()
        yield Fact(f"udp-end.{word}", lab.outcome(sock.shutdown, how), "ENOTCONN")
        yield Fact(f"udp-end.{word}.poll", poll(sock), mask)
        yield Fact(f"udp-end.{word}.send", lab.outcome(sock.sendto, b"x", (HOME, 9)), sends)
    sock = bound()
    sock.setblocking(True)
    reading = lab.background(sock.recvfrom, 9)
    time.sleep(0.05)
    lab.outcome(sock.shutdown, socket.SHUT_RD)
    yield Fact("udp-end.wakes", reading.result(1), (b"", None))
    udp().sendto(b"late", sock.getsockname())
    yield Fact("udp-end.still-queues", lab.outcome(sock.recv, 9), "4 bytes")
    yield Fact("udp-end.then", lab.outcome(sock.recv, 9), "EOF")
    sock.setblocking(False)
    yield Fact("udp-end.nonblocking", lab.outcome(sock.recv, 9), "EAGAIN")
    sock.settimeout(0.05)
    yield Fact("udp-end.timeout", lab.outcome(sock.recv, 9), "TimeoutError")


def refused() -> Facts:
    """Nobody at the port: a socket with a peer is told by its next call, any other never."""
    sock = udp()
    sock.connect((HOME, 9))
    sock.send(b"x")
    yield Fact("udp-refused.poll", poll(sock), "OUT ERR")
    yield Fact("udp-refused.send", lab.outcome(sock.send, b"x"), "ECONNREFUSED")
    yield Fact("udp-refused.once", lab.outcome(sock.recv, 9), "TimeoutError")
    sock.send(b"x")
    yield Fact("udp-refused.recv", lab.outcome(sock.recv, 9), "ECONNREFUSED")
    sock.send(b"x")
    yield Fact("udp-refused.so-error", lab.error_of(sock), "ECONNREFUSED")
    sock = bound()
    sock.sendto(b"x", (HOME, 9))
    yield Fact("udp-refused.no-peer", lab.outcome(sock.recv, 9), "TimeoutError")


def limit() -> Facts:
    """How often a peer is told: 6 times in a row, then once a second."""
    tun = Tun()
    header = struct.pack("!HHHH", 5000, 9, 8, 0)  # a checksum of 0 is none
    for wait, noted in ((0, 6), (1.05, 1), (2.05, 2)):
        time.sleep(wait)
        for _ in range(10):
            os.write(tun.fd, ipv4(socket.IPPROTO_UDP, header))
        count = 0
        while select.select([tun.fd], [], [], 0.02)[0]:
            count += os.read(tun.fd, 65536)[20:22] == b"\3\3"
        yield Fact(f"udp-refused.limit.after-{wait:.0f}-s", count, noted)


if __name__ == "__main__":
    lab.main([shared, automatic, memory, calls, ends, refused, limit])
