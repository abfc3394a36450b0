"""Which odd segments are taken (RFC 9293 section 3.10.7, RFC 5961, RFC 7323)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import S, rule


class MissingTimestamp(Enum):
    """A segment without timestamp on a connection that negotiated them (RFC 7323 section 3.2)."""

    ACCEPT = "taken"
    DROP = "dropped"




@dataclass(frozen=True)
class AcceptanceRules:
    """What one system accepts."""

    missing_timestamp: MissingTimestamp = rule(
        MissingTimestamp.ACCEPT, "no timestamp on a timestamp connection",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    reset_at_sack_edge: bool = rule(
        True, "with SACK, a RST right behind the last block that waits for a gap is taken",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    reset_at_fin: bool = rule(
        True, "after the peer's FIN, a RST with the FIN's own number is taken",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    syn_with_fin: bool = rule(
        False, "LISTEN takes a SYN that also carries FIN", source="docs/kernel-notes/resets.md"
    )
    paws_idle_ns: int = rule(
        24 * 86400 * S, "idle time after which timestamps no longer reject (RFC 7323 section 5.5)",
        unit="ns", grade="source", source="Linux TCP_PAWS_24DAYS",
    )  # fmt: skip
