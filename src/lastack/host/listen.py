"""What arrives at a listening socket (RFC 9293 section 3.10.7.2)."""

from __future__ import annotations

from collections.abc import Sequence

from lastack.profile import AcceptanceRules
from lastack.trace import Reason
from lastack.wire import ACK, FIN, RST, SYN, Flow, Segment

from .endpoint import Listener
from .ports import flow_hint


def choose(listeners: Sequence[Listener], flow: Flow) -> Listener | None:
    """Return which socket that listens on the port a segment is for: an exact address wins over
    the wildcard of its family, and that over the :: of a socket for both families. Several that
    share it by SO_REUSEPORT are chosen from by a hash of the flow, so that all segments of one
    handshake reach the same (docs/kernel-notes/socket-options.md, dual-stack.md)."""
    best, fit = 0, list[Listener]()
    for one in listeners:
        closeness = one.binding.closeness(flow.dst)
        if closeness > best:
            best, fit = closeness, [one]
        elif closeness and closeness == best:
            fit.append(one)
    if len(fit) > 1:
        return fit[flow_hint(flow.dst, flow.src, flow.sport) % len(fit)]
    return fit[0] if fit else None


def judge(seg: Segment, rules: AcceptanceRules, *, full: bool) -> Reason:
    """Say what a listening socket makes of a segment: SYN_ARRIVED opens a connection,
    ACK_IN_LISTEN draws a RST, anything else drops the segment."""
    # First, check for a RST: ignored
    if seg.flags & RST:
        return Reason.LISTEN_IGNORES
    # Second, check for an ACK: RST
    if seg.flags & ACK:
        if seg.flags & SYN and not rules.listen_resets_syn_ack:
            return Reason.LISTEN_IGNORES
        return Reason.ACK_IN_LISTEN
    # Third, check for a SYN
    if not seg.flags & SYN or (seg.flags & FIN and not rules.syn_with_fin):
        return Reason.LISTEN_IGNORES
    return Reason.ACCEPT_QUEUE_FULL if full else Reason.SYN_ARRIVED
