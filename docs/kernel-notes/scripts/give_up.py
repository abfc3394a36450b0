"""How often and how long the kernel repeats itself before it gives up."""

from __future__ import annotations

import select
import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Segment, Tun, connected


def until_gone(peer: Peer, port: int, limit: float) -> tuple[list[Segment], float]:
    """(what was sent, seconds) until no socket has the port any more."""
    start, sent = time.monotonic(), list[Segment]()
    while lab.state(port) != "CLOSED" and time.monotonic() - start < limit:
        sent += peer.collect(0.05)
    return sent + peer.collect(0.05), time.monotonic() - start


def orphan(retries: int, fins: int, ends: Between) -> Facts:
    """FIN-WAIT-1 whose FIN is never acknowledged."""
    lab.sysctl("tcp_orphan_retries", retries)
    sock, peer = connected()
    port = sock.getsockname()[1]
    lab.close(sock)
    sent, seconds = until_gone(peer, port, ends.high + 5)
    name = f"give-up.orphan-retries-{retries}"
    yield Fact(f"{name}.fins", sum("F" in s.flags for s in sent), fins)
    yield Fact(f"{name}.rst", sum("R" in s.flags for s in sent), 0)
    yield Fact(f"{name}.ends", seconds, ends)


def orphan_1() -> Facts:
    """tcp_orphan_retries = 1."""
    yield from orphan(1, 3, Between(1.3, 1.8))


def orphan_2() -> Facts:
    """tcp_orphan_retries = 2."""
    yield from orphan(2, 4, Between(2.8, 3.7))


def orphan_default() -> Facts:
    """tcp_orphan_retries = 0, which means 8."""
    yield from orphan(0, 9, Between(98, 120))


def last_ack() -> Facts:
    """LAST-ACK is an orphan like any other."""
    lab.sysctl("tcp_orphan_retries", 2)
    sock, peer = connected()
    port = sock.getsockname()[1]
    peer.send("F.")
    peer.collect(0.06)
    lab.close(sock)
    sent, seconds = until_gone(peer, port, 10)
    yield Fact("give-up.last-ack.fins", sum("F" in s.flags for s in sent), 4)
    yield Fact("give-up.last-ack.rst", sum("R" in s.flags for s in sent), 0)
    yield Fact("give-up.last-ack.ends", seconds, Between(2.8, 3.7))


def first_repeats() -> Facts:
    """The first time-outs: about 0.2 s, then doubled each time."""
    sock, peer = connected()
    start = time.monotonic()
    sock.shutdown(socket.SHUT_WR)
    sent = peer.collect(3.6)
    for number, noted in enumerate((0.0, 0.21, 0.64, 1.5, 3.2)):
        near = Between(noted * 0.9, noted * 1.1 + 0.02)
        yield Fact(f"give-up.fin.{number}", sent[number].at - start, near)


def with_program() -> Facts:
    """A program that is still there is told: ETIMEDOUT once, then EOF and EPIPE; no RST leaves."""
    lab.sysctl("tcp_retries2", 3)
    for name, data in (("data", True), ("fin", False)):
        sock, peer = connected()
        port = sock.getsockname()[1]
        if data:
            sock.send(bytes(100))
        else:
            sock.shutdown(socket.SHUT_WR)
        reader = lab.background(lab.timed, sock.recv, 1)
        sent = peer.collect(8.5)
        result = reader.result(timeout=5)
        yield Fact(f"give-up.retries2-3.{name}.recv", result.outcome, "ETIMEDOUT")
        yield Fact(f"give-up.retries2-3.{name}.after", result.seconds, Between(6.0, 7.6))
        yield Fact(f"give-up.retries2-3.{name}.sent", len(sent), 5)
        yield Fact(f"give-up.retries2-3.{name}.rst", any("R" in s.flags for s in sent), False)
        yield Fact(f"give-up.retries2-3.{name}.recv-again", lab.outcome(sock.recv, 1), "EOF")
        yield Fact(f"give-up.retries2-3.{name}.send", lab.outcome(sock.send, b"x"), "EPIPE")
        yield Fact(f"give-up.retries2-3.{name}.state", lab.state(port), "CLOSED")
        lab.shell("ip link del peer0")


