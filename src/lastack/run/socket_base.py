"""What a simulated socket object is: a descriptor, three numbers, and a timeout."""

from __future__ import annotations

import _socket as real
import errno
import operator
import os
import warnings
from typing import Final

from lastack.host import Host
from lastack.sockets import (
    Local,
    PairEnd,
    TcpSocket,
    UdpSocket,
    UnixDatagram,
    UnixSocket,
    os_error,
)

from . import arguments, unix
from .account import Account, give_back
from .baton import Scheduler, current, here
from .fences import refuse
from .process import FIRST_DESCRIPTOR, Process
from .two_worlds import TwoWorlds

_class_of: Final = type
AF_UNIX: Final = 1
SOCK_NONBLOCK: Final = 0o4000
SOCK_CLOEXEC: Final = 0o2000000

Socketlike = TcpSocket | UdpSocket | PairEnd | UnixDatagram
"""The files that are sockets."""

_SOCKETS: Final = (TcpSocket, UdpSocket, PairEnd, UnixDatagram)

_KINDS: Final[dict[type, tuple[int, int, int]]] = {
    TcpSocket: (real.AF_INET, real.SOCK_STREAM, real.IPPROTO_TCP),
    UdpSocket: (real.AF_INET, real.SOCK_DGRAM, real.IPPROTO_UDP),
    PairEnd: (AF_UNIX, real.SOCK_STREAM, 0),
    UnixSocket: (AF_UNIX, real.SOCK_STREAM, 0),
    UnixDatagram: (AF_UNIX, real.SOCK_DGRAM, 0),
}
"""SO_DOMAIN (of AF_INET6 sockets the socket knows it), SO_TYPE and SO_PROTOCOL of each."""


class SocketBase(metaclass=TwoWorlds):
    """Descriptor, timeout and end of a socket object; the calls are in the subclasses."""

    __slots__ = ("_fd", "_family", "_kind", "_proto", "_timeout", "_world", "_process")

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: object = None):
        if not issubclass(_class_of(self), SocketBase):
            refuse("socket.__new__")  # a real object, whose class calls `_socket.socket.__init__`
        self._fd = -1
        thread = here()
        self._world: Scheduler = thread.world
        self._process: Process = thread.process
        family, kind, proto = arguments.c_int(family), arguments.c_int(type), arguments.c_int(proto)
        blocking = True
        if fileno is None:
            family = real.AF_INET if family == -1 else family
            kind = real.SOCK_STREAM if kind == -1 else kind
            proto = 0 if proto == -1 else proto
            blocking = not kind & SOCK_NONBLOCK
            kind &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC)
            file: Socketlike = _create(family, kind, proto)
            fd = self._process.add(file)
        else:
            fd = operator.index(fileno)  # type: ignore[arg-type]  # its TypeError is the right one
            if fd < 0:
                raise ValueError("negative file descriptor")
            file = _socket_of(self._process, fd)
            found = _KINDS[_class_of(file)]
            if family == -1:
                family = found[0] if isinstance(file, Local) else file.family
            kind = found[1] if kind == -1 else kind
            proto = found[2] if proto == -1 else proto
        self._fd, self._family, self._kind, self._proto = fd, family, kind, proto
        default = self._process.default_timeout if blocking else 0.0
        self._timeout = arguments.timeout_ns(default)
        if default is not None:
            file.nonblocking = True

    def __repr__(self) -> str:
        return (
            f"<socket object, fd={self._fd}, family={self._family}, type={self._kind}, "
            f"proto={self._proto}>"
        )

    @property
    def family(self) -> int:
        """The address family."""
        return self._family

    @property
    def type(self) -> int:
        """The kind of socket."""
        return self._kind

    @property
    def proto(self) -> int:
        """The protocol number as it was given."""
        return self._proto

    @property
    def timeout(self) -> float | None:
        """The timeout in seconds."""
        return arguments.shown_timeout(self._timeout)

    def _file(self) -> Socketlike:
        """Return the file behind the descriptor; EBADF, ENOTSOCK."""
        return self._file_in(here().process)

    def _file_in(self, process: Process) -> Socketlike:
        file = process.descriptors.get(self._fd)
        return file if isinstance(file, _SOCKETS) else _socket_of(process, self._fd)

    def _tcp(self, number: int) -> TcpSocket:
        """Return the TCP socket; `number` is the error of the call for one of a socketpair, and
        datagrams do not support it."""
        file = self._file()
        if isinstance(file, UdpSocket | UnixDatagram):
            raise os_error(errno.EOPNOTSUPP)
        if not isinstance(file, TcpSocket):
            raise os_error(number)
        return file

    def _inet(self, number: int) -> TcpSocket | UdpSocket:
        """Return the AF_INET socket; `number` is the error of the call for one of a socketpair."""
        file = self._file()
        if isinstance(file, Local):
            raise os_error(number)
        return file

    def _af(self) -> int:
        """Return the family whose addresses the socket takes."""
        file = self._file()
        return real.AF_INET if isinstance(file, Local) else file.family

    # -- blocking and timeouts

    def settimeout(self, timeout: object, /) -> None:
        """Set the timeout in seconds; None blocks, 0 does not."""
        limit = arguments.timeout_ns(timeout)
        self._file().nonblocking = limit is not None
        self._timeout = limit

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds."""
        return self.timeout

    def setblocking(self, flag: object, /) -> None:
        """Block for ever, or not at all."""
        self.settimeout(None if operator.index(flag) else 0.0)  # type: ignore[arg-type]

    def getblocking(self) -> bool:
        """Tell whether a call may wait."""
        return self._timeout != 0

    # -- the descriptor

    def fileno(self) -> int:
        """Return the descriptor, -1 when closed."""
        return self._fd

    def detach(self) -> int:
        """Give the descriptor away."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self) -> None:
        """Close the descriptor; with SO_LINGER this may wait. ECONNRESET is not told."""
        fd, self._fd = self._fd, -1
        if fd == -1 or current() is None:
            return
        try:
            close_descriptor(fd)
        except OSError as error:
            if error.errno != errno.ECONNRESET:
                raise

    def __del__(self) -> None:
        # The engine may be at work: the descriptor is closed at the next call or wait.
        if getattr(self, "_fd", -1) == -1:
            return
        self._world.abandon(self._process, self._fd)
        thread = current()
        if thread is not None and thread.process is self._process and not self._world.in_engine:
            # As the interpreter does; a filter that makes an error of it is told of in its way.
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)


