"""The system calls of a script, made on simulated sockets.

Each entry of CALLS takes a request and answers a function that attempts the call at a time: it
ends in an Answer, fails with an OSError, or is Unfinished and is attempted again later.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from lastack.host import Host
from lastack.profile import MS, NEVER
from lastack.sockets import (
    AGAIN,
    ERR,
    HUP,
    IN,
    NVAL,
    OUT,
    Call,
    ClosePlan,
    Epoll,
    File,
    TcpSocket,
    names,
    os_error,
)

from .target import Answer, Request

O_NONBLOCK: Final = 0o4000
O_RDWR: Final = 0o2
_CTL_ADD, _CTL_DEL, _CTL_MOD = 1, 2, 3


class Unfinished(NamedTuple):
    """The call waits, and wants to be attempted again at `until` at the latest."""

    until: int = NEVER


Attempt = Callable[[int], Answer | Unfinished]


class Machine(Protocol):
    """What the calls need of the simulated target."""

    host: Host
    files: dict[int, File]

    def file(self, fd: int) -> File:
        """Return what a descriptor refers to; EBADF."""

    def add(self, file: File) -> int:
        """Give a file the lowest free descriptor."""

    def new_epoll(self) -> Epoll:
        """Return an empty epoll set."""


def _tcp(machine: Machine, fd: int) -> TcpSocket:
    file = machine.file(fd)
    if not isinstance(file, TcpSocket):
        raise os_error(errno.ENOTSOCK)
    return file


def _socket(machine: Machine, request: Request) -> Attempt:
    family, kind, protocol = request.arguments

    def attempt(now: int) -> Answer:
        if kind != names.SOCK_STREAM or protocol not in (0, names.IPPROTO_TCP):
            raise os_error(errno.EPROTONOSUPPORT)
        assert isinstance(family, int)
        return Answer(machine.add(TcpSocket(machine.host, family)))

    return attempt


def _bind(machine: Machine, request: Request) -> Attempt:
    address, port = request.arguments
    return _simply(machine, request, lambda sock, now: sock.bind(address, port, now))


def _simply(machine: Machine, request: Request, act: Callable[[Any, int], object]) -> Attempt:
    """Attempt a call that returns 0 and never waits."""

    def attempt(now: int) -> Answer:
        act(_tcp(machine, request.fd), now)
        return Answer(0)

    return attempt


def _listen(machine: Machine, request: Request) -> Attempt:
    return _simply(machine, request, lambda sock, now: sock.listen(request.arguments[0], now))


def _shutdown(machine: Machine, request: Request) -> Attempt:
    return _simply(machine, request, lambda sock, now: sock.shutdown(request.arguments[0], now))


def _disconnect(machine: Machine, request: Request) -> Attempt:
    return _simply(machine, request, lambda sock, now: sock.disconnect(now))


def _setsockopt(machine: Machine, request: Request) -> Attempt:
    return _simply(machine, request, lambda sock, now: sock.setsockopt(*request.arguments, now))


def _getsockopt(machine: Machine, request: Request) -> Attempt:
    def attempt(now: int) -> Answer:
        level, name, size = request.arguments
        sock: Any = _tcp(machine, request.fd)
        return Answer(0, data=sock.getsockopt(level, name, size, now))

    return attempt


def _connect(machine: Machine, request: Request) -> Attempt:
    begun = False
    patience = _Patience(OUT)

    def attempt(now: int) -> Answer | Unfinished:
        nonlocal begun
        address, port = request.arguments
        sock: Any = _tcp(machine, request.fd)
        waits = sock.connected(now) if begun else sock.connect(address, port, now)
        begun = True
        if waits is not AGAIN:
            return Answer(0)
        return patience.wait(sock, now, number=errno.EINPROGRESS)

    return attempt


class _Patience:
    """How long one call waits: for ever, or as SO_RCVTIMEO or SO_SNDTIMEO says."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._until: int | None = None

    def wait(
        self, file: File, now: int, *, number: int = errno.EAGAIN, flags: int = 0
    ) -> Unfinished:
        """Answer that the call waits; an OSError where it must not, or not any longer."""
        if file.nonblocking or flags & names.MSG_DONTWAIT:
            raise os_error(number)
        if self._until is None:
            self._until = file.waits_until(self._bits, now)
        if now >= self._until:
            raise os_error(number)
        return Unfinished(self._until)


