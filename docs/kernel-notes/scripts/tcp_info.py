"""TCP_INFO: size and layout of struct tcp_info, and its fields after exchanges that are known."""

from __future__ import annotations

import socket
import struct
import time

import lab
from lab import Between, Fact, Facts
from peer import connected

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


if __name__ == "__main__":
    lab.main([layout, exchange, losses])