def close_descriptor(fd: int) -> None:
    """close(2) of a simulated descriptor; its errno as OSError."""
    thread = here()
    file = thread.process.descriptors.pop(fd, None)
    if file is None:
        raise os_error(errno.EBADF)
    with Account(thread, file, "close", "close", holds=False) as account:
        number = give_back(file, thread)
        if number:
            raise os_error(number)
        if file.refs:
            account.result = "ok, the socket is still in use"


def is_real(fd: int) -> bool:
    """Tell whether a descriptor is a file of the real world, which no socket can be made of."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return fd < FIRST_DESCRIPTOR


def _create(family: int, kind: int, proto: int) -> Socketlike:
    """socket(2): SOCK_STREAM or SOCK_DGRAM of AF_INET, AF_INET6 and AF_UNIX."""
    if family not in (real.AF_INET, real.AF_INET6, AF_UNIX):
        raise os_error(errno.EAFNOSUPPORT)
    if kind not in range(1, 11):
        raise os_error(errno.EINVAL)
    if kind not in (real.SOCK_STREAM, real.SOCK_DGRAM):
        raise os_error(errno.ESOCKTNOSUPPORT)
    datagrams = kind == real.SOCK_DGRAM
    if family == AF_UNIX:
        if proto not in (0, AF_UNIX):
            raise os_error(errno.EPROTONOSUPPORT)
        return unix.make_datagram() if datagrams else unix.make()
    if proto not in (0, real.IPPROTO_UDP if datagrams else real.IPPROTO_TCP):
        raise os_error(errno.EPROTONOSUPPORT)
    host = here().process.node.host
    assert isinstance(host, Host), "sockets need the TCP and UDP of lastack.host"
    return UdpSocket(host, family) if datagrams else TcpSocket(host, family)


def _socket_of(process: Process, fd: int) -> Socketlike:
    file = process.descriptors.get(fd)
    if file is None:
        raise os_error(errno.ENOTSOCK if fd >= 0 and is_real(fd) else errno.EBADF)
    if not isinstance(file, _SOCKETS):
        raise os_error(errno.ENOTSOCK)
    return file
