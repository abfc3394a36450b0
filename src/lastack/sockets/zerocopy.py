"""SO_ZEROCOPY and MSG_ZEROCOPY: what the error queue tells when a send may be forgotten.

Text is always copied here, so a send is done when it returns, and its notification says so, as
over the kernel's loopback. Measured: docs/kernel-notes/control-data.md.
"""

from __future__ import annotations

import struct
from typing import Final

from . import names
from .control import Control

_EXTENDED: Final = struct.Struct("=IBBBxII")
"""struct sock_extended_err: errno, origin, type, code, info, data."""
_NO_SENDER: Final = {names.AF_INET: bytes(16), names.AF_INET6: bytes(28)}
_KINDS: Final = {
    names.AF_INET: (names.IPPROTO_IP, names.IP_RECVERR),
    names.AF_INET6: (names.IPPROTO_IPV6, names.IPV6_RECVERR),
}
_ORIGIN: Final = 5
_COPIED: Final = 1


class Completions:
    """Notifications that wait: sends `first` to `last` of the socket, counted from 0; `first` is
    above `last` when there is none."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first = 0
        self.last = -1

    def add(self) -> None:
        """One more send is done; notifications that wait are told as one."""
        self.last += 1

    @property
    def waiting(self) -> bool:
        """Whether there is one."""
        return self.first <= self.last

    def take(self, family: int) -> Control:
        """Return all of them as control data, and forget them."""
        told = _EXTENDED.pack(0, _ORIGIN, 0, _COPIED, self.first, self.last)
        self.first = self.last + 1
        return (*_KINDS[family], told + _NO_SENDER[family])
