"""Another process's socket in our hands: pidfd_getfd(2), Linux 5.6.

What is borrowed is the same socket, not a copy: its options can be read and set, shutdown() sends
its FIN, and closing it here closes nothing there.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from pathlib import Path
from typing import Final, NamedTuple

from .errors import Unsupported, need_linux

_PIDFD_GETFD: Final = 438  # one number on every architecture (asm-generic/unistd.h)
_LINGER: Final = struct.Struct("ii")
_YAMA: Final = Path("/proc/sys/kernel/yama/ptrace_scope")
_YAMA_SAYS: Final = {
    1: "only a process's own ancestors may (kernel.yama.ptrace_scope=1); root may",
    2: "only root may (kernel.yama.ptrace_scope=2)",
    3: "nobody may, not even root (kernel.yama.ptrace_scope=3)",
}


class SocketOptions(NamedTuple):
    """What sock_diag(7) does not tell. linger is in seconds, None while SO_LINGER is off."""

    reuseaddr: bool
    reuseport: bool
    linger: int | None


def borrow(pid: int, fd: int) -> socket.socket:
    """Return a process's socket as a socket of ours, to be closed after use.

    Raises PermissionError (which tells what Yama allows), ProcessLookupError for a process or a
    descriptor that is gone, ValueError when the descriptor is no socket, Unsupported.
    """
    need_linux("borrowing a descriptor")
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        raise ProcessLookupError(errno.ESRCH, f"there is no process {pid}") from None
    try:
        descriptor = _getfd(process, pid, fd)
    finally:
        os.close(process)
    try:
        return socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        raise ValueError(f"descriptor {fd} of process {pid} is no socket") from None


def lent_options(pid: int, fd: int) -> tuple[SocketOptions | None, str]:
    """Return the options of another process's socket, and why there are none: "" when it was
    closed meanwhile, else who refused."""
    try:
        with borrow(pid, fd) as borrowed:
            return options(borrowed), ""
    except ProcessLookupError:
        return None, ""
    except OSError as error:
        return None, error.strerror or str(error)


def options(sock: socket.socket) -> SocketOptions:
    """Read the options of a socket, borrowed or ours, that decide who may bind and what close does.

    On Linux close() waits l_linger seconds with SO_LINGER; 0 seconds makes it send an RST.
    """
    onoff, seconds = _LINGER.unpack(
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.size)
    )
    return SocketOptions(
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)),
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)),
        seconds if onoff else None,
    )


def _getfd(process: int, pid: int, fd: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_long(number) for number in (_PIDFD_GETFD, process, fd, 0))
    descriptor = int(libc.syscall(*arguments))
    if descriptor >= 0:
        return descriptor
    number = ctypes.get_errno()
    if number == errno.EPERM:
        raise PermissionError(number, f"descriptors of process {pid}: {_who_may()}")
    if number == errno.EBADF:
        raise ProcessLookupError(errno.ESRCH, f"process {pid} has no descriptor {fd}")
    if number == errno.ESRCH:
        raise ProcessLookupError(errno.ESRCH, f"there is no process {pid}")
    if number == errno.ENOSYS:
        raise Unsupported("borrowing a descriptor needs pidfd_getfd(2), Linux 5.6")
    raise OSError(number, os.strerror(number))


def _who_may() -> str:
    try:
        scope = int(_YAMA.read_text())
    except (OSError, ValueError):
        scope = 0
    return _YAMA_SAYS.get(scope, "another user's; root may")
