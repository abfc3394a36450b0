"""When data is acknowledged: at once, with the second segment, or after a delay."""

from __future__ import annotations

import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Tun, connected, shown

DELAYED = Between(0.036, 0.06)
AT_ONCE = Between(0, 0.02)
SOON = Between(0, 0.02)
"""A tick of the clock, 4 ms, and what a busy machine adds."""


def answer_time(peer: Peer) -> float:
    """Seconds until the next segment comes, 9 when none does."""
    start = time.monotonic()
    segment = peer.receive(1)
    return segment.at - start if segment else 9.0


def beginning() -> Facts:
    """The first ACKs of a connection leave at once, then a lone segment waits about 40 ms.

    Sixteen, and more while full-sized segments still make the window grow.
    """
    for size, noted in ((100, Between(16, 16)), (1460, Between(19, 24))):
        sock, peer = connected()
        delays = []
        for _ in range(32):
            peer.send(".", data=bytes(size))
            delays.append(answer_time(peer))
            sock.recv(size)
        quick = next(number for number, delay in enumerate(delays) if delay > 0.02)
        yield Fact(f"acks.quick.{size}", quick, noted)
        yield Fact(f"acks.delayed.{size}.shortest", min(delays[quick:]), DELAYED)
        yield Fact(f"acks.delayed.{size}.longest", max(delays[quick:]), DELAYED)
        sock.close()
        lab.shell("ip link del peer0")


def how_many() -> Facts:
    """Segments that are acknowledged at once from the beginning on, while nobody reads: as many as
    fill half of the window that was told, 16 at most."""
    for buffer, size, noted in (
        (0, 536, 16), (2_500, 500, 1), (4_000, 500, 2), (8_000, 1_000, 3), (10_000, 1_448, 3),
    ):  # fmt: skip
        peer = Peer(Tun(), 80)
        listener = socket.socket()
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind((KERNEL, 0))
        listener.listen()
        sock = peer.connect(listener)
        quick = 0
        while quick < 30:
            peer.send(".", data=bytes(size))
            if not peer.collect(0.005):
                break
            quick += 1
        yield Fact(f"SO_RCVBUF {buffer}, segments of {size}: quick ACKs", quick, noted)
        sock.close()
        listener.close()
        lab.shell("ip link del peer0")


def far_away() -> Facts:
    """The delay doubles when it was in vain, up to the round trip and to 200 ms."""
    for trip, noted in ((0.1, Between(0.095, 0.13)), (0.3, Between(0.19, 0.23))):
        peer = Peer(Tun())
        sock = peer.open(rtt=trip)
        delays = []
        for _ in range(22):
            peer.send(".", data=bytes(100))
            delays.append(answer_time(peer))
            sock.recv(100)
        slow = [delay for delay in delays if delay > 0.02]
        yield Fact(f"acks.round-trip-{trip}.first", slow[0], DELAYED)
        yield Fact(f"acks.round-trip-{trip}.longest", max(slow), noted)
        sock.close()
        lab.shell("ip link del peer0")


def second_segment() -> Facts:
    """Once it delays, two full-sized segments draw one ACK at once, if the program reads them.

    Unread they wait like one: the window could not be advertised as wide as before.
    """
    sock, peer = connected()
    for _ in range(28):
        peer.send(".", data=bytes(1460))
        answer_time(peer)
        sock.recv(1460)
    for name, reads in (("read", True), ("unread", False)):
        for _ in range(2):
            peer.send(".", data=bytes(1460))
        if reads:
            sock.recv(2920)
        end = peer.next
        answers = shown(peer.collect(0.025))
        noted = f". seq=1 ack={end}" if reads else "nothing"
        yield Fact(f"acks.two-segments.{name}", answers, noted)
    yield Fact("acks.two-segments.unread.later", shown(peer.collect(0.05)), f". seq=1 ack={end}")


