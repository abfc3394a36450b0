"""Sending and receiving: the methods of a socket object that carry bytes."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from lastack.sockets import (
    IN,
    Control,
    Local,
    Received,
    TcpSocket,
    UdpSocket,
    UnixDatagram,
    UnixSocket,
    os_error,
)
from lastack.sockets import names as numbers
from lastack.wire import show_address, show_endpoint

from . import arguments, messages, socket_calls, unix
from .account import Account, room_text, size_text
from .baton import SimThread, here
from .names import Names
from .socket_base import AF_UNIX, SocketBase

Address = tuple[str, int] | tuple[str, int, int, int]
Sender = Address | str | bytes | None
Ancillary = list[tuple[int, int, bytes]]

_NOTHING_FOR_NOTHING: Final = frozenset({"recv", "recv_into"})
"""Calls that the interpreter does not make for 0 bytes; the others take a datagram for them."""


def names() -> Names:
    """Return what the host of the current program knows of names."""
    thread = here()
    world, node = thread.world, thread.process.node
    known = world.names.get(node)
    if known is None:
        hosts = {name: show_address(node.address) for name, node in world.nodes.items()}
        hosts6 = {name: show_address(node.address6) for name, node in world.nodes.items()}
        known = world.names[node] = Names(node.name, hosts, hosts6, world.families)
    return known


def shown(address: bytes, port: int) -> Address:
    """Return an address as a program sees it: a pair, or the four values of AF_INET6. The scope id
    is 0, because no simulated host has a link-local address."""
    text = show_address(address)
    return (text, port) if len(address) == 4 else (text, port, 0, 0)


class SocketData(SocketBase):
    """send, recv, and their relatives; errors and their words as CPython's _socket has them."""

    __slots__ = ()

    # -- receiving

    def recv(self, bufsize: object, flags: int = 0, /) -> bytes:
        """Return up to `bufsize` bytes, b"" at the end."""
        limit = arguments.size(bufsize, "negative buffersize in recv")
        if not limit:
            return b""  # as the interpreter, which makes no call then
        thread = here()
        file = thread.process.descriptors.get(self._fd)
        if type(file) is TcpSocket and type(flags) is int and not flags:
            return self._receive_text(thread, file, "recv", limit)
        received = self._receive_from("recv", limit, flags)
        messages.close_rights(received)
        return _bytes(received, flags)

    def recvfrom(self, bufsize: object, flags: int = 0, /) -> tuple[bytes, Sender]:
        """Do what `recv` does, and tell the sender of a datagram; None for a stream."""
        limit = arguments.size(bufsize, "negative buffersize in recvfrom")
        received = self._receive_from("recvfrom", limit, flags)
        messages.close_rights(received)
        return _bytes(received, flags), self._sender(received)

    def recv_into(self, buffer: object, nbytes: object = 0, flags: int = 0) -> int:
        """Receive into a buffer; return the number of bytes."""
        with arguments.writable(buffer, "recv_into") as view:
            too_small = "buffer too small for requested bytes"
            limit = arguments.fitting(len(view), nbytes, "recv_into", too_small)
            if not limit:
                return 0
            thread = here()
            file = self._file_in(thread.process)
            if isinstance(file, TcpSocket) and not arguments.c_int(flags):
                text = self._receive_text(thread, file, "recv_into", limit)
                view[: len(text)] = text
                return len(text)
            received = self._receive_into("recv_into", view, nbytes, flags, too_small)
            return _count(received, flags)

    def recvfrom_into(
        self, buffer: object, nbytes: object = 0, flags: int = 0
    ) -> tuple[int, Sender]:
        """Do what `recv_into` does, and tell the sender of a datagram."""
        with arguments.writable(buffer, "recvfrom_into") as view:
            too_small = "nbytes is greater than the length of the buffer"
            received = self._receive_into("recvfrom_into", view, nbytes, flags, too_small)
            return _count(received, flags), self._sender(received)

    def recvmsg(
        self, bufsize: object, ancbufsize: object = 0, flags: int = 0, /
    ) -> tuple[bytes, Ancillary, int, Sender]:
        """Receive with control data; MSG_TRUNC tells of a cut datagram, MSG_CTRUNC of control
        data that did not fit."""
        limit = arguments.size(bufsize, "negative buffer size in recvmsg()")
        room = arguments.size(ancbufsize, "invalid ancillary data buffer length")
        received = self._receive_from("recvmsg", limit, flags, room)
        control, told = messages.unpacked(received, room)
        return _bytes(received, flags), control, told, self._sender(received)

    def recvmsg_into(
        self, buffers: object, ancbufsize: object = 0, flags: int = 0, /
    ) -> tuple[int, Ancillary, int, Sender]:
        """Receive into several buffers, one after the other."""
        if not isinstance(buffers, Iterable):
            raise TypeError("recvmsg_into() argument 1 must be an iterable")
        views: list[memoryview] = []
        try:
            for buffer in buffers:
                views.append(_scattered(buffer))
            room = arguments.size(ancbufsize, "invalid ancillary data buffer length")
            received = self._receive_from("recvmsg_into", sum(map(len, views)), flags, room)
            control, told = messages.unpacked(received, room)
            data, start = _filling(received, flags), 0
            for view in views:
                part = data[start : start + len(view)]
                view[: len(part)] = part
                start += len(part)
            return _count(received, flags), control, told, self._sender(received)
        finally:
            for view in views:
                view.release()

    def _receive_into(
        self, call: str, view: memoryview, nbytes: object, flags: int, too_small: str
    ) -> Received:
        limit = arguments.fitting(len(view), nbytes, call, too_small)
        received = self._receive_from(call, limit, flags)
        messages.close_rights(received)
        text = _filling(received, flags)
        view[: len(text)] = text
        return received

    def _receive_text(self, thread: SimThread, file: TcpSocket, call: str, limit: int) -> bytes:
        """Receive without flags from a connection: no sender, no control data, nothing cut."""
        with Account(thread, file, call, room_text(call, limit)) as account:
            until = socket_calls.deadline(thread, self._timeout) if self._timeout else None
            attempt = partial(file.recv, limit, 0)
            text = socket_calls.perform(thread, file, until, IN, attempt, call)
            account.result = size_text(len(text)) if text or not limit else "EOF"
            return text

    def _receive_from(self, call: str, limit: int, flags: int, room: int = 0) -> Received:
        thread = here()
        file = self._file_in(thread.process)
        flags = arguments.c_int(flags)
        if isinstance(file, UdpSocket):
            if not limit and call in _NOTHING_FOR_NOTHING:
                return Received(b"", 0, None)
            with Account(thread, file, call, room_text(call, limit)) as account:
                received = socket_calls.recv_from(
                    thread, file, self._timeout, limit, flags, call, room
                )
                account.result = _received_text(received)
                return received
        with Account(thread, file, call, room_text(call, limit)) as account:
            received = socket_calls.recv_from(thread, file, self._timeout, limit, flags, call, room)
            count = len(received.text)
            account.result = size_text(count) if count or not limit else "EOF"
            return received

    # -- sending

    def send(self, data: object, flags: int = 0, /) -> int:
        """Send bytes; return how many were taken."""
        with arguments.readable(data) as view:
            return self._send("send", view, flags)

    def sendall(self, data: object, flags: int = 0, /) -> None:
        """Send all the bytes."""
        with arguments.readable(data) as view:
            thread = here()
            file = self._file_in(thread.process)
            flags = arguments.c_int(flags)
            with Account(thread, file, "sendall", f"sendall {size_text(len(view))}"):
                socket_calls.sendall(thread, file, self._timeout, view, flags)

    def sendto(self, data: object, *flags_and_address: object) -> int:
        """Send a datagram to an address; a connected stream ignores the address."""
        if not 1 <= len(flags_and_address) <= 2:
            count = len(flags_and_address) + 1
            raise TypeError(f"sendto() takes 2 or 3 arguments ({count} given)")
        flags = flags_and_address[0] if len(flags_and_address) == 2 else 0
        address = flags_and_address[-1]
        with arguments.readable(data) as view:
            if isinstance(self._file(), Local):
                return self._send_local("sendto", view, arguments.c_int(flags), address)
            end = arguments.endpoint(names(), "sendto", self._af(), address)
            return self._send("sendto", view, arguments.c_int(flags), end)

    def sendmsg(
        self, buffers: object, ancdata: object = (), flags: int = 0, address: object = None, /
    ) -> int:
        """Send the bytes of several buffers, and control data."""
        if not isinstance(buffers, Iterable):
            raise TypeError("sendmsg() argument 1 must be an iterable")
        parts: list[bytes] = []
        for buffer in buffers:
            with arguments.readable(buffer) as view:
                parts.append(bytes(view))
        control = messages.items(ancdata)
        flags = arguments.c_int(flags)
        end = None
        with memoryview(b"".join(parts)) as view:
            if address is not None:
                if isinstance(self._file(), Local):
                    return self._send_local("sendmsg", view, flags, address, control)
                end = arguments.endpoint(names(), "sendmsg", self._af(), address)
            return self._send("sendmsg", view, flags, end, control)

    def _send_local(
        self, call: str, view: memoryview, flags: int, address: object,
        control: Sequence[Control] = (),
    ) -> int:  # fmt: skip
        """Send to a name of AF_UNIX; a stream takes none: EISCONN, EOPNOTSUPP unless connected."""
        file, name = self._file(), unix.packed(address)
        if not isinstance(file, UnixDatagram):
            connected = not isinstance(file, UnixSocket) or file.connected
            raise os_error(errno.EISCONN if connected else errno.EOPNOTSUPP)
        told = f"{call} {size_text(len(view))} to {unix.shown(name)!r}"
        thread, find = here(), partial(unix.key_of, name)
        with Account(thread, file, call, told) as account:
            until = socket_calls.deadline(thread, self._timeout)
            count = socket_calls.send_to_name(thread, file, until, view, flags, find, call, control)
            account.result = size_text(count)
            return count

    def _sender(self, received: Received) -> Sender:
        """Return who sent it: None for a stream, and for one of AF_UNIX without a name."""
        if received.source is None:
            return None
        if self._family == AF_UNIX:
            return unix.shown(received.source[0]) or None
        return shown(*received.source)

    def _send(
        self, call: str, view: memoryview, flags: int, end: arguments.End | None = None,
        control: Sequence[Control] = (),
    ) -> int:  # fmt: skip
        thread = here()
        file = self._file_in(thread.process)
        flags = arguments.c_int(flags)
        if isinstance(file, UdpSocket) and end is not None:
            text = f"{call} {size_text(len(view))} to {named(end)}"
            with Account(thread, file, call, text) as account:
                until = socket_calls.deadline(thread, self._timeout)
                count = socket_calls.send_to(thread, file, until, view, flags, end, call, control)
                account.result = size_text(count)
                return count
        with Account(thread, file, call, f"{call} {size_text(len(view))}") as account:
            until = socket_calls.deadline(thread, self._timeout) if self._timeout else None
            count = socket_calls.send(thread, file, until, view, flags, call, control)
            account.result = size_text(count)
            return count


