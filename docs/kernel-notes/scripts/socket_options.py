"""Options of level SOL_SOCKET and IPPROTO_TCP: what a fresh socket tells, what may be set."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time

import lab
from lab import Fact, Facts

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
KINDS = {"tcp": TCP, "udp": UDP}


def get(sock: socket.socket, level: int, name: int, size: int = 4) -> object:
    """The option as an int (or bytes of another size); the errno where it fails."""
    try:
        raw = sock.getsockopt(level, name, size)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return struct.unpack("i", raw)[0] if len(raw) == 4 else raw.hex()


SOCKET_LEVEL = {  # name: (number, what TCP tells, what UDP tells)
    "SO_DEBUG": (1, 0, 0), "SO_REUSEADDR": (2, 0, 0), "SO_TYPE": (3, 1, 2), "SO_ERROR": (4, 0, 0),
    "SO_DONTROUTE": (5, 0, 0), "SO_BROADCAST": (6, 0, 0), "SO_SNDBUF": (7, 16384, 212992),
    "SO_RCVBUF": (8, 131072, 212992), "SO_KEEPALIVE": (9, 0, 0), "SO_OOBINLINE": (10, 0, 0),
    "SO_NO_CHECK": (11, 0, 0), "SO_PRIORITY": (12, 0, 0), "SO_REUSEPORT": (15, 0, 0),
    "SO_PASSCRED": (16, "ENOTSUP", "ENOTSUP"), "SO_RCVLOWAT": (18, 1, 1),
    "SO_SNDLOWAT": (19, 1, 1), "SO_TIMESTAMP": (29, 0, 0), "SO_ACCEPTCONN": (30, 0, 0),
    "SO_MARK": (36, 0, 0), "SO_PROTOCOL": (38, 6, 17), "SO_DOMAIN": (39, 2, 2),
    "SO_RXQ_OVFL": (40, 0, 0), "SO_PEEK_OFF": (42, -1, -1), "SO_BUSY_POLL": (46, 0, 0),
    "SO_INCOMING_CPU": (49, -1, -1), "SO_ZEROCOPY": (60, 0, 0), "SO_NONE": (999, "x", "x"),
}  # fmt: skip
TCP_LEVEL = {
    "TCP_NODELAY": (1, 0), "TCP_MAXSEG": (2, 536), "TCP_CORK": (3, 0), "TCP_KEEPIDLE": (4, 7200),
    "TCP_KEEPINTVL": (5, 75), "TCP_KEEPCNT": (6, 9), "TCP_SYNCNT": (7, 6), "TCP_LINGER2": (8, 60),
    "TCP_DEFER_ACCEPT": (9, 0), "TCP_WINDOW_CLAMP": (10, 0), "TCP_QUICKACK": (12, 1),
    "TCP_THIN_LINEAR_TIMEOUTS": (16, 0), "TCP_THIN_DUPACK": (17, 0), "TCP_USER_TIMEOUT": (18, 0),
    "TCP_REPAIR": (19, 0), "TCP_FASTOPEN": (23, 0),
    "TCP_NOTSENT_LOWAT": (25, 0), "TCP_SAVE_SYN": (27, 0), "TCP_FASTOPEN_CONNECT": (30, 0),
    "TCP_INQ": (36, 0), "TCP_TX_DELAY": (37, 0), "TCP_RTO_MAX_MS": (44, 120000),
    "TCP_RTO_MIN_US": (45, 200000), "TCP_DELACK_MAX_US": (46, 200000), "TCP_NONE": (999, "x"),
}  # fmt: skip


def fresh() -> Facts:
    """getsockopt of a fresh socket."""
    for kind in KINDS:
        sock = socket.socket(socket.AF_INET, KINDS[kind])
        for name, (number, *noted) in SOCKET_LEVEL.items():
            want = noted[kind == "udp"]
            yield Fact(f"option.{kind}.{name}", get(sock, 1, number),
                       "ENOPROTOOPT" if want == "x" else want)  # fmt: skip
    sock = socket.socket()
    for name, (number, want) in TCP_LEVEL.items():
        yield Fact(f"option.{name}", get(sock, 6, number), "ENOPROTOOPT" if want == "x" else want)
    sock = socket.socket(socket.AF_INET, UDP)
    yield Fact("option.udp.tcp-level", get(sock, 6, 1), "ENOTSUP")
    yield Fact("option.unknown-level", get(sock, 77, 1), "ENOTSUP")
    sock = socket.socket(socket.AF_INET6)
    yield Fact("option.unknown-level.6", get(sock, 77, 1), "ENOPROTOOPT")


def setting() -> Facts:
    """Which take setsockopt(1) and tell 1 then; the others, by what happened."""
    for kind in KINDS:
        sock = socket.socket(socket.AF_INET, KINDS[kind])
        seen: dict[str, list[str]] = {}
        for name, (number, *_) in SOCKET_LEVEL.items():
            if name not in ("SO_SNDBUF", "SO_RCVBUF"):
                done = lab.outcome(sock.setsockopt, 1, number, 1)
                seen.setdefault(f"{done} {get(sock, 1, number)}", []).append(name)
        refused = [
            "SO_TYPE",
            "SO_ERROR",
            "SO_SNDLOWAT",
            "SO_ACCEPTCONN",
            "SO_PROTOCOL",
            "SO_DOMAIN",
        ]
        yield Fact(f"option.set.{kind}.refused", sorted(
            name for done, names in seen.items() if done.startswith("ENOPROTOOPT")
            for name in names if name in refused
        ), sorted(refused))  # fmt: skip
        yield Fact(f"option.set.{kind}.stored", len(seen["ok 1"]), 17)


def prepared() -> Facts:
    """Values that TCP_* options of a fresh socket take, beside those of tcp_options.py."""
    sock = socket.socket()
    for name, value, noted in (
        ("TCP_WINDOW_CLAMP", 1, "ok 1152"), ("TCP_THIN_DUPACK", 1, "ok 0"),
        ("TCP_RTO_MAX_MS", 1, "EINVAL 120000"), ("TCP_NOTSENT_LOWAT", 1, "ok 1"),
        ("TCP_INQ", 1, "ok 1"), ("TCP_FASTOPEN_CONNECT", 1, "ok 1"),
    ):  # fmt: skip
        number = TCP_LEVEL[name][0]
        seen = lab.outcome(sock.setsockopt, 6, number, value)
        yield Fact(f"option.set.{name}", f"{seen} {get(sock, 6, number)}", noted)


def device() -> Facts:
    """SO_BINDTODEVICE: a name, "" takes it back; ENODEV; what a bound socket hears."""
    sock = socket.socket()
    yield Fact("option.device.default", sock.getsockopt(1, 25, 16), b"")
    yield Fact("option.device.unknown", lab.outcome(sock.setsockopt, 1, 25, b"eth99"), "ENODEV")
    yield Fact("option.device.set", lab.outcome(sock.setsockopt, 1, 25, b"lo"), "ok")
    yield Fact("option.device.get", sock.getsockopt(1, 25, 16), b"lo\0")
    yield Fact("option.device.short", lab.outcome(sock.getsockopt, 1, 25, 2), "EINVAL")
    yield Fact("option.device.off", lab.outcome(sock.setsockopt, 1, 25, b""), "ok")


def sharing() -> Facts:
    """SO_REUSEPORT: four listening sockets share a port; what is queued at one dies with it."""
    several = []
    name = ("127.0.0.1", 23456)
    for _ in range(4):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(name)
        sock.listen(128)
        sock.setblocking(False)
        several.append(sock)
    clients = [socket.create_connection(name) for _ in range(64)]
    time.sleep(0.05)
    queued = [struct.unpack_from("I", one.getsockopt(6, 11, 32), 24)[0] for one in several]
    yield Fact("option.reuseport.all", sum(queued), 64)
    yield Fact("option.reuseport.each-has-some", all(queued), True)
    several[0].close()
    time.sleep(0.05)
    reset = sum(lab.outcome(one.recv, 1, socket.MSG_DONTWAIT) == "ECONNRESET" for one in clients)
    yield Fact("option.reuseport.one-closes", reset == queued[0], True)
    more = [socket.create_connection(name) for _ in range(64)]
    time.sleep(0.05)
    yield Fact("option.reuseport.others-go-on", len(more), 64)
    exact = socket.socket()
    exact.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    exact.bind(("0.0.0.0", 23456))
    exact.listen()
    exact.settimeout(0.1)
    more += [socket.create_connection(name) for _ in range(16)]
    yield Fact("option.reuseport.wildcard-gets-none", lab.outcome(exact.accept), "TimeoutError")


def low_water() -> Facts:
    """SO_RCVLOWAT: poll and a blocking recv wait for as much."""
    a, b = lab.pair()
    a.setsockopt(1, 18, 4)
    poll = select.poll()
    poll.register(a, select.POLLIN)
    b.send(b"ab")
    time.sleep(0.02)
    yield Fact("option.rcvlowat.poll", poll.poll(50), [])
    call = lab.background(lab.outcome, a.recv, 9)
    time.sleep(0.1)
    yield Fact("option.rcvlowat.recv-waits", call.done(), False)
    b.send(b"cd")
    time.sleep(0.1)
    yield Fact("option.rcvlowat.recv-took-2-and-waits-for-4-more", call.done(), False)
    b.send(b"ef")
    yield Fact("option.rcvlowat.recv", call.result(timeout=2), "6 bytes")
    for value, noted in ((0, 1), (-1, 1 << 24)):
        a.setsockopt(1, 18, value)
        yield Fact(f"option.rcvlowat.{value}", get(a, 1, 18), noted)


if __name__ == "__main__":
    lab.main([fresh, setting, prepared, device, sharing, low_water])
