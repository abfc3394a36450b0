"""System calls by number of descriptor, as C programs make them, with their errno.

Python's own socket objects translate too much for a script that asks for EFAULT, for the errno of
close() or for a call on a descriptor that is not open. Each function takes the arguments of a
request (see drill.target) and returns an answer.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from lastack.drill import Answer

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_F_GETFL, _F_SETFL = 3, 4
_SOCKADDR: Final = 128
_OPTION: Final = 4096
_CMSG: Final = struct.Struct("=Qii")
"""struct cmsghdr; what follows it is padded to 8 octets."""
_ALIGNMENT: Final = 8
_UNSPEC: Final = bytes(16)
"""A socket address of the family AF_UNSPEC."""
NOT_OPEN: Final = 1 << 20
"""A descriptor that no process here has."""


class _PollFd(ctypes.Structure):
    _fields_ = (("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short))


class _EpollEvent(ctypes.Structure):
    # epoll_ctl(2): packed on x86-64 only
    if platform.machine() == "x86_64":
        _pack_ = 1
        _layout_ = "ms"
    _fields_ = (("events", ctypes.c_uint32), ("data", ctypes.c_uint64))


class _Iovec(ctypes.Structure):
    _fields_ = (("iov_base", ctypes.c_void_p), ("iov_len", ctypes.c_size_t))


class _MsgHdr(ctypes.Structure):
    _fields_ = (
        ("msg_name", ctypes.c_void_p), ("msg_namelen", ctypes.c_uint32),
        ("msg_iov", ctypes.POINTER(_Iovec)), ("msg_iovlen", ctypes.c_size_t),
        ("msg_control", ctypes.c_void_p), ("msg_controllen", ctypes.c_size_t),
        ("msg_flags", ctypes.c_int),
    )  # fmt: skip


def _ask(name: str, *arguments: Any) -> Answer:
    """Make a call of libc."""
    ctypes.set_errno(0)
    value = getattr(_LIBC, name)(*arguments)
    return Answer(value, ctypes.get_errno() if value < 0 else 0)


def _sockaddr(address: bytes, port: int) -> bytes:
    if len(address) == 4:
        return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, address)
    return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, address, 0)


def _end(raw: bytes) -> tuple[bytes, int] | None:
    (family,) = struct.unpack_from("=H", raw)
    (port,) = struct.unpack_from("!H", raw, 2)
    if family == socket.AF_INET:
        return raw[4:8], port
    return (raw[8:24], port) if family == socket.AF_INET6 else None


def _named(name: str, fd: int) -> Answer:
    """Make a call that stores an address."""
    room = ctypes.create_string_buffer(_SOCKADDR)
    size = ctypes.c_uint(_SOCKADDR)
    answer = _ask(name, fd, room, ctypes.byref(size))
    return answer if answer.value < 0 else answer._replace(name=_end(room.raw))


def _to(name: str, fd: int, address: bytes, port: int) -> Answer:
    raw = _sockaddr(address, port)
    return _ask(name, fd, raw, len(raw))


def _read(fd: int, size: int | None, flags: int) -> Answer:
    if size is None:
        return _ask("recv", fd, None, ctypes.c_size_t(1), flags)
    room = ctypes.create_string_buffer(max(size, 1))
    answer = _ask("recv", fd, room, ctypes.c_size_t(size), flags)
    return answer if answer.value < 0 else answer._replace(data=room.raw[: answer.value])


def _receive_message(fd: int, size: int, flags: int, room: int) -> Answer:
    text = ctypes.create_string_buffer(max(size, 1))
    control = ctypes.create_string_buffer(max(room, 1))
    where = _Iovec(ctypes.addressof(text), size)
    head = _MsgHdr(
        None, 0, ctypes.pointer(where), 1, ctypes.addressof(control), room, 0
    )  # fmt: skip
    answer = _ask("recvmsg", fd, ctypes.byref(head), flags)
    if answer.value < 0:
        return answer
    items = tuple(_items(control.raw[: head.msg_controllen]))
    return answer._replace(data=text.raw[: answer.value], control=items)


def _items(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield level, type and data of control data (CMSG_NXTHDR)."""
    at = 0
    while at + _CMSG.size <= len(raw):
        length, level, kind = _CMSG.unpack_from(raw, at)
        yield level, kind, raw[at + _CMSG.size : at + length]
        at += max(-(-length // _ALIGNMENT) * _ALIGNMENT, _CMSG.size)


def _write(fd: int, data: bytes | None, flags: int, end: tuple[bytes, int] | None) -> Answer:
    size = ctypes.c_size_t(1 if data is None else len(data))
    raw = None if end is None else _sockaddr(*end)
    return _ask("sendto", fd, data, size, flags, raw, len(raw or b""))


def _set_option(fd: int, level: int, name: int, raw: bytes) -> Answer:
    return _ask("setsockopt", fd, level, name, raw, len(raw))


def _get_option(fd: int, level: int, name: int, size: int) -> Answer:
    room = ctypes.create_string_buffer(max(size, _OPTION))
    told = ctypes.c_uint(size)
    answer = _ask("getsockopt", fd, level, name, room, ctypes.byref(told))
    return answer if answer.value < 0 else answer._replace(data=room.raw[: told.value])


def _ioctl(fd: int, number: int) -> Answer:
    value = ctypes.c_int()
    answer = _ask("ioctl", fd, ctypes.c_ulong(number), ctypes.byref(value))
    return answer._replace(data=value.value.to_bytes(4, sys.byteorder, signed=True))


def _poll(_: int, wanted: tuple[tuple[int, int], ...], timeout: int) -> Answer:
    table = (_PollFd * len(wanted))(*(_PollFd(fd, events, 0) for fd, events in wanted))
    answer = _ask("poll", table, ctypes.c_ulong(len(wanted)), timeout)
    return answer._replace(ready=tuple((one.fd, one.revents & 0xFFFF) for one in table))


def _epoll_ctl(fd: int, operation: int, other: int, events: int) -> Answer:
    return _ask(
        "epoll_ctl", fd, operation, other, ctypes.byref(_EpollEvent(events & 0xFFFFFFFF, other))
    )


def _epoll_wait(fd: int, most: int, timeout: int) -> Answer:
    if most < 1:
        return Answer(-1, errno.EINVAL)
    table = (_EpollEvent * most)()
    answer = _ask("epoll_wait", fd, table, most, timeout)
    found = table[: max(answer.value, 0)]
    return answer._replace(ready=tuple((int(one.data), int(one.events)) for one in found))


CALLS: Final[dict[str, Callable[..., Answer]]] = {
    "socket": lambda _, *how: _ask("socket", *how),
    "bind": lambda fd, *end: _to("bind", fd, *end),
    "listen": lambda fd, backlog: _ask("listen", fd, backlog),
    "connect": lambda fd, *end: _to("connect", fd, *end),
    "disconnect": lambda fd: _ask("connect", fd, _UNSPEC, len(_UNSPEC)),
    "accept": lambda fd: _named("accept", fd),
    "read": _read,
    "recvmsg": _receive_message,
    "write": _write,
    "shutdown": lambda fd, how: _ask("shutdown", fd, how),
    "close": lambda fd: _ask("close", fd),
    "dup": lambda fd: _ask("dup", fd),
    "getflags": lambda fd: _ask("fcntl", fd, _F_GETFL, 0),
    "setflags": lambda fd, flags: _ask("fcntl", fd, _F_SETFL, flags),
    "ioctl": _ioctl,
    "setsockopt": _set_option,
    "getsockopt": _get_option,
    "getsockname": lambda fd: _named("getsockname", fd),
    "getpeername": lambda fd: _named("getpeername", fd),
    "poll": _poll,
    "epoll_create": lambda _: _ask("epoll_create1", 0),
    "epoll_ctl": _epoll_ctl,
    "epoll_wait": _epoll_wait,
}
"""Every call by its name in a request: the descriptor, then the arguments."""

WAITING: Final = frozenset(
    {"connect", "accept", "read", "recvmsg", "write", "close", "poll", "epoll_wait"}
)
"""Those that may wait."""
OPENING: Final = frozenset({"socket", "accept", "dup", "epoll_create"})
"""Those that return a new descriptor."""
