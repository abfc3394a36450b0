"""One TCP socket of the running kernel, a view of the kernel's own message about it.

A row keeps the bytes of struct inet_diag_msg with its attributes (linux/inet_diag.h) and decodes a
field when it is asked for. A dump of 100 000 sockets is mostly read for two or three fields, and
what was not asked costs nothing (bench/live_dump.py).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final

from lastack.state import State

from .addresses import endpoint
from .tcp_info import TcpInfo, decode_tcp_info

MESSAGE: Final = 72
"""Bytes of struct inet_diag_msg; attributes follow."""
ID: Final = slice(4, 52)
"""struct inet_diag_sockid inside the message: ports, addresses, interface, cookie."""

# Numbers of the kernel (net/tcp_states.h). 12 is a connection request before its ACK, 13 a socket
# that is bound and does nothing else, of which the kernel itself says 7, CLOSE.
STATES: Final = (
    State.CLOSED, State.ESTABLISHED, State.SYN_SENT, State.SYN_RECEIVED, State.FIN_WAIT_1,
    State.FIN_WAIT_2, State.TIME_WAIT, State.CLOSED, State.CLOSE_WAIT, State.LAST_ACK,
    State.LISTEN, State.CLOSING, State.SYN_RECEIVED, State.CLOSED,
)  # fmt: skip
_ESTABLISHED, _SYN_RECV, _FIN_WAIT2, _CLOSE_WAIT = 1, 3, 5, 8

_End = Callable[[bytes], tuple[int, bytes]]
_INET: Final = int(socket.AF_INET)

_TIMERS: Final = ("", "retransmit", "keepalive", "time-wait", "persist")
_PAIR: Final = struct.Struct("=HH")
# unpack_from takes half the time of int.from_bytes on a slice, which counts a million times
_word: Final[Callable[[bytes, int], tuple[int]]] = struct.Struct("=I").unpack_from
_quad: Final[Callable[[bytes, int], tuple[int]]] = struct.Struct("=Q").unpack_from
_local4: Final[_End] = struct.Struct(">4x H 2x 4s").unpack_from
_remote4: Final[_End] = struct.Struct(">6x H 16x 4s").unpack_from
_local6: Final[_End] = struct.Struct(">4x H 2x 16s").unpack_from
_remote6: Final[_End] = struct.Struct(">6x H 16x 16s").unpack_from
_INFO, _SHUTDOWN, _V6ONLY, _MARK = 2, 8, 11, 15  # INET_DIAG_*


class Row:
    """One socket as sock_diag(7) told it at one moment.

    Addresses are packed, 4 or 16 bytes; queues are bytes, for LISTEN the length and the limit of
    the accept queue; times are ns. A connection in TIME-WAIT, an orphan and one that nobody has
    accepted yet have inode 0 and uid 0 or that of the listener: no process has a descriptor.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw: Final = raw
        """struct inet_diag_msg and its attributes, as received."""

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return self.raw[0]

    @property
    def state(self) -> State:
        """The state; CLOSED is a socket that is bound and neither listens nor connects."""
        return STATES[self.raw[1]]

    @property
    def timer(self) -> str:
        """What it waits for: retransmit, keepalive, time-wait, fin-wait-2, persist, or ""."""
        timer = self.raw[2]
        if timer == 3 and self.raw[1] == _FIN_WAIT2:
            return "fin-wait-2"
        return _TIMERS[timer] if timer < len(_TIMERS) else f"timer {timer}"

    @property
    def retransmits(self) -> int:
        """How often the oldest segment, probe or keepalive went out again without an answer."""
        return self.raw[3]

    @property
    def local(self) -> tuple[bytes, int]:
        """The local (packed address, port)."""
        raw = self.raw
        port, address = _local4(raw) if raw[0] == _INET else _local6(raw)
        return address, port

    @property
    def remote(self) -> tuple[bytes, int]:
        """The peer's (packed address, port); all zero without a peer."""
        raw = self.raw
        port, address = _remote4(raw) if raw[0] == _INET else _remote6(raw)
        return address, port

    @property
    def ifindex(self) -> int:
        """The interface that the socket is bound to, or 0."""
        return _word(self.raw, 40)[0]

    @property
    def cookie(self) -> int:
        """The kernel's number for this very socket, never used twice in a network namespace."""
        return _quad(self.raw, 44)[0]

    @property
    def expires_in(self) -> int:
        """ns until the timer fires, in steps of 1 ms; 0 without a timer."""
        return _word(self.raw, 52)[0] * 1_000_000

    @property
    def recv_queue(self) -> int:
        """Bytes not read by the program, a FIN is one more; LISTEN: connections to be accepted."""
        return _word(self.raw, 56)[0]

    @property
    def send_queue(self) -> int:
        """Bytes not acknowledged by the peer, SYN and FIN are one each; LISTEN: the limit."""
        return _word(self.raw, 60)[0]

    @property
    def uid(self) -> int:
        """The user that made the socket."""
        return _word(self.raw, 64)[0]

    @property
    def inode(self) -> int:
        """The inode that /proc/PID/fd shows, or 0 where no process has a descriptor."""
        return _word(self.raw, 68)[0]

    @property
    def bound_only(self) -> bool:
        """Whether the socket has a port and neither listens nor connects."""
        return STATES[self.raw[1]] is State.CLOSED

    @property
    def in_accept_queue(self) -> bool:
        """Whether a listener has it and no program has accepted it yet."""
        return self.inode == 0 and self.raw[1] in (_ESTABLISHED, _CLOSE_WAIT)

    @property
    def orphan(self) -> bool:
        """Whether every descriptor is closed and the kernel ends the connection alone."""
        return self.inode == 0 and self.raw[1] not in (_ESTABLISHED, _CLOSE_WAIT, _SYN_RECV, 12)

    @property
    def mark(self) -> int | None:
        """SO_MARK, which the kernel tells only to CAP_NET_ADMIN; None: not told."""
        found = self.attribute(_MARK)
        return None if found is None else _word(found, 0)[0]

    @property
    def v6only(self) -> bool | None:
        """IPV6_V6ONLY of an IPv6 socket that is bound or listens; None: not told."""
        found = self.attribute(_V6ONLY)
        return None if found is None else bool(found[0])

    @property
    def shutdown(self) -> int | None:
        """Bits 1 (SHUT_RD, or the peer's FIN came) and 2 (SHUT_WR); None in TIME-WAIT."""
        found = self.attribute(_SHUTDOWN)
        return None if found is None else found[0]

    @property
    def tcp_info(self) -> TcpInfo | None:
        """struct tcp_info; None when it was not asked for, and in TIME-WAIT."""
        found = self.attribute(_INFO)
        return None if found is None else decode_tcp_info(found)

    def attribute(self, number: int) -> bytes | None:
        """Return the value of one INET_DIAG_* attribute, or None."""
        raw, at = self.raw, MESSAGE
        while at + 4 <= len(raw):
            length, kind = _PAIR.unpack_from(raw, at)
            if length < 4:
                return None
            if kind == number:
                return raw[at + 4 : at + length]
            at += length + 3 & ~3
        return None

    def __repr__(self) -> str:
        local, remote = endpoint(*self.local), endpoint(*self.remote)
        return f"<Row {self.state.value} {local} {remote} cookie={self.cookie:#x}>"
