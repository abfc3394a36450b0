"""When an acknowledgment is sent (RFC 9293 section 3.8.6.3, RFC 5961 section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import MS, rule


class BeyondSndNxt(Enum):
    """What an ACK of something not yet sent draws (RFC 9293 section 3.10.7.4)."""

    CHALLENGE = "an ACK within the challenge limit"
    ACK = "an ACK each time"


@dataclass(frozen=True)
class AckRules:
    """Acknowledging on one system."""

    delayed_min_ns: int = rule(
        40 * MS, "shortest delay of an ACK", unit="ns", source="docs/kernel-notes/acks.md"
    )
    delayed_max_ns: int = rule(
        200 * MS, "longest delay of an ACK (MUST-40: below 500 ms)", unit="ns", grade="source",
        source="Linux TCP_DELACK_MAX",
    )  # fmt: skip
    every_segments: int = rule(
        2, "full-sized segments that force an ACK (SHLD-19)", source="docs/kernel-notes/acks.md"
    )
    quick: int = rule(
        16, "most ACKs sent without delay when a connection begins",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    fin_waits: bool = rule(
        True, "the ACK of a FIN waits as that of text does, once any text has come",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    soon_ns: int = rule(
        4 * MS, "how long the ACK of a FIN waits on a connection that has had no text: a tick",
        unit="ns", source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    quick_while_opening: bool = rule(
        True, "a segment that opens the window is acknowledged without delay (tcp_grow_window)",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    window_stays: bool = rule(
        True, "the second full-sized segment draws an ACK only if its window need not be smaller",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    size_follows: bool = rule(
        True, "what counts as full-sized becomes smaller, too: the size of two equal segments",
        source="docs/kernel-notes/acks.md",
    )  # fmt: skip
    challenge_gap_ns: int = rule(
        500 * MS, "least time between two challenge ACKs of a connection; tcp_invalid_ratelimit",
        unit="ns", source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    beyond_snd_nxt: BeyondSndNxt = rule(
        BeyondSndNxt.CHALLENGE, "the answer to an ACK of what was not sent",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
