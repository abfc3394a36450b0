"""sock_diag(7) over netlink(7): one request, and its answers as bytes.

Why our own and not a library: the answers are wanted undecoded, a datagram at a time. The one
complete Python netlink library builds a dictionary for each message, which takes many times as
long as ss(8) for a whole listing (bench/live_dump.py measures both); the part of the protocol that
is needed here is this page.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

from .errors import Unsupported, need_linux
from .namespaces import Namespace

BY_FAMILY: Final = 20
DESTROY: Final = 21
_SOCK_DIAG: Final = 4
_REQUEST, _ACK, _DUMP = 0x1, 0x4, 0x300
_ERROR, _DONE = 2, 3

_HEADER: Final = struct.Struct("=IHHII")
_HEAD: Final = struct.Struct("=IH")
_ERRNO: Final = struct.Struct("=i")
_REQ: Final = struct.Struct("=BBBBI")
_ID: Final = struct.Struct("!HH40x")
_NO_COOKIE: Final = b"\xff" * 8

# The kernel fills at most 32 KiB a datagram, and only for a reader that offers as much.
_CHUNK: Final = 1 << 16
_BUFFER: Final = 1 << 22

EXT_INFO: Final = 1 << 1
"""Extension bit of INET_DIAG_INFO, struct tcp_info."""
EXT_SHUTDOWN: Final = 1 << 7
"""Extension bit of INET_DIAG_SHUTDOWN."""


def connect(namespace: Namespace | None = None, groups: int = 0) -> socket.socket:
    """Open a socket for sock_diag, in another network namespace if one is given."""
    need_linux("the table of sockets")
    kind = (socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    try:
        netlink = socket.socket(*kind) if namespace is None else namespace.open_socket(*kind)
    except OSError as error:
        if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT):
            raise Unsupported("this kernel has no sock_diag (CONFIG_INET_DIAG)") from None
        raise
    netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    netlink.bind((0, groups))
    return netlink


def any_id(sport: int = 0, dport: int = 0) -> bytes:
    """Return the inet_diag_sockid that means every socket with these ports (0: any)."""
    return _ID.pack(sport, dport) + _NO_COOKIE


def request(family: int, states: int, extensions: int, sockid: bytes) -> bytes:
    """Return struct inet_diag_req_v2 for TCP."""
    return _REQ.pack(family, socket.IPPROTO_TCP, extensions, 0, states) + sockid


def dump(netlink: socket.socket, body: bytes) -> Iterator[bytes]:
    """Send a dump request and yield every datagram of the answer."""
    _send(netlink, BY_FAMILY, _REQUEST | _DUMP, body)
    while True:
        chunk = netlink.recv(_CHUNK)
        kind = _HEAD.unpack_from(chunk)[1]
        if kind == _DONE:
            return
        if kind == _ERROR:
            _raise(chunk)
        yield chunk
        # NLMSG_DONE may stand behind the last messages of a datagram
        if len(chunk) >= 20 and _HEAD.unpack_from(chunk, len(chunk) - 20) == (20, _DONE):
            return


def ask(netlink: socket.socket, kind: int, body: bytes) -> bytes:
    """Send a request about one socket and return the message about it; b"" for a mere yes.

    Raises OSError with the kernel's errno.
    """
    _send(netlink, kind, _REQUEST | (_ACK if kind == DESTROY else 0), body)
    answer = netlink.recv(_CHUNK)
    length, answered = _HEAD.unpack_from(answer)
    if answered == _ERROR:
        _raise(answer)
        return b""
    return answer[_HEADER.size : length]


def messages(chunk: bytes) -> Iterator[bytes]:
    """Yield the bodies of the messages about sockets in one datagram."""
    at = 0
    while at + _HEADER.size <= len(chunk):
        length, kind = _HEAD.unpack_from(chunk, at)
        if length < _HEADER.size:
            return
        if kind == BY_FAMILY:
            yield chunk[at + _HEADER.size : at + length]
        at += length + 3 & ~3


def stride(chunk: bytes) -> int:
    """Return the length that all messages of a datagram have, or 0 when they differ.

    Sockets of one kind, a hundred thousand in TIME-WAIT say, are told in messages of one length,
    and the interpreter can then take a datagram apart in C instead of message by message. If every
    place where a message would begin bears the same length, messages do begin there.
    """
    length: int
    length, kind = _HEAD.unpack_from(chunk)
    if length < _HEADER.size or length % 4 or len(chunk) % length or kind != BY_FAMILY:
        return 0
    number = len(chunk) // length
    for at in range(_HEAD.size):
        if chunk[at::length] != chunk[at : at + 1] * number:
            return 0
    return length


def _send(netlink: socket.socket, kind: int, flags: int, body: bytes) -> None:
    netlink.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)


def _raise(message: bytes) -> None:
    number = -_ERRNO.unpack_from(message, _HEADER.size)[0]
    if number:
        raise OSError(number, os.strerror(number))
