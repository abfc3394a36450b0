"""One connect() that is really tried, and what the routing table says without a packet."""

from __future__ import annotations

import errno
import select
import socket
import struct
from dataclasses import dataclass
from typing import Final

from .namespaces import Namespace

Where = tuple[bytes, int]
"""A packed address and a port; as a local one, port 0 is any."""

_RETRANSMITS: Final = struct.Struct("2xB")  # tcpi_retransmits of struct tcp_info


@dataclass(frozen=True)
class Attempt:
    """What came of one connect(): errno, 0 or UNKNOWN; SYNs sent again without an answer.

    in_bind: it was bind() to the local address that failed. tried: the kernel was asked.
    """

    error: int
    syns_again: int = 0
    in_bind: bool = False
    tried: bool = True


def try_connect(
    remote: Where, local: Where | None, timeout: int, namespace: Namespace | None
) -> Attempt:  # fmt: skip
    """Connect for at most `timeout` ns, from `local` if one is given, and close at once."""
    with _made(remote[0], socket.SOCK_STREAM, namespace) as sock:
        sock.setblocking(False)
        try:
            if local is not None:
                sock.bind(_named(sock, local))
        except OSError as error:
            return Attempt(error.errno or errno.EIO, in_bind=True)
        error_number = sock.connect_ex(_named(sock, remote))
        if error_number == errno.EINPROGRESS:
            waiting = select.poll()
            waiting.register(sock, select.POLLOUT)
            if not waiting.poll(timeout // 1_000_000):
                return Attempt(errno.ETIMEDOUT, _syns_again(sock))
            error_number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error_number == 0 and sock.getsockname() == sock.getpeername():
            # our automatic port was the peer's: two SYNs crossed, nobody listens there
            error_number = errno.ECONNREFUSED
        return Attempt(error_number)


def _syns_again(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RETRANSMITS.size)
    return int(_RETRANSMITS.unpack(info)[0])


def source_of(
    remote: Where, local: Where | None, namespace: Namespace | None
) -> tuple[bytes | None, int]:
    """Return the address that connections to the peer have here, or None and the errno.

    connect() of a UDP socket asks the routing table and sends nothing.
    """
    with _made(remote[0], socket.SOCK_DGRAM, namespace) as sock:
        try:
            if local is not None:
                sock.bind(_named(sock, (local[0], 0)))
            sock.connect(_named(sock, remote))
        except OSError as error:
            return None, error.errno or errno.EIO
        return socket.inet_pton(sock.family, sock.getsockname()[0]), 0


def is_ours(address: bytes, namespace: Namespace | None) -> bool:
    """Tell whether this network namespace itself has the address: UDP could bind it."""
    with _made(address, socket.SOCK_DGRAM, namespace) as sock:
        try:
            sock.bind(_named(sock, (address, 0)))
        except OSError:
            return False
        return True


def _named(sock: socket.socket, where: Where) -> tuple[str, int]:
    return socket.inet_ntop(sock.family, where[0]), where[1]


def _made(address: bytes, kind: int, namespace: Namespace | None) -> socket.socket:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return socket.socket(family, kind) if namespace is None else namespace.open_socket(family, kind)
