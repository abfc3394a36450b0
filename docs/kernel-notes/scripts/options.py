"""SO_LINGER and TCP_LINGER2 as setsockopt() and getsockopt() show them."""

from __future__ import annotations

import fcntl
import os
import socket
import struct

import lab
from lab import Fact, Facts

INT_MAX = 2**31 - 1


def get(sock: socket.socket) -> tuple[int, int]:
    """SO_LINGER as (l_onoff, l_linger)."""
    onoff, seconds = struct.unpack("ii", sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
    return onoff, seconds


def set_bytes(sock: socket.socket, value: bytes) -> str:
    """The outcome of setsockopt with exactly these bytes."""
    return lab.outcome(sock.setsockopt, socket.SOL_SOCKET, socket.SO_LINGER, value)


def values() -> Facts:
    """l_onoff becomes 0 or 1; switching off keeps the old l_linger; a negative one is for ever."""
    sock = socket.socket()
    yield Fact("linger-option.default", get(sock), (0, 0))
    for onoff, seconds, noted in (
        (1, 5, (1, 5)),
        (2, 4, (1, 4)),
        (-1, 3, (1, 3)),
        (1, 5, (1, 5)),
        (0, 77, (0, 5)),
        (1, 65536, (1, 65536)),
        (1, INT_MAX, (1, INT_MAX)),
    ):
        lab.linger(sock, onoff, seconds)
        yield Fact(f"linger-option.set.{onoff}.{seconds}", get(sock), noted)
    yield Fact("linger-option.negative", set_bytes(sock, struct.pack("ii", 1, -1)), "ok")
    yield Fact("linger-option.negative.differs", get(sock)[1] not in (-1, INT_MAX), True)


def lengths() -> Facts:
    """Fewer than 8 bytes are refused and change nothing, more are cut."""
    sock = socket.socket()
    lab.linger(sock, 1, 9)
    for size in (0, 1, 4, 7):
        yield Fact(f"linger-option.length.{size}", set_bytes(sock, bytes(size)), "EINVAL")
    yield Fact("linger-option.length.unchanged", get(sock), (1, 9))
    yield Fact("linger-option.length.12", set_bytes(sock, struct.pack("iii", 1, 8, 99)), "ok")
    yield Fact("linger-option.length.12.stored", get(sock), (1, 8))
    for size, noted in ((4, 4), (16, 8)):
        got = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, size)
        yield Fact(f"linger-option.get.{size}", len(got), noted)


def inherited() -> Facts:
    """A child has what the listener had when its handshake ended; not O_NONBLOCK."""
    with socket.socket() as listener, socket.socket() as client:
        lab.linger(listener, 1, 5)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 7)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        lab.linger(listener, 1, 11)
        listener.setblocking(False)
        child, _ = listener.accept()
        yield Fact("linger-option.inherited", get(child), (1, 5))
        keep = child.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        yield Fact("linger-option.inherited.keepalive", keep, 1)
        two = child.getsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2)
        yield Fact("linger-option.inherited.linger2", two, 7)
        blocking = not fcntl.fcntl(child.fileno(), fcntl.F_GETFL) & os.O_NONBLOCK
        yield Fact("linger-option.inherited.blocking", blocking, True)
        lab.linger(child, 0, 0)
        child.close()


def linger2() -> Facts:
    """TCP_LINGER2: 60 by default, 0 means the sysctl, capped at 120, every negative is -1."""
    sock = socket.socket()
    yield Fact("linger2.default", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2), 60)
    for value, noted in ((1, 1), (120, 120), (121, 120), (0, 60), (-5, -1)):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, value)
        got = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2)
        yield Fact(f"linger2.set.{value}", got, noted)
    short = lab.outcome(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_LINGER2, bytes(3))
    yield Fact("linger2.length.3", short, "EINVAL")


def datagram() -> Facts:
    """On UDP the option is stored and does nothing."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    lab.linger(sock, 1, 2)
    yield Fact("linger-option.udp", get(sock), (1, 2))
    yield Fact("linger-option.udp.waits", lab.close(sock).seconds, lab.Between(0, 0.1))


if __name__ == "__main__":
    lab.main([values, lengths, inherited, linger2, datagram])
