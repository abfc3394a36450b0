"""ICMP errors and what a program is told of them (RFC 1122 section 4.2.3.9; RFC 4443; RFC 5927).

docs/kernel-notes/icmp.md has the measured tables. On Linux none of them ends an open connection
(MUST-56, and against SHLD-26): there they are soft, shown by SO_ERROR (SHLD-25) and used when the
retransmissions give up.
"""

from __future__ import annotations

import errno
from typing import Final

from lastack.profile import ErrorRules
from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT
from lastack.trace import Reason
from lastack.wire import IcmpMessage, tells_mtu

from .endpoint import Endpoint, header_length
from .paths import Paths

_ERRNOS4: Final = {
    (3, 0): errno.ENETUNREACH, (3, 1): errno.EHOSTUNREACH, (3, 2): errno.ENOPROTOOPT,
    (3, 3): errno.ECONNREFUSED, (3, 5): errno.EOPNOTSUPP, (3, 6): errno.ENETUNREACH,
    (3, 7): errno.EHOSTDOWN, (3, 8): getattr(errno, "ENONET", 64), (3, 9): errno.ENETUNREACH,
    (3, 10): errno.EHOSTUNREACH, (3, 11): errno.ENETUNREACH, (3, 12): errno.EHOSTUNREACH,
    (3, 13): errno.EHOSTUNREACH, (3, 14): errno.EHOSTUNREACH, (3, 15): errno.EHOSTUNREACH,
    (11, 0): errno.EHOSTUNREACH,
}  # fmt: skip
_UNREACHABLE6: Final = 1
_ERRNOS6: Final = {
    0: errno.ENETUNREACH, 1: errno.EACCES, 2: errno.EHOSTUNREACH, 3: errno.EHOSTUNREACH,
    4: errno.ECONNREFUSED, 5: errno.EACCES, 6: errno.EACCES,
}  # fmt: skip
"""By the code of "destination unreachable"; any other is EPROTO."""
_OTHER_ERRNOS6: Final = {3: errno.EHOSTUNREACH, 4: errno.EPROTO}
"""By type: time exceeded, parameter problem."""
_PARAMETER_PROBLEM4: Final = 12
_EXPIRED4: Final = 11
_PASSING6: Final = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH})
_PASSING4: Final = frozenset({(3, 0), (3, 1), (3, 5), (11, 0)})
_HARD4: Final = frozenset({(3, 2), (3, 3)})
_HARD6: Final = frozenset({(_UNREACHABLE6, 1), (_UNREACHABLE6, 4)})
_LEAST_MTU4: Final = 552
_LEAST_MTU6: Final = 1280


def tell(
    endpoint: Endpoint, message: IcmpMessage, paths: Paths, rules: ErrorRules, now: int
) -> Reason | None:
    """Tell a connection of an ICMP error about a segment of its own; return why it does nothing,
    None when it does something, or is remembered."""
    tcp = endpoint.connection
    if mtu := path_mtu(message):
        if tcp.has_sent(message.quoted_seq):
            paths.learn(tcp.flow.dst, mtu, now)
            mss = mtu - header_length(message.quoted)
            if endpoint.follows_path_mtu:
                endpoint.path_mtu = min(mtu, endpoint.path_mtu or mtu)
                tcp.path_mtu(mss, now)
        return Reason.ICMP_IGNORED
    number = errno_of(message)
    if not number:
        return Reason.ICMP_IGNORED
    opening = tcp.state in (SYN_SENT, SYN_RECEIVED)
    lost, ends, hard = path_lost(message), ends_request(message), is_hard(message)
    if not tcp.icmp_arrives(number, message.quoted_seq, lost, ends, hard, now):
        return Reason.ICMP_OUTSIDE_WINDOW
    if opening and tcp.state is CLOSED and rules.icmp_queued and not _is_ipv6(message):
        endpoint.refused_by = number, message
    return None


def errno_of(message: IcmpMessage) -> int:
    """Return the errno that an ICMP error stands for, 0 for one that is ignored, such as source
    quench (MUST-55)."""
    kind, code = message.kind, message.code
    if not _is_ipv6(message):
        return errno.EPROTO if kind == _PARAMETER_PROBLEM4 else _ERRNOS4.get((kind, code), 0)
    if kind == _UNREACHABLE6:
        return _ERRNOS6.get(code, errno.EPROTO)
    return _OTHER_ERRNOS6.get(kind, 0)


def may_pass(message: IcmpMessage) -> bool:
    """Tell whether the error may pass, so that no UDP socket is told (RFC 1122 section 4.1.3.3)."""
    if _is_ipv6(message):
        return errno_of(message) in _PASSING6
    return (message.kind, message.code) in _PASSING4


def path_lost(message: IcmpMessage) -> bool:
    """Tell whether the message takes a backoff back (RFC 6069 section 4): net or host unreachable;
    of IPv6 "no route" alone."""
    told = (message.kind, message.code)
    return told == (_UNREACHABLE6, 0) if _is_ipv6(message) else told in ((3, 0), (3, 1))


def is_hard(message: IcmpMessage) -> bool:
    """Tell whether the error says that it will not pass: protocol or port unreachable, of IPv6 also
    what is prohibited (SHLD-26). "Fragmentation needed", once one of them, is about the MTU."""
    told = (message.kind, message.code)
    return told in (_HARD6 if _is_ipv6(message) else _HARD4)


def ends_request(message: IcmpMessage) -> bool:
    """Tell whether the error ends a listener's half-open request."""
    if _is_ipv6(message):
        return not may_pass(message)
    return path_lost(message) or message.kind in (_EXPIRED4, _PARAMETER_PROBLEM4)


def path_mtu(message: IcmpMessage) -> int:
    """Return the MTU that a "fragmentation needed" or "packet too big" asks for; 0 for any other
    message, and for an IPv6 path below 1280, which there is not (RFC 8200 section 5)."""
    ipv6 = _is_ipv6(message)
    if not tells_mtu(message.kind, message.code, ipv6=ipv6):
        return 0
    if ipv6:
        return message.mtu if message.mtu >= _LEAST_MTU6 else 0
    return max(message.mtu, _LEAST_MTU4)  # net.ipv4.route.min_pmtu


def _is_ipv6(message: IcmpMessage) -> bool:
    return len(message.quoted.dst) == 16
