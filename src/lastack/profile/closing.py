"""How connections end apart from SO_LINGER: unread data, orphans, FIN-WAIT-2."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import S, rule


class Unread(Enum):
    """What close() does when received bytes have not been read."""

    RESET = "RST"
    RESET_ALSO_OUT_OF_ORDER = "RST, also when only out-of-order bytes are there"
    FIN = "FIN, the bytes are thrown away"


class AbortAfterFin(Enum):
    """What ABORT sends in CLOSING and LAST-ACK once everything has been sent."""

    SILENT = "nothing"
    RESET = "RST"


class FinWait2Excess(Enum):
    """What a FIN-WAIT-2 limit above one minute means."""

    DOUBLED = "twice what exceeds 60 s"
    PLAIN = "the limit itself"


@dataclass(frozen=True)
class ClosingRules:
    """close(2) and orphans on one system."""

    unread: Unread = rule(
        Unread.RESET, "close() with unread received data (RFC 2525 section 2.17)",
        source="docs/kernel-notes/unread-close.md",
    )  # fmt: skip
    abort_after_fin_sent: AbortAfterFin = rule(
        AbortAfterFin.SILENT, "ABORT in CLOSING or LAST-ACK with everything sent",
        source="docs/kernel-notes/close.md",
    )  # fmt: skip
    fin_wait_2_orphan_ns: int = rule(
        60 * S, "how long an orphan stays in FIN-WAIT-2; net.ipv4.tcp_fin_timeout", unit="ns",
        source="docs/kernel-notes/orphans.md",
    )  # fmt: skip
    linger2_max_ns: int = rule(
        120 * S, "largest TCP_LINGER2", unit="ns", source="docs/kernel-notes/linger.md"
    )
    fin_wait_2_excess: FinWait2Excess = rule(
        FinWait2Excess.DOUBLED, "a FIN-WAIT-2 limit above 60 s",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    orphan_retries: int = rule(
        8, "retransmissions before an orphan is given up; net.ipv4.tcp_orphan_retries (0 means 8)",
        source="docs/kernel-notes/give-up.md",
    )  # fmt: skip
    fin_again_in_closing: bool = rule(
        False, "the ACK of the peer's FIN that leads to CLOSING is our own FIN, sent again",
        grade="source", source="Linux tcp_fin(): an ACK and nothing else",
    )  # fmt: skip
    fin_held_by_cwnd: bool = rule(
        True, "a FIN waits for room in the congestion window, as text does",
        source="docs/kernel-notes/linger.md",
    )  # fmt: skip
