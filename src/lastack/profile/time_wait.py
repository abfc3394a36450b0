"""TIME-WAIT: how long, what it answers, what ends it (RFC 9293 sections 3.4.2, 3.10.7.4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import S, rule


class ExactReset(Enum):
    """A RST at exactly RCV.NXT in TIME-WAIT (RFC 1337)."""

    KILLS = "ends TIME-WAIT"
    IGNORED = "is ignored"


class Reopen(Enum):
    """When a SYN opens the 4-tuple of a TIME-WAIT again."""

    NEVER = "never"
    SEQUENCE = "SEG.SEQ beyond RCV.NXT"
    SEQUENCE_OR_TIMESTAMP = "SEG.SEQ beyond RCV.NXT, or a newer timestamp"
    RFC6191 = "a newer or a first timestamp; SEG.SEQ beyond RCV.NXT where they cannot tell"


class RestartedBy(Enum):
    """Which segments begin the 2MSL again."""

    ANY_ACCEPTED = "any segment but RST and a SYN that is refused"
    FIN_ONLY = "a repeated FIN"


class NoAckFlag(Enum):
    """A segment without ACK, SYN and RST in TIME-WAIT."""

    ANSWERED = "is answered with an ACK"
    IGNORED = "is ignored"


class Reuse(Enum):
    """Whether an automatically bound connect() may take over a TIME-WAIT; tcp_tw_reuse."""

    OFF = "no"
    LOOPBACK = "on loopback"
    ON = "yes"


@dataclass(frozen=True)
class TimeWaitRules:
    """TIME-WAIT on one system."""

    length_ns: int = rule(
        60 * S, "2MSL, how long TIME-WAIT lasts", unit="ns", source="docs/kernel-notes/time-wait.md"
    )
    exact_reset: ExactReset = rule(
        ExactReset.KILLS, "RST at RCV.NXT; net.ipv4.tcp_rfc1337",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    reopen: Reopen = rule(
        Reopen.SEQUENCE_OR_TIMESTAMP, "a SYN for the same 4-tuple (MAY-2, RFC 6191)",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    reopen_isn_gap: int = rule(
        65537, "our ISN of the reopened connection lies this far beyond the old SND.NXT",
        unit="octets", source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    restarted_by: RestartedBy = rule(
        RestartedBy.ANY_ACCEPTED, "what begins the 2MSL again",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    no_ack_flag: NoAckFlag = rule(
        NoAckFlag.ANSWERED, "a segment without ACK, SYN, RST",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    answer_gap_ns: int = rule(
        S // 2, "least time between answers to segments without text; tcp_invalid_ratelimit",
        unit="ns", source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    reuse: Reuse = rule(
        Reuse.LOOPBACK, "an automatically bound connect() takes the 4-tuple; net.ipv4.tcp_tw_reuse",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    reuse_delay_ns: int = rule(
        S, "age from which `reuse` applies; net.ipv4.tcp_tw_reuse_delay", unit="ns",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    reuse_by_bound: bool = rule(
        True, "a socket bound with SO_REUSEADDR may connect over a TIME-WAIT with timestamps",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    limit: int = rule(
        131072, "most TIME-WAITs a host holds; net.ipv4.tcp_max_tw_buckets", unit="entries",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
    cleared_by_restart: bool = rule(
        False, "restarting the network ends every TIME-WAIT",
        source="docs/kernel-notes/time-wait.md",
    )  # fmt: skip
