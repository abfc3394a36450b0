"""What an ICMP error does to a connection, by its type and code and by the state it finds."""

from __future__ import annotations

import errno
import re
import select
import socket
import struct
import subprocess
import time

import lab
from disconnect import dissolve
from lab import Between, Fact, Facts
from peer import KERNEL, PEER, Peer, Tun, connected, listening

ERRORS = {
    (3, 0): "ENETUNREACH", (3, 1): "EHOSTUNREACH", (3, 2): "ENOPROTOOPT", (3, 3): "ECONNREFUSED",
    (3, 5): "EOPNOTSUPP", (3, 6): "ENETUNREACH", (3, 7): "EHOSTDOWN", (3, 8): "ENONET",
    (3, 9): "ENETUNREACH", (3, 10): "EHOSTUNREACH", (3, 11): "ENETUNREACH",
    (3, 12): "EHOSTUNREACH", (3, 13): "EHOSTUNREACH", (3, 14): "EHOSTUNREACH",
    (3, 15): "EHOSTUNREACH", (11, 0): "EHOSTUNREACH",
    (12, 0): "EPROTO", (12, 1): "EPROTO",
}  # fmt: skip
IGNORED = [(3, 4), (3, 16), (4, 0), (5, 1), (11, 1)]


def error_name(sock: socket.socket) -> str:
    """SO_ERROR with the name of RFC 792's "source route failed" that tcp(7) uses."""
    name = lab.error_of(sock)
    return "EOPNOTSUPP" if name == "ENOTSUP" else name


def syn_sent() -> Facts:
    """Hard in SYN-SENT: the connection is gone, connect() fails."""
    tun = Tun()
    for number, (kind, code) in enumerate([*ERRORS, *IGNORED]):
        sock, peer = socket.socket(), Peer(tun, 100 + number)
        sock.bind((KERNEL, 0))
        peer.start(sock)
        peer.receive()
        peer.icmp(kind, code, seq=0, mtu=1400 if (kind, code) == (3, 4) else 0)
        time.sleep(0.02)
        noted = ERRORS.get((kind, code))
        state = lab.state(peer.kernel_port)
        name = f"icmp.{kind}/{code}.syn-sent"
        yield Fact(f"{name}.state", state, "CLOSED" if noted else "SYN-SENT")
        yield Fact(f"{name}.error", error_name(sock), noted or "0")
        sock.close()


def established() -> Facts:
    """Soft in ESTABLISHED: SO_ERROR tells it once, nothing else happens."""
    tun = Tun()
    for number, (kind, code) in enumerate([*ERRORS, *IGNORED]):
        peer = Peer(tun, 100 + number)
        sock = peer.open()
        sock.setblocking(False)
        peer.icmp(kind, code, mtu=1400 if (kind, code) == (3, 4) else 0)
        time.sleep(0.02)
        noted = ERRORS.get((kind, code), "0")
        name = f"icmp.{kind}/{code}.established"
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        yield Fact(f"{name}.poll", poller.poll(0), [])
        yield Fact(f"{name}.recv", lab.outcome(sock.recv, 9), "EAGAIN")
        yield Fact(f"{name}.send", lab.outcome(sock.send, b"x"), "ok")
        yield Fact(f"{name}.error", error_name(sock), noted)
        yield Fact(f"{name}.error-again", lab.error_of(sock), "0")
        peer.receive()
        peer.send(".", data=b"still here")
        time.sleep(0.01)
        yield Fact(f"{name}.data", lab.outcome(sock.recv, 99), "10 bytes")
        yield Fact(f"{name}.state", lab.state(peer.kernel_port), "ESTABLISHED")
        sock.close()


def error_queue() -> Facts:
    """An error that ends connect() lies in the error queue, too; POLLERR stays until it is read."""
    tun, late = Tun(), socket.MSG_ERRQUEUE
    sock, peer = socket.socket(), Peer(tun, 100)
    sock.bind((KERNEL, 0))
    poll = select.poll()
    poll.register(sock, select.POLLERR)
    peer.start(sock)
    peer.receive()
    peer.icmp(3, 1, seq=0)
    time.sleep(0.02)
    yield Fact("icmp.queue.so-error", lab.error_of(sock), "EHOSTUNREACH")
    yield Fact("icmp.queue.poll", poll.poll(0)[0][1] & select.POLLERR, select.POLLERR)
    dissolve(sock)
    yield Fact("icmp.queue.poll-renewed", poll.poll(0)[0][1] & select.POLLERR, select.POLLERR)
    text, control, flags, sender = sock.recvmsg(100, 200, late)
    quoted = struct.pack("!HHI", peer.kernel_port, 100, peer.kernel_isn)
    yield Fact("icmp.queue.text", text == quoted, True)
    yield Fact("icmp.queue.sender", sender, (PEER, 100))
    yield Fact("icmp.queue.flags", flags, int(late))
    noted = struct.pack("=IBBBxII", errno.EHOSTUNREACH, 2, 3, 1, 0, 0)
    noted += struct.pack("=H2x4s8x", socket.AF_INET, socket.inet_aton(PEER))
    yield Fact("icmp.queue.control", control == [(socket.IPPROTO_IP, 11, noted)], True)
    yield Fact("icmp.queue.poll-read", poll.poll(0)[0][1] & select.POLLERR, 0)
    yield Fact("icmp.queue.empty", lab.outcome(sock.recvmsg, 100, 200, late), "EAGAIN")
    sock, peer = socket.socket(), Peer(tun, 101)
    sock.bind((KERNEL, 0))
    peer.start(sock)
    peer.receive()
    peer.icmp(3, 1, seq=0)
    time.sleep(0.02)
    cut, _, flags, _ = sock.recvmsg(5, 0, late)
    yield Fact("icmp.queue.cut", len(cut), 5)
    told = int(late | socket.MSG_TRUNC | socket.MSG_CTRUNC)
    yield Fact("icmp.queue.cut.flags", flags, told)
    yield Fact("icmp.queue.read-takes-so-error", lab.error_of(sock), "0")


