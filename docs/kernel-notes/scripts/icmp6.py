"""What an ICMPv6 error does to a connection, by its type and code and by the state it finds."""

from __future__ import annotations

import select
import socket
import time

import lab
from lab import Between, Fact, Facts
from peer import Peer, Tun6

ERRORS = {
    (1, 0): "ENETUNREACH", (1, 1): "EACCES", (1, 2): "EHOSTUNREACH", (1, 3): "EHOSTUNREACH",
    (1, 4): "ECONNREFUSED", (1, 5): "EACCES", (1, 6): "EACCES", (1, 7): "EPROTO",
    (3, 0): "EHOSTUNREACH", (3, 1): "EHOSTUNREACH", (4, 0): "EPROTO", (4, 1): "EPROTO",
    (4, 2): "EPROTO",
}  # fmt: skip
IGNORED = [(2, 0)]


def opened(port: int = 7, tun: Tun6 | None = None) -> tuple[socket.socket, Peer]:
    """(kernel's socket, peer) of a fresh connection that the kernel opened."""
    peer = Peer(tun or Tun6(), port)
    return peer.open(), peer


def error_queue() -> Facts:
    """As over IPv4, if IPV6_RECVERR (25) asks for it."""
    tun = Tun6()
    for asked, noted in ((0, 0), (1, select.POLLERR)):
        sock, peer = socket.socket(socket.AF_INET6), Peer(tun, 90 + asked)
        sock.setsockopt(socket.IPPROTO_IPV6, 25, asked)
        sock.bind((tun.kernel, 0))
        peer.start(sock)
        peer.receive()
        peer.icmp6(1, 3, seq=0)
        time.sleep(0.02)
        yield Fact(f"icmp6.queue-{asked}.so-error", lab.error_of(sock), "EHOSTUNREACH")
        poll = select.poll()
        poll.register(sock, select.POLLERR)
        yield Fact(f"icmp6.queue-{asked}.poll", poll.poll(0)[0][1] & select.POLLERR, noted)


def syn_sent() -> Facts:
    """Hard in SYN-SENT: the connection is gone, connect() fails."""
    tun = Tun6()
    for number, (kind, code) in enumerate([*ERRORS, *IGNORED]):
        sock, peer = socket.socket(socket.AF_INET6), Peer(tun, 100 + number)
        sock.bind((tun.kernel, 0))
        peer.start(sock)
        peer.receive()
        peer.icmp6(kind, code, seq=0, mtu=1400 if kind == 2 else 0)
        time.sleep(0.02)
        noted = ERRORS.get((kind, code))
        name = f"icmp6.{kind}/{code}.syn-sent"
        yield Fact(f"{name}.state", lab.state6(peer.kernel_port), "CLOSED" if noted else "SYN-SENT")
        yield Fact(f"{name}.error", lab.error_of(sock), noted or "0")
        sock.close()


def established() -> Facts:
    """Soft in ESTABLISHED: SO_ERROR tells it once, nothing else happens."""
    tun = Tun6()
    for number, (kind, code) in enumerate([*ERRORS, *IGNORED]):
        sock, peer = opened(100 + number, tun)
        sock.setblocking(False)
        peer.icmp6(kind, code, mtu=1400 if kind == 2 else 0)
        time.sleep(0.02)
        noted = ERRORS.get((kind, code), "0")
        name = f"icmp6.{kind}/{code}.established"
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        yield Fact(f"{name}.poll", poller.poll(0), [])
        yield Fact(f"{name}.recv", lab.outcome(sock.recv, 9), "EAGAIN")
        yield Fact(f"{name}.error", lab.error_of(sock), noted)
        yield Fact(f"{name}.error-again", lab.error_of(sock), "0")
        yield Fact(f"{name}.state", lab.state6(peer.kernel_port), "ESTABLISHED")
        sock.close()


