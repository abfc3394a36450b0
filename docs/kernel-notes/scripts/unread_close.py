"""What counts as unread at close(): an RST instead of the FIN."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import lab
from lab import Fact, Facts
from peer import Peer, Tun, connected, shown

Play = Callable[[socket.socket, Peer], None]
FIN, RESET = "F.", "R."


def all_read(sock: socket.socket, peer: Peer) -> None:
    """Six bytes, all taken."""
    peer.send(".", data=b"abcdef")
    sock.recv(6)


def one_of_six(sock: socket.socket, peer: Peer) -> None:
    """Six bytes, five taken."""
    peer.send(".", data=b"abcdef")
    sock.recv(5)


def peeked(sock: socket.socket, peer: Peer) -> None:
    """Six bytes, only looked at."""
    peer.send(".", data=b"abcdef")
    sock.recv(6, socket.MSG_PEEK)


def discarded(sock: socket.socket, peer: Peer) -> None:
    """Six bytes, thrown away unseen by MSG_TRUNC."""
    peer.send(".", data=b"abcdef")
    sock.recv(6, socket.MSG_TRUNC)


def only_fin(sock: socket.socket, peer: Peer) -> None:
    """Nothing but the peer's FIN is waiting."""
    peer.send("F.")


def data_and_fin(sock: socket.socket, peer: Peer) -> None:
    """Data and FIN, none taken."""
    peer.send("F.", data=b"abcdef")


def out_of_order(sock: socket.socket, peer: Peer) -> None:
    """Data behind a hole."""
    peer.send(".", seq=101, data=b"abcdef")


def urgent(sock: socket.socket, peer: Peer) -> None:
    """One byte that arrived out of band."""
    peer.send(".U", data=b"!")


def shut_reading(sock: socket.socket, peer: Peer) -> None:
    """Data that arrives after SHUT_RD: acknowledged, readable, and unread."""
    sock.shutdown(socket.SHUT_RD)
    peer.send(".", data=b"abcdef")


PLAYS: list[tuple[Play, str]] = [
    (all_read, FIN),
    (one_of_six, RESET),
    (peeked, RESET),
    (discarded, FIN),
    (only_fin, FIN),
    (data_and_fin, RESET),
    (out_of_order, FIN),
    (shut_reading, RESET),
]


def closing_flags(sock: socket.socket, peer: Peer, linger: tuple[int, int]) -> str:
    """The flags of what leaves at close()."""
    time.sleep(0.03)
    peer.collect(0.08)
    lab.linger(sock, *linger)
    lab.close(sock)
    sent = peer.collect(0.1)
    return sent[0].flags if sent else "nothing"


def what_counts() -> Facts:
    """Each kind of leftover, without linger."""
    tun = Tun()
    for number, (play, noted) in enumerate(PLAYS):
        peer = Peer(tun, 100 + number)
        sock = peer.open()
        play(sock, peer)
        name = play.__name__.replace("_", "-")
        yield Fact(f"unread-close.{name}", closing_flags(sock, peer, (0, 0)), noted)


def before_linger() -> Facts:
    """It is looked at first: no linger setting changes it, nor makes close() wait."""
    tun = Tun()
    for number, setting in enumerate(((0, 0), (1, 0), (1, 3))):
        peer = Peer(tun, 120 + number)
        sock = peer.open()
        sock.send(bytes(30_000))
        one_of_six(sock, peer)
        peer.collect(0.05)
        lab.linger(sock, *setting)
        result = lab.close(sock)
        name = f"unread-close.linger-{setting[0]}-{setting[1]}"
        yield Fact(f"{name}.waits", result.seconds, lab.Between(0, 0.1))
        yield Fact(f"{name}.sends", shown(peer.collect(0.1)), "R. seq=14601 ack=7")


def every_state() -> Facts:
    """RST with unread data also after one or both FINs; not once TIME-WAIT stands."""
    for name, shut, acked, fin in (
        ("ESTABLISHED", False, False, False),
        ("CLOSE-WAIT", False, False, True),
        ("FIN-WAIT-1", True, False, False),
        ("FIN-WAIT-2", True, True, False),
        ("CLOSING", True, False, True),
        ("LAST-ACK", True, False, True),
        ("TIME-WAIT", True, True, True),
    ):
        sock, peer = connected()
        port = sock.getsockname()[1]
        peer.send(".", data=b"unread")
        peer.collect(0.05)
        if name == "LAST-ACK":
            peer.send("F.", ack=1)
            time.sleep(0.05)
        if shut:
            sock.shutdown(socket.SHUT_WR)
            peer.collect(0.05, acknowledge=acked)
        if fin and name != "LAST-ACK":
            peer.send("F.", ack=None if acked or not shut else 1)
        time.sleep(0.05)
        yield Fact(f"unread-close.in.{name}.state", lab.state(port), name)
        sent = closing_flags(sock, peer, (0, 0))
        yield Fact(f"unread-close.in.{name}", sent, "nothing" if name == "TIME-WAIT" else RESET)
        lab.shell("ip link del peer0")


def urgent_byte() -> Facts:
    """An urgent byte counts until the reader has passed its mark."""
    tun = Tun()
    peer = Peer(tun, 130)
    sock = peer.open()
    peer.send(".U", data=b"ab!")
    yield Fact("unread-close.urgent.unread", closing_flags(sock, peer, (0, 0)), RESET)


if __name__ == "__main__":
    lab.main([what_counts, before_linger, every_state, urgent_byte])
