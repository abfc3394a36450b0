"""What every kind of socket has: SO_RCVTIMEO, SO_SNDTIMEO and SO_PEEK_OFF; how to be shut down.

Measured: docs/kernel-notes/calls.md. The limits are the kernel's own and give EAGAIN; Python's
settimeout() is another thing, which makes a socket non-blocking and these of no effect.
"""

from __future__ import annotations

import errno
import struct
from typing import Final

from lastack.profile import MS, NEVER, S

from . import names
from .errors import os_error
from .files import File

_INT: Final = struct.Struct("i")
_TIMEVAL: Final = struct.Struct("qq")
_MICROSECONDS: Final = 1_000_000
_TICK: Final = 4 * MS
"""Limits are kept in ticks of the kernel's clock (CONFIG_HZ=250), rounded up."""
_LONGEST: Final = (1 << 63) // 250 - 1
"""From this many seconds on, a limit is none."""

_RECEIVE: Final = frozenset({names.SO_RCVTIMEO, names.SO_RCVTIMEO_NEW})
_SEND: Final = frozenset({names.SO_SNDTIMEO, names.SO_SNDTIMEO_NEW})


def check_how(how: int) -> None:
    """EINVAL for what shutdown(2) does not know."""
    if how not in (names.SHUT_RD, names.SHUT_WR, names.SHUT_RDWR):
        raise os_error(errno.EINVAL)


def unknown_level(family: int, level: int, own: tuple[int, ...] = ()) -> int:
    """Return the errno of getsockopt(2) for a level that a socket does not have: EOPNOTSUPP, or
    ENOPROTOOPT for an AF_INET6 socket and for the levels of its `own` protocol
    (docs/kernel-notes/socket-options.md)."""
    known = family == names.AF_INET6 or level in own
    return errno.ENOPROTOOPT if known else errno.EOPNOTSUPP


def set_common(file: File, name: int, value: bytes) -> bool:
    """setsockopt(2) of level SOL_SOCKET; False when the option is none of these.

    EINVAL when the value is too short, EDOM for microseconds that are none.
    """
    if name == names.SO_PEEK_OFF:
        if len(value) < _INT.size:
            raise os_error(errno.EINVAL)
        file.peek_offset = max(_INT.unpack_from(value)[0], -1)
    elif name in _RECEIVE:
        file.receive_timeout = _limit(value)
    elif name in _SEND:
        file.send_timeout = _limit(value)
    else:
        return False
    return True


def get_common(file: File, name: int) -> bytes | None:
    """getsockopt(2) of level SOL_SOCKET; None when the option is none of these."""
    if name == names.SO_PEEK_OFF:
        return _INT.pack(file.peek_offset)
    if name in _RECEIVE:
        return _shown(file.receive_timeout)
    return _shown(file.send_timeout) if name in _SEND else None


def _limit(value: bytes) -> int:
    """Return a struct timeval in ns: NEVER for zero, 0 (do not wait at all) below zero."""
    if len(value) < _TIMEVAL.size:
        raise os_error(errno.EINVAL)
    seconds, microseconds = _TIMEVAL.unpack_from(value)
    if not 0 <= microseconds < _MICROSECONDS:
        raise os_error(errno.EDOM)
    if seconds < 0:
        return 0
    if seconds >= _LONGEST or not (seconds or microseconds):
        return NEVER
    return int(seconds * S + -(-microseconds * 1000 // _TICK) * _TICK)


def _shown(limit: int) -> bytes:
    if limit == NEVER:
        return bytes(_TIMEVAL.size)
    return _TIMEVAL.pack(limit // S, limit % S // 1000)
