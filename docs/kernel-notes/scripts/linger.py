"""How long close() waits under SO_LINGER, what it returns, and what becomes of the connection."""

from __future__ import annotations

import signal
import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun, connected

AT_ONCE = Between(0, 0.1)
ONE_SECOND = Between(1.0, 1.15)
"""The timer wheel is never early and up to a few per cent late."""


def scene(pending: str) -> tuple[socket.socket, Peer]:
    """A connection with 30,000 bytes written and the peer in the named mood."""
    sock, peer = connected()
    if pending == "zero-window":
        peer.window = 0
        peer.send(".")
        time.sleep(0.01)
    if pending != "none":
        sock.send(bytes(30_000))
    if pending == "acked":
        peer.collect(0.1, acknowledge=True)
        peer.send(".")
    time.sleep(0.06)
    peer.collect(0.01)
    return sock, peer


def rows(onoff: int, seconds: int) -> Facts:
    """One setting against every kind of pending data, blocking and not."""
    for pending in ("none", "acked", "silent", "zero-window"):
        for blocking in (True, False):
            sock, _ = scene(pending)
            port = sock.getsockname()[1]
            lab.linger(sock, onoff, seconds)
            sock.setblocking(blocking)
            result = lab.close(sock)
            name = f"linger.{onoff}-{seconds}.{pending}.{'blocking' if blocking else 'nonblocking'}"
            yield Fact(f"{name}.returns", result.outcome, "ok")
            yield Fact(f"{name}.waits", result.seconds, ONE_SECOND if seconds else AT_ONCE)
            where = "CLOSED" if onoff and not seconds else "FIN-WAIT-1"
            yield Fact(f"{name}.state", lab.state(port), where)
            lab.shell("ip link del peer0")


def off() -> Facts:
    """SO_LINGER off: at once, and the kernel goes on by itself."""
    yield from rows(0, 0)


def abort() -> Facts:
    """l_linger = 0: at once, and nothing is left."""
    yield from rows(1, 0)


def one() -> Facts:
    """l_linger = 1 and a peer that never acknowledges the FIN: the whole second, also with no data.

    The return value is 0 and the connection goes on: nothing is aborted at the limit.
    """
    yield from rows(1, 1)


def ends_with_the_fin_ack() -> Facts:
    """The wait ends when the FIN is acknowledged; the peer's FIN is not waited for."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    lab.linger(sock, 1, 3)
    future = lab.background(lab.close, sock)
    peer.receive()
    time.sleep(0.3)
    peer.send(".")
    yield Fact("linger.fin-acked.waits", future.result().seconds, Between(0.3, 0.4))
    yield Fact("linger.fin-acked.state", lab.state(port), "FIN-WAIT-2")


def goes_on_after_the_limit() -> Facts:
    """Data that was pending at the limit is delivered later."""
    sock, peer = scene("silent")
    lab.linger(sock, 1, 1)
    future = lab.background(lab.close, sock)
    yield Fact("linger.limit.returns", future.result().outcome, "ok")
    sent = peer.collect(0.1)
    yield Fact("linger.limit.fin-waits-for-window", any("F" in s.flags for s in sent), False)
    yield Fact("linger.limit.reset-sent", any("R" in s.flags for s in sent), False)
    peer.send(".")
    peer.collect(2.0, acknowledge=True)
    yield Fact("linger.limit.delivered-later", peer.seen, 30_002)


def deadline_is_absolute() -> Facts:
    """Progress does not prolong the wait."""
    sock, peer = scene("silent")
    lab.linger(sock, 1, 1)
    future = lab.background(lab.close, sock)
    for step in range(1, 9):
        time.sleep(0.15)
        peer.send(".", ack=1 + 1460 * step)
    yield Fact("linger.trickle.waits", future.result().seconds, ONE_SECOND)


def events() -> Facts:
    """What ends the wait early, and what does not."""
    for name, flags, data, waits in (
        ("reset", "R.", b"", Between(0.2, 0.3)),
        ("new-data", ".", b"x", Between(0.2, 0.3)),
        ("peer-fin", "F.", b"", ONE_SECOND),
    ):
        sock, peer = connected()
        port = sock.getsockname()[1]
        lab.linger(sock, 1, 1)
        future = lab.background(lab.close, sock)
        peer.receive()
        time.sleep(0.2)
        peer.send(flags, ack=1, data=data)
        result = future.result()
        yield Fact(f"linger.during.{name}.returns", result.outcome, "ok")
        yield Fact(f"linger.during.{name}.waits", result.seconds, waits)
        state = "CLOSING" if name == "peer-fin" else "CLOSED"
        yield Fact(f"linger.during.{name}.state", lab.state(port), state)
        lab.shell("ip link del peer0")


def signals() -> Facts:
    """A handled signal ends the wait with 0, an ignored one does not."""
    for name, handler, waits in (
        ("handled", lambda *_: None, Between(0.28, 0.4)),
        ("ignored", signal.SIG_IGN, ONE_SECOND),
    ):
        sock, _ = connected()
        signal.signal(signal.SIGALRM, handler)
        lab.linger(sock, 1, 1)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        result = lab.close(sock)
        yield Fact(f"linger.signal.{name}.returns", result.outcome, "ok")
        yield Fact(f"linger.signal.{name}.waits", result.seconds, waits)
        lab.shell("ip link del peer0")


def half_closed() -> Facts:
    """After shutdown(): only a FIN that is not acknowledged yet is waited for."""
    tun = Tun()
    for name, acked, peer_fin, waits in (
        ("fin-wait-1", False, False, ONE_SECOND),
        ("fin-wait-2", True, False, AT_ONCE),
        ("close-wait", False, True, ONE_SECOND),
    ):
        peer = Peer(tun, {"fin-wait-1": 7, "fin-wait-2": 8}.get(name, 9))
        sock = peer.open()
        lab.linger(sock, 1, 1)
        if peer_fin:
            peer.send("F.")
            time.sleep(0.05)
        else:
            shut = lab.timed(sock.shutdown, socket.SHUT_WR)
            yield Fact(f"linger.shutdown.{name}.waits", shut.seconds, AT_ONCE)
            peer.collect(0.05, acknowledge=acked)
        yield Fact(f"linger.{name}.waits", lab.close(sock).seconds, waits)


def units() -> Facts:
    """l_linger is in seconds."""
    sock, _ = connected()
    lab.linger(sock, 1, 3)
    yield Fact("linger.unit.three", lab.close(sock).seconds, Between(3.0, 3.3))


if __name__ == "__main__":
    CASES = [off, abort, one, ends_with_the_fin_ack, goes_on_after_the_limit]
    lab.main([*CASES, deadline_is_absolute, events, signals, half_closed, units])
