"""SYN cookies: when a listening socket keeps no state, and what the answers then lack."""

from __future__ import annotations

import socket

import lab
from lab import Fact, Facts
from peer import KERNEL, Peer, Tun, shown


def begin(backlog: int) -> tuple[socket.socket, Tun]:
    """A listening socket with this backlog."""
    tun = Tun()
    listener = socket.create_server((KERNEL, 0), backlog=backlog)
    listener.setblocking(False)
    return listener, tun


def dial(tun: Tun, listener: socket.socket, port: int, **options: bool) -> Peer:
    """Send a SYN from `port` and wait for the SYN|ACK."""
    peer = Peer(tun, port, **options)  # type: ignore[arg-type]
    peer.kernel_port = listener.getsockname()[1]
    peer.send("S")
    peer.receive(0.1)
    return peer


def half_open(listener: socket.socket) -> int:
    """How many connections are in SYN-RECEIVED."""
    return sum(row.state == "SYN-RECEIVED" for row in lab.table(listener.getsockname()[1]))


def how_many() -> Facts:
    """Handshakes under way that are kept, by backlog; the others are answered by cookie."""
    yield Fact("net.ipv4.tcp_syncookies", lab.sysctl("tcp_syncookies"), "1")
    for backlog, kept in ((0, 1), (1, 2), (5, 6)):
        listener, tun = begin(backlog)
        for port in range(1000, 1010):
            dial(tun, listener, port)
        yield Fact(f"listen({backlog}), ten SYNs: kept", half_open(listener), kept)
        yield Fact("cookies sent", lab.counter("SyncookiesSent") > 0, True)
        listener.close()
        lab.shell("ip link del peer0")


def without() -> Facts:
    """tcp_syncookies=0: what cannot be kept is dropped."""
    lab.sysctl("tcp_syncookies", 0)
    listener, tun = begin(1)
    answered = 0
    for port in range(1000, 1010):
        answered += dial(tun, listener, port).kernel_isn != 0
    yield Fact("listen(1), ten SYNs without cookies: answered", answered, 2)
    listener.close()


def completed() -> Facts:
    """The ACK of a cookie opens the connection; nothing repeats the SYN|ACK meanwhile."""
    listener, tun = begin(0)
    dial(tun, listener, 1000)
    peer = dial(tun, listener, 1001)
    yield Fact("a cookie's SYN|ACK again", shown(peer.collect(1.5)), "nothing")
    peer.send(".")
    peer.collect(0.05)
    states = sorted(row.state for row in lab.table(listener.getsockname()[1], 1001))
    yield Fact("after its ACK", states, ["ESTABLISHED"])
    wrong = dial(tun, listener, 1002)
    yield Fact("an ACK beside the cookie", wrong.ask(".", ack=5), "R seq=5")
    listener.close()


def full() -> Facts:
    """The accept queue is full: SYNs are dropped, and so is the ACK of a cookie."""
    listener, tun = begin(0)
    first = dial(tun, listener, 1000)
    second = dial(tun, listener, 1001)
    first.send(".")
    first.collect(0.05)
    yield Fact("a cookie's ACK with a full queue", second.ask("."), "nothing")
    yield Fact("a SYN with a full queue", dial(tun, listener, 1002).kernel_isn, 0)
    listener.accept()
    yield Fact("its ACK again, after accept()", second.ask("."), "nothing")
    states = sorted(row.state for row in lab.table(listener.getsockname()[1], 1001))
    yield Fact("and it is open", states, ["ESTABLISHED"])
    listener.close()


def options() -> Facts:
    """What a cookie remembers of the SYN: with timestamps everything, without them the MSS."""
    for stamped in (False, True):
        listener, tun = begin(0)
        dial(tun, listener, 1000)
        peer = dial(tun, listener, 1001, sack=True, timestamps=stamped)
        peer.send(".")
        peer.collect(0.05)
        while True:
            sock, (_, port) = listener.accept()
            if port == 1001:
                break
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        yield Fact(f"timestamps {stamped}: SACK", bool(info[5] & 2), stamped)
        mss = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        yield Fact(f"timestamps {stamped}: MSS", mss, 1448 if stamped else 1460)
        listener.close()
        sock.close()
        lab.shell("ip link del peer0")


if __name__ == "__main__":
    lab.main([how_many, without, completed, full, options])
