"""What arrives at a listening socket (RFC 9293 section 3.10.7.2)."""

from __future__ import annotations

from lastack.profile import AcceptanceRules
from lastack.trace import Reason
from lastack.wire import ACK, FIN, RST, SYN, Segment


def judge(seg: Segment, rules: AcceptanceRules, *, full: bool) -> Reason:
    """Say what a listening socket makes of a segment: SYN_ARRIVED opens a connection,
    ACK_IN_LISTEN draws a RST, anything else drops the segment."""
    # First, check for a RST: ignored
    if seg.flags & RST:
        return Reason.LISTEN_IGNORES
    # Second, check for an ACK: RST
    if seg.flags & ACK:
        return Reason.ACK_IN_LISTEN
    # Third, check for a SYN
    if not seg.flags & SYN or (seg.flags & FIN and not rules.syn_with_fin):
        return Reason.LISTEN_IGNORES
    return Reason.ACCEPT_QUEUE_FULL if full else Reason.SYN_ARRIVED
