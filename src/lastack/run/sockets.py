"""The class that stands for _socket.socket in a simulated program."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from lastack.sockets import (
    Local,
    TcpSocket,
    UdpSocket,
    UnixDatagram,
    UnixSocket,
    os_error,
    without_number,
)
from lastack.sockets import names as numbers
from lastack.wire import show_endpoint

from . import arguments, socket_calls, unix
from .account import Account
from .baton import here
from .socket_data import Address, SocketData, named, names, shown

T = TypeVar("T")

_INT: Final = struct.Struct("i")
_SOMAXCONN: Final = 128
_LARGEST_OPTION: Final = 1024


class Socket(SocketData):
    """The calls that make, name and end connections. AF_INET, AF_INET6, and ends of socketpairs."""

    __slots__ = ()

    # -- names

    def bind(self, address: object, /) -> None:
        """Bind to (host, port), or to a name of AF_UNIX."""
        if isinstance(local := self._file(), UnixSocket | UnixDatagram):
            unix.bind(local, address)
            return
        file = self._inet(errno.EINVAL)
        end = arguments.endpoint(names(), "bind", self._af(), address)
        with Account(here(), file, "bind", f"bind {end}"):
            self._step(partial(file.bind, end.address, end.port, scope=end.scope))

    def getsockname(self) -> Address | str | bytes:
        """Return (address, port), with AF_INET6 also flow label and scope id, or the name of
        AF_UNIX; "" for one of a socketpair."""
        file = self._file()
        if isinstance(file, Local):
            return unix.shown(file.address)
        return shown(*file.getsockname())

    def getpeername(self) -> Address | str | bytes:
        """Return what the other end has for `getsockname`."""
        file = self._file()
        if isinstance(file, UnixSocket | UnixDatagram):
            return unix.shown(file.getpeername())
        return "" if isinstance(file, Local) else shown(*file.getpeername())

    # -- connections

    def listen(self, backlog: object = _SOMAXCONN, /) -> None:
        """Accept connections from now on."""
        limit = max(arguments.c_int(backlog), 0)
        if isinstance(local := self._file(), UnixSocket):
            self._step(local.listen, limit)
            return
        file = self._tcp(errno.EINVAL)
        with Account(here(), file, "listen", f"listen, backlog {limit}"):
            self._step(file.listen, limit)

    def _accept(self) -> tuple[int, Address | str | bytes]:
        """Return the descriptor of a new connection and the address of its client."""
        thread = here()
        if isinstance(local := self._file(), UnixSocket):
            with Account(thread, local, "accept", "accept"):
                new = socket_calls.accept(thread, local, self._timeout)
                return thread.process.add(new), unix.shown(new.peer_address)
        file = self._tcp(errno.EINVAL)
        with Account(thread, file, "accept", "accept") as account:
            child = socket_calls.accept(thread, file, self._timeout)
            fd = thread.process.add(child)
            # Not getpeername(): the address is told also when the client has reset already.
            account.result = show_endpoint(*child.peer)
            return fd, shown(*child.peer)

    def connect(self, address: object, /) -> None:
        """Connect to (host, port), or to a name of AF_UNIX."""
        if isinstance(local := self._file(), UnixSocket | UnixDatagram):
            with Account(here(), local, "connect", "connect"):
                unix.connect(local, address)
            return
        file = self._inet(errno.EISCONN)
        self._connect(file, arguments.endpoint(names(), "connect", self._af(), address))

    def connect_ex(self, address: object, /) -> int:
        """Connect; return the errno, 0 for success. A wrong name still raises."""
        if isinstance(self._file(), UnixSocket | UnixDatagram):
            unix.packed(address)  # what is wrong with it raises, here as there
            attempt = partial(self.connect, address)
        else:
            end = arguments.endpoint(names(), "connect_ex", self._af(), address)
            attempt = partial(self._connect, self._inet(errno.EISCONN), end)
        try:
            attempt()
        except OSError as error:
            return error.errno or errno.EAGAIN  # "timed out" has no errno
        return 0

    def _connect(self, file: TcpSocket | UdpSocket, end: arguments.End) -> None:
        with Account(here(), file, "connect", f"connect {named(end)}") as account:
            if isinstance(file, UdpSocket):
                self._step(partial(file.connect, end.address, end.port, scope=end.scope))
            else:
                socket_calls.connect(file, self._timeout, end)
            account.result = "connected"

    def shutdown(self, how: object, /) -> None:
        """End one direction (SHUT_RD, SHUT_WR) or both."""
        file = self._file()
        number = arguments.c_int(how)
        word = {numbers.SHUT_RD: "SHUT_RD", numbers.SHUT_WR: "SHUT_WR"}.get(number, "SHUT_RDWR")
        with Account(here(), file, "shutdown", f"shutdown {word}"):
            self._step(file.shutdown, number)

    # -- options

    def setsockopt(self, level: int, name: int, value: object, optlen: object = None, /) -> None:
        """Set an option to an int or to the bytes of a struct."""
        file = self._file()
        level, name = arguments.c_int(level), arguments.c_int(name)
        if optlen is not None:
            if value is not None:
                raise TypeError("setsockopt() takes exactly 3 arguments (4 given)")
            raise os_error(errno.EFAULT)  # a length without a value
        if isinstance(value, int):
            if not -(2**31) <= value < 2**31:  # no int of C: then it should have been bytes
                raise TypeError("a bytes-like object is required, not 'int'")
            raw, shown = _INT.pack(value), str(int(value))
        else:
            with arguments.readable(value) as view:
                raw, shown = bytes(view), bytes(view).hex(" ")
        with Account(here(), file, "setsockopt", f"setsockopt {_option(level, name, raw, shown)}"):
            self._step(file.setsockopt, level, name, raw)

    def getsockopt(self, level: int, name: int, buflen: object = 0, /) -> int | bytes:
        """Return an option as int, or as up to `buflen` bytes."""
        file = self._file()
        level, name = arguments.c_int(level), arguments.c_int(name)
        size = arguments.c_int(buflen)
        if not 0 <= size <= _LARGEST_OPTION:
            raise without_number("getsockopt buflen out of range")
        if (level, name) == (numbers.SOL_SOCKET, numbers.SO_ERROR):
            with Account(here(), file, "getsockopt", "getsockopt SO_ERROR") as account:
                raw = self._step(file.getsockopt, level, name, size or _INT.size)
                number = int.from_bytes(raw[:2], "little")
                account.result = errno.errorcode.get(number, "no error")
        else:
            raw = self._step(file.getsockopt, level, name, size or _INT.size)
        return raw if size else _INT.unpack(raw.ljust(_INT.size, b"\0"))[0]

    def _step(self, function: Callable[..., T], *args: Any) -> T:
        thread = here()
        return thread.world.step(thread.process.node, function, *args)


_OPTIONS: Final = {
    (getattr(numbers, level), getattr(numbers, name)): name
    for level, prefix in (
        ("SOL_SOCKET", "SO_"),
        ("IPPROTO_TCP", "TCP_"),
        ("IPPROTO_IP", "IP_"),
        ("IPPROTO_IPV6", "IPV6_"),
    )
    for name in vars(numbers)
    if name.startswith(prefix)
}


def _option(level: int, name: int, raw: bytes, shown: str) -> str:
    """Return an option and its value for people: "SO_LINGER (1, 0)"."""
    word = _OPTIONS.get((level, name), f"({level}, {name})")
    if word == "SO_LINGER" and len(raw) == 2 * _INT.size:
        return f"SO_LINGER ({', '.join(map(str, struct.unpack('ii', raw)))})"
    return f"{word} {shown}"