def _accept(machine: Machine, request: Request) -> Attempt:
    patience = _Patience(IN)

    def attempt(now: int) -> Answer | Unfinished:
        sock = _tcp(machine, request.fd)
        child = sock.accept(now)
        if child is AGAIN:
            return patience.wait(sock, now)
        fd = machine.add(child)
        assert child.endpoint is not None
        flow = child.endpoint.connection.flow
        return Answer(fd, name=(flow.dst, flow.dport))

    return attempt


def _read(machine: Machine, request: Request) -> Attempt:
    """read, recv, readv, recvmsg: with MSG_WAITALL it waits for everything, or the end."""
    parts: list[bytes] = []
    patience = _Patience(IN)

    def attempt(now: int) -> Answer | Unfinished:
        size, flags, *room = request.arguments
        assert isinstance(flags, int)
        sock = _tcp(machine, request.fd)
        if size is None:
            raise os_error(errno.EFAULT)
        assert isinstance(size, int)
        wants_all = flags & names.MSG_WAITALL and not (sock.nonblocking or flags & names.MSG_PEEK)
        missing = size - sum(map(len, parts))
        data = sock.recv(missing, flags, now)
        if data is AGAIN:
            try:
                return patience.wait(sock, now, flags=flags)
            except OSError:
                if not parts:
                    raise
                data = b""  # MSG_WAITALL ran out of time with a part of it
        parts.append(data)
        if wants_all and data and len(data) < missing:
            return Unfinished()
        whole = b"".join(parts)
        return Answer(len(whole), data=whole, control=_control(sock, *room))

    return attempt


def _control(sock: TcpSocket, room: object = 0) -> tuple[tuple[int, int, bytes], ...]:
    """Return the control data that a recvmsg() with so much room is given."""
    assert isinstance(room, int)
    return sock.brought(room)[0] if room else ()


def _write(machine: Machine, request: Request) -> Attempt:
    """write, send, sendto: all of it where the call may block, else what there is room for."""
    sent = 0
    flags = request.arguments[1]
    assert isinstance(flags, int)
    patience = _Patience(OUT)

    def attempt(now: int) -> Answer | Unfinished:
        nonlocal sent, flags
        data = request.arguments[0]
        sock = _tcp(machine, request.fd)
        if data is None:
            raise os_error(errno.EFAULT)
        assert isinstance(data, bytes)
        while True:
            try:
                taken = sock.send(data[sent:], flags, now)
            except OSError:
                if sent:
                    return Answer(sent)
                raise
            if taken is AGAIN:
                try:
                    return patience.wait(sock, now, flags=flags)
                except OSError:
                    if sent:
                        return Answer(sent)
                    raise
            sent += taken
            flags &= ~names.MSG_ZEROCOPY  # one call, one notification
            if sent >= len(data):
                return Answer(sent)

    return attempt


def _close(machine: Machine, request: Request) -> Attempt:
    plan: ClosePlan | None = None
    file: File | None = None

    def attempt(now: int) -> Answer | Unfinished:
        nonlocal plan, file
        if file is None:
            file = machine.file(request.fd)
            del machine.files[request.fd]
            plan = file.drop(now)
        if plan is None:
            return Answer(0)
        assert isinstance(file, TcpSocket)
        if plan.call is Call.REFUSE:
            machine.files[request.fd] = file
        elif file.still_closing(plan, now):
            return Unfinished(plan.wait_until)
        number = file.finish_close(plan, now)
        return Answer(-1, number) if number else Answer(0)

    return attempt


def _dup(machine: Machine, request: Request) -> Attempt:
    return lambda now: Answer(machine.add(machine.file(request.fd)))


def _getflags(machine: Machine, request: Request) -> Attempt:
    def attempt(now: int) -> Answer:
        return Answer(O_RDWR | (O_NONBLOCK if machine.file(request.fd).nonblocking else 0))

    return attempt


