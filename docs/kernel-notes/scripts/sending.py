"""When text leaves, and how cwnd follows what is used of it."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import lab
from lab import Between, Fact, Facts
from peer import Peer, Segment, Tun

MSS = 1460
CWND = 26
"""Place in struct tcp_info of linux/tcp.h, eight bytes and then words."""


def open_to(peer: Peer, rtt: float = 0.0, kind: bytes = b"cubic") -> socket.socket:
    """A connection of the kernel's to this peer, whose SYN took `rtt` seconds to be answered."""
    return peer.open(
        (socket.IPPROTO_TCP, socket.TCP_CONGESTION, kind),
        (socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20), rtt=rtt,
    )  # fmt: skip


def cwnd(sock: socket.socket) -> int:
    """tcpi_snd_cwnd, in segments."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("=8B24I", info)[CWND])


def pushes(segments: list[Segment]) -> str:
    """P for each segment with PSH."""
    return "".join("P" if one.pushed else "." for one in segments if one.size)


def least_train() -> Facts:
    """tcp_min_tso_segs: far away, where a train would be two segments."""
    tun = Tun()
    yield Fact("net.ipv4.tcp_min_tso_segs", lab.sysctl("tcp_min_tso_segs"), "2")
    cases = (2, ".P.P.P.P.P"), (4, "...P...P.P"), (9, "....P....P")
    for number, (least, noted) in enumerate(cases):
        lab.sysctl("tcp_min_tso_segs", least)
        peer = Peer(tun, 100 + number, sack=True)
        sock = open_to(peer, 0.05)
        sock.send(bytes(30_000))
        yield Fact(f"sending.train.{least}", pushes(peer.collect(0.01)), noted)
        sock.close()


def use_of_the_window() -> Facts:
    """Slow start goes on where more than half of cwnd was in flight, also when it was not full."""
    tun = Tun()
    for number, (segments, noted) in enumerate(((16, 36), (10, 20), (11, 31))):
        peer = Peer(tun, 200 + number, sack=True)
        sock = open_to(peer)
        sock.send(bytes(10 * MSS))
        peer.collect(0.003)
        peer.send(".")
        yield Fact(f"sending.cwnd.{segments}.before", cwnd(sock), 20)
        sock.send(bytes(segments * MSS))
        peer.collect(0.003)
        peer.send(".")
        time.sleep(0.01)
        yield Fact(f"sending.cwnd.{segments}.acknowledged", cwnd(sock), noted)
        sock.close()


def pause_at_a_closed_window() -> Facts:
    """Text that waited for window longer than the RTO begins with the first window, too."""
    peer = Peer(Tun(), 300, sack=True)
    sock = open_to(peer)
    sock.send(bytes(10 * MSS))
    peer.collect(0.02)
    peer.window = 0
    peer.send(".")
    sock.send(bytes(30 * MSS))
    yield Fact("sending.closed.cwnd", cwnd(sock), 20)
    peer.collect(0.9)
    yield Fact("sending.closed.cwnd-later", cwnd(sock), 20)
    peer.window = 65535
    peer.send(".")
    sent = peer.collect(0.02)
    yield Fact("sending.closed.opened.segments", len([one for one in sent if one.size]), 10)
    yield Fact("sending.closed.opened.cwnd", cwnd(sock), 10)


def taken(sock: socket.socket) -> int:
    """How many bytes a non-blocking send() of much takes."""
    sock.setblocking(False)
    return sock.send(bytes(1 << 20))


def blocks() -> Facts:
    """What send() takes: blocks of half the largest window, the last one filled up again where a
    part of it has left; TCP_NOTSENT_LOWAT."""
    level, lowat, tun = socket.IPPROTO_TCP, 25, Tun()
    for number, (name, size, unsent, noted) in enumerate((
        ("send-buffer-21000", 21_000, 0, 45_260), ("lowat-4000", 500_000, 4000, 45_260),
        ("lowat-40000", 500_000, 40_000, 75_920),
    )):  # fmt: skip
        peer = Peer(tun, 400 + number, sack=True)
        peer.window = 62_000
        sock = open_to(peer, 0.03)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
        if not number:
            yield Fact("sending.lowat.fresh", sock.getsockopt(level, lowat), 0)
        sock.setsockopt(level, lowat, unsent)
        yield Fact(f"sending.taken.{name}", taken(sock), noted)
        sock.close()
    lab.sysctl("tcp_notsent_lowat", 4000)
    peer = Peer(tun, 410, sack=True)
    peer.window = 62_000
    sock = open_to(peer, 0.03)
    yield Fact("sending.taken.sysctl-4000", taken(sock), 45_260)
    yield Fact("sending.lowat.sysctl-4000", sock.getsockopt(level, lowat), 0)


def full_link() -> Facts:
    """A queue in front of the link that takes nothing (needs tc): probes twice a second."""
    peer = Peer(Tun(), 540)
    sock = open_to(peer)
    lab.shell("tc qdisc replace dev peer0 root pfifo limit 0")
    sock.send(b"x")
    time.sleep(0.5)
    yield Fact("sending.link-full.probes", field(sock, 3, "B"), 1)
    time.sleep(1)
    yield Fact("sending.link-full.probes-later", field(sock, 3, "B"), 3)
    yield Fact("sending.link-full.backoff", field(sock, 4, "B"), 0)
    yield Fact("sending.link-full.unacked", field(sock, 24), 0)
    lab.shell("tc qdisc delete dev peer0 root")
    sent = peer.collect(0.6)
    yield Fact("sending.link-full.over", [one.size for one in sent if one.size][:1], [1])


def field(sock: socket.socket, place: int, kind: str = "I") -> int:
    """A number of struct tcp_info at an offset."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=" + kind, info, place)[0])


