"""TCP_INFO: size and layout of struct tcp_info, and its fields after exchanges that are known."""

from __future__ import annotations

import socket
import struct
import time

import lab
from lab import Between, Fact, Facts
from peer import KERNEL, Peer, Tun, connected, listening

FIELDS = (
    "state", "ca_state", "retransmits", "probes", "backoff", "options", "wscales", "app_limited",
    "rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets",
    "last_data_sent", "last_ack_sent", "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh",
    "rtt", "rttvar", "snd_ssthresh", "snd_cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space",
    "total_retrans", "pacing_rate", "max_pacing_rate", "bytes_acked", "bytes_received",
    "segs_out", "segs_in", "notsent_bytes", "min_rtt", "data_segs_in", "data_segs_out",
    "delivery_rate", "busy_time", "rwnd_limited", "sndbuf_limited", "delivered", "delivered_ce",
    "bytes_sent", "bytes_retrans", "dsack_dups", "reord_seen", "rcv_ooopack", "snd_wnd",
    "rcv_wnd", "rehash", "total_rto", "total_rto_recoveries", "total_rto_time", "received_ce",
    "delivered_e1_bytes", "delivered_e0_bytes", "delivered_ce_bytes", "received_e1_bytes",
    "received_e0_bytes", "received_ce_bytes", "accecn_fail_mode", "accecn_opt_seen",
)  # fmt: skip
MSS = 1460
CE, ECT0, ECT1, NOT_ECT = 3, 2, 1, 0
LAYOUT = struct.Struct("=8B24I4Q6I4Q2I2Q6I2H8I2H")
ALL_ONES = 2**64 - 1


def info(sock: socket.socket) -> dict[str, int]:
    """Every field by its name without tcpi_."""
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1024)
    return dict(zip(FIELDS, LAYOUT.unpack(raw), strict=True))


def some(sock: socket.socket, *names: str) -> dict[str, int]:
    """These fields."""
    told = info(sock)
    return {name: told[name] for name in names}


def unlike_zero(sock: socket.socket) -> dict[str, int]:
    """The fields that are not 0; without those that depend on how fast the machine is."""
    vary = {
        "last_data_sent", "last_data_recv", "last_ack_recv", "rtt", "rttvar", "min_rtt",
        "pacing_rate", "delivery_rate", "busy_time", "rcv_ssthresh", "snd_wnd", "rcv_wnd",
    }  # fmt: skip
    return {name: value for name, value in info(sock).items() if value and name not in vary}


def layout() -> Facts:
    """Size; a fresh socket and a listening one."""
    sock = socket.socket()
    size = len(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1024))
    yield Fact("tcp-info.size", (size, LAYOUT.size), (280, 280))
    both = {"snd_cwnd": 10, "reordering": 3, "max_pacing_rate": ALL_ONES}
    yield Fact("tcp-info.fresh", unlike_zero(sock), both | {
        "state": 7, "app_limited": 1, "rto": 1_000_000, "snd_mss": 536, "snd_ssthresh": 2**31 - 1,
    })  # fmt: skip
    yield Fact("tcp-info.fresh.pacing", info(sock)["pacing_rate"], ALL_ONES)
    sock.bind(("127.0.0.1", 0))
    sock.listen(7)
    client = socket.create_connection(sock.getsockname())
    yield Fact("tcp-info.listen", unlike_zero(sock), both | {
        "state": 10, "unacked": 1, "sacked": 7,
    })  # fmt: skip
    client.close()


def exchange() -> Facts:
    """Three writes there, one back; then both ends."""
    lab.shell("ip link set lo mtu 1500")
    a, b = lab.pair()
    for text in (b"x" * 3000, b"y", b"z" * 10):
        a.sendall(text)
        time.sleep(0.1)
        b.recv(9000)
    b.sendall(b"answer")
    time.sleep(0.1)
    a.recv(9)
    both = {
        "state": 1, "options": 7, "wscales": 0xAA, "app_limited": 1, "rto": 204_000, "ato": 40_000,
        "snd_mss": 1448, "pmtu": 1500, "snd_ssthresh": 2**31 - 1, "snd_cwnd": 10, "advmss": 1448,
        "reordering": 3, "rcv_space": 14_480, "max_pacing_rate": ALL_ONES,
    }  # fmt: skip
    yield Fact("tcp-info.client", unlike_zero(a), both | {
        "rcv_mss": 536, "bytes_acked": 3012, "bytes_received": 6, "segs_out": 8, "segs_in": 5,
        "data_segs_in": 1, "data_segs_out": 5, "delivered": 6, "bytes_sent": 3011,
    })  # fmt: skip
    yield Fact("tcp-info.server", unlike_zero(b), both | {
        "rcv_mss": 1448, "bytes_acked": 6, "bytes_received": 3011, "segs_out": 4, "segs_in": 8,
        "data_segs_in": 5, "data_segs_out": 1, "delivered": 2, "bytes_sent": 6,
    })  # fmt: skip
    a.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    yield Fact("tcp-info.fin", some(a, "bytes_acked", "bytes_received", "state", "segs_out"),
               {"bytes_acked": 3013, "bytes_received": 6, "state": 5, "segs_out": 9})  # fmt: skip
    yield Fact("tcp-info.fin.peer", some(b, "bytes_acked", "bytes_received", "state"),
               {"bytes_acked": 6, "bytes_received": 3012, "state": 8})  # fmt: skip
    a.close()
    b.close()
    with socket.socket() as listener, socket.socket() as small:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        small.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 600)
        small.connect(listener.getsockname())
        yield Fact("tcp-info.small-mss", some(small, "pmtu", "snd_mss"),
                   {"pmtu": 1500, "snd_mss": 588})  # fmt: skip