def _setflags(machine: Machine, request: Request) -> Attempt:
    def attempt(now: int) -> Answer:
        flags = request.arguments[0]
        assert isinstance(flags, int)
        machine.file(request.fd).nonblocking = bool(flags & O_NONBLOCK)
        return Answer(0)

    return attempt


def _ioctl(machine: Machine, request: Request) -> Attempt:
    def attempt(now: int) -> Answer:
        number = request.arguments[0]
        assert isinstance(number, int)
        value = _tcp(machine, request.fd).ioctl(number)
        return Answer(0, data=value.to_bytes(4, "little", signed=True))

    return attempt


def _getsockname(machine: Machine, request: Request) -> Attempt:
    return lambda now: Answer(0, name=_tcp(machine, request.fd).getsockname())


def _getpeername(machine: Machine, request: Request) -> Attempt:
    return lambda now: Answer(0, name=_tcp(machine, request.fd).getpeername())


def _deadline(timeout: object, now: int) -> int:
    assert isinstance(timeout, int)
    return NEVER if timeout < 0 else now + timeout * MS


def _poll(machine: Machine, request: Request) -> Attempt:
    until: int | None = None

    def attempt(now: int) -> Answer | Unfinished:
        nonlocal until
        wanted, timeout = request.arguments
        if until is None:
            until = _deadline(timeout, now)
        assert isinstance(wanted, tuple)
        ready = []
        for fd, events in wanted:
            file = machine.files.get(fd)
            bits = NVAL if file is None else file.mask(now)
            ready.append((fd, bits & (events | ERR | HUP | NVAL)))
        count = sum(bits != 0 for _, bits in ready)
        if count or now >= until:
            return Answer(count, ready=tuple(ready))
        return Unfinished(until)

    return attempt


def _epoll(machine: Machine, fd: int) -> Epoll:
    file = machine.file(fd)
    if not isinstance(file, Epoll):
        raise os_error(errno.EINVAL)
    return file


def _epoll_create(machine: Machine, request: Request) -> Attempt:
    return lambda now: Answer(machine.add(machine.new_epoll()))


def _epoll_ctl(machine: Machine, request: Request) -> Attempt:
    def attempt(now: int) -> Answer:
        operation, fd, events = request.arguments
        assert isinstance(fd, int)
        assert isinstance(events, int)
        epoll, file = _epoll(machine, request.fd), machine.file(fd)
        if operation == _CTL_ADD:
            epoll.add(fd, file, events, now)
        elif operation == _CTL_MOD:
            epoll.modify(fd, file, events, now)
        elif operation == _CTL_DEL:
            epoll.remove(fd, file)
        else:
            raise os_error(errno.EINVAL)
        return Answer(0)

    return attempt


def _epoll_wait(machine: Machine, request: Request) -> Attempt:
    until: int | None = None

    def attempt(now: int) -> Answer | Unfinished:
        nonlocal until
        most, timeout = request.arguments
        if until is None:
            until = _deadline(timeout, now)
        assert isinstance(most, int)
        found = _epoll(machine, request.fd).collect(most, now)
        if found or now >= until:
            return Answer(len(found), ready=tuple(found))
        return Unfinished(until)

    return attempt


CALLS: Final[dict[str, Callable[[Machine, Request], Attempt]]] = {
    "socket": _socket, "bind": _bind, "listen": _listen, "connect": _connect,
    "disconnect": _disconnect, "accept": _accept, "read": _read, "recvmsg": _read,
    "write": _write, "shutdown": _shutdown, "close": _close, "dup": _dup,
    "getflags": _getflags, "setflags": _setflags, "ioctl": _ioctl, "setsockopt": _setsockopt,
    "getsockopt": _getsockopt, "getsockname": _getsockname, "getpeername": _getpeername,
    "poll": _poll, "epoll_create": _epoll_create, "epoll_ctl": _epoll_ctl,
    "epoll_wait": _epoll_wait,
}  # fmt: skip
"""Every call by its name in a request."""