def smaller() -> Facts:
    """Two equal segments in a row are full-sized from now on, though larger ones were before.

    Only without PSH: with it they may be the ends of what was written, and each is acknowledged as
    it is read. The first of a size is not yet known to be one.
    """
    for name, pushed in (("plain", ""), ("pushed", "P")):
        sock, peer = connected()
        for _ in range(20):  # no quick ACKs any more, nor does so little make the window grow
            peer.send("P.", data=bytes(100))
            answer_time(peer)
            sock.recv(100)
        for _ in range(8):
            peer.send(pushed + ".", data=bytes(120))
            time.sleep(0.003)
            sock.recv(120)
        answers = len(peer.collect(0.02))
        yield Fact(f"acks.eight-small-ones.{name}", answers, 8 if pushed else Between(4, 5))
        sock.close()
        lab.shell("ip link del peer0")


def repeated() -> Facts:
    """What comes again draws an ACK at once, but not while unread text takes half of the buffer
    and more than a segment waits for its ACK."""
    sock, peer = connected((socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000))
    peer.send(".", data=bytes(1460))
    peer.collect(0.005)
    peer.send(".", seq=1, data=bytes(1460))
    yield Fact("acks.again", answer_time(peer), AT_ONCE)
    for _ in range(8):
        peer.send(".", data=bytes(1460))
    peer.collect(0.005)
    waits = peer.next
    for _ in range(2):
        peer.send(".", data=bytes(1460))
    peer.send(".", seq=waits + 1460, data=bytes(1460))
    yield Fact("acks.again.half-full", shown(peer.collect(0.025)), "nothing")
    answers = shown(peer.collect(0.05))
    yield Fact("acks.again.half-full.later", answers, f". seq=1 ack={waits + 2920}")
    sock.close()


def fin() -> Facts:
    """A FIN with data, or after data, is acknowledged after the delay, a lone FIN at a tick."""
    sock, peer = connected()
    peer.send("F.", data=b"x")
    yield Fact("acks.fin-with-data", answer_time(peer), DELAYED)
    sock.close()
    lab.shell("ip link del peer0")
    sock, peer = connected()
    peer.send("F.")
    yield Fact("acks.bare-fin", answer_time(peer), SOON)
    sock.close()
    lab.shell("ip link del peer0")
    alone = 0  # unless the tick comes in between
    for _ in range(10):
        sock, peer = connected()
        peer.send("F.")
        sock.close()
        alone += shown(peer.collect(0.05)) == "F. seq=1 ack=2"
        lab.shell("ip link del peer0")
    yield Fact("acks.bare-fin.and-close.alone-of-10", alone, Between(5, 10))
    sock, peer = connected()
    peer.send(".", data=b"x")
    sock.recv(1)
    peer.collect(0.2)
    peer.send("F.")
    yield Fact("acks.fin-after-data", answer_time(peer), DELAYED)
    sock.close()


def out_of_order() -> Facts:
    """Data behind a hole, and old data, are acknowledged at once, each time."""
    sock, peer = connected()
    for name, seq in (("hole", 101), ("hole-again", 201), ("fills-no-hole", 101)):
        peer.send(".", seq=seq, data=b"x")
        yield Fact(f"acks.{name}", answer_time(peer), AT_ONCE)
    yield Fact("acks.hole.unread", lab.queued(sock, lab.SIOCINQ), 0)
    peer.send(".", data=bytes(100))
    yield Fact("acks.hole-filled", answer_time(peer), AT_ONCE)
    yield Fact("acks.hole-filled.unread", lab.outcome(sock.recv, 999, socket.MSG_PEEK), "101 bytes")


def trains() -> Facts:
    """Which segments of a burst have PSH, by round trip and size."""
    tun = Tun()
    for port, (rtt, size, noted) in enumerate((
        (0.0, 3000, "..P"), (0.0, 14_600, "....P....P"), (0.002, 30_000, "....P....P"),
        (0.01, 3000, ".PP"), (0.01, 14_600, ".P.P.P.P.P"), (0.05, 30_000, ".P.P.P.P.P"),
    )):  # fmt: skip
        peer = Peer(tun, 100 + port, sack=True)
        sock = peer.open((socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic"), rtt=rtt)
        sock.send(bytes(size))
        sent = [one for one in peer.collect(0.004) if one.size]
        yield Fact(
            f"acks.psh.{rtt}.{size}", "".join("P" if one.pushed else "." for one in sent), noted
        )
        sock.close()


if __name__ == "__main__":
    lab.main(
        [
            trains,
            beginning,
            how_many,
            far_away,
            second_segment,
            smaller,
            repeated,
            fin,
            out_of_order,
        ]
    )