def quoted_number() -> Facts:
    """The quoted number must lie between SND.UNA and SND.NXT, both included (RFC 5927)."""
    sock, peer = connected()
    sock.send(bytes(100))
    peer.receive()
    for seq, noted in ((0, "0"), (1, "EHOSTUNREACH"), (50, "EHOSTUNREACH"),
                       (101, "EHOSTUNREACH"), (102, "0")):  # fmt: skip
        peer.icmp(3, 1, seq=seq)
        time.sleep(0.02)
        yield Fact(f"icmp.quoted.una-1-nxt-101.seq-{seq}", lab.error_of(sock), noted)
    yield Fact("icmp.quoted.counter", lab.counter("OutOfWindowIcmps"), 2)
    peer.icmp(3, 4, seq=102, mtu=600)
    time.sleep(0.02)
    mss = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    yield Fact("icmp.quoted.mtu-seq-102.mss", mss, 1460)


def syn_received() -> Facts:
    """A half-open request of a listener: unreachable net or host, expiry and parameter end it."""
    for kind, code, noted in (
        (3, 0, "LISTEN"), (3, 1, "LISTEN"), (3, 3, "LISTEN SYN-RECEIVED"),
        (3, 10, "LISTEN SYN-RECEIVED"), (11, 0, "LISTEN"), (12, 0, "LISTEN"),
    ):  # fmt: skip
        listener, peer = listening()
        peer.send("S")
        peer.receive()
        peer.icmp(kind, code, seq=0)
        time.sleep(0.02)
        yield Fact(f"icmp.{kind}/{code}.syn-received", lab.state(peer.kernel_port), noted)
        listener.close()
        lab.shell("ip link del peer0")


def gives_up() -> Facts:
    """The last soft error is what the program is told when the retransmissions end."""
    lab.sysctl("tcp_retries2", 3)
    for asked, noted in ((False, "EHOSTUNREACH"), (True, "ETIMEDOUT")):
        sock, peer = connected()
        sock.send(bytes(100))
        peer.receive()
        peer.icmp(3, 10)
        time.sleep(0.02)
        name = "icmp.gives-up" + (".so-error-read" if asked else "")
        if asked:
            yield Fact(f"{name}.so-error", lab.error_of(sock), "EHOSTUNREACH")
        sock.settimeout(12)
        result = lab.timed(sock.recv, 1)
        yield Fact(f"{name}.recv", result.outcome, noted)
        yield Fact(f"{name}.after", result.seconds, Between(6, 7.2))
        lab.shell("ip link del peer0")


def soft_error_and_ack() -> Facts:
    """An ACK of new data in between makes the error forgotten."""
    sock, peer = connected()
    sock.send(bytes(100))
    peer.receive()
    peer.icmp(3, 1)
    time.sleep(0.02)
    peer.send(".")
    time.sleep(0.02)
    yield Fact("icmp.soft.after-ack", lab.error_of(sock), "0")


def reverted_backoff() -> Facts:
    """3/0 and 3/1 about what is repeated take one backoff back (RFC 6069); 3/10 does not."""
    for code, noted in ((1, Between(0.7, 0.95)), (10, Between(1.5, 1.9))):
        sock, peer = connected()
        sock.send(bytes(100))
        sent = [peer.receive(3) for _ in range(3)]
        last = sent[-1]
        assert last is not None
        peer.icmp(3, code)
        times = [last.at]
        for _ in range(2):
            segment = peer.receive(5)
            assert segment is not None
            times.append(segment.at)
        yield Fact(f"icmp.3/{code}.third-repeat-after", times[1] - times[0],
                   Between(0.38, 0.48) if code == 1 else Between(0.8, 0.95))  # fmt: skip
        yield Fact(f"icmp.3/{code}.fourth-repeat-after", times[2] - times[1], noted)
        lab.shell("ip link del peer0")


