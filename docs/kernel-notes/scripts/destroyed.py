"""What the kernel still tells of a connection at the moment its socket is destroyed.

Listens to the groups SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY of sock_diag(7).
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import NamedTuple

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun

SOCK_DIAG, BY_FAMILY, SOCK_DESTROY = 4, 20, 21
GROUPS = 1 << 0 | 1 << 2
ATTRIBUTE_INFO = 2
NEVER = 60_000
"""ms; a time stamp that was erased counts from the start of the kernel's clock."""


class Death(NamedTuple):
    """One message: struct inet_diag_msg and some of struct tcp_info."""

    state: int
    sport: int
    dport: int
    source: str
    rqueue: int
    wqueue: int
    inode: int
    sent: int
    again: int
    acked: int
    received: int
    unsent: int
    tries: int
    last_sent_ms: int
    last_received_ms: int
    attributes: frozenset[int]

    @property
    def erased(self) -> bool:
        """Whether the counts of bytes were cleared."""
        return (self.dport, self.sent, self.acked, self.received) == (0, 0, 0, 0)


class Feed:
    """The two groups; `next` is the connection destroyed next."""

    def __init__(self) -> None:
        self.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG)
        self.netlink.bind((0, GROUPS))

    def next(self, seconds: float = 2.0) -> Death | None:
        """Return the next death, None after that time."""
        if not select.select([self.netlink], [], [], seconds)[0]:
            return None
        return parse(self.netlink.recv(65536)[16:])


def parse(body: bytes) -> Death:
    """Read struct inet_diag_msg (72 bytes) and its attributes."""
    sport, dport = struct.unpack_from("!HH", body, 4)
    rqueue, wqueue, _, inode = struct.unpack_from("=4I", body, 56)
    attributes, at = {}, 72
    while at + 4 <= len(body):
        size, kind = struct.unpack_from("=HH", body, at)
        attributes[kind] = body[at + 4 : at + size]
        at += size + 3 & ~3
    info = struct.unpack_from("=8B24I4Q6I4Q2I2Q", attributes[ATTRIBUTE_INFO])
    return Death(
        body[1], sport, dport, socket.inet_ntoa(body[8:12]), rqueue, wqueue, inode, info[48],
        info[49], info[34], info[35], info[38], info[2], info[17], info[19], frozenset(attributes),
    )  # fmt: skip


class Stage:
    """Connections that the kernel opened to a hand-made peer, one port of it each."""

    def __init__(self) -> None:
        self.tun, self.feed, self.port = Tun(), Feed(), 100

    def connection(self) -> tuple[socket.socket, Peer]:
        """Open the next one."""
        self.port += 1
        peer = Peer(self.tun, self.port)
        return peer.open(), peer

    def seen(self, name: str, *noted: tuple[str, object]) -> Facts:
        """Compare fields of the next death with the note."""
        death = self.feed.next()
        for field, value in noted:
            yield Fact(f"destroyed.{name}.{field}", getattr(death, field, "no message"), value)


def orderly() -> Facts:
    """Both FINs: all counts are there; the message comes when TIME-WAIT or FIN-WAIT-2 begins."""
    stage = Stage()
    sock, peer = stage.connection()
    sock.send(bytes(1000))
    peer.collect(0.05, acknowledge=True)
    port = sock.getsockname()[1]
    sock.close()
    peer.collect(0.05, acknowledge=True)
    yield Fact("destroyed.first.then", lab.state(port), "FIN-WAIT-2")
    yield from stage.seen(
        "first", ("state", 7), ("sent", 1000), ("acked", 1002), ("wqueue", 0), ("inode", 0)
    )
    peer.send("F.")
    time.sleep(0.05)
    yield Fact("destroyed.first.time-wait", lab.state(port), "TIME-WAIT")
    yield Fact("destroyed.first.again", stage.feed.next(0.1), None)

    sock, peer = stage.connection()
    peer.send("F.", data=b"abc")
    time.sleep(0.05)
    sock.recv(9)
    sock.send(bytes(500))
    peer.collect(0.05, acknowledge=True)
    sock.close()
    peer.collect(0.05, acknowledge=True)
    yield from stage.seen("second", ("sent", 500), ("acked", 502), ("received", 4), ("rqueue", 0))

    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.send(bytes(700))
    client.recv(1000)
    client.close()
    time.sleep(0.05)
    accepted.close()
    yield from stage.seen("connected-side", ("sent", 0), ("acked", 2))
    yield from stage.seen("accepted-side", ("sent", 700), ("acked", 701), ("rqueue", 1))