def losses() -> Facts:
    """A peer that acknowledges nothing, something out of order, a shut window."""
    sock, peer = connected()
    sock.sendall(b"x" * 4000)
    time.sleep(0.35)
    noted = {
        "ca_state": 4, "retransmits": 1, "backoff": 1, "unacked": 3, "lost": 3, "retrans": 1,
        "total_retrans": 1, "bytes_sent": 5460, "bytes_retrans": 1460, "notsent_bytes": 0,
        "data_segs_out": 4, "total_rto": 1, "total_rto_recoveries": 1, "snd_cwnd": 1,
        "snd_ssthresh": 5, "segs_out": 6, "delivered": 1,
    }  # fmt: skip
    yield Fact("tcp-info.timeout", some(sock, *noted), noted)
    peer.collect(0.01)
    peer.send(".")
    time.sleep(0.02)
    noted = {"retransmits": 0, "unacked": 0, "lost": 0, "retrans": 0, "delivered": 4,
             "total_rto": 1, "total_rto_recoveries": 1}  # fmt: skip
    yield Fact("tcp-info.timeout.acked", some(sock, *noted), noted)
    yield Fact("tcp-info.timeout.time", info(sock)["total_rto_time"], Between(50, 300))
    peer.send(".", seq=11, data=b"0123456789")
    peer.collect(0.02)
    noted = {"rcv_ooopack": 1, "bytes_received": 0, "segs_in": 3, "data_segs_in": 1}
    yield Fact("tcp-info.out-of-order", some(sock, *noted), noted)


def opening() -> Facts:
    """A SYN that nobody answers, and the connection that it opens after all."""
    peer = Peer(Tun(), sack=True)
    sock = socket.socket()
    sock.bind((KERNEL, 0))
    peer.start(sock)
    noted = {
        "state": 2, "app_limited": 1, "rto": 1_000_000, "snd_mss": 524, "rcv_mss": 88,
        "unacked": 1, "pmtu": 1500, "rcv_ssthresh": 64_240, "rttvar": 250_000, "snd_cwnd": 10,
        "snd_ssthresh": 2**31 - 1, "advmss": 1460, "reordering": 3, "segs_out": 1, "wscales": 0,
        "delivered": 0, "rcv_wnd": 64_240, "min_rtt": 2**32 - 1, "rcv_space": 0,
    }  # fmt: skip
    yield Fact("tcp-info.syn", some(sock, *noted), noted)
    time.sleep(1.2)
    noted = {
        "ca_state": 4, "retransmits": 1, "lost": 1, "retrans": 1, "total_retrans": 1,
        "snd_ssthresh": 5, "snd_cwnd": 1, "segs_out": 2, "rehash": 1, "total_rto": 1,
        "total_rto_recoveries": 1,
    }  # fmt: skip
    yield Fact("tcp-info.syn.again", some(sock, *noted), noted)
    peer.collect(0.01)
    peer.send("S.")
    time.sleep(0.02)
    noted = {
        "state": 1, "ca_state": 0, "rto": 3_000_000, "rttvar": 750_000, "snd_mss": MSS,
        "rcv_mss": 536, "rcv_ssthresh": 64_076, "snd_ssthresh": 2**31 - 1, "snd_cwnd": 10,
        "segs_out": 3, "segs_in": 1, "delivered": 1, "rcv_space": 14_600, "delivery_rate": 0,
    }  # fmt: skip
    yield Fact("tcp-info.syn.answered", some(sock, *noted), noted)


def half_open() -> Facts:
    """What comes for a half-open request is not counted for the connection."""
    listener, peer = listening()
    peer.send("S")
    peer.receive()
    peer.send(".", ack=5000, seq=1, data=b"an ACK of what was never sent")
    peer.collect(0.01)
    peer.send(".")
    sock, _ = listener.accept()
    noted = {"segs_in": 2, "segs_out": 0, "data_segs_in": 0, "rcv_ooopack": 0}
    yield Fact("tcp-info.accepted", some(sock, *noted), noted)


