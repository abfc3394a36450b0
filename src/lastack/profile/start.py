"""What a connection begins with: options, first window, listen queues."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import rule


class FullQueue(Enum):
    """The handshake's last ACK when the accept queue is full; tcp_abort_on_overflow."""

    DROP = "dropped, the connection stays in SYN-RECEIVED"
    RESET = "answered with a RST"


class FullRequests(Enum):
    """A SYN when more handshakes are under way than the backlog; net.ipv4.tcp_syncookies."""

    COOKIES = "answered by a SYN cookie, without keeping state"
    DROPPED = "dropped"
    KEPT = "kept like the others"


class Congestion(Enum):
    """Congestion control; the values are TCP_CONGESTION's names."""

    RENO = "reno"
    CUBIC = "cubic"


class Ecn(Enum):
    """Explicit congestion notification (RFC 3168); net.ipv4.tcp_ecn 0, 2, 1."""

    OFF = "not at all"
    ANSWERED = "where the peer asks for it"
    OFFERED = "asked for with every connection"


class ListenerShutdown(Enum):
    """shutdown(SHUT_RD) on a listening socket."""

    CLOSES = "stops listening"
    ENOTCONN = "fails with ENOTCONN"


@dataclass(frozen=True)
class StartRules:
    """Beginnings on one system."""

    window_scale: int = rule(
        10, "shift count offered (RFC 7323 section 2.3), -1 for none", unit="bits",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    timestamps: bool = rule(
        True, "timestamps are offered; net.ipv4.tcp_timestamps",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    offers_again: bool = rule(
        True, "the SYN|ACK of a simultaneous open offers what our SYN did, whatever the peer's SYN",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    scales_last_syn_ack: bool = rule(
        True, "the window of the SYN|ACK that ends a simultaneous open is scaled",
        source="docs/kernel-notes/found.md",
    )  # fmt: skip
    sack: bool = rule(
        True, "selective acknowledgment is offered (RFC 2018); net.ipv4.tcp_sack",
        source="docs/kernel-notes/buffers.md",
    )  # fmt: skip
    congestion: Congestion = rule(
        Congestion.CUBIC, "congestion control of a new socket; tcp_congestion_control",
        grade="source", source="Linux CONFIG_DEFAULT_CUBIC",
    )  # fmt: skip
    hystart: bool = rule(
        True, "cubic leaves slow start before anything is lost where ACKs come late (HyStart)",
        source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    ecn: Ecn = rule(
        Ecn.ANSWERED, "explicit congestion notification; net.ipv4.tcp_ecn",
        source="docs/kernel-notes/ecn.md",
    )  # fmt: skip
    reduces_cwnd: bool = rule(
        True, "after a loss ssthresh is a share of cwnd, else of what is in flight",
        source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    initial_cwnd: int = rule(
        10, "first congestion window (RFC 6928)", unit="segments",
        source="docs/kernel-notes/close.md",
    )  # fmt: skip
    lost_syns: int = rule(
        2, "repeats of our SYN or SYN|ACK from which on the first window is one segment",
        unit="repeats", source="docs/kernel-notes/slow-start.md",
    )  # fmt: skip
    counts_packets: bool = rule(
        True, "cwnd counts segments in flight, however short they are, else their octets",
        source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    restarts_after_idle: bool = rule(
        True, "cwnd shrinks in a pause (RFC 5681 section 4.1); tcp_slow_start_after_idle",
        source="docs/kernel-notes/idle.md",
    )  # fmt: skip
    backlog_extra: int = rule(
        1, "the accept queue holds backlog plus this", source="docs/kernel-notes/listen.md"
    )
    somaxconn: int = rule(
        4096, "largest backlog; net.core.somaxconn", grade="source", source="Linux SOMAXCONN"
    )
    full_requests: FullRequests = rule(
        FullRequests.COOKIES, "a SYN when more handshakes are under way than the backlog",
        source="docs/kernel-notes/syn-cookies.md",
    )  # fmt: skip
    full_queue: FullQueue = rule(
        FullQueue.DROP, "the last ACK of the handshake with a full accept queue",
        source="docs/kernel-notes/listen.md",
    )  # fmt: skip
    listener_shutdown: ListenerShutdown = rule(
        ListenerShutdown.CLOSES, "shutdown(SHUT_RD) on a listener",
        source="docs/kernel-notes/listen.md",
    )  # fmt: skip
