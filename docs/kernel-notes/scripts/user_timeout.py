"""TCP_USER_TIMEOUT and TCP_SYNCNT: how long an unanswered TCP goes on when it is told."""

from __future__ import annotations

import socket
import time

import lab
from give_up import until_gone
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Tun, connected

TCP = socket.IPPROTO_TCP
LIMIT = (TCP, socket.TCP_USER_TIMEOUT)


def orphan() -> Facts:
    """An orphan goes when the time since the first repeat reaches the limit."""
    for limit, noted in ((3000, Between(3.1, 3.4)), (1000, Between(1.15, 1.4))):
        sock, peer = connected((*LIMIT, limit))
        port = sock.getsockname()[1]
        lab.close(sock)
        sent, seconds = until_gone(peer, port, 9)
        name = f"user-timeout-{limit}.orphan"
        yield Fact(f"{name}.ends", seconds, noted)
        yield Fact(f"{name}.rst", sum("R" in s.flags for s in sent), 0)
        lab.shell("ip link del peer0")


def data() -> Facts:
    """Data of an open socket: the last wait is cut to the limit."""
    sock, peer = connected((*LIMIT, 3000))
    sock.send(bytes(100))
    start = time.monotonic()
    sock.settimeout(9)
    result = lab.background(lab.timed, sock.recv, 1)
    sent = peer.collect(4)
    yield Fact("user-timeout-3000.data.segments", len(sent), 5)
    times = [round(s.at - start, 1) for s in sent]
    yield Fact("user-timeout-3000.data.times", times, [0.0, 0.2, 0.6, 1.5, 3.1])
    outcome = result.result(timeout=9)
    yield Fact("user-timeout-3000.data.recv", outcome.outcome, "ETIMEDOUT")
    yield Fact("user-timeout-3000.data.after", outcome.seconds, Between(3.1, 3.4))


def longer_than_the_count() -> Facts:
    """The limit replaces tcp_retries2 and tcp_orphan_retries: it may also be longer."""
    lab.sysctl("tcp_retries2", 3)
    lab.sysctl("tcp_orphan_retries", 1)
    sock, peer = connected((*LIMIT, 9000))
    sock.send(bytes(100))
    sock.settimeout(15)
    result = lab.timed(sock.recv, 1)
    yield Fact("user-timeout-9000.retries2-3", result.seconds, Between(9.1, 9.6))
    lab.shell("ip link del peer0")
    sock, peer = connected((*LIMIT, 5000))
    port = sock.getsockname()[1]
    lab.close(sock)
    _, seconds = until_gone(peer, port, 9)
    yield Fact("user-timeout-5000.orphan-retries-1", seconds, Between(5.1, 5.5))


def zero_window() -> Facts:
    """Probes end at the limit, answered or not."""
    for answers in (False, True):
        sock, peer = connected((*LIMIT, 2000))
        peer.window = 0
        peer.send(".")
        time.sleep(0.02)
        sock.send(bytes(100))
        port = sock.getsockname()[1]
        start = time.monotonic()
        while lab.state(port) != "CLOSED" and time.monotonic() - start < 9:
            if peer.receive(0.05) and answers:
                peer.send(".", ack=1)
        name = "user-timeout-2000.zero-window" + (".answered" if answers else "")
        yield Fact(f"{name}.ends", time.monotonic() - start, Between(2, 2.6))
        yield Fact(f"{name}.recv", lab.outcome(sock.recv, 1), "ETIMEDOUT")
        lab.shell("ip link del peer0")


def connecting() -> Facts:
    """SYN-SENT: from the first SYN."""
    sock, peer = socket.socket(), Peer(Tun(), 7)
    sock.setsockopt(*LIMIT, 2500)
    sock.bind((KERNEL, 0))
    peer.kernel_port = sock.getsockname()[1]
    future = lab.background(lab.timed, sock.connect, ("10.9.0.2", 7))
    sent = peer.collect(4)
    result = future.result(timeout=9)
    yield Fact("user-timeout-2500.connect.outcome", result.outcome, "ETIMEDOUT")
    yield Fact("user-timeout-2500.connect.after", result.seconds, Between(2.4, 2.7))
    yield Fact("user-timeout-2500.connect.syns", len(sent), 3)


def syns(count: int, *, linear: int, option: bool, segments: int, ends: Between) -> Facts:
    """connect() with so many repeats."""
    lab.sysctl("tcp_syn_linear_timeouts", linear)
    sock, peer = socket.socket(), Peer(Tun(), 7)
    if option:
        sock.setsockopt(TCP, socket.TCP_SYNCNT, count)
    else:
        lab.sysctl("tcp_syn_retries", count)
    sock.bind((KERNEL, 0))
    peer.kernel_port = sock.getsockname()[1]
    future = lab.background(lab.timed, sock.connect, ("10.9.0.2", 7))
    sent = peer.collect(ends.high + 0.5)
    result = future.result(timeout=9)
    name = f"{'syncnt' if option else 'syn-retries'}-{count}.linear-{linear}"
    yield Fact(f"{name}.syns", len(sent), segments)
    yield Fact(f"{name}.outcome", result.outcome, "ETIMEDOUT")
    yield Fact(f"{name}.ends", result.seconds, ends)


def syncnt_1() -> Facts:
    """TCP_SYNCNT = 1."""
    yield from syns(1, linear=4, option=True, segments=3, ends=Between(2.9, 3.3))


def syncnt_2() -> Facts:
    """TCP_SYNCNT = 2."""
    yield from syns(2, linear=4, option=True, segments=6, ends=Between(6.9, 7.5))


def syncnt_3() -> Facts:
    """TCP_SYNCNT = 3."""
    yield from syns(3, linear=4, option=True, segments=8, ends=Between(19, 20))


def syncnt_1_doubling() -> Facts:
    """TCP_SYNCNT = 1 without linear time-outs."""
    yield from syns(1, linear=0, option=True, segments=2, ends=Between(2.9, 3.3))


def syn_retries_1() -> Facts:
    """tcp_syn_retries = 1."""
    yield from syns(1, linear=4, option=False, segments=3, ends=Between(2.9, 3.3))


if __name__ == "__main__":
    lab.main([orphan, data, longer_than_the_count, zero_window, connecting, syncnt_1, syncnt_2,
              syncnt_3, syncnt_1_doubling, syn_retries_1])  # fmt: skip