def short_segments() -> Facts:
    """cwnd counts packets: nine short ones leave room for one more, however large."""
    peer = Peer(Tun(), 600, sack=True)
    sock = open_to(peer)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(9):
        sock.send(b"x")
    peer.collect(0.001)
    sock.send(bytes(20 * MSS))
    yield Fact("sending.packets.beside-nine-short", sizes(peer.collect(0.001)), [MSS])


def sizes(segments: list[Segment]) -> list[int]:
    """Octets of text of each segment that has any."""
    return [one.size for one in segments if one.size]


def small_trains() -> Facts:
    """tcp_tso_win_divisor: what the windows have room for is less than a third of them, and the
    last train left within a millisecond."""
    tun = Tun()
    yield Fact("net.ipv4.tcp_tso_win_divisor", lab.sysctl("tcp_tso_win_divisor"), "3")
    for number, (divisor, noted) in enumerate(((3, []), (10, [MSS, 1]))):
        lab.sysctl("tcp_tso_win_divisor", divisor)
        found = []
        for attempt in range(5):
            peer = Peer(tun, 610 + 10 * number + attempt, sack=True)
            sock = open_to(peer)
            sock.send(bytes(7 * MSS))
            until = time.monotonic() + 0.0004
            while time.monotonic() < until:
                pass
            sock.send(bytes(MSS + 1))
            found.append(sizes(peer.collect(0.001))[7:])
        yield Fact(f"sending.small-train.{divisor}", max(found, key=found.count), noted)


def sent_again() -> Facts:
    """After a time-out: a short segment alone, two short ones as one, a large write in segments."""
    tun = Tun()
    for number, (name, writes, noted) in enumerate((
        ("short-before-long", (10, 20_000), 10), ("two-short", (10, 10), 20),
        ("long", (20_000,), MSS),
    )):  # fmt: skip
        peer = Peer(tun, 640 + number)
        sock = open_to(peer)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in writes:
            sock.send(bytes(size))
        peer.collect(0.02)
        yield Fact(f"sending.again.{name}", sizes(peer.collect(0.3))[:1], [noted])


