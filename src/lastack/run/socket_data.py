"""Sending and receiving: the methods of a socket object that carry bytes."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from lastack.sockets import os_error
from lastack.wire import show_address

from . import arguments, socket_calls
from .account import Account, size_text
from .baton import here
from .names import Names
from .socket_base import SocketBase


def names() -> Names:
    """Return what the host of the current program knows of names."""
    thread = here()
    hosts = {name: show_address(node.address) for name, node in thread.world.nodes.items()}
    return Names(thread.process.node.name, hosts)


class SocketData(SocketBase):
    """send, recv, and their relatives; errors and their words as CPython's _socket has them."""

    __slots__ = ()

    # -- receiving

    def recv(self, bufsize: object, flags: int = 0, /) -> bytes:
        """Return up to `bufsize` bytes, b"" at the end."""
        limit = arguments.size(bufsize, "negative buffersize in recv")
        return self._receive("recv", limit, flags)

    def recvfrom(self, bufsize: object, flags: int = 0, /) -> tuple[bytes, None]:
        """Do what `recv` does; a stream tells no sender."""
        limit = arguments.size(bufsize, "negative buffersize in recvfrom")
        return self._receive("recvfrom", limit, flags), None

    def recv_into(self, buffer: object, nbytes: object = 0, flags: int = 0) -> int:
        """Receive into a buffer; return the number of bytes."""
        with arguments.writable(buffer, "recv_into") as view:
            return self._receive_into(
                "recv_into", view, nbytes, flags, "buffer too small for requested bytes"
            )

    def recvfrom_into(self, buffer: object, nbytes: object = 0, flags: int = 0) -> tuple[int, None]:
        """Do what `recv_into` does; a stream tells no sender."""
        with arguments.writable(buffer, "recvfrom_into") as view:
            too_small = "nbytes is greater than the length of the buffer"
            return self._receive_into("recvfrom_into", view, nbytes, flags, too_small), None

    def recvmsg(
        self, bufsize: object, ancbufsize: object = 0, flags: int = 0, /
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, None]:
        """Receive; nothing here sends ancillary data."""
        limit = arguments.size(bufsize, "negative buffer size in recvmsg()")
        arguments.size(ancbufsize, "invalid ancillary data buffer length")
        return self._receive("recvmsg", limit, flags), [], 0, None

    def recvmsg_into(
        self, buffers: object, ancbufsize: object = 0, flags: int = 0, /
    ) -> tuple[int, list[tuple[int, int, bytes]], int, None]:
        """Receive into several buffers, one after the other."""
        if not isinstance(buffers, Iterable):
            raise TypeError("recvmsg_into() argument 1 must be an iterable")
        views: list[memoryview] = []
        try:
            for buffer in buffers:
                views.append(_scattered(buffer))
            arguments.size(ancbufsize, "invalid ancillary data buffer length")
            data = self._receive("recvmsg_into", sum(map(len, views)), flags)
            start = 0
            for view in views:
                part = data[start : start + len(view)]
                view[: len(part)] = part
                start += len(part)
            return len(data), [], 0, None
        finally:
            for view in views:
                view.release()

    def _receive_into(
        self, call: str, view: memoryview, nbytes: object, flags: int, too_small: str
    ) -> int:
        limit = arguments.fitting(len(view), nbytes, call, too_small)
        data = self._receive(call, limit, flags)
        view[: len(data)] = data
        return len(data)

    def _receive(self, call: str, limit: int, flags: int) -> bytes:
        file = self._file()
        flags = arguments.c_int(flags)
        with Account(file, call, f"{call} up to {limit:,}") as account:
            data = socket_calls.recv(file, self._timeout, limit, flags, call)
            account.result = size_text(len(data)) if data or not limit else "EOF"
            return data

    # -- sending

    def send(self, data: object, flags: int = 0, /) -> int:
        """Send bytes; return how many were taken."""
        with arguments.readable(data) as view:
            return self._send("send", view, flags)

    def sendall(self, data: object, flags: int = 0, /) -> None:
        """Send all the bytes."""
        with arguments.readable(data) as view:
            file = self._file()
            flags = arguments.c_int(flags)
            with Account(file, "sendall", f"sendall {size_text(len(view))}"):
                socket_calls.sendall(file, self._timeout, view, flags)

    def sendto(self, data: object, *flags_and_address: object) -> int:
        """Do what `send` does: a connected stream ignores the address."""
        if not 1 <= len(flags_and_address) <= 2:
            count = len(flags_and_address) + 1
            raise TypeError(f"sendto() takes 2 or 3 arguments ({count} given)")
        flags = flags_and_address[0] if len(flags_and_address) == 2 else 0
        with arguments.readable(data) as view:
            arguments.endpoint(names(), "sendto", flags_and_address[-1])
            return self._send("sendto", view, arguments.c_int(flags))

    def sendmsg(
        self, buffers: object, ancdata: object = (), flags: int = 0, address: object = None, /
    ) -> int:
        """Send the bytes of several buffers; ancillary data is refused with EINVAL."""
        if not isinstance(buffers, Iterable):
            raise TypeError("sendmsg() argument 1 must be an iterable")
        parts: list[bytes] = []
        for buffer in buffers:
            with arguments.readable(buffer) as view:
                parts.append(bytes(view))
        if not isinstance(ancdata, Iterable):
            raise TypeError("sendmsg() argument 2 must be an iterable")
        if list(ancdata):
            raise os_error(errno.EINVAL)
        flags = arguments.c_int(flags)
        if address is not None:
            arguments.endpoint(names(), "sendmsg", address)
        with memoryview(b"".join(parts)) as view:
            return self._send("sendmsg", view, flags)

    def _send(self, call: str, view: memoryview, flags: int) -> int:
        file = self._file()
        flags = arguments.c_int(flags)
        with Account(file, call, f"{call} {size_text(len(view))}") as account:
            until = socket_calls.deadline(self._timeout)
            count = socket_calls.send(file, until, view, flags, call)
            account.result = size_text(count)
            return count


def _scattered(buffer: object) -> memoryview:
    try:
        return arguments.writable(buffer, "recvmsg_into")
    except TypeError:
        raise TypeError(
            "recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers"
        ) from None
