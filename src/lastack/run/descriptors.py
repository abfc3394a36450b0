"""Descriptors of simulated programs in the os and fcntl modules.

Numbers from FIRST_DESCRIPTOR on are simulated; smaller ones are real files, which programs may
read and write as ever. Standard output goes where the program's output goes.
"""

from __future__ import annotations

import errno
import fcntl as real_fcntl
import os
import stat
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from lastack.sockets import (
    Epoll,
    File,
    PairEnd,
    PipeReader,
    PipeWriter,
    TcpSocket,
    UdpSocket,
    UnixDatagram,
    UnixSocket,
    os_error,
    pipe,
)
from lastack.sockets import names as numbers

from . import arguments, socket_calls
from .account import Account, give_back, room_text, size_text
from .baton import here
from .process import FIRST_DESCRIPTOR
from .readiness import descriptor
from .seams import Dispatch, Registry
from .socket_base import close_descriptor

_INT: Final = struct.Struct("i")
_SENDFILE_BYTES: Final = 1 << 16
_INT_MAX: Final = 2**31 - 1
_FIONBIO: Final = 0x5421
_inheritable: Final[set[int]] = set()
"""Descriptors without FD_CLOEXEC; numbers are never used again, in no world."""
_LOCAL = PairEnd | UnixDatagram
_MODES: Final = {
    TcpSocket: stat.S_IFSOCK | 0o777,
    UdpSocket: stat.S_IFSOCK | 0o777,
    PairEnd: stat.S_IFSOCK | 0o777,
    UnixSocket: stat.S_IFSOCK | 0o777,
    UnixDatagram: stat.S_IFSOCK | 0o777,
    PipeReader: stat.S_IFIFO | 0o600,
    PipeWriter: stat.S_IFIFO | 0o600,
}


def lookup(fd: int) -> File:
    """Return the file behind a descriptor of the current program; EBADF."""
    file = here().process.descriptors.get(fd)
    if file is None:
        raise os_error(errno.EBADF)
    return file


def _stream(fd: int) -> socket_calls.Stream:
    file = lookup(fd)
    if isinstance(file, Epoll):
        raise os_error(errno.EINVAL)
    assert isinstance(file, TcpSocket | UdpSocket | _LOCAL | PipeReader | PipeWriter), file
    return file


def read(fd: int, length: int, /) -> bytes:
    """`os.read`."""
    if arguments.c_int(length) < 0:
        raise os_error(errno.EINVAL)
    return _read(fd, length, "read")


def _read(fd: int, length: int, call: str) -> bytes:
    file = _stream(fd)
    thread = here()
    with Account(thread, file, call, room_text(call, length)) as account:
        data = socket_calls.recv(thread, file, None, length, 0, call)
        account.result = size_text(len(data)) if data or not length else "EOF"
        return data


def readv(fd: int, buffers: Sequence[Any], /) -> int:
    """`os.readv`: one read into several buffers."""
    views = [memoryview(buffer).cast("B") for buffer in buffers]
    data = _read(fd, sum(map(len, views)), "readv")
    first = 0
    for view in views:
        part = data[first : first + len(view)]
        view[: len(part)] = part
        first += len(part)
    return len(data)


def write(fd: int, data: object, /) -> int:
    """`os.write`."""
    return _write(fd, data, "write")


def writev(fd: int, buffers: Sequence[Any], /) -> int:
    """`os.writev`: one write from several buffers."""
    return _write(fd, b"".join(memoryview(buffer).cast("B") for buffer in buffers), "writev")


def _write(fd: int, data: object, call: str) -> int:
    file, thread = _stream(fd), here()
    with (
        arguments.readable(data) as view,
        Account(thread, file, call, f"{call} {size_text(len(view))}") as account,
    ):
        count = socket_calls.send(thread, file, None, view, 0, call)
        account.result = size_text(count)
        return count


