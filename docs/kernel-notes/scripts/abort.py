"""l_linger = 0 in every state: which RST leaves, if any, and what is left of the connection."""

from __future__ import annotations

import ctypes
import socket
import time

import lab
from lab import Fact, Facts
from peer import Peer, Tun, connected, shown


def abort(sock: socket.socket, peer: Peer) -> str:
    """Close with l_linger = 0 and show what leaves."""
    peer.collect(0.02)
    lab.linger(sock, 1, 0)
    lab.close(sock)
    return shown(peer.collect(0.15))


def established() -> Facts:
    """RST|ACK with seq = SND.NXT, not the end of the queue; the rest is thrown away."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    yield Fact("abort.established", abort(sock, peer), "R. seq=1 ack=1")
    yield Fact("abort.established.state", lab.state(port), "CLOSED")
    lab.shell("ip link del peer0")
    sock, peer = connected()
    sock.send(bytes(30_000))
    yield Fact("abort.ten-segments-in-flight", abort(sock, peer), "R. seq=14601 ack=1")
    yield Fact("abort.later-ack-meets", peer.ask(".", ack=1461), "R seq=1461")
    lab.shell("ip link del peer0")
    sock, peer = connected()
    peer.window = 0
    peer.send(".")
    time.sleep(0.02)
    sock.send(bytes(30_000))
    yield Fact("abort.zero-window", abort(sock, peer), "R. seq=1 ack=1")


def half_closed() -> Facts:
    """After our own FIN: an RST behind it."""
    for name, acked in (("fin-wait-1", False), ("fin-wait-2", True)):
        sock, peer = connected()
        sock.shutdown(socket.SHUT_WR)
        peer.collect(0.05, acknowledge=acked)
        yield Fact(f"abort.{name}", abort(sock, peer), "R. seq=2 ack=1")
        lab.shell("ip link del peer0")
    sock, peer = connected()
    peer.send("F.")
    yield Fact("abort.close-wait", abort(sock, peer), "R. seq=1 ack=2")
    lab.shell("ip link del peer0")
    sock, peer = connected()
    peer.send("F.")
    sock.send(bytes(30_000))
    yield Fact("abort.close-wait.data-in-flight", abort(sock, peer), "R. seq=14601 ack=2")


def both_fins() -> Facts:
    """CLOSING and LAST-ACK are silent when all was sent, and reset when something was not."""
    for name, fin_first, size, noted in (
        ("closing", True, 0, "nothing"),
        ("closing.unsent-data", True, 30_000, "R. seq=14601 ack=2"),
        ("last-ack", False, 0, "nothing"),
        ("last-ack.unsent-data", False, 30_000, "R. seq=14601 ack=2"),
    ):
        sock, peer = connected()
        port = sock.getsockname()[1]
        if size:
            sock.send(bytes(size))
        if fin_first:
            sock.shutdown(socket.SHUT_WR)
            peer.send("F.", ack=1)
        else:
            peer.send("F.", ack=1)
            time.sleep(0.05)
            sock.shutdown(socket.SHUT_WR)
        time.sleep(0.05)
        before = lab.state(port)
        yield Fact(f"abort.{name}.state-before", before, name.split(".")[0].upper())
        yield Fact(f"abort.{name}", abort(sock, peer), noted)
        yield Fact(f"abort.{name}.state", lab.state(port), "CLOSED")
        lab.shell("ip link del peer0")


def time_wait_stays() -> Facts:
    """A TIME-WAIT that stands already is not touched, descriptor open or not."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    sock.shutdown(socket.SHUT_WR)
    peer.collect(0.05, acknowledge=True)
    peer.send("F.")
    peer.collect(0.05)
    yield Fact("abort.time-wait", abort(sock, peer), "nothing")
    yield Fact("abort.time-wait.state", lab.state(port), "TIME-WAIT")


def syn_sent() -> Facts:
    """No packet at all; a late SYN-ACK meets a bare RST."""
    tun = Tun()
    for number, (name, onoff, seconds) in enumerate((("off", 0, 0), ("zero", 1, 0), ("two", 1, 2))):
        peer, sock = Peer(tun, 20 + number), socket.socket()
        sock.bind(("10.9.0.1", 0))
        peer.start(sock)
        peer.receive()
        lab.linger(sock, onoff, seconds)
        result = lab.close(sock)
        yield Fact(f"abort.syn-sent.linger-{name}.returns", result.outcome, "ok")
        yield Fact(f"abort.syn-sent.linger-{name}.sends", shown(peer.collect(0.15)), "nothing")
        yield Fact(f"abort.syn-sent.linger-{name}.late-syn-ack", peer.ask("S."), "R seq=1")


def switched_off_again() -> Facts:
    """(1, 0) then (0, 0): a FIN as if nothing had been set."""
    sock, peer = connected()
    lab.linger(sock, 1, 0)
    lab.linger(sock, 0, 0)
    lab.close(sock)
    yield Fact("abort.switched-off", shown(peer.collect(0.1)), "F. seq=1 ack=1")


def disconnect() -> Facts:
    """connect(AF_UNSPEC) resets the connection and keeps the bound address."""
    sock, peer = connected()
    port = sock.getsockname()[1]
    peer.collect(0.02)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.connect(sock.fileno(), bytes(16), 16)
    yield Fact("abort.connect-unspec", shown(peer.collect(0.1)), "R. seq=1 ack=1")
    yield Fact("abort.connect-unspec.port-kept", sock.getsockname()[1] == port, True)
    yield Fact("abort.connect-unspec.error", lab.error_of(sock), "ECONNRESET")
    yield Fact("abort.connect-unspec.recv", lab.outcome(sock.recv, 1), "ENOTCONN")


if __name__ == "__main__":
    CASES = [established, half_closed, both_fins, time_wait_stays, syn_sent]
    lab.main([*CASES, switched_off_again, disconnect])
