"""Keep-alives: is the peer of an idle connection still there (RFC 9293 section 3.8.4)."""

from __future__ import annotations

from dataclasses import dataclass

from .rule import S, rule


@dataclass(frozen=True)
class KeepaliveRules:
    """Keep-alives of one system; off unless SO_KEEPALIVE is set (MUST-25)."""

    keepalive_idle_ns: int = rule(
        7200 * S, "idle time before the first probe (MUST-28); net.ipv4.tcp_keepalive_time",
        unit="ns", source="docs/kernel-notes/keepalive.md",
    )  # fmt: skip
    keepalive_interval_ns: int = rule(
        75 * S, "time between probes; net.ipv4.tcp_keepalive_intvl", unit="ns",
        source="docs/kernel-notes/keepalive.md",
    )  # fmt: skip
    keepalive_probes: int = rule(
        9, "unanswered probes that end the connection; net.ipv4.tcp_keepalive_probes",
        source="docs/kernel-notes/keepalive.md",
    )  # fmt: skip