def no_position(fd: int, *_: object) -> NoReturn:
    """`os.lseek`, `os.pread` and `os.pwrite`: neither a socket nor a pipe has a position."""
    lookup(fd)
    raise os_error(errno.ESPIPE)


def sendfile(out_fd: int, in_fd: int, offset: int, count: int) -> int:
    """`os.sendfile` from a real file to a simulated one."""
    data = os.pread(in_fd, min(count, _SENDFILE_BYTES), offset)
    return write(out_fd, data) if data else 0


def dup(fd: int, /) -> int:
    """`os.dup`."""
    return here().process.add(lookup(fd))


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """`os.dup2`, onto a simulated descriptor. What that was is closed: SO_LINGER may make it
    wait (docs/kernel-notes/references.md), and an error of that close is nobody's."""
    file = lookup(fd)
    if fd2 == fd:
        return fd2
    if fd2 < FIRST_DESCRIPTOR:
        raise os_error(errno.EBADF)  # a simulated file cannot become a real one
    descriptors = here().process.descriptors
    file.hold()
    old, descriptors[fd2] = descriptors.get(fd2), file
    (_inheritable.add if inheritable else _inheritable.discard)(fd2)
    if old is not None:
        with Account(here(), old, "close", f"close (dup2 onto descriptor {fd2})", holds=False):
            give_back(old, here())
    return fd2


def make_pipe() -> tuple[int, int]:
    """`os.pipe`."""
    thread = here()
    reader, writer = pipe(thread.world.waiters.wake)
    return thread.process.add(reader), thread.process.add(writer)


def pipe2(flags: int, /) -> tuple[int, int]:
    """`os.pipe2`."""
    ends = make_pipe()
    for fd in ends:
        lookup(fd).nonblocking = bool(flags & os.O_NONBLOCK)
    return ends


def get_blocking(fd: int, /) -> bool:
    """`os.get_blocking`."""
    return not lookup(fd).nonblocking


def set_blocking(fd: int, blocking: object, /) -> None:
    """`os.set_blocking`."""
    lookup(fd).nonblocking = not blocking


def get_inheritable(fd: int, /) -> bool:
    """`os.get_inheritable`."""
    lookup(fd)
    return fd in _inheritable


def set_inheritable(fd: int, inheritable: object, /) -> None:
    """`os.set_inheritable`: remembered only, as there is no exec."""
    lookup(fd)
    (_inheritable.add if inheritable else _inheritable.discard)(fd)


def isatty(fd: int, /) -> bool:
    """`os.isatty`."""
    lookup(fd)
    return False


def fstat(fd: int) -> os.stat_result:
    """`os.fstat`: what the descriptor is, and nothing of a disk."""
    mode = _MODES.get(type(lookup(fd)), 0o600)
    return os.stat_result((mode, fd, 0, 1, 0, 0, 0, 0, 0, 0))


def fcntl(fd: int, command: int, argument: int | bytes = 0, /) -> int:
    """`fcntl.fcntl`: O_NONBLOCK, FD_CLOEXEC, duplicates. EINVAL for others."""
    file = lookup(fd)
    if command == real_fcntl.F_GETFL:
        return os.O_RDWR | (os.O_NONBLOCK if file.nonblocking else 0)
    if command == real_fcntl.F_SETFL and isinstance(argument, int):
        file.nonblocking = bool(argument & os.O_NONBLOCK)
        return 0
    if command == real_fcntl.F_GETFD:
        return 0 if fd in _inheritable else real_fcntl.FD_CLOEXEC
    if command == real_fcntl.F_SETFD and isinstance(argument, int):
        set_inheritable(fd, not argument & real_fcntl.FD_CLOEXEC)
        return 0
    if command in (real_fcntl.F_DUPFD, real_fcntl.F_DUPFD_CLOEXEC):
        return dup(fd)
    raise os_error(errno.EINVAL)


