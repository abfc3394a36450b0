"""What all sockets of AF_UNIX have: options, a pending error, names, descriptors under way."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Sequence
from typing import Final

from . import names
from .common import get_common, set_common
from .errors import os_error
from .files import OUT, File

Wake = Callable[[File, int], object]
"""Called with a file and the bits of readiness that it has just gained."""

UnixName = bytes | tuple[int, int]
"""An abstract name, or (device, inode) of the file."""

PAIR_BYTES: Final = 212_992
"""Bytes one direction of a socketpair holds (net.core.wmem_default)."""
AUTOBIND_NAMES: Final = 1 << 20
"""Abstract names of five hexadecimal digits, which bind() gives to a socket without one."""

_AF_UNIX: Final = 1
_LEAST_BUFFER: Final = 4_608
_INT: Final = struct.Struct("i")
_MOST_RIGHTS: Final = 253
"""Descriptors that one message may carry (SCM_MAX_FD)."""


class Local(File):
    """A socket of AF_UNIX; `type` is its SO_TYPE, `address` its name, b"" for none. `sockets`:
    those of its host; one without is of a socketpair, and gets no name."""

    type = names.SOCK_STREAM

    def __init__(self, wake: Wake, sockets: UnixNames | None = None) -> None:
        super().__init__()
        self.error = 0
        self.address = b""
        self._sockets = sockets
        self._key: UnixName | None = None
        self._wake = wake
        self._options = {
            names.SO_RCVBUF: _INT.pack(PAIR_BYTES), names.SO_LINGER: bytes(8),
            names.SO_KEEPALIVE: _INT.pack(0), names.SO_REUSEADDR: _INT.pack(0),
        }  # fmt: skip

    @property
    def send_buffer(self) -> int:
        """SO_SNDBUF."""
        raise NotImplementedError

    @send_buffer.setter
    def send_buffer(self, size: int) -> None:
        raise NotImplementedError

    def take_error(self, now: int) -> int:
        """Return the pending error and forget it (SO_ERROR)."""
        number, self.error = self.error, 0
        return number

    def setsockopt(self, level: int, name: int, value: bytes, now: int) -> None:
        """setsockopt(2): those of `common`, SO_SNDBUF (doubled, at least 4608 bytes) and SO_RCVBUF,
        which AF_UNIX stores and never uses; SO_LINGER likewise. ENOPROTOOPT for others."""
        if level == names.SOL_SOCKET and set_common(self, name, value):
            return
        if level != names.SOL_SOCKET or name not in (*self._options, names.SO_SNDBUF):
            raise os_error(errno.ENOPROTOOPT)
        if len(value) < _INT.size:
            raise os_error(errno.EINVAL)
        if name == names.SO_SNDBUF:
            self.send_buffer = max(2 * _INT.unpack_from(value)[0], _LEAST_BUFFER)
            self._wake(self, OUT)  # a larger buffer may have room
        else:
            self._options[name] = value

    def getsockopt(self, level: int, name: int, size: int, now: int) -> bytes:
        """getsockopt(2)."""
        if level != names.SOL_SOCKET:
            raise os_error(errno.EOPNOTSUPP)
        common = get_common(self, name)
        if common is not None:
            return common[:size]
        if name in self._options:
            return self._options[name][:size]
        if name == names.SO_ERROR:
            return _INT.pack(self.take_error(now))[:size]
        known = {
            names.SO_SNDBUF: self.send_buffer, names.SO_TYPE: self.type,
            names.SO_DOMAIN: _AF_UNIX, names.SO_PROTOCOL: 0, names.SO_ACCEPTCONN: 0,
        }  # fmt: skip
        if name not in known:
            raise os_error(errno.ENOPROTOOPT)
        return _INT.pack(known[name])[:size]

    def check_unbound(self) -> None:
        """EINVAL for a socket that has a name."""
        if self.address:
            raise os_error(errno.EINVAL)

    def bind(self, key: UnixName, address: bytes, now: int) -> None:
        """Take a name; EINVAL for a second one, EADDRINUSE for an abstract one that is taken.

        A file was made just now: if another socket has its number, that one's file is gone, and
        nobody can reach it any more.
        """
        self.check_unbound()
        assert self._sockets is not None, "the end of a socketpair gets no name"
        if isinstance(key, bytes) and key in self._sockets.bound:
            raise os_error(errno.EADDRINUSE)
        self._sockets.bound[key] = self
        self._key, self.address = key, address

    def give_up_name(self) -> None:
        """Nobody reaches it by its name any more."""
        if self._sockets is not None and self._key is not None:
            if self._sockets.bound.get(self._key) is self:
                del self._sockets.bound[self._key]

    def find(self, key: UnixName | None) -> Local:
        """Return who has a name. ECONNREFUSED for nobody (key None: the file is no socket's),
        EPROTOTYPE for a socket of another type."""
        known = self._sockets.bound if self._sockets is not None else {}
        found = None if key is None else known.get(key)
        if found is None:
            raise os_error(errno.ECONNREFUSED)
        if found.type != self.type:
            raise os_error(errno.EPROTOTYPE)
        return found


class UnixNames:
    """Which socket of a host has which name."""

    def __init__(self) -> None:
        self.bound: dict[UnixName, Local] = {}
        self.have_listened = False
        self._next = 0

    def automatic(self) -> bytes:
        """Return a free abstract name (autobind); ENOSPC when there is none."""
        for _ in range(AUTOBIND_NAMES):
            name = b"\0%05x" % self._next
            self._next = (self._next + 1) % AUTOBIND_NAMES
            if name not in self.bound:
                return name
        raise os_error(errno.ENOSPC)


def check_rights(rights: Sequence[File]) -> None:
    """EINVAL for more descriptors than a message may carry."""
    if len(rights) > _MOST_RIGHTS:
        raise os_error(errno.EINVAL)


def drop_rights(files: Sequence[File], now: int) -> None:
    """Close descriptors that nobody will receive; nobody waits for one that lingers."""
    for file in files:
        file.drop(now, exiting=True)
