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
    (3, 7): errno.EHOSTDOWN, (3, 9): errno.ENETUNREACH, (3, 10): errno.EHOSTUNREACH,
    (3, 13): errno.EHOSTUNREACH, (11, 0): errno.EHOSTUNREACH, (12, 0): errno.EPROTO,
}  # fmt: skip


def errno_of(message: IcmpMessage) -> int:
    """Return the errno that an ICMP error stands for, 0 for one that is ignored."""
    return _ERRNOS.get((message.kind, message.code), 0)
