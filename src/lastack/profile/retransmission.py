"""The retransmission timer and giving up (RFC 6298, RFC 9293 section 3.8.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import MS, S, rule


class GiveUp(Enum):
    """How R2 is counted."""

    TIME_MODEL = "by the time that so many doublings of rto_min would take"
    COUNT = "by the number of retransmissions"


class Variance(Enum):
    """What measurements of the round trip make of RTTVAR."""

    RFC6298 = "a quarter of the way to each deviation"
    DAMPED = "the largest of a round trip; less by deviations downwards, and slowly down"


class ZeroWindowDeath(Enum):
    """When an orphan whose peer keeps answering "window 0" is given up (MUST-37)."""

    AT_RTO_MAX = "when the probe interval has reached rto_max"
    NEVER = "never"


@dataclass(frozen=True)
class RetransmissionRules:
    """Timers of one system. RTO = SRTT + max(4 RTTVAR, rto_min), rounded up to the next tick."""

    rto_initial_ns: int = rule(
        S, "RTO before the first measurement (RFC 6298 section 2.1)", unit="ns",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    rto_min_ns: int = rule(
        200 * MS, "floor of the variance term; TCP_RTO_MIN", unit="ns",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    rto_max_ns: int = rule(
        120 * S, "largest RTO; net.ipv4.tcp_rto_max_ms", unit="ns",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    tick_ns: int = rule(
        4 * MS, "granularity of the timer; 1 / HZ", unit="ns", source="docs/kernel-notes/give-up.md"
    )
    variance: Variance = rule(
        Variance.DAMPED, "what measurements of the round trip make of RTTVAR",
        source="docs/kernel-notes/sending.md",
    )  # fmt: skip
    give_up: GiveUp = rule(
        GiveUp.TIME_MODEL, "how the retry limits are counted",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    retries2: int = rule(
        15, "R2 of data; net.ipv4.tcp_retries2", source="docs/kernel-notes/give-up.md"
    )
    told_after: int = rule(
        0, "R1 of data: after so many repeats SO_ERROR tells ETIMEDOUT, 0 for never",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    syn_retries: int = rule(
        6, "SYN retransmissions that double; net.ipv4.tcp_syn_retries",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    syn_linear: int = rule(
        4, "SYN retransmissions at rto_initial before; net.ipv4.tcp_syn_linear_timeouts",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    synack_retries: int = rule(
        5, "SYN|ACK retransmissions; net.ipv4.tcp_synack_retries",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    syn_again_after_bad_ack: bool = rule(
        True, "in SYN-SENT, an unacceptable ACK hastens the first repeat of our SYN",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    rack: bool = rule(
        True, "on connections with SACK loss is found by time (RFC 8985), with proportional rate "
        "reduction (RFC 6937); net.ipv4.tcp_recovery", source="docs/kernel-notes/tail-probe.md",
    )  # fmt: skip
    tail_probe: bool = rule(
        True, "the last segment of a flight is repeated before the timer (RFC 8985 section 7), "
        "where there is RACK; net.ipv4.tcp_early_retrans", source="docs/kernel-notes/tail-probe.md",
    )  # fmt: skip
    undone: bool = rule(
        True, "a loss that was none is undone: by timestamps, D-SACK, and F-RTO (RFC 4015)",
        source="docs/kernel-notes/undo.md",
    )  # fmt: skip
    urgent_probe: bool = rule(
        True, "while something is urgent an ACK with the pointer goes before a window probe",
        source="docs/kernel-notes/urgent.md",
    )  # fmt: skip
    zero_window_death: ZeroWindowDeath = rule(
        ZeroWindowDeath.AT_RTO_MAX, "an orphan whose peer answers each probe with window 0",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
