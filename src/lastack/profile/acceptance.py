"""Which odd segments are taken (RFC 9293 section 3.10.7, RFC 5961, RFC 7323)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .rule import S, rule


class MissingTimestamp(Enum):
    """A segment without timestamp on a connection that negotiated them (RFC 7323 section 3.2)."""

    ACCEPT = "taken"
    DROP = "dropped"


class WindowCheck(Enum):
    """Which segments pass the check of sequence numbers."""

    OVERLAP = "those with an octet in the window, cut to it (RFC 9293 table 6)"
    EDGES = (
        "those that neither end before the last ACK sent nor begin behind the window, nor end "
        "behind it while text waits to be read; as a whole"
    )


class WindowUpdate(Enum):
    """Which segments tell SND.WND."""

    RFC9293 = "SEG.SEQ newer, or the same and SEG.ACK no older (section 3.10.7.4, fifth)"
    LARGER = "SEG.ACK or SEG.SEQ newer, or both the same and the window larger, or 0"


class OldAck(Enum):
    """How old an ACK may be (RFC 5961 section 5.2); an older one draws a challenge ACK."""

    MAX_WINDOW = "SND.UNA - MAX.SND.WND"
    ACKED = "the same, and not before all that was acknowledged"


class ResetCheck(Enum):
    """Which RST inside of the window ends a connection."""

    EXACT = "the one at RCV.NXT; another draws a challenge ACK (RFC 5961 section 3)"
    IN_WINDOW = "each (RFC 793)"


class SynCheck(Enum):
    """What a SYN inside of the window does to a synchronized connection."""

    CHALLENGE = "draws a challenge ACK (RFC 5961 section 4)"
    RESET = "is answered with a RST, and the connection is gone (RFC 793)"


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
    window_check: WindowCheck = rule(
        WindowCheck.EDGES, "which segments are acceptable", source="docs/kernel-notes/found.md"
    )
    window_update: WindowUpdate = rule(
        WindowUpdate.LARGER, "which segments tell SND.WND",
        source="docs/kernel-notes/found.md",
    )  # fmt: skip
    old_ack: OldAck = rule(
        OldAck.ACKED, "the oldest SEG.ACK that counts", source="docs/kernel-notes/found.md"
    )
    reset_check: ResetCheck = rule(
        ResetCheck.EXACT, "which RST in the window counts", source="docs/kernel-notes/resets.md"
    )
    syn_check: SynCheck = rule(
        SynCheck.CHALLENGE, "a SYN in the window of an open connection",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    listen_resets_syn_ack: bool = rule(
        True, "LISTEN answers a SYN with ACK as it does an ACK, with a RST",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    text_across_fin_resets: bool = rule(
        True, "text that begins before the peer's FIN and ends behind it draws a RST",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    reset_at_fin: bool = rule(
        True, "after the peer's FIN, a RST with the FIN's own number is taken",
        source="docs/kernel-notes/resets.md",
    )  # fmt: skip
    request_echo: bool = rule(
        True, "a half-open request takes no segment that echoes another timestamp than that of "
        "its SYN|ACK", source="docs/kernel-notes/found.md",
    )  # fmt: skip
    syn_with_fin: bool = rule(
        False, "LISTEN takes a SYN that also carries FIN", source="docs/kernel-notes/resets.md"
    )
    pointer_when_shut: bool = rule(
        False, "at a window of 0 the urgent pointer counts of a segment whose text is dropped",
        source="docs/kernel-notes/urgent.md",
    )  # fmt: skip
    paws_idle_ns: int = rule(
        24 * 86400 * S, "idle time after which timestamps no longer reject (RFC 7323 section 5.5)",
        unit="ns", grade="source", source="Linux TCP_PAWS_24DAYS",
    )  # fmt: skip