def ioctl(fd: int, request: int, argument: Any = 0, mutate: bool = True, /) -> int | bytes:
    """`fcntl.ioctl`: SIOCINQ (FIONREAD), SIOCOUTQ (TIOCOUTQ), SIOCOUTQNSD, SIOCATMARK, FIONBIO."""
    file = lookup(fd)
    if isinstance(argument, int):
        raise os_error(errno.EFAULT)  # no address of this program means anything here
    if request == _FIONBIO:
        file.nonblocking = _INT.unpack(bytes(argument)[: _INT.size])[0] != 0
        return 0
    answer = _INT.pack(_queued(file, request))
    if isinstance(argument, bytes | str) or not mutate:
        data = argument.encode() if isinstance(argument, str) else bytes(argument)
        return answer + data[_INT.size :]
    with arguments.writable(argument, "ioctl") as view:
        view[: _INT.size] = answer
    return 0


def _queued(file: File, request: int) -> int:
    """Return the number of bytes that an ioctl(2) asks for; ENOTTY for another request."""
    if isinstance(file, TcpSocket | UdpSocket):
        return file.ioctl(request)
    if request == numbers.SIOCINQ and isinstance(file, _LOCAL | PipeReader | PipeWriter):
        return file.unread()
    if request == numbers.SIOCOUTQ and isinstance(file, _LOCAL):
        return file.unsent()
    raise os_error(errno.ENOTTY)


class Either:
    """A function that does `sim` for simulated descriptors and `real` for the others.

    No closure: what a closure refers to is rewritten when the seams are put in place.
    """

    def __init__(self, sim: Callable[..., Any], real: Callable[..., Any]) -> None:
        self.sim = sim
        self.real = real

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do the one or the other."""
        fd = args[0] if args else kwargs.get("fd", kwargs.get("out_fd"))
        number = descriptor(fd) if not isinstance(fd, int) and hasattr(fd, "fileno") else fd
        if isinstance(number, int):
            if FIRST_DESCRIPTOR <= number <= _INT_MAX:
                return self.sim(*(number for _ in args[:1]), *args[1:], **kwargs)
            if number <= 2 and self.sim in (read, write):
                return _standard(number, *args[1:])
        return self.real(*args, **kwargs)


def _standard(fd: int, what: Any, /) -> Any:
    """Read from or write to stdin, stdout or stderr: there is no input, and each its output."""
    output = here().process.output
    if isinstance(what, int):
        if fd:
            raise os_error(errno.EBADF)
        return b""
    if not fd:
        raise os_error(errno.EBADF)
    return (output.stdout_sink if fd == 1 else output.stderr_sink).write(what)


class CloseOutside:
    """`os.close` in the real world: a number that a world gave out is closed already.

    Objects that close a descriptor as they are deleted may outlive their world, and the interpreter
    would complain about each.
    """

    def __init__(self, real: Callable[..., None]) -> None:
        self.real = real

    def __call__(self, fd: Any) -> None:
        """Close a real descriptor."""
        if not (isinstance(fd, int) and FIRST_DESCRIPTOR <= fd <= _INT_MAX):
            self.real(fd)


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    for name, sim in (
        ("read", read), ("write", write), ("readv", readv), ("writev", writev), ("dup", dup),
        ("lseek", no_position), ("pread", no_position), ("pwrite", no_position),
        ("dup2", dup2), ("sendfile", sendfile), ("fstat", fstat), ("isatty", isatty),
        ("get_blocking", get_blocking), ("set_blocking", set_blocking),
        ("get_inheritable", get_inheritable), ("set_inheritable", set_inheritable),
    ):  # fmt: skip
        registry.function("os", name, Either(sim, registry.real("os", name)))
    close = registry.real("os", "close")
    registry.seam("os", "close", Dispatch(Either(close_descriptor, close), CloseOutside(close)))
    registry.function("os", "pipe", make_pipe)
    registry.function("os", "pipe2", pipe2)
    registry.function("fcntl", "fcntl", Either(fcntl, registry.real("fcntl", "fcntl")))
    registry.function("fcntl", "ioctl", Either(ioctl, registry.real("fcntl", "ioctl")))