def aborted() -> Facts:
    """l_linger = 0: the counts are erased, and with them the peer's port."""
    stage = Stage()
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    peer.collect(0.05)
    lab.linger(sock, 1, 0)
    sock.close()
    death = stage.feed.next()
    assert death is not None
    yield Fact("destroyed.linger-0.erased", death.erased, True)
    yield Fact("destroyed.linger-0.sport", death.sport != 0, True)
    # write_seq was moved on by the largest window and two (tcp_disconnect) behind an old snd_una
    yield Fact("destroyed.linger-0.wqueue", death.wqueue, 30_000 + 65_535 + 2)
    yield Fact("destroyed.linger-0.last-sent", death.last_sent_ms < NEVER, True)
    yield Fact("destroyed.linger-0.last-received", death.last_received_ms > NEVER, True)

    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    listener.close()
    yield from stage.seen("unaccepted", ("erased", True))
    client.close()

    failed = socket.socket()
    lab.outcome(failed.connect, ("127.0.0.1", 1))
    stage.feed.next(0.1), stage.feed.next(0.1)
    failed.close()
    death = stage.feed.next()
    assert death is not None
    yield Fact("destroyed.refused.erased", death.erased, True)
    yield Fact("destroyed.refused.source", death.source, "0.0.0.0")
    yield Fact("destroyed.refused.never", death.last_sent_ms == death.last_received_ms, True)


def unread() -> Facts:
    """close() with unread bytes: both queues are told exactly."""
    stage = Stage()
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    peer.send(".", data=b"abc")
    time.sleep(0.05)
    sock.close()
    yield from stage.seen(
        "unread", ("rqueue", 3), ("wqueue", 30_000), ("sent", 14_600), ("acked", 1),
        ("received", 3), ("unsent", 15_400), ("attributes", frozenset({2, 10})),
    )  # fmt: skip


def reset() -> Facts:
    """An RST, or SOCK_DESTROY's: both queues are told, once the descriptor is closed."""
    stage = Stage()
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    peer.collect(0.05)
    peer.send("R.")
    yield Fact("destroyed.reset.descriptor-open", stage.feed.next(0.1), None)
    sock.close()
    yield from stage.seen("reset", ("wqueue", 30_000), ("acked", 1), ("unsent", 15_400))
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    sock.close()
    peer.collect(0.05)
    peer.send("R.")
    yield from stage.seen("reset-orphan", ("wqueue", 30_001), ("acked", 1), ("unsent", 15_401))
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    port = sock.getsockname()[1]
    lab.shell(f"ss -K sport = :{port}")
    sock.close()
    yield from stage.seen("killed", ("wqueue", 30_000), ("acked", 1))
    sock, peer = stage.connection()
    sock.send(bytes(1000))
    peer.collect(0.05, acknowledge=True)
    sock.send(bytes(30_000))
    sock.close()
    peer.collect(0.05)
    peer.send(".", ack=1001, data=b"late")
    yield from stage.seen("late-data", ("wqueue", 30_001), ("acked", 1001))


def given_up() -> Facts:
    """A give-up leaves the number of its tries; against a shut window it leaves none."""
    stage = Stage()
    lab.sysctl("tcp_orphan_retries", 2)
    sock, peer = stage.connection()
    sock.send(bytes(30_000))
    sock.close()
    peer.collect(3)
    yield from stage.seen(
        "given-up", ("wqueue", 30_001), ("tries", Between(2, 3)), ("again", Between(2920, 4380))
    )
    sock, peer = stage.connection()
    peer.window = 0
    peer.send(".")
    time.sleep(0.05)
    sock.send(bytes(1000))
    sock.close()
    peer.collect(3)
    yield from stage.seen("given-up-window", ("wqueue", 1001), ("unsent", 1001), ("tries", 0))


if __name__ == "__main__":
    lab.main([orderly, aborted, unread, reset, given_up])
