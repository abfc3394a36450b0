"""Local ports: who may bind where, and which port an unbound socket gets."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum

from .rule import rule


class BindRule(Enum):
    """Whose SO_REUSEADDR decides; see `bind_rule.conflict`."""

    LINUX = "both sockets must have set it; then every state but LISTEN is shared"
    TEXTBOOK = "the new socket's alone; only TIME-WAIT is shared"
    BSD = "the new socket's alone; connected ones and other addresses do not count then"
    WINDOWS = "both sockets must have set it, then LISTEN is shared too; TIME-WAIT never counts"


@dataclass(frozen=True)
class PortRules:
    """Ports on one system."""

    bind_rule: BindRule = rule(
        BindRule.LINUX, "when bind() gives EADDRINUSE", source="docs/kernel-notes/bind.md"
    )
    v6only: bool = rule(
        False, "a new AF_INET6 socket has IPV6_V6ONLY; net.ipv6.bindv6only",
        source="docs/kernel-notes/dual-stack.md",
    )  # fmt: skip
    ephemeral_low: int = rule(
        32768, "first automatic port; net.ipv4.ip_local_port_range",
        source="docs/kernel-notes/ports.md",
    )  # fmt: skip
    ephemeral_high: int = rule(
        60999, "last automatic port; net.ipv4.ip_local_port_range",
        source="docs/kernel-notes/ports.md",
    )  # fmt: skip
    parity: bool = rule(
        True, "connect() tries the ports of one parity first, bind(0) the other",
        grade="source", source="Linux inet_hash_connect",
    )  # fmt: skip
    connect_exhausted: int = rule(
        errno.EADDRNOTAVAIL, "errno of connect() when no port is free",
        source="docs/kernel-notes/ports.md",
    )  # fmt: skip
    bind_exhausted: int = rule(
        errno.EADDRINUSE, "errno of bind(0) and listen() when no port is free",
        source="docs/kernel-notes/ports.md",
    )  # fmt: skip
    reconnect_after_refused: bool = rule(
        True, "connect() may be called again on a socket that was refused",
        source="docs/kernel-notes/ports.md",
    )  # fmt: skip
