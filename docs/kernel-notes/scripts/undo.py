"""Losses that were none: what tells so, and what becomes of cwnd."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple

import lab
from lab import Fact, Facts
from peer import Peer, Tun
from tcp_info import info

MSS = 1448
"""With timestamps; without them each write is one of so many octets."""
CUBIC = (socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
UNLIMITED = 2**31 - 1


class Ack(NamedTuple):
    """An ACK of the first `upto` segments; `held`: first and end of what is held beyond, or a
    D-SACK, in segments; `old`: it echoes the timestamp of the first flight."""

    upto: int
    held: tuple[tuple[int, int], ...] = ()
    old: bool = False


class Seen(NamedTuple):
    """ca_state, cwnd, and ssthresh (0: as it was at first), and which segments left, from 0."""

    state: int
    cwnd: int
    ssthresh: int
    sent: tuple[int, ...] = ()


RTO = 0.5
GAP = Ack(0, ((1, 4),))
CASES = (
    # name, timestamps, segments, seconds after the first ten left, ACKs and what was seen then
    ("nothing tells", False, 10, 0, ((GAP, Seen(3, 7, 7, (0,))), (Ack(10), Seen(0, 8, 7)))),
    ("an old echo", True, 10, 0,
     ((GAP, Seen(3, 7, 7, (0,))), (Ack(10, old=True), Seen(0, 17, 0)))),
    ("an old echo of a part", True, 10, 0,
     ((GAP, Seen(3, 7, 7, (0,))), (Ack(5, old=True), Seen(0, 12, 0)))),
    ("a D-SACK", False, 10, 0,
     ((GAP, Seen(3, 7, 7, (0,))), (Ack(10, ((0, 1),)), Seen(0, 18, 0)))),
    ("a D-SACK when it is over", False, 10, 0,
     ((GAP, Seen(3, 7, 7, (0,))), (Ack(10), Seen(0, 8, 7)), (Ack(10, ((0, 1),)), Seen(0, 10, 0)))),
    ("a D-SACK of another", False, 10, 0,
     ((GAP, Seen(3, 7, 7, (0,))), (Ack(10, ((1, 2), )), Seen(0, 8, 7)))),
    ("time-out, an original arrives", False, 10, RTO,
     ((Ack(2), Seen(0, 12, 0)),)),
    ("time-out, no new text", False, 10, RTO,
     ((Ack(1), Seen(4, 2, 7, (1, 2))), (Ack(3), Seen(4, 4, 7, (3, 4, 5, 6))))),
    ("time-out, new text arrives", False, 30, RTO,
     ((Ack(1), Seen(4, 2, 7, (11, 12))), (Ack(2), Seen(0, 11, 0)))),
    ("time-out, a duplicate", False, 30, RTO,
     ((Ack(1), Seen(4, 2, 7, (11, 12))), (Ack(1, ((11, 12),)), Seen(4, 2, 7)),
      (Ack(1, ((11, 13),)), Seen(4, 2, 7, (1,))))),
)  # fmt: skip


def losses() -> Facts:
    """Ten segments of cwnd 10 leave, and their ACKs come."""
    tun = Tun()
    for number, (name, stamped, segments, wait, steps) in enumerate(CASES):
        peer = Peer(tun, 700 + number, sack=True, timestamps=stamped)
        sock = peer.open(CUBIC, (socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000), rtt=0.06)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(segments):
            sock.send(bytes(MSS))
        peer.collect(0.01)
        echo = peer.echo
        time.sleep(wait)
        peer.collect(0.01)
        for at, (ack, noted) in enumerate(steps):
            newest = peer.echo
            peer.echo = echo if ack.old else newest
            held = tuple((1 + first * MSS, 1 + end * MSS) for first, end in ack.held)
            peer.send(".", ack=1 + ack.upto * MSS, held=held)
            peer.echo = newest
            sent = tuple(one.seq // MSS for one in peer.collect(0.006) if one.size)
            told = info(sock)
            limit = told["snd_ssthresh"] % UNLIMITED
            seen = Seen(told["ca_state"], told["snd_cwnd"], limit, sent)
            yield Fact(f"undo.{name}.{at}", tuple(seen), tuple(noted))
        sock.close()


if __name__ == "__main__":
    lab.main([losses])
