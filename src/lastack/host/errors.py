"""ICMP errors and what a program is told of them (RFC 1122 section 4.2.3.9; RFC 5927).

docs/kernel-notes/icmp.md has the measured table. None of them ends an open connection (MUST-56):
there they are soft, shown by SO_ERROR and used when the retransmissions give up.
"""

from __future__ import annotations

import errno
from typing import Final

from lastack.wire import IcmpMessage

FRAGMENTATION_NEEDED: Final = (3, 4)

_ERRNOS: Final = {
    (3, 0): errno.ENETUNREACH, (3, 1): errno.EHOSTUNREACH, (3, 2): errno.ENOPROTOOPT,
    (3, 3): errno.ECONNREFUSED, (3, 5): errno.EOPNOTSUPP, (3, 6): errno.ENETUNREACH,
    (3, 7): errno.EHOSTDOWN, (3, 8): getattr(errno, "ENONET", 64), (3, 9): errno.ENETUNREACH,
    (3, 10): errno.EHOSTUNREACH, (3, 11): errno.ENETUNREACH, (3, 12): errno.EHOSTUNREACH,
    (3, 13): errno.EHOSTUNREACH, (3, 14): errno.EHOSTUNREACH, (3, 15): errno.EHOSTUNREACH,
    (11, 0): errno.EHOSTUNREACH,
}  # fmt: skip
_PARAMETER_PROBLEM: Final = 12
_LEAST_MTU: Final = {4: 552, 16: 1280}
"""By the length of an address: net.ipv4.route.min_pmtu, and RFC 8200 section 5."""


def errno_of(message: IcmpMessage) -> int:
    """Return the errno that an ICMP error stands for, 0 for one that is ignored."""
    if message.kind == _PARAMETER_PROBLEM:
        return errno.EPROTO
    return _ERRNOS.get((message.kind, message.code), 0)


def path_lost(message: IcmpMessage) -> bool:
    """Tell whether net or host are said to be unreachable (RFC 6069 section 4)."""
    return (message.kind, message.code) in ((3, 0), (3, 1))


def ends_request(message: IcmpMessage) -> bool:
    """Tell whether the error ends a listener's half-open request."""
    return path_lost(message) or message.kind in (11, 12)


def path_mtu(message: IcmpMessage) -> int:
    """Return the MTU that "fragmentation needed" asks for; nobody can ask for less than 552."""
    return max(message.mtu, _LEAST_MTU[len(message.quoted.dst)])
