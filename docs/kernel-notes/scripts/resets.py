"""Which segments draw an RST, which a challenge ACK, which nothing, state by state."""

from __future__ import annotations

import socket
import time

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun, connected


def no_socket() -> Facts:
    """No connection: an RST at the segment's ACK, or RST|ACK at 0 when there is no ACK."""
    peer = Peer(Tun(), 7)
    peer.kernel_port = 4
    for name, flags, data, noted in (
        ("rst", "R", b"", "nothing"),
        ("rst-ack", "R.", b"", "nothing"),
        ("ack", ".", b"", "R seq=777"),
        ("data", ".", b"abc", "R seq=777"),
        ("fin-ack", "F.", b"", "R seq=777"),
        ("syn-ack", "S.", b"", "R seq=777"),
        ("syn", "S", b"", "R. seq=0 ack=1001"),
        ("fin", "F", b"", "R. seq=0 ack=1001"),
        ("null", "", b"", "R. seq=0 ack=1000"),
        ("data-without-ack", "", b"abc", "R. seq=0 ack=1003"),
    ):
        answer = peer.ask(flags, seq=1000, ack=777, data=data, wait=0.03)
        yield Fact(f"resets.no-socket.{name}", answer, noted)


def listen() -> Facts:
    """LISTEN: an ACK is reset; nonsense without ACK is dropped; SYN with data acks the SYN only."""
    tun, listener = Tun(), socket.socket()
    listener.bind((KERNEL, 0))
    listener.listen(9)
    for number, (name, flags, data, noted) in enumerate((
        ("ack", ".", b"", "R seq=777"),
        ("data", ".", b"abc", "R seq=777"),
        ("fin-ack", "F.", b"", "R seq=777"),
        ("syn-ack", "S.", b"", "R seq=777"),
        ("fin", "F", b"", "nothing"),
        ("null", "", b"", "nothing"),
        ("rst", "R", b"", "nothing"),
        ("syn-fin", "SF", b"", "nothing"),
        ("syn-rst", "SR", b"", "nothing"),
        ("syn-data", "S", b"abc", "S. seq=0 ack=1001"),
    )):  # fmt: skip
        peer = Peer(tun, 100 + number)
        peer.kernel_port = listener.getsockname()[1]
        answer = peer.ask(flags, seq=1000, ack=777, data=data, wait=0.03)
        yield Fact(f"resets.listen.{name}", answer, noted)


def synchronized() -> Facts:
    """ESTABLISHED: only the exact RST resets; SYN and strange ACKs draw a challenge ACK."""
    challenge, ack = ". seq=1 ack=1", ". seq=1 ack=1"
    tun = Tun()
    for number, (name, flags, seq, number_acked, data, noted, then) in enumerate((
        ("rst-exact", "R", 1, 0, b"", "nothing", "CLOSED"),
        ("rst-in-window", "R", 2, 0, b"", challenge, "ESTABLISHED"),
        ("rst-outside", "R", 1_000_000, 0, b"", "nothing", "ESTABLISHED"),
        ("rst-one-below", "R", 0, 0, b"", "nothing", "ESTABLISHED"),
        ("syn-in-window", "S", 10, 0, b"", challenge, "ESTABLISHED"),
        ("syn-outside", "S", 1_000_000, 0, b"", challenge, "ESTABLISHED"),
        ("syn-again", "S", 0, 0, b"", challenge, "ESTABLISHED"),
        ("syn-ack", "S.", 10, 1, b"", challenge, "ESTABLISHED"),
        ("ack-of-unsent", ".", 1, 100, b"", challenge, "ESTABLISHED"),
        ("ack-too-old", ".", 1, -100_000, b"", challenge, "ESTABLISHED"),
        ("ack-slightly-old", ".", 1, 0, b"", "nothing", "ESTABLISHED"),
        ("old-data", ".", 0, 1, b"x", ack, "ESTABLISHED"),
        ("data-outside", ".", 1_000_000, 1, b"x", ack, "ESTABLISHED"),
        ("data-without-ack", "", 1, 0, b"x", "nothing", "ESTABLISHED"),
        ("fin-without-ack", "F", 1, 0, b"", "nothing", "ESTABLISHED"),
    )):  # fmt: skip
        peer = Peer(tun, 200 + number)
        sock = peer.open()
        answer = peer.ask(flags, seq=seq, ack=number_acked, data=data, wait=0.06)
        yield Fact(f"resets.established.{name}", answer, noted)
        yield Fact(f"resets.established.{name}.state", lab.state(sock.getsockname()[1]), then)