def rate() -> Facts:
    """delivery_rate: what arrived, over the time that took; little says nothing."""
    peer = Peer(Tun(), sack=True)
    sock = peer.open(rtt=0.05)
    sock.setblocking(False)
    yield Fact("rate.open", some(sock, "delivery_rate", "app_limited"),
               {"delivery_rate": 0, "app_limited": 1})  # fmt: skip
    sock.send(bytes(10 * MSS))
    begun = time.monotonic()
    peer.collect(0.04)
    peer.send(".")
    waited = time.monotonic() - begun
    time.sleep(0.01)
    told = some(sock, "delivered", "delivery_rate", "app_limited")
    yield Fact("rate.delivered", (told["delivered"], told["app_limited"]), (11, 1))
    share = told["delivery_rate"] / (10 * MSS / waited)
    yield Fact("rate of ten segments in a round trip, share", share, Between(0.85, 1.05))
    sock.send(b"x")
    peer.collect(0.04)
    peer.send(".")
    time.sleep(0.01)
    yield Fact("rate after one more", info(sock)["delivery_rate"], told["delivery_rate"])
    sock.send(bytes(60 * MSS))
    for _ in range(2):
        peer.collect(0.03)
        peer.send(".")
    time.sleep(0.01)
    yield Fact("rate.app_limited while cwnd was full", info(sock)["app_limited"], 0)


def receiver() -> Facts:
    """rcv_rtt: with timestamps how old the echo of a full segment is, without them how long a
    window takes."""
    peer = Peer(Tun(), timestamps=True)
    sock = peer.open()
    for seconds, noted in (
        (0, 0),
        (0.08, Between(78_000, 86_000)),
        (0.03, Between(28_000, 40_000)),
    ):
        time.sleep(seconds)
        peer.send(".", data=bytes(1000))
        peer.collect(0.005)
        sock.recv(2000)
        sock.send(b"x")  # another timestamp to echo
        peer.collect(0.005)
        yield Fact(f"rcv_rtt, echo {seconds} s old", info(sock)["rcv_rtt"], noted)
    sock.close()
    lab.shell("ip link del peer0")
    peer = Peer(Tun())
    sock = peer.open()
    begun, first = time.monotonic(), 0.0
    for number in range(80):
        peer.send(".", data=bytes(1000))
        peer.collect(0.002)
        sock.recv(2000)
        first = first or time.monotonic() - begun
        if number in (60, 66):
            taken = time.monotonic() - begun - first
            told = info(sock)["rcv_rtt"] / 1e6
            yield Fact(f"rcv_rtt without timestamps, {number} kB", told > 0, number == 66)
            if told:
                yield Fact("its share of the time so far", told / taken, Between(0.9, 1.1))
    yield Fact("rcv_space, less the window", info(sock)["rcv_space"] > 60_000, True)


def duplicates() -> Facts:
    """dsack_dups: all that D-SACKs report; delivered: those of them that were sent twice."""
    sock, peer = connected(sack=True)
    sock.send(bytes(4 * MSS))
    peer.collect(0.005)
    peer.send(".", ack=MSS + 1, held=((2 * MSS + 1, 4 * MSS + 1),))
    peer.collect(0.05)
    noted = {"dsack_dups": 0, "delivered": 4, "total_retrans": 1, "ca_state": 3, "retrans": 1}
    yield Fact("before a D-SACK", some(sock, *noted), noted)
    peer.send(".", held=((MSS + 1, 2 * MSS + 1),))
    time.sleep(0.01)
    noted = {"dsack_dups": 1, "delivered": 6, "ca_state": 0, "snd_cwnd": 10,
             "snd_ssthresh": 2**31 - 1}  # fmt: skip
    yield Fact("D-SACK of the one sent again", some(sock, *noted), noted)
    peer.send(".", held=((1, 2 * MSS + 1),))
    time.sleep(0.01)
    noted = {"dsack_dups": 3, "delivered": 6}
    yield Fact("D-SACK of two that were not", some(sock, *noted), noted)


def marks() -> Facts:
    """received_ce, and octets by codepoint; delivered_ce: what ACKs with ECE brought news of."""
    peer = Peer(Tun(), 80, sack=True)
    listener = socket.create_server((KERNEL, 0))
    peer.kernel_port = listener.getsockname()[1]
    peer.send("SEW")
    peer.receive()
    peer.send(".")
    sock, _ = listener.accept()
    for size, mark in ((100, CE), (200, ECT0), (300, ECT1), (400, NOT_ECT), (0, CE)):
        peer.send(".", data=bytes(size), mark=mark)
        peer.collect(0.01)
    noted = {
        "received_ce": 2, "received_ce_bytes": 100, "received_e0_bytes": 200,
        "received_e1_bytes": 300, "options": 26,
    }  # fmt: skip
    yield Fact("marks of what came", some(sock, *noted), noted)
    sock.send(bytes(2 * MSS))
    peer.collect(0.005)
    peer.send(".E", ack=MSS + 1)
    peer.send(".")
    time.sleep(0.01)
    noted = {"delivered": 3, "delivered_ce": 1, "delivered_e0_bytes": 0, "ca_state": 2}
    yield Fact("an ACK with ECE, one without", some(sock, *noted), noted)
    sock.close()
    lab.shell("ip link del peer0")
    sock, peer = connected()
    peer.send(".", data=bytes(100), mark=CE)
    time.sleep(0.01)
    noted = {"received_ce": 1, "received_ce_bytes": 100, "options": 16}
    yield Fact("a mark without agreement", some(sock, *noted), noted)


if __name__ == "__main__":
    lab.main([layout, exchange, losses, opening, half_open, rate, receiver, duplicates, marks])
