"""What can be said of a TCP socket at the moment it is closed; a handful of system calls.

Runs inside the audited program (see audit_place). All of it is Linux: sock_diag(7)'s SO_MEMINFO,
tcp(7)'s TCP_INFO, SIOCINQ and SIOCOUTQ, and the numbers of net/tcp_states.h.
"""

from __future__ import annotations

import _socket
import fcntl
import socket
import struct
import sys
import termios
from typing import Any, Final, NamedTuple

ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE = range(1, 8)
CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = range(8, 12)

_ALIVE: Final = (ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING)
_FIN_SENT: Final = (FIN_WAIT1, LAST_ACK, CLOSING)
_LINGER: Final = struct.Struct("ii")
_INFO: Final = struct.Struct("B23xI")  # struct tcp_info: tcpi_state, tcpi_unacked
_INFO_SIZE: Final = 28

SIOCINQ: Final = termios.FIONREAD
SIOCOUTQ: Final = termios.TIOCOUTQ
_BUFFER: Final = 1025

getsockopt: Final = _socket.socket.getsockopt


class Look(NamedTuple):
    """One socket. Queues in bytes; linger in seconds, None while SO_LINGER is off.

    queued: connections in the accept queue of a listening socket.
    """

    state: int
    unread: int
    unacked: int
    linger: int | None
    queued: int

    @property
    def alive(self) -> bool:
        """Whether there is a connection that a close can still end in more than one way."""
        return self.state in _ALIVE

    @property
    def resets(self) -> bool:
        """Whether Linux ends it with an RST when the last descriptor goes.

        Unread bytes come first (RFC 2525 section 2.17); then l_linger 0, which is silent once a
        FIN was sent and both ends have closed.
        """
        if not self.alive:
            return False
        silent = self.state in (LAST_ACK, CLOSING) and not self.unacked
        return self.unread > 0 or (self.linger == 0 and not silent)


def look(sock: _socket.socket) -> Look:
    """Look at a TCP socket; raises OSError where the kernel does not answer."""
    state, unacked = _INFO.unpack(getsockopt(sock, socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE))
    onoff, seconds = _LINGER.unpack(getsockopt(sock, socket.SOL_SOCKET, socket.SO_LINGER, 8))
    linger = seconds if onoff else None
    if state not in _ALIVE:
        # tcpi_unacked of a listening socket is the length of its accept queue
        return Look(state, 0, 0, linger, unacked if state == LISTEN else 0)
    descriptor = sock.fileno()
    unread, unacked = waiting(descriptor, SIOCINQ), waiting(descriptor, SIOCOUTQ)
    if state in _FIN_SENT:
        unacked = max(0, unacked - 1)  # SIOCOUTQ counts the FIN, which may be answered just now
    return Look(state, unread, unacked, linger, 0)


def waiting(descriptor: int, queue: int) -> int:
    """Return the bytes in a queue, SIOCINQ or SIOCOUTQ.

    ioctl() releases the interpreter's lock unless the buffer is larger than 1 KiB (CPython's
    fcntlmodule.c). Released at each close, it makes the threads of a server take turns for nothing,
    which costs far more than the call.
    """
    number = bytearray(_BUFFER)
    fcntl.ioctl(descriptor, queue, number)
    return int.from_bytes(number[:4], sys.byteorder)


def fin_sent(sock: _socket.socket) -> bool:
    """Whether a FIN of ours is unacknowledged, which SIOCOUTQ counts like a byte."""
    return getsockopt(sock, socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _FIN_SENT


def reusable(sock: _socket.socket) -> bool:
    """Whether another socket may have the port while connections of this one still end."""
    return bool(
        getsockopt(sock, socket.SOL_SOCKET, socket.SO_REUSEADDR)
        or getsockopt(sock, socket.SOL_SOCKET, socket.SO_REUSEPORT)
    )


Address = tuple[Any, ...] | None
"""What getsockname() and getpeername() return; None for no address."""


def addresses(sock: _socket.socket) -> tuple[Address, Address]:
    """Return the local and the remote address."""
    try:
        remote = sock.getpeername()
    except OSError:
        remote = None
    return sock.getsockname(), remote


def name(address: Address) -> str:
    """Return "127.0.0.1:80" or "[::1]:80"; "" for no address."""
    if address is None:
        return ""
    where = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{where}:{address[1]}"
