"""SO_RCVTIMEO and SO_SNDTIMEO: which calls they limit, what those return, how they are stored."""

from __future__ import annotations

import select
import socket
import struct
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun, connected

RECEIVE, SEND = socket.SO_RCVTIMEO, socket.SO_SNDTIMEO
A_WHILE = Between(0.29, 0.4)
FULL = 100_000_000


def limit(sock: socket.socket, which: int, seconds: float) -> None:
    """Set one of the two options."""
    whole = int(seconds)
    raw = struct.pack("ll", whole, round((seconds - whole) * 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, which, raw)


def stored(sock: socket.socket, which: int) -> tuple[int, ...]:
    """The option as (seconds, microseconds)."""
    return struct.unpack("ll", sock.getsockopt(socket.SOL_SOCKET, which, 16))


def values() -> Facts:
    """What may be set, and what is told."""
    sock = socket.socket()
    yield Fact("call-timeout.default", stored(sock, RECEIVE), (0, 0))
    for sent, noted in (
        ((1, 500_000), (1, 500_000)),
        ((0, 1), (0, 4000)),
        ((0, 999_999), (1, 0)),
        ((0, 0), (0, 0)),
        ((2**61, 0), (0, 0)),
    ):
        sock.setsockopt(socket.SOL_SOCKET, RECEIVE, struct.pack("ll", *sent))
        yield Fact(f"call-timeout.set.{sent[0]}.{sent[1]}", stored(sock, RECEIVE), noted)
    for name, raw in (
        ("usec", struct.pack("ll", 0, 1_000_000)), ("usec-negative", struct.pack("ll", 1, -1)),
        ("short", bytes(15)),
    ):  # fmt: skip
        seen = lab.outcome(sock.setsockopt, socket.SOL_SOCKET, RECEIVE, raw)
        yield Fact(f"call-timeout.set.{name}", seen, "EINVAL" if name == "short" else "EDOM")
    a, _ = lab.pair()
    a.setsockopt(socket.SOL_SOCKET, RECEIVE, struct.pack("ll", -1, 0))
    result = lab.timed(a.recv, 1)
    yield Fact("call-timeout.negative", stored(a, RECEIVE), (0, 0))
    yield Fact("call-timeout.negative.recv", result.outcome, "EAGAIN")
    yield Fact("call-timeout.negative.waits", result.seconds, Between(0, 0.1))


def receiving() -> Facts:
    """recv: EAGAIN when nothing came; what came otherwise."""
    a, b = lab.pair()
    limit(a, RECEIVE, 0.3)
    for name, call in (
        ("recv", lambda: a.recv(5)),
        ("recvmsg", lambda: a.recvmsg(5)),
        ("peek", lambda: a.recv(5, socket.MSG_PEEK)),
        ("waitall", lambda: a.recv(5, socket.MSG_WAITALL)),
    ):
        result = lab.timed(call)
        yield Fact(f"call-timeout.{name}", result.outcome, "EAGAIN")
        yield Fact(f"call-timeout.{name}.waits", result.seconds, A_WHILE)
    b.send(b"ab")
    result = lab.timed(a.recv, 5, socket.MSG_WAITALL)
    yield Fact("call-timeout.waitall.partial", result.outcome, "2 bytes")
    yield Fact("call-timeout.waitall.partial.waits", result.seconds, A_WHILE)
    yield Fact("call-timeout.recv.after", lab.outcome(a.recv, 1, socket.MSG_DONTWAIT), "EAGAIN")
    late = lab.background(lambda: (time.sleep(0.2), b.send(b"x"), time.sleep(0.2), b.send(b"y")))
    result = lab.timed(a.recv, 3, socket.MSG_WAITALL)
    yield Fact("call-timeout.waitall.one-limit-for-all", result.outcome, "1 bytes")
    yield Fact("call-timeout.waitall.one-limit-for-all.waits", result.seconds, A_WHILE)
    late.result()
    poll = select.poll()
    a.recv(1)
    poll.register(a, select.POLLIN)
    yield Fact("call-timeout.poll-does-not-care", lab.timed(poll.poll, 500).seconds,
               Between(0.49, 0.6))  # fmt: skip


def accepting() -> Facts:
    """accept; what a connection inherits."""
    listener = socket.create_server(("127.0.0.1", 0))
    limit(listener, RECEIVE, 0.3)
    result = lab.timed(listener.accept)
    yield Fact("call-timeout.accept", result.outcome, "EAGAIN")
    yield Fact("call-timeout.accept.waits", result.seconds, A_WHILE)
    limit(listener, SEND, 0.5)
    client = socket.create_connection(listener.getsockname())
    child, _ = listener.accept()
    yield Fact("call-timeout.inherited", (stored(child, RECEIVE), stored(child, SEND)),
               ((0, 300_000), (0, 500_000)))  # fmt: skip
    client.close()


def sending() -> Facts:
    """send: what was taken, EAGAIN when nothing; sendall fails."""
    a, _ = lab.pair()
    limit(a, SEND, 0.3)
    start = time.monotonic()
    taken = a.send(bytes(FULL))
    yield Fact("call-timeout.send.partial", 0 < taken < FULL, True)
    yield Fact("call-timeout.send.partial.waits", time.monotonic() - start, Between(0.29, 0.6))
    result = lab.timed(a.send, bytes(FULL))
    while result.outcome == "ok" and time.monotonic() < start + 5:
        result = lab.timed(a.send, bytes(FULL))  # the peer's window opened a little
    yield Fact("call-timeout.send.full", result.outcome, "EAGAIN")
    yield Fact("call-timeout.send.full.waits", result.seconds, A_WHILE)
    a, _ = lab.pair()
    limit(a, SEND, 0.3)
    yield Fact("call-timeout.sendall", lab.outcome(a.sendall, bytes(FULL)), "EAGAIN")


def connecting() -> Facts:
    """connect: EINPROGRESS, then EALREADY for as long; the handshake goes on."""
    tun = Tun()
    peer = Peer(tun, 9)
    sock = socket.socket()
    limit(sock, SEND, 0.3)
    sock.bind(("10.9.0.1", 20000))
    peer.kernel_port = 20000
    result = lab.timed(sock.connect, ("10.9.0.2", 9))
    yield Fact("call-timeout.connect", result.outcome, "EINPROGRESS")
    yield Fact("call-timeout.connect.waits", result.seconds, A_WHILE)
    result = lab.timed(sock.connect, ("10.9.0.2", 9))
    yield Fact("call-timeout.connect.again", result.outcome, "EALREADY")
    yield Fact("call-timeout.connect.again.waits", result.seconds, A_WHILE)
    result = lab.timed(sock.send, b"x")
    yield Fact("call-timeout.send.connecting", result.outcome, "EAGAIN")
    yield Fact("call-timeout.send.connecting.waits", result.seconds, A_WHILE)
    peer.receive()
    peer.send("S.")
    peer.receive()
    yield Fact("call-timeout.connect.done", lab.outcome(sock.connect, ("10.9.0.2", 9)), "ok")


def closing() -> Facts:
    """close() with SO_LINGER does not care."""
    sock, _ = connected()
    lab.linger(sock, 1, 1)
    limit(sock, SEND, 0.3)
    limit(sock, RECEIVE, 0.3)
    yield Fact("call-timeout.close.waits", lab.close(sock).seconds, Between(1.0, 1.15))


def datagrams() -> Facts:
    """UDP and a socketpair: recv."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    limit(sock, RECEIVE, 0.3)
    result = lab.timed(sock.recvfrom, 5)
    yield Fact("call-timeout.udp", result.outcome, "EAGAIN")
    yield Fact("call-timeout.udp.waits", result.seconds, A_WHILE)
    a, b = socket.socketpair()
    limit(a, RECEIVE, 0.3)
    limit(a, SEND, 0.3)
    result = lab.timed(a.recv, 5)
    yield Fact("call-timeout.pair", result.outcome, "EAGAIN")
    yield Fact("call-timeout.pair.waits", result.seconds, A_WHILE)
    result = lab.timed(a.sendall, bytes(1_000_000))
    yield Fact("call-timeout.pair.sendall", result.outcome, "EAGAIN")
    b.close()


def python() -> Facts:
    """settimeout() of Python is another thing: it sets O_NONBLOCK, and then these do nothing."""
    a, _ = lab.pair()
    limit(a, RECEIVE, 0.3)
    a.settimeout(0.6)
    result = lab.timed(a.recv, 1)
    yield Fact("call-timeout.settimeout", result.outcome, "TimeoutError")
    yield Fact("call-timeout.settimeout.waits", result.seconds, Between(0.59, 0.75))


if __name__ == "__main__":
    CASES = [values, receiving, accepting, sending, connecting, closing, datagrams, python]
    lab.main(CASES)
