"""AF_UNIX in a simulated program: its names are files of the real file system, as all files are.

bind() makes the file (mknod(2)), so that a program finds it, tests it and removes it as ever; which
socket it stands for is known to the host alone. Another host that sees the same file gets
ECONNREFUSED, as over a file system that two machines share.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

from lastack.sockets import (
    AGAIN,
    OUT,
    Local,
    UnixDatagram,
    UnixName,
    UnixSocket,
    os_error,
    path_too_long,
)

from .baton import here, spin

_SUN_PATH: Final = 108
"""Bytes of a name in sockaddr_un; a path needs one more for its NUL."""


def make() -> UnixSocket:
    """socket(2) of AF_UNIX and SOCK_STREAM."""
    thread = here()
    return UnixSocket(thread.process.node.unix_names, thread.world.waiters.wake)


def make_datagram() -> UnixDatagram:
    """socket(2) of AF_UNIX and SOCK_DGRAM."""
    thread = here()
    return UnixDatagram(thread.world.waiters.wake, thread.process.node.unix_names)


def packed(address: object) -> bytes:
    """Return the bytes of a name that a program gave, str or bytes; TypeError, OSError."""
    if isinstance(address, str):
        name = os.fsencode(address)
    else:
        try:
            with memoryview(address) as view:  # type: ignore[arg-type]  # what is none is told below
                name = bytes(view)
        except TypeError:
            wrong = type(address).__name__
            raise TypeError(f"a bytes-like object is required, not '{wrong}'") from None
    abstract = name[:1] in (b"", b"\0")
    if len(name) > _SUN_PATH - (not abstract):
        raise path_too_long()
    return name if abstract else name.partition(b"\0")[0]


def shown(name: bytes) -> str | bytes:
    """Return a name as a program sees it: str, or bytes for an abstract one."""
    return name if name.startswith(b"\0") else os.fsdecode(name)


def bind(file: Local, address: object) -> None:
    """bind(2): make the file of a name, EADDRINUSE where there is one; "" is any abstract name."""
    name = packed(address)
    thread = here()
    world, node = thread.world, thread.process.node
    file.check_unbound()
    key: UnixName
    if not name:
        key = name = node.unix_names.automatic()
    elif name.startswith(b"\0"):
        key = name
    else:
        key = _make_file(name)
    world.step(node, file.bind, key, name)


def _make_file(path: bytes) -> tuple[int, int]:
    try:
        os.mknod(path, stat.S_IFSOCK | 0o777)
        made = os.stat(path)
    except OSError as error:
        number = errno.EADDRINUSE if error.errno == errno.EEXIST else error.errno
        raise os_error(number or errno.EIO) from None
    return made.st_dev, made.st_ino


def key_of(name: bytes) -> UnixName | None:
    """Return what stands for a name of connect() or sendto(); None for a file that is no socket.
    EINVAL for none, and the errors of stat(2)."""
    if not name:
        raise os_error(errno.EINVAL)
    return name if name.startswith(b"\0") else _found(name)


def connect(file: UnixSocket | UnixDatagram, address: object) -> None:
    """connect(2): done at once, or when the listener's queue has room. EAGAIN when SO_SNDTIMEO is
    over, and with a timeout, too: the interpreter waits for EINPROGRESS only."""
    name = packed(address)
    thread = here()
    world, node = thread.world, thread.process.node
    if isinstance(file, UnixDatagram):
        world.step(node, file.connect, key_of(name))
        return
    until = file.waits_until(OUT, world.now)
    while True:
        key = key_of(name)
        if world.step(node, file.connect, key) is not AGAIN:
            return
        if file.nonblocking or world.now >= until:
            spin()
            raise os_error(errno.EAGAIN)
        assert key is not None, "a queue is full, so there is a listener"
        what = f"connect() to {shown(name)!r}, whose queue is full"
        world.park(((file.listener(key), OUT),), until, what=what)


def _found(path: bytes) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError as error:
        raise os_error(error.errno or errno.EIO) from None
    return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