def first_limit() -> Facts:
    """R1, tcp_retries1 = 2: the program is not told of three repeats, and the peer sees nothing."""
    lab.sysctl("tcp_retries1", 2)
    sock, peer = connected()
    sock.send(bytes(100))
    sent = peer.collect(3.5)
    yield Fact("give-up.retries1-2.sent", [str(one) for one in sent], [". seq=1 ack=1 len=100"] * 5)
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLERR)
    yield Fact("give-up.retries1-2.poll", poll.poll(0), [])
    yield Fact("give-up.retries1-2.error", lab.error_of(sock), "0")


def merged_fin() -> Facts:
    """Data and FIN that fit one segment are repeated as one segment."""
    sock, peer = connected()
    sock.send(bytes(1000))
    lab.close(sock)
    sent = peer.collect(1.0)
    yield Fact("give-up.merged.first", [str(s) for s in sent[:2]], [
        ". seq=1 ack=1 len=1000", "F. seq=1001 ack=1",
    ])  # fmt: skip
    yield Fact("give-up.merged.repeats", {str(s) for s in sent[2:]}, {"F. seq=1 ack=1 len=1000"})


def zero_window() -> Facts:
    """Nothing but probes leave at window 0: not even a FIN; it goes when the window opens."""
    sock, peer = connected()
    peer.window = 0
    peer.send(".")
    time.sleep(0.05)
    peer.collect(0.02)
    lab.close(sock)
    sent = peer.collect(1.7)
    yield Fact("give-up.zero-window.sends", {str(s) for s in sent}, {". seq=0 ack=1"})
    yield Fact("give-up.zero-window.probes", len(sent), Between(3, 4))
    peer.window = 5000
    yield Fact("give-up.zero-window.opens", peer.ask("."), "F. seq=1 ack=1")


def window_taken_back() -> Facts:
    """The window shrinks to 0 over text in flight: it is repeated, and R2 does not count while the
    peer answers the repeats with window 0, nor in the first 2 * tcp_rto_max_ms of its silence."""
    lab.sysctl("tcp_retries2", 3)
    for name, answers in (("answered", True), ("silent", False)):
        sock, peer = connected()
        port = sock.getsockname()[1]
        sock.send(bytes(3000))
        peer.collect(0.02)
        peer.window = 0
        peer.send(".", ack=1)
        end, sent = time.monotonic() + 15, list[Segment]()
        while time.monotonic() < end:
            got = peer.collect(0.05)
            sent += got
            if got and answers:
                peer.send(".", ack=1)
        name = f"give-up.window-taken-back.{name}"
        yield Fact(f"{name}.state", lab.state(port), "ESTABLISHED")
        yield Fact(f"{name}.repeats", {(s.seq, s.size) for s in sent}, {(1, 1460)})
        yield Fact(f"{name}.sent", len(sent), Between(6, 7))
        lab.shell("ip link del peer0")


def syn_sent() -> Facts:
    """connect() to a host that never answers: doubling from 1 s when the linear part is off."""
    lab.sysctl("tcp_syn_retries", 2)
    lab.sysctl("tcp_syn_linear_timeouts", 0)
    sock, peer = socket.socket(), Peer(Tun(), 7)
    sock.bind((KERNEL, 0))
    peer.kernel_port = sock.getsockname()[1]
    future = lab.background(lab.timed, sock.connect, ("10.9.0.2", 7))
    sent = peer.collect(7.8)
    result = future.result(timeout=3)
    yield Fact("give-up.syn-retries-2.outcome", result.outcome, "ETIMEDOUT")
    yield Fact("give-up.syn-retries-2.syns", len(sent), 3)
    yield Fact("give-up.syn-retries-2.after", result.seconds, Between(6.9, 7.7))


def syn_sent_default() -> Facts:
    """The default: four linear time-outs, then doubling; 133 s."""
    sock, peer = socket.socket(), Peer(Tun(), 7)
    sock.bind((KERNEL, 0))
    peer.kernel_port = sock.getsockname()[1]
    future = lab.background(lab.timed, sock.connect, ("10.9.0.2", 7))
    sent = peer.collect(138)
    result = future.result(timeout=10)
    yield Fact("give-up.syn-default.outcome", result.outcome, "ETIMEDOUT")
    yield Fact("give-up.syn-default.syns", len(sent), 11)
    yield Fact("give-up.syn-default.after", result.seconds, Between(130, 137))