def close_wait() -> Facts:
    """CLOSE-WAIT takes an RST at the number of the FIN itself, too."""
    plays = [("exact", 2, "CLOSED"), ("fin's-own", 1, "CLOSED"), ("older", 0, "CLOSE-WAIT")]
    for name, seq, noted in plays:
        sock, peer = connected()
        peer.send("F.")
        peer.collect(0.06)
        peer.send("R", seq=seq)
        time.sleep(0.03)
        yield Fact(f"resets.close-wait.{name}", lab.state(sock.getsockname()[1]), noted)
        lab.shell("ip link del peer0")


def behind_the_fin() -> Facts:
    """After the peer's FIN at 3: what repeats it is answered, what lies behind it is dropped in
    silence, and text that goes across it draws an RST."""
    reset = "R seq=1"
    for name, flags, seq, data, noted, then in (
        ("fin-again", "F.", 3, b"", ". seq=1 ack=4", "CLOSE-WAIT"),
        ("fin-behind", "F.", 4, b"", "nothing", "CLOSE-WAIT"),
        ("text-behind", ".", 4, b"x", "nothing", "CLOSE-WAIT"),
        ("text-across", ".", 2, b"xyz", reset, "CLOSED"),
        ("text-with-the-fin", "F.", 1, b"ab", ". seq=1 ack=4", "CLOSE-WAIT"),
    ):
        sock, peer = connected()
        peer.send("F.", data=b"ab")
        peer.collect(0.06)
        answer = peer.ask(flags, seq=seq, ack=1, data=data, wait=0.06)
        yield Fact(f"resets.close-wait.{name}", answer, noted)
        yield Fact(f"resets.close-wait.{name}.state", lab.state(sock.getsockname()[1]), then)
        lab.shell("ip link del peer0")


def behind_a_gap() -> Facts:
    """With SACK, an RST behind the last piece that waits for a gap counts as exact."""
    for name, sack, pieces, seq, noted in (
        ("sack-edge", True, (100,), 110, "CLOSED"),
        ("sack-edge-of-the-last", True, (100, 200), 210, "CLOSED"),
        ("sack-edge-of-the-first", True, (200, 100), 110, "ESTABLISHED"),
        ("sack-inside", True, (100,), 105, "ESTABLISHED"),
        ("without-sack", False, (100,), 110, "ESTABLISHED"),
    ):
        sock, peer = connected(sack=sack)
        for first in pieces:
            peer.send(".", seq=first, data=bytes(10))
        peer.collect(0.05)
        answer = peer.ask("R", seq=seq, wait=0.06)
        yield Fact(f"resets.{name}", lab.state(sock.getsockname()[1]), noted)
        gone = noted == "CLOSED"
        yield Fact(f"resets.{name}.answer", answer, "nothing" if gone else ". seq=1 ack=1")
        lab.shell("ip link del peer0")


def stamps() -> Facts:
    """On a connection with timestamps: none is accepted, an old one is not."""
    sock, peer = connected(timestamps=True)
    peer.ask(".", data=b"ab", stamped=False)
    yield Fact("resets.stamps.missing.unread", lab.queued(sock, lab.SIOCINQ), 2)
    answer = peer.ask(".", data=b"cd", clock=5)
    yield Fact("resets.stamps.old", answer, ". seq=1 ack=3")
    yield Fact("resets.stamps.old.unread", lab.queued(sock, lab.SIOCINQ), 2)


def limited() -> Facts:
    """Challenge ACKs: one in 500 ms for each connection."""
    sock, peer = connected()
    for _ in range(10):
        peer.send("S", seq=10)
        time.sleep(0.01)
    yield Fact("resets.challenge.ten-syns", len(peer.collect(0.1)), 1)
    time.sleep(0.6)
    peer.send("S", seq=10)
    yield Fact("resets.challenge.later", len(peer.collect(0.1)), 1)
    sock.close()


