"""SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT: probes, and the end."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun, connected, listening

TCP = socket.IPPROTO_TCP
ON = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
IDLE, INTERVAL, COUNT = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT


def unanswered() -> Facts:
    """Probes at idle, then each interval; after the last interval RST-ACK and ETIMEDOUT."""
    sock, peer = connected(ON, (TCP, IDLE, 1), (TCP, INTERVAL, 2), (TCP, COUNT, 2))
    start = time.monotonic()
    sent = peer.collect(6)
    yield Fact("keepalive.1-2-2.sent", [str(s) for s in sent],
               [". seq=0 ack=1", ". seq=0 ack=1", "R. seq=1 ack=1"])  # fmt: skip
    yield Fact("keepalive.1-2-2.first", sent[0].at - start, Between(0.95, 1.2))
    yield Fact("keepalive.1-2-2.second", sent[1].at - sent[0].at, Between(1.95, 2.25))
    yield Fact("keepalive.1-2-2.reset", sent[2].at - sent[1].at, Between(1.95, 2.25))
    yield Fact("keepalive.1-2-2.recv", lab.outcome(sock.recv, 1), "ETIMEDOUT")
    yield Fact("keepalive.1-2-2.recv-again", lab.outcome(sock.recv, 1), "EOF")
    yield Fact("keepalive.1-2-2.state", lab.state(peer.kernel_port), "CLOSED")


def answered() -> Facts:
    """An answer begins the idle time anew, and the count."""
    sock, peer = connected(ON, (TCP, IDLE, 1), (TCP, INTERVAL, 1), (TCP, COUNT, 1))
    for number in range(3):
        start = time.monotonic()
        segment = peer.receive(3)
        assert segment is not None
        yield Fact(f"keepalive.answered.{number}", str(segment), ". seq=0 ack=1")
        yield Fact(f"keepalive.answered.{number}.after", segment.at - start, Between(0.9, 1.2))
        peer.send(".")
    yield Fact("keepalive.answered.state", lab.state(peer.kernel_port), "ESTABLISHED")
    sock.close()


def with_user_timeout() -> Facts:
    """TCP_USER_TIMEOUT counts instead of TCP_KEEPCNT, looked at when a probe would be due."""
    for limit, count, noted in ((3500, 1, 3), (1500, 9, 1)):
        sock, peer = connected(
            ON, (TCP, IDLE, 1), (TCP, INTERVAL, 1), (TCP, COUNT, count),
            (TCP, socket.TCP_USER_TIMEOUT, limit),
        )  # fmt: skip
        start = time.monotonic()
        sent = peer.collect(5.5)
        name = f"keepalive.1-1-{count}.user-timeout-{limit}"
        yield Fact(f"{name}.probes", sum("R" not in s.flags for s in sent), noted)
        yield Fact(f"{name}.reset", sent[-1].at - start, Between(noted + 0.9, noted + 1.3))
        yield Fact(f"{name}.recv", lab.outcome(sock.recv, 1), "ETIMEDOUT")
        lab.shell("ip link del peer0")


def soft_error() -> Facts:
    """An ICMP error in between is what the program is told."""
    sock, peer = connected(ON, (TCP, IDLE, 1), (TCP, INTERVAL, 1), (TCP, COUNT, 1))
    peer.receive(3)
    peer.icmp(3, 1, seq=1)
    peer.collect(1.5)
    yield Fact("keepalive.after-icmp.recv", lab.outcome(sock.recv, 1), "EHOSTUNREACH")


def changed_while_idle() -> Facts:
    """Which setsockopt() calls set the timer again; all on a connection that idles."""
    tun = Tun()
    for number, (name, options, noted) in enumerate((
        ("idle-3-at-1", ((TCP, IDLE, 3),), Between(1.9, 2.2)),
        ("idle-1-at-2", ((TCP, IDLE, 1),), Between(0, 0.1)),
        ("interval-at-1", ((TCP, INTERVAL, 7),), Between(0.9, 1.3)),
        ("count-at-1", ((TCP, COUNT, 7),), Between(0.9, 1.3)),
        ("on-again-at-1", (ON,), Between(0.9, 1.3)),
        ("off-and-on-at-1", ((*ON[:2], 0), ON), Between(1.9, 2.3)),
    )):  # fmt: skip
        first = 9 if name == "idle-1-at-2" else 2
        peer = Peer(tun, 100 + number)
        sock = peer.open(ON, (TCP, IDLE, first))
        peer.collect(2 if name == "idle-1-at-2" else 1)
        for option in options:
            sock.setsockopt(*option)
        start = time.monotonic()
        segment = peer.receive(12)
        assert segment is not None
        yield Fact(f"keepalive.{name}.probe-after", segment.at - start, noted)
        sock.close()


def switched_on_late() -> Facts:
    """SO_KEEPALIVE on a connection that has idled: idle from the call; TCP_KEEPIDLE before it."""
    sock, peer = connected((TCP, IDLE, 2))
    peer.collect(1.5)
    sock.setsockopt(*ON)
    start = time.monotonic()
    segment = peer.receive(5)
    assert segment is not None
    yield Fact("keepalive.on-at-1.5.idle-2", segment.at - start, Between(1.9, 2.3))


def accepted_late() -> Facts:
    """An accepted connection has it from the listener, from the handshake on."""
    listener, peer = listening()
    for option in (ON, (TCP, IDLE, 2), (TCP, INTERVAL, 1), (TCP, COUNT, 1)):
        listener.setsockopt(*option)
    peer.send("S")
    peer.receive()
    peer.send(".")
    peer.collect(1)
    sock, _ = listener.accept()
    start = time.monotonic()
    segment = peer.receive(5)
    assert segment is not None
    yield Fact("keepalive.accepted-at-1.idle-2", segment.at - start, Between(0.9, 1.3))
    sock.close()


def not_while_in_flight() -> Facts:
    """While data is unacknowledged the retransmissions watch: no probe, no count."""
    sock, peer = connected(ON, (TCP, IDLE, 1), (TCP, INTERVAL, 1), (TCP, COUNT, 1))
    sock.send(b"x")
    sent = peer.collect(5)
    yield Fact("keepalive.in-flight.sent", {str(s) for s in sent}, {". seq=1 ack=1 len=1"})
    yield Fact("keepalive.in-flight.state", lab.state(peer.kernel_port), "ESTABLISHED")


def own_sending() -> Facts:
    """What counts as idle is since the peer was heard, not since we sent."""
    sock, peer = connected(ON, (TCP, IDLE, 2))
    peer.collect(1)
    sock.send(b"x")
    peer.receive()
    peer.send(".")
    start = time.monotonic()
    segment = peer.receive(5)
    assert segment is not None
    yield Fact("keepalive.ack-at-1.idle-2", segment.at - start, Between(1.9, 2.3))


def half_closed() -> Facts:
    """CLOSE-WAIT and FIN-WAIT-2 are probed too; an orphan in FIN-WAIT-2 is not."""
    tun = Tun()
    for number, name in enumerate(("close-wait", "fin-wait-2", "orphan")):
        peer = Peer(tun, 100 + number)
        sock = peer.open(ON, (TCP, IDLE, 1), (TCP, INTERVAL, 1), (TCP, COUNT, 9))
        if name == "close-wait":
            peer.send("F.")
        elif name == "fin-wait-2":
            sock.shutdown(socket.SHUT_WR)
        else:
            lab.close(sock)
        peer.collect(0.2, acknowledge=True)
        sent = peer.collect(2.4)
        yield Fact(f"keepalive.{name}.state", lab.state(peer.kernel_port),
                   "CLOSE-WAIT" if name == "close-wait" else "FIN-WAIT-2")  # fmt: skip
        yield Fact(f"keepalive.{name}.probes", len(sent), 0 if name == "orphan" else 2)


if __name__ == "__main__":
    lab.main([unanswered, answered, with_user_timeout, soft_error, changed_while_idle,
              switched_on_late, accepted_late, not_while_in_flight, own_sending,
              half_closed])  # fmt: skip
