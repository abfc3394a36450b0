"""The error queue of a socket, which recvmsg(2) with MSG_ERRQUEUE reads: ICMP errors that ended
connect(), and what SO_ZEROCOPY and MSG_ZEROCOPY are told of sends that may be forgotten.

Text is always copied here, so a send is done when it returns, and its notification says so, as
over the kernel's loopback. Measured: docs/kernel-notes/control-data.md, docs/kernel-notes/icmp.md.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Final, NamedTuple

from lastack.wire import IcmpMessage

from . import addresses, names
from .control import Control

_EXTENDED: Final = struct.Struct("=IBBBxII")
"""struct sock_extended_err: errno, origin, type, code, info, data."""
_SENDER: Final = {names.AF_INET: "=H2x4s8x", names.AF_INET6: "=H6x16s4x"}
"""struct sockaddr_in and sockaddr_in6 of who complained, without a port."""
_NO_SENDER: Final = {names.AF_INET: bytes(16), names.AF_INET6: bytes(28)}
_KINDS: Final = {
    names.AF_INET: (names.IPPROTO_IP, names.IP_RECVERR),
    names.AF_INET6: (names.IPPROTO_IPV6, names.IPV6_RECVERR),
}
_ORIGIN_ICMP: Final = 2
_ORIGIN_ZEROCOPY: Final = 5
_COPIED: Final = 1


class QueuedError(NamedTuple):
    """What recvmsg(2) gives of one: of an ICMP error the first octets of the TCP header that it is
    about, and to whom that went; and the control data."""

    text: bytes
    source: tuple[bytes, int] | None
    control: Control


class ErrorQueue:
    """What waits to be read, the oldest first."""

    __slots__ = ("_waiting", "_sends")

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, IcmpMessage] | list[int]] = deque()
        self._sends = 0

    def send_done(self) -> None:
        """One more send with MSG_ZEROCOPY is done; sends that wait together are told as one, by the
        first and the last number, counted from 0."""
        last = self._waiting[-1] if self._waiting else None
        if isinstance(last, list):
            last[1] = self._sends
        else:
            self._waiting.append([self._sends, self._sends])
        self._sends += 1

    def icmp_arrived(self, number: int, message: IcmpMessage) -> None:
        """An ICMP error, which stands for the errno `number`, has ended a connection."""
        self._waiting.append((number, message))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._waiting)

    def take(self, family: int) -> QueuedError:
        """Return the oldest, and forget it."""
        oldest = self._waiting.popleft()
        if isinstance(oldest, list):
            told = _EXTENDED.pack(0, _ORIGIN_ZEROCOPY, 0, _COPIED, *oldest)
            return QueuedError(b"", None, (*_KINDS[family], told + _NO_SENDER[family]))
        number, message = oldest
        quoted = message.quoted
        text = struct.pack("!HHI", quoted.sport, quoted.dport, message.quoted_seq)
        told = _EXTENDED.pack(number, _ORIGIN_ICMP, message.kind, message.code, message.mtu, 0)
        by = addresses.shown(message.flow.src, family)
        told += struct.pack(_SENDER[family], family, by)
        to = addresses.shown(quoted.dst, family), quoted.dport
        return QueuedError(text, to, (*_KINDS[family], told))
