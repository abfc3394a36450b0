"""One connection in the kernel's socket table, by its 4-tuple: asked for, and destroyed.

sock_diag(7) finds it at once where /proc/net/tcp reads through the tables of all namespaces. Linux,
root; the namespace is that of the thread that makes the object.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Final

from lastack.wire import Flow

from .socket_table import STATES

_SOCK_DIAG: Final = 4
_ASK: Final = 20
_DESTROY: Final = 21
_ERROR: Final = 2
_REQUEST, _ACK = 1, 4
_HEADER: Final = struct.Struct("=IHHII")
_QUESTION: Final = struct.Struct("=BBBxI")
_ANY_COOKIE: Final = b"\xff" * 8


class Diag:
    """A netlink socket of the calling thread's namespace."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
        self._number = 0

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def state(self, flow: Flow) -> str:
        """Return the state of what takes segments of a flow (source: our end), "" for nobody."""
        kind, data = self._talk(_ASK, _REQUEST, flow)
        if kind == _ERROR:
            self._complain(data)
            return ""
        return STATES[data[1]].value

    def destroy(self, flow: Flow) -> bool:
        """Destroy a connection, but no listener; False if there is none."""
        if self.state(flow) in ("", "LISTEN"):
            return False
        _, data = self._talk(_DESTROY, _REQUEST | _ACK, flow)
        return not self._complain(data)

    def _talk(self, kind: int, flags: int, flow: Flow) -> tuple[int, bytes]:
        self._number += 1
        ends = struct.pack("!HH4s12x4s12x", flow.sport, flow.dport, flow.src, flow.dst)
        body = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
        body += ends + bytes(4) + _ANY_COOKIE
        head = _HEADER.pack(_HEADER.size + len(body), kind, flags, self._number, 0)
        self._socket.send(head + body)
        answer = self._socket.recv(1 << 14)
        _, told, _, _, _ = _HEADER.unpack_from(answer)
        return told, answer[_HEADER.size :]

    def _complain(self, data: bytes) -> int:
        """Return 0, or ENOENT for a connection that is not there; raise any other error."""
        number = int(struct.unpack_from("=i", data)[0])
        if number not in (0, -errno.ENOENT):
            raise OSError(-number, os.strerror(-number))
        return number