def syn_sent() -> Facts:
    """SYN-SENT: a wrong ACK draws RST and at once the SYN again; a good RST|ACK refuses."""
    tun = Tun()
    again = "R seq=777, S seq=0"
    for number, (name, flags, acked, noted, then) in enumerate((
        ("syn-ack-wrong", "S.", 777, again, "SYN-SENT"),
        ("ack-wrong", ".", 777, again, "SYN-SENT"),
        ("rst-without-ack", "R", 0, "nothing", "SYN-SENT"),
        ("fin", "F.", 1, "nothing", "SYN-SENT"),
        ("rst-ack-good", "R.", 1, "nothing", "CLOSED"),
        ("syn", "S", 0, "S. seq=0 ack=1", "SYN-RECEIVED"),
    )):  # fmt: skip
        peer, sock = Peer(tun, 300 + number), socket.socket()
        sock.bind((KERNEL, 0))
        peer.start(sock)
        peer.receive()
        answer = peer.ask(flags, ack=acked, wait=0.06)
        yield Fact(f"resets.syn-sent.{name}", answer, noted)
        yield Fact(f"resets.syn-sent.{name}.state", lab.state(sock.getsockname()[1]), then)
        if name == "rst-ack-good":
            yield Fact("resets.syn-sent.refused", lab.error_of(sock), "ECONNREFUSED")
        if name == "ack-wrong":
            yield Fact("resets.syn-sent.again-only-once", peer.ask(".", ack=777), "R seq=777")
            began = time.monotonic()
            more = [round(one.at - began + 0.1, 1) for one in peer.collect(4.6)]
            yield Fact("resets.syn-sent.then", more, [1.0, 2.0, 3.0, 4.0])
        if name == "syn":
            peer.send("S.", seq=0, ack=1)
            time.sleep(0.03)
            then = lab.state(sock.getsockname()[1])
            yield Fact("resets.syn-sent.simultaneous-open", then, "ESTABLISHED")


def crossing_syns() -> Facts:
    """The SYN-ACK of a simultaneous open has timestamps although the SYN it answers has none."""
    peer, sock = Peer(Tun(), 7), socket.socket()
    sock.bind((KERNEL, 0))
    peer.start(sock)
    peer.receive()
    peer.send("S")
    answer = peer.receive()
    yield Fact("resets.syn-sent.crossing.flags", answer and answer.flags, "S.")
    yield Fact("resets.syn-sent.crossing.stamped", answer and answer.stamped, True)


def syn_received() -> Facts:
    """SYN-RECEIVED of a listener: what ends the request and what only draws an answer."""
    tun = Tun()
    for number, (name, flags, seq, acked, data, noted, then) in enumerate((
        ("rst-exact", "R", 1, 0, b"", "nothing", ""),
        ("rst-in-window", "R", 5, 0, b"", ". seq=1 ack=1", "SYN-RECEIVED"),
        ("rst-outside", "R", 1_000_000, 0, b"", "nothing", "SYN-RECEIVED"),
        ("ack-wrong", ".", 1, 777, b"", "R seq=777", "SYN-RECEIVED"),
        ("syn-again", "S", 0, 0, b"", "S. seq=0 ack=1", "SYN-RECEIVED"),
        ("other-syn", "S", 5, 0, b"", "R. seq=0 ack=6", ""),
        ("fin", "F.", 1, 1, b"", ". seq=1 ack=2", "CLOSE-WAIT"),
        ("data", ".", 1, 1, b"abc", ". seq=1 ack=4", "ESTABLISHED"),
        ("old-data", ".", 0, 1, b"a", ". seq=1 ack=1", "SYN-RECEIVED"),
    )):  # fmt: skip
        peer, listener = Peer(tun, 400 + number), socket.socket()
        listener.bind((KERNEL, 0))
        listener.listen()
        port = peer.kernel_port = listener.getsockname()[1]
        peer.send("S")
        peer.receive()
        answer = peer.ask(flags, seq=seq, ack=acked, data=data, wait=0.06)
        yield Fact(f"resets.syn-received.{name}", answer, noted)
        states = " ".join(sorted(f"LISTEN {then}".split()))
        yield Fact(f"resets.syn-received.{name}.state", lab.state(port), states)


def reset_after_close() -> Facts:
    """Data for an end that has closed fully meets a bare RST, and the peer learns it later."""
    sock, peer = connected()
    lab.close(sock)
    peer.collect(0.05, acknowledge=True)
    yield Fact("resets.after-close", peer.ask(".", data=b"x"), "R seq=2")


if __name__ == "__main__":
    CASES = [no_socket, listen, synchronized, close_wait, stamps, limited, syn_sent, syn_received]
    lab.main([*CASES, behind_the_fin, behind_a_gap, reset_after_close, crossing_syns])