def shorter_trips() -> Facts:
    """The RTO (ms, in ticks of 4) after round trips of so many ms."""
    peer = Peer(Tun(), 650)
    sock = open_to(peer, 0.2)
    found = [field(sock, 8) // 1000]
    for trip in (0.04, 0.18, 0.18, 0.18, 0.18):
        sock.send(b"x")
        peer.collect(trip)
        peer.send(".")
        time.sleep(0.001)
        found.append(field(sock, 8) // 1000)
    for number, (rto, noted) in enumerate(zip(found, RTOS, strict=True)):
        yield Fact(f"sending.rto.{number}", rto, Between(noted - 12, noted + 12))


def late_acks() -> Facts:
    """cwnd after a time-out of ten segments and one ACK: by timestamp, by what was not sent again,
    and where nothing tells."""
    tun = Tun()
    for number, (name, options, noted) in enumerate((
        ("timestamps", {"timestamps": True}, 20), ("sack", {"sack": True}, Between(20, 21)),
        ("nothing", {}, 7),
    )):  # fmt: skip
        peer = Peer(tun, 660 + number, **options)  # type: ignore[arg-type]  # flags by name
        sock = open_to(peer, 0.02)
        sock.send(bytes(10 * MSS))
        text = sum(sizes(peer.collect(0.01)))
        time.sleep(0.4)  # what is sent again is not looked at, and its timestamp not echoed
        peer.send(".", ack=1 + text)
        time.sleep(0.005)
        yield Fact(f"sending.late.{name}", cwnd(sock), noted)


RTOS = (600, 588, 564, 532, 488, 464)
"""After 200, 40, and four times 180 ms."""


def overtaken() -> Facts:
    """tcpi_reordering and tcpi_reord_seen: segments sent once that arrive late."""
    peer = Peer(Tun(), 500, sack=True)
    sock = open_to(peer, 0.03)
    sock.send(bytes(10 * MSS))
    peer.collect(0.005)
    yield Fact("sending.reordering.fresh", (field(sock, 88), field(sock, 220)), (3, 0))
    for name, ack, held, noted in (
        ("9-held", 0, (9,), (3, 0)), ("then-3", 0, (3, 9), (7, 1)),
        ("then-all", 10, (), (10, 2)),
    ):  # fmt: skip
        edges = tuple((1 + one * MSS, 1 + (one + 1) * MSS) for one in held)
        peer.send(".", ack=1 + ack * MSS, held=edges)
        time.sleep(0.003)
        yield Fact(f"sending.reordering.{name}", (field(sock, 88), field(sock, 220)), noted)
    yield Fact("sending.reordering.cwnd", cwnd(sock), 19)


def lost_with_little_in_flight() -> Facts:
    """ssthresh after a time-out with one segment in flight is a share of cwnd."""
    peer = Peer(Tun(), 510)
    sock = open_to(peer)
    sock.send(b"x")
    time.sleep(0.5)
    yield Fact("sending.one-lost.ssthresh", field(sock, 76), 7)


def hystart() -> Facts:
    """ACKs that come an eighth later than the shortest round trip end slow start (cubic)."""
    yield Fact("tcp_cubic.hystart_detect", parameter("hystart_detect"), "3")
    tun = Tun()
    for number, (kind, noted) in enumerate(((b"cubic", 36), (b"reno", 40))):
        peer = Peer(tun, 520 + number, sack=True)
        sock = open_to(peer, 0.1, kind)
        sock.send(bytes(30 * MSS))
        time.sleep(0.1)
        peer.collect(0.001)
        peer.send(".")
        time.sleep(0.13)
        peer.collect(0.001)
        for acked in range(12, 32, 2):
            peer.send(".", ack=1 + acked * MSS)
            time.sleep(0.001)
        yield Fact(f"sending.late-acks.{kind.decode()}.cwnd", cwnd(sock), noted)
        sock.close()


def parameter(name: str) -> str:
    """A parameter of the module tcp_cubic."""
    return Path(f"/sys/module/tcp_cubic/parameters/{name}").read_text().strip()


def short_of_something() -> Facts:
    """busy_time, rwnd_limited and sndbuf_limited, in ms (accounted in ticks of 4)."""
    peer = Peer(Tun(), 530, sack=True)
    sock = open_to(peer)
    yield Fact("sending.time.fresh", times(sock), (0, 0, 0))
    peer.window = 0
    peer.send(".")
    sock.send(bytes(MSS))
    time.sleep(0.1)
    peer.window = 65535
    peer.send(".")
    peer.collect(0.05)
    peer.send(".")
    peer.collect(0.03)
    busy, window, buffer = times(sock)
    yield Fact("sending.time.closed-100-ms.busy", busy, Between(148, 170))
    yield Fact("sending.time.closed-100-ms.window", window, Between(96, 112))
    yield Fact("sending.time.closed-100-ms.buffer", buffer, 0)


def times(sock: socket.socket) -> tuple[int, int, int]:
    """busy_time, rwnd_limited, sndbuf_limited in ms."""
    return tuple(field(sock, place, "Q") // 1000 for place in (168, 176, 184))  # type: ignore[return-value]


if __name__ == "__main__":
    lab.main([least_train, use_of_the_window, pause_at_a_closed_window, blocks, overtaken,
              short_segments, small_trains, sent_again, shorter_trips, late_acks,
              lost_with_little_in_flight, hystart, short_of_something, full_link])  # fmt: skip
