"""struct tcp_info of Linux 6.18 (linux/tcp.h), 280 bytes, as TCP_INFO gives it.

Measured: docs/kernel-notes/tcp-info.md, which also says what stays 0: as in the kernel what belongs
to accurate ECN that was not agreed on; a Fast Open never is.
"""

from __future__ import annotations

import struct
from typing import Final

from lastack.profile import MS, NEVER, UNLIMITED
from lastack.state import LISTEN, State
from lastack.tcp import Info

from .parts import SocketParts

_LAYOUT: Final = struct.Struct("=8B24I4Q6I4Q2I2Q6I2H8I2H")
_INT_MAX: Final = 0x7FFF_FFFF
_NO_LIMIT: Final = 2**64 - 1
_US: Final = 1_000
_FIRST_RTO: Final = 1_000_000
_DEFAULT_MSS: Final = 536
_DEFAULT_CWND: Final = 10
_REORDERING: Final = 3
_APP_LIMITED: Final = 1

TCP_STATES: Final = {
    State.ESTABLISHED: 1, State.SYN_SENT: 2, State.SYN_RECEIVED: 3, State.FIN_WAIT_1: 4,
    State.FIN_WAIT_2: 5, State.TIME_WAIT: 6, State.CLOSED: 7, State.CLOSE_WAIT: 8,
    State.LAST_ACK: 9, State.LISTEN: 10, State.CLOSING: 11,
}  # fmt: skip
"""The numbers of tcp_info.tcpi_state."""

FIELDS: Final = (
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
"""Without tcpi_. wscales: ours to send in the low four bits, the other in the high ones."""


def unpack_info(raw: bytes) -> dict[str, int]:
    """Return the fields of a whole struct by their names, without tcpi_."""
    return dict(zip(FIELDS, _LAYOUT.unpack(raw), strict=True))


def pack_info(sock: SocketParts, now: int) -> bytes:
    """Return the struct; times in us and, since an event, in ms."""
    told = dict.fromkeys(FIELDS, 0)
    told["state"] = TCP_STATES[sock.state]
    told["max_pacing_rate"] = _NO_LIMIT
    told["reordering"] = _REORDERING
    if sock.endpoint is not None:
        info = sock.endpoint.connection.info()
        told |= _sizes(info) | _times(info, now) | _counts(info)
        told["pmtu"] = sock.path_mtu
    else:
        told["snd_cwnd"] = _DEFAULT_CWND
        told["pacing_rate"] = _NO_LIMIT
        if sock.listener is not None and sock.state is LISTEN:
            told["unacked"] = len(sock.listener.queue)
            told["sacked"] = sock.listener.backlog
        else:
            told |= {"app_limited": _APP_LIMITED, "rto": _FIRST_RTO, "snd_mss": _DEFAULT_MSS}
            told["snd_ssthresh"] = _INT_MAX
    return _LAYOUT.pack(*told.values())


def _sizes(info: Info) -> dict[str, int]:
    options = (
        info.timestamps | info.sack << 1 | info.window_scaling << 2 | info.ecn << 3
        | info.ecn_seen << 4
    )  # fmt: skip
    unlimited = info.ssthresh >= UNLIMITED
    return {
        "ca_state": int(info.trouble), "retransmits": min(info.retransmits, 255),
        "probes": min(info.probes, 255), "backoff": info.backoff, "options": options,
        "wscales": info.send_wscale | info.receive_wscale << 4,
        "snd_mss": info.mss, "rcv_mss": info.receive_mss, "advmss": info.advertised_mss,
        "unacked": info.unacked, "sacked": info.sacked, "lost": info.lost,
        "retrans": info.retrans, "rcv_ssthresh": info.receive_ssthresh,
        "snd_ssthresh": _INT_MAX if unlimited else info.ssthresh // info.path_mss,
        "snd_cwnd": info.cwnd, "rcv_space": info.receive_space,
        "notsent_bytes": info.unsent, "snd_wnd": info.send_window, "rcv_wnd": info.receive_window,
        "reordering": info.reordering, "reord_seen": info.reorders,
        "app_limited": int(info.program_limited), "received_ce": info.received_ce,
        "received_e1_bytes": info.received_octets[1], "received_e0_bytes": info.received_octets[2],
        "received_ce_bytes": info.received_octets[3],
    }  # fmt: skip


def _times(info: Info, now: int) -> dict[str, int]:
    meter = info.meter
    since = {
        "last_data_sent": meter.data_sent_at, "last_data_recv": meter.data_received_at,
        "last_ack_recv": meter.ack_received_at,
    }  # fmt: skip
    found = {name: (now - max(at, 0)) // MS & 0xFFFF_FFFF for name, at in since.items()}
    _, busy, window, buffer = meter.spent_until(now)
    return found | {
        "busy_time": (busy + window + buffer) // _US, "rwnd_limited": window // _US,
        "sndbuf_limited": buffer // _US,
        "rto": info.rto // _US, "ato": info.ack_timeout // _US, "rtt": info.rtt // _US,
        "rcv_rtt": info.receive_rtt // _US,
        "rttvar": info.rtt_variance // _US,
        "min_rtt": 0xFFFF_FFFF if info.min_rtt == NEVER else info.min_rtt // _US,
        "total_rto_time": meter.recovery_time // MS,
    }  # fmt: skip


def _counts(info: Info) -> dict[str, int]:
    meter = info.meter
    return {
        "total_retrans": meter.total_retrans, "bytes_acked": info.bytes_acked,
        "bytes_received": info.bytes_received, "segs_out": meter.segs_out,
        "segs_in": meter.segs_in, "data_segs_in": meter.data_segs_in,
        "data_segs_out": meter.data_segs_out, "delivered": info.delivered,
        "delivered_ce": info.delivered_ce, "dsack_dups": info.duplicates,
        "delivery_rate": info.delivery_rate, "rehash": meter.rehashes,
        "bytes_sent": meter.bytes_sent, "bytes_retrans": meter.bytes_retrans,
        "rcv_ooopack": info.out_of_order, "total_rto": meter.timeouts,
        "total_rto_recoveries": meter.recoveries, "pacing_rate": _pacing(info),
    }  # fmt: skip


def _pacing(info: Info) -> int:
    """The rate at which a pacing sender would send: twice, or later 1.2 times, cwnd per round
    trip (tcp_update_pacing_rate)."""
    if not info.rtt:
        return _NO_LIMIT
    window = info.mss * max(info.cwnd, info.unacked)
    share = 200 if info.cwnd * info.mss < info.ssthresh // 2 else 120
    return window * share // 100 * 1_000_000_000 // info.rtt