def syn_received() -> Facts:
    """A half-open request of a listener."""
    for kind, code in [*ERRORS, *IGNORED]:
        tun = Tun6()
        with socket.create_server((tun.kernel, 0), family=socket.AF_INET6) as listener:
            peer = Peer(tun)
            peer.kernel_port = listener.getsockname()[1]
            peer.send("S")
            peer.receive()
            peer.icmp6(kind, code, seq=0, mtu=1400 if kind == 2 else 0)
            time.sleep(0.02)
            ended = (kind, code) in ((1, 1), (1, 4), (1, 5), (1, 6), (1, 7), (4, 0), (4, 1), (4, 2))
            noted = "LISTEN" if ended else "LISTEN SYN-RECEIVED"
            yield Fact(f"icmp6.{kind}/{code}.syn-received", lab.state6(peer.kernel_port), noted)
        lab.shell("ip link del peer0")


def quoted_number() -> Facts:
    """The quoted number must lie between SND.UNA and SND.NXT, both included (RFC 5927)."""
    sock, peer = opened()
    sock.send(bytes(100))
    peer.receive()
    for seq, noted in ((0, "0"), (1, "EHOSTUNREACH"), (101, "EHOSTUNREACH"), (102, "0")):
        peer.icmp6(1, 3, seq=seq)
        time.sleep(0.02)
        yield Fact(f"icmp6.quoted.una-1-nxt-101.seq-{seq}", lab.error_of(sock), noted)


def reverted_backoff() -> Facts:
    """1/0 about what is repeated takes one backoff back (RFC 6069); 1/3 does not."""
    for code, noted in ((0, Between(0.7, 0.95)), (3, Between(1.5, 1.9))):
        sock, peer = opened()
        sock.send(bytes(100))
        sent = [peer.receive(3) for _ in range(3)]
        last = sent[-1]
        assert last is not None
        peer.icmp6(1, code)
        times = [last.at]
        for _ in range(2):
            segment = peer.receive(5)
            assert segment is not None
            times.append(segment.at)
        yield Fact(f"icmp6.1/{code}.fourth-repeat-after", times[2] - times[1], noted)
        sock.close()
        lab.shell("ip link del peer0")


def too_big() -> Facts:
    """2/0: what is in flight goes again in segments that fit; below 1280 it is ignored."""
    for mtu, mss, again in ((1400, 1340, [1340, 1340, 200]), (1280, 1220, [1220, 1220, 440]),
                            (1279, 1440, []), (600, 1440, [])):  # fmt: skip
        sock, peer = opened()
        name = f"icmp6.mtu-{mtu}"
        yield Fact(f"{name}.told-before", sock.getsockopt(socket.IPPROTO_IPV6, 24), 1500)
        sock.send(bytes(2880))
        first = [peer.receive() for _ in range(2)]
        yield Fact(f"{name}.before", [s.size for s in first if s], [1440, 1440])
        peer.icmp6(2, 0, mtu=mtu)
        yield Fact(f"{name}.at-once", [s.size for s in peer.collect(0.1)], again)
        now = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        yield Fact(f"{name}.mss", now, mss)
        told = sock.getsockopt(socket.IPPROTO_IPV6, 24)
        yield Fact(f"{name}.told", told, mtu if mtu >= 1280 else 1500)
        sock.close()
        lab.shell("ip link del peer0")


def without_mss() -> Facts:
    """A SYN|ACK without MSS: segments of 1220 octets (RFC 9293 section 3.7.1), not of 536."""
    sock, peer = socket.socket(socket.AF_INET6), Peer(Tun6())
    sock.bind((peer.tun.kernel, 0))
    peer.start(sock)
    peer.receive()
    peer.bare = True
    peer.send("S.")
    peer.receive()
    sock.send(bytes(3000))
    yield Fact("icmp6.no-mss", [s.size for s in peer.collect(0.1)][:2], [1220, 1220])


if __name__ == "__main__":
    lab.main([syn_sent, error_queue, established, syn_received, quoted_number, reverted_backoff,
              too_big, without_mss])  # fmt: skip