def too_big() -> Facts:
    """3/4: what is in flight goes again in segments that fit; not below 552 octets (min_pmtu)."""
    for mtu, mss, again, later in (
        (1000, 960, [960, 960, 960, 40], [960, 960, 960, 40]),
        (296, 512, [512] * 5 + [360], [512] * 5 + [360]),
    ):
        sock, peer = connected()
        sock.send(bytes(2920))
        first = [peer.receive() for _ in range(2)]
        name = f"icmp.mtu-{mtu}"
        yield Fact(f"{name}.before", [s.size for s in first if s], [1460, 1460])
        peer.icmp(3, 4, mtu=mtu)
        sent = peer.collect(0.1)
        yield Fact(f"{name}.at-once", [s.size for s in sent], again)
        yield Fact(f"{name}.at-once.from", sent[0].seq, 1)
        now = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        yield Fact(f"{name}.mss", now, mss)
        peer.send(".")
        sock.send(bytes(2920))
        yield Fact(f"{name}.later", [s.size for s in peer.collect(0.1)], later)
        yield Fact(f"{name}.so-error", lab.error_of(sock), "0")
        lab.shell("ip link del peer0")


def too_big_for_a_flight() -> Facts:
    """Ten segments in flight: the congestion window counts segments, and stays ten of them."""
    sock, peer = connected()
    sock.send(bytes(14600))
    first = peer.collect(0.05)
    yield Fact("icmp.flight.before", [s.size for s in first], [1460] * 10)
    peer.icmp(3, 4, mtu=1000)
    sent = peer.collect(0.1)
    yield Fact("icmp.flight.at-once.segments", len(sent), 10)
    yield Fact("icmp.flight.at-once.largest", max(s.size for s in sent), 960)
    yield Fact("icmp.flight.at-once.from", sent[0].seq, 1)


def too_big_before_a_fin() -> Facts:
    """A FIN in flight fits the path, and is not sent again with the text before it."""
    sock, peer = connected()
    sock.send(bytes(1460))
    sock.shutdown(socket.SHUT_WR)
    first = peer.collect(0.02)
    yield Fact("icmp.fin.before", [(s.size, s.flags) for s in first], [(1460, "."), (0, "F.")])
    peer.icmp(3, 4, mtu=1000)
    sent = peer.collect(0.1)
    yield Fact("icmp.fin.at-once", [(s.size, s.flags) for s in sent], [(960, "."), (500, ".")])


def told_not_to_follow() -> Facts:
    """IP_MTU_DISCOVER (10): a connection follows 3/4 with 1, 2 and 3 only."""
    for value in range(6):
        noted = [960, 500] if value in (1, 2, 3) else []
        sock, peer = connected((socket.IPPROTO_IP, 10, value))
        sock.send(bytes(1460))
        peer.collect(0.01)
        peer.icmp(3, 4, mtu=1000)
        sent = [one.size for one in peer.collect(0.1)]
        yield Fact(f"icmp.mtu-discover-{value}", sent, noted)
        lab.shell("ip link del peer0")
    sock = socket.socket()
    yield Fact("icmp.mtu-discover.fresh", sock.getsockopt(socket.IPPROTO_IP, 10), 1)
    for value in (-1, 6):
        said = lab.outcome(sock.setsockopt, socket.IPPROTO_IP, 10, value)
        yield Fact(f"icmp.mtu-discover.set-{value}", said, "EINVAL")


def remembered() -> Facts:
    """The MTU that 3/4 tells of a path is used for ten minutes by connections to the address that
    begin. One that is open loses a segment that is too large before it follows."""
    tun = Tun()
    peer, other = Peer(tun, 100), Peer(tun, 101)
    sock, open_already = peer.open(), other.open()
    sock.send(bytes(1460))
    peer.collect(0.05)
    peer.icmp(3, 4, mtu=1000)
    peer.collect(0.05)
    asked = subprocess.run(("ip", "route", "get", PEER), check=True, capture_output=True, text=True)
    route = asked.stdout
    told = re.search(r"expires (\d+)sec mtu (\d+)", route)
    yield Fact("icmp.remembered.mtu", told and int(told[2]), 1000)
    yield Fact("icmp.remembered.seconds", told and int(told[1]), Between(590, 600))
    open_already.send(bytes(1460))
    yield Fact("icmp.remembered.open.at-once", [s.size for s in other.collect(0.1)], [])
    yield Fact("icmp.remembered.open.timer", [s.size for s in other.collect(0.2)], [960])
    new = Peer(tun, 102)
    begun = new.open()
    mss = begun.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    yield Fact("icmp.remembered.new", mss, 960)


if __name__ == "__main__":
    lab.main([syn_sent, error_queue, established, quoted_number, syn_received, gives_up,
              soft_error_and_ack, reverted_backoff, too_big, too_big_for_a_flight,
              too_big_before_a_fin, told_not_to_follow, remembered])  # fmt: skip
