"""Which errno a program is told when the connection dies."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from .rule import MINUTE, rule


@dataclass(frozen=True)
class ErrorRules:
    """Errnos of one system."""

    reset_in_close_wait: int = rule(
        errno.EPIPE, "errno set by a RST in CLOSE-WAIT", source="docs/kernel-notes/peer-calls.md"
    )
    reset_in_syn_received_active: int = rule(
        errno.ECONNRESET, "errno set by a RST in a simultaneous open's SYN-RECEIVED",
        grade="source", source="Linux tcp_reset",
    )  # fmt: skip
    hard_unreachable: bool = rule(
        False, "ICMP: protocol or port unreachable ends an open connection",
        source="docs/kernel-notes/icmp.md",
    )  # fmt: skip
    icmp_queued: bool = rule(
        True, "an ICMP error that ends connect() over IPv4 also waits in the error queue of the "
        "socket: POLLERR until it is read", source="docs/kernel-notes/icmp.md",
    )  # fmt: skip
    path_mtu_kept_ns: int = rule(
        10 * MINUTE, "how long the MTU that ICMP told of a path is used for new connections to the "
        "same address; net.ipv4.route.mtu_expires", unit="ns", source="docs/kernel-notes/icmp.md",
    )  # fmt: skip
    destroyed: int = rule(
        errno.ECONNABORTED, "errno set when an administrator kills the socket",
        source="docs/kernel-notes/peer-calls.md",
    )  # fmt: skip