def simultaneous(count: int, wait: float, seconds: float, times: list[float]) -> Facts:
    """A SYN meets ours after `wait`, and then nothing: when our SYNs and SYN-ACKs leave."""
    peer, sock = Peer(Tun()), socket.socket()
    if count:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, count)
    sock.bind((KERNEL, 0))
    began = time.monotonic()
    peer.start(sock)
    sent = peer.collect(wait)
    peer.send("S")
    sent += peer.collect(seconds)
    name = f"give-up.simultaneous-open-{count or 'default'}-after-{wait:g}-s"
    yield Fact(name, [round(2 * (one.at - began)) / 2 for one in sent], times)
    yield Fact(
        f"{name}.flags", [one.flags for one in sent].count("S."), sum(at >= wait for at in times)
    )
    yield Fact(f"{name}.state", lab.state(sock.getsockname()[1], 7), "CLOSED")
    yield Fact(f"{name}.error", lab.error_of(sock), "ETIMEDOUT")


def simultaneous_2() -> Facts:
    """At once: two repeats of the SYN-ACK, the first when the SYN would have been repeated."""
    yield from simultaneous(2, 0.5, 9, [0, 0.5, 1, 3])


def simultaneous_3() -> Facts:
    """After two repeats of the SYN one is left."""
    yield from simultaneous(3, 2.5, 9, [0, 1, 2, 2.5, 3])


def simultaneous_default() -> Facts:
    """After the four steady ones there are two of six left."""
    yield from simultaneous(0, 4.5, 9, [0, 1, 2, 3, 4, 4.5, 5, 7])


def syn_received() -> Facts:
    """A SYN-ACK that is never acknowledged is repeated after 1, 2, 4 s, and the request goes."""
    lab.sysctl("tcp_synack_retries", 1)
    listener, peer = socket.socket(), Peer(Tun(), 7)
    listener.bind((KERNEL, 0))
    listener.listen()
    peer.kernel_port = listener.getsockname()[1]
    start = time.monotonic()
    peer.send("S")
    sent = peer.collect(4.0)
    yield Fact("give-up.synack-retries-1.sent", len(sent), 2)
    yield Fact("give-up.synack-retries-1.second", sent[1].at - start, Between(0.95, 1.2))
    yield Fact("give-up.synack-retries-1.left", lab.state(peer.kernel_port), "LISTEN")


def defaults() -> Facts:
    """The limits as a fresh namespace has them."""
    for name, noted in (
        ("tcp_orphan_retries", "0"),
        ("tcp_retries2", "15"),
        ("tcp_syn_retries", "6"),
        ("tcp_syn_linear_timeouts", "4"),
        ("tcp_synack_retries", "5"),
        ("tcp_fin_timeout", "60"),
        ("tcp_rto_max_ms", "120000"),
    ):
        yield Fact(f"give-up.default.{name}", lab.sysctl(name), noted)


def beyond_a_minute() -> Facts:
    """A FIN-WAIT-2 limit T above 60 s lasts 2 * (T - 60) s."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 62)
    lab.close(sock)
    peer.collect(0.05, acknowledge=True)
    yield Fact("give-up.linger2-62.state", lab.state(port), "FIN-WAIT-2")
    _, seconds = until_gone(peer, port, 70)
    yield Fact("give-up.linger2-62.ends", seconds, Between(3.8, 5.5))


def answering_zero_window() -> Facts:
    """An orphan whose peer answers each probe with window 0 dies once its RTO is the largest."""
    lab.sysctl("tcp_rto_max_ms", 2000)
    sock, peer = connected()
    port = sock.getsockname()[1]
    peer.window = 0
    peer.send(".")
    time.sleep(0.05)
    peer.collect(0.02)
    sock.send(bytes(1000))
    lab.close(sock)
    start = time.monotonic()
    while lab.state(port) != "CLOSED" and time.monotonic() - start < 15:
        if peer.receive(0.05):
            peer.send(".", ack=1)
    yield Fact("give-up.zero-window.answered.ends", time.monotonic() - start, Between(4.5, 7.5))


if __name__ == "__main__":
    SHORT = [orphan_1, orphan_2, last_ack, first_repeats, with_program, merged_fin, zero_window]
    SHORT += [first_limit, answering_zero_window, window_taken_back]
    SIMULTANEOUS = [simultaneous_2, simultaneous_3, simultaneous_default]
    lab.main(
        [*SHORT, syn_sent, *SIMULTANEOUS, syn_received, defaults, beyond_a_minute],
        long=[orphan_default, syn_sent_default],
    )