def _count(received: Received, flags: int) -> int:
    """Return what the call returns: with MSG_TRUNC the length of the whole datagram."""
    return received.length if flags & numbers.MSG_TRUNC else len(received.text)


def _filling(received: Received, flags: int) -> bytes:
    """Return what a buffer is filled with: of a stream nothing with MSG_TRUNC."""
    thrown_away = flags & numbers.MSG_TRUNC and received.source is None
    return b"" if thrown_away else received.text


def _bytes(received: Received, flags: int) -> bytes:
    """Return the bytes object, which the interpreter makes as long as the kernel says; what was
    not written to it is undefined there, and zero here."""
    return received.text.ljust(_count(received, flags), b"\0")


def named(end: arguments.End) -> str:
    """Return an address for people, by the name of its host if there is one."""
    name = names().name_of(end.host)
    return f"{name}:{end.port}" if name else str(end)


def _received_text(received: Received) -> str:
    """Return what recvfrom() gave, for people."""
    if received.source is None:
        return "EOF"
    return f"{size_text(len(received.text))} from {show_endpoint(*received.source)}"


def _scattered(buffer: object) -> memoryview:
    try:
        return arguments.writable(buffer, "recvmsg_into")
    except TypeError:
        raise TypeError(
            "recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers"
        ) from None
