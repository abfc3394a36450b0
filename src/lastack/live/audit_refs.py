"""Whether somebody else still holds a socket: asked of the kernel, after our close().

A dup(2), a forked child, a descriptor sent through SCM_RIGHTS, a thread inside recv(): each keeps
the connection open, and close() then does nothing on the wire. The kernel's answer to an exact
sock_diag(7) request covers all of them: an inode other than 0 says that a descriptor is left.

Runs inside the audited program (see audit_place). No descriptor is kept: the program might close
it and get the number for something of its own.
"""

from __future__ import annotations

import _socket
import socket
import struct
from typing import Final

from .audit_look import Address, getsockopt

_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR = 4, 20, 1, 2
_SO_COOKIE: Final = 57
_HEADER: Final = struct.Struct("=IHHII")
_KIND: Final = struct.Struct("=4xH")
_REQ: Final = struct.Struct("=BBBBI")
_PORTS: Final = struct.Struct("!HH")
_WORD: Final = struct.Struct("=I")
_INODE: Final = 16 + 68  # struct nlmsghdr, then idiag_inode of struct inet_diag_msg
_EVERY_STATE: Final = 0xFFFFFFFF


def request(sock: _socket.socket, here: Address, there: Address) -> bytes | None:
    """Return the message that asks for exactly this socket; None without peer and backlog."""
    family = sock.family
    if here is None:
        return None
    if there is None:
        if not getsockopt(sock, socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return None
        there = ("0.0.0.0" if family == socket.AF_INET else "::", 0)
    scope = here[3] if len(here) > 3 else 0
    body = b"".join((
        _REQ.pack(family, socket.IPPROTO_TCP, 0, 0, _EVERY_STATE),
        _PORTS.pack(here[1], there[1]),
        _packed(family, here[0]), _packed(family, there[0]),
        _WORD.pack(scope), getsockopt(sock, socket.SOL_SOCKET, _SO_COOKIE, 8),
    ))  # fmt: skip
    return _HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body


def held(message: bytes) -> bool:
    """Ask whether a descriptor of the socket is left; a kernel that does not answer says no."""
    try:
        with_kernel = _socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
    except OSError:
        return False
    try:
        with_kernel.send(message)
        answer = with_kernel.recv(512)
    except OSError:
        return False
    finally:
        with_kernel.close()
    if _KIND.unpack_from(answer)[0] != _BY_FAMILY or len(answer) < _INODE + 4:
        return False  # ENOENT: it is gone
    return bool(_WORD.unpack_from(answer, _INODE)[0])


def _packed(family: int, address: str) -> bytes:
    return socket.inet_pton(family, address.partition("%")[0]).ljust(16, b"\0")
