"""Socket options: what setsockopt() stores and getsockopt() tells, and their errors.

An option that is not here fails with ENOPROTOOPT: nothing is taken and silently ignored.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import Final

from lastack.profile import MS, NEVER, Congestion, S
from lastack.state import CLOSED, LISTEN
from lastack.tcp import (
    Connection,
    default_congestion,
    default_keepalive,
    default_syn_retries,
    orphan_limit,
)

from . import names
from .common import get_common, set_common, unknown_level
from .errors import os_error
from .files import OUT
from .ip_options import LEVELS, get_ip_option, set_ip_option
from .linger import parse_linger, show_linger
from .parts import SocketParts
from .stored import defer_repeats, defer_seconds
from .tcp_info import pack_info

_ECN: Final = 3
_INT: Final = struct.Struct("i")


def set_option(sock: SocketParts, level: int, name: int, value: bytes, now: int) -> None:
    """setsockopt(2) with the value as bytes; EINVAL when it is too short."""
    if (level, name) == (names.SOL_SOCKET, names.SO_LINGER):
        rules = sock.host.profile.linger
        stored = parse_linger(value, sock.options.linger, rules)
        if isinstance(stored, int):
            raise os_error(stored)
        sock.own_options().linger = stored
        return
    if (level, name) == (names.IPPROTO_TCP, names.TCP_CONGESTION):
        _set_congestion(sock, value)
        return
    if level in LEVELS:
        _set_ip(sock, level, name, value)
        return
    if level == names.SOL_SOCKET and set_common(sock, name, value):
        sock.own_options().timeouts = sock.receive_timeout, sock.send_timeout
        return
    if len(value) < _INT.size:
        raise os_error(errno.EINVAL if _known(level, name) else errno.ENOPROTOOPT)
    number = _INT.unpack_from(value)[0]
    if level == names.SOL_SOCKET and _set_socket_option(sock, name, number, now):
        return
    if level == names.IPPROTO_TCP and _set_tcp_option(sock, name, number, now):
        return
    raise os_error(errno.ENOPROTOOPT)


def _set_ip(sock: SocketParts, level: int, name: int, value: bytes) -> None:
    """IP_TOS and IPV6_TCLASS (MUST-48), IP_TTL and IPV6_UNICAST_HOPS (MUST-49) are those of the
    next segment on; a stream socket does not have the bits of ECN (docs/kernel-notes/ip-fields.md).
    Options that ask for control data are stored: TCP delivers none, on Linux as here."""
    ip = sock.own_ip()
    if (level, name) == (names.IPPROTO_IP, names.IP_MTU_DISCOVER):
        ip.set_mtu_discover(value)
        if sock.endpoint is not None:
            sock.endpoint.follows_path_mtu = ip.follows_path_mtu
        return
    set_ip_option(ip, sock.binding, sock.family, level, name, value)
    ip.tos &= ~_ECN
    ip.tclass &= ~_ECN
    if sock.endpoint is not None:
        connection = sock.endpoint.connection
        connection.set_ip_fields(sock.options.ip_fields(connection.flow))


def _set_congestion(sock: SocketParts, value: bytes) -> None:
    """TCP_CONGESTION: a name; ENOENT for an algorithm that is not there, EINVAL for no octet."""
    if not value:
        raise os_error(errno.EINVAL)
    try:
        kind = Congestion(value.partition(b"\0")[0].decode("ascii"))
    except ValueError:
        raise os_error(errno.ENOENT) from None
    sock.own_options().congestion = kind
    if sock.endpoint is not None:
        sock.endpoint.connection.set_congestion(kind)


def _known(level: int, name: int) -> bool:
    return (level, name) in _GET


def _set_socket_option(sock: SocketParts, name: int, number: int, now: int) -> bool:
    if name == names.SO_REUSEADDR:
        sock.binding.reuseaddr = number != 0
    elif name == names.SO_REUSEPORT:
        sock.binding.reuseport = number != 0
    elif name == names.SO_SNDBUF:
        sock.buffers.set_send(number)
        sock.host.wake(sock, OUT)  # a larger buffer may have room
    elif name == names.SO_RCVBUF:
        sock.buffers.set_receive(number)
    elif name == names.SO_ZEROCOPY:
        if number not in (0, 1):
            raise os_error(errno.EINVAL)
        sock.own_options().zerocopy = bool(number)
    elif name == names.SO_OOBINLINE:
        sock.own_options().inline = number != 0
        if sock.endpoint is not None:
            sock.endpoint.connection.set_inline(sock.options.inline)
    elif name == names.SO_KEEPALIVE:
        sock.own_options().keepalive = number != 0
        if sock.endpoint is not None:
            sock.options.apply_keepalive(sock.endpoint.connection, now, anew=True)
            sock.host.settle(sock.endpoint, now)
    else:
        return False
    return True


def _set_tcp_option(sock: SocketParts, name: int, number: int, now: int) -> bool:
    options = sock.own_options()
    if name in _LIMITS:
        low, high = _LIMITS[name]
        unset = name == names.TCP_MAXSEG and number == 0
        if not low <= number <= high and not unset:
            raise os_error(errno.EINVAL)
    if name == names.TCP_NODELAY:
        options.nodelay = number != 0
    elif name == names.TCP_CORK:
        options.cork = number != 0
    elif name == names.TCP_LINGER2:
        limit = sock.host.profile.closing.linger2_max_ns // S
        options.linger2_s = -1 if number < 0 else min(number, limit)
    elif name == names.TCP_MAXSEG:
        options.maxseg = number
    elif name == names.TCP_USER_TIMEOUT:
        options.user_timeout_ms = number
    elif name == names.TCP_SYNCNT:
        options.syn_retries = number
    elif name == names.TCP_NOTSENT_LOWAT:
        sock.buffers.lowat = number & 0xFFFF_FFFF
        sock.host.wake(sock, OUT)
    elif name == names.TCP_INQ:
        options.inq = bool(number)
    elif name == names.TCP_DEFER_ACCEPT:
        options.defer_accept = defer_repeats(number)
    elif name == names.TCP_KEEPIDLE:
        options.keep_idle_s = number
    elif name == names.TCP_KEEPINTVL:
        options.keep_interval_s = number
    elif name == names.TCP_KEEPCNT:
        options.keep_probes = number
    elif name != names.TCP_QUICKACK:
        return False
    if sock.endpoint is not None:
        _pass_on(sock, sock.endpoint.connection, name, number, now)
        sock.host.settle(sock.endpoint, now)
    return True


_LIMITS: Final = {
    names.TCP_MAXSEG: (88, 32767), names.TCP_USER_TIMEOUT: (0, 0x7FFF_FFFF),
    names.TCP_SYNCNT: (1, 127), names.TCP_INQ: (0, 1), names.TCP_KEEPIDLE: (1, 32767),
    names.TCP_KEEPINTVL: (1, 32767), names.TCP_KEEPCNT: (1, 127),
}  # fmt: skip
"""What Linux takes; anything else is EINVAL."""


def _pass_on(sock: SocketParts, tcp: Connection, name: int, number: int, now: int) -> None:
    """Tell an existing connection of an option."""
    options = sock.options
    if name == names.TCP_NODELAY:
        tcp.set_nodelay(options.nodelay, now)
    elif name == names.TCP_CORK:
        tcp.set_cork(options.cork, now)
    elif name == names.TCP_QUICKACK:
        tcp.set_quickack(number != 0, now)
    elif name in (names.TCP_KEEPIDLE, names.TCP_KEEPINTVL, names.TCP_KEEPCNT):
        options.apply_keepalive(tcp, now)
    else:
        tcp.set_linger2(options.linger2_ns())
        tcp.set_user_timeout(options.user_timeout_ms * MS)
        tcp.set_syn_retries(options.syn_retries)
        tcp.set_defer(options.defer_accept)


def get_option(sock: SocketParts, level: int, name: int, size: int, now: int) -> bytes:
    """getsockopt(2): the value in `size` bytes at the most; ENOPROTOOPT for an unknown option."""
    if (level, name) == (names.SOL_SOCKET, names.SO_LINGER):
        value = show_linger(sock.options.linger, sock.host.profile.linger)
        if isinstance(value, int):
            raise os_error(value)
        return value[:size]
    if (level, name) == (names.IPPROTO_TCP, names.TCP_INFO):
        return pack_info(sock, now)[:size]
    if (level, name) == (names.IPPROTO_TCP, names.TCP_CONGESTION):
        chosen = sock.options.congestion or default_congestion(sock.host.profile)
        return chosen.value.encode().ljust(16, b"\0")[:size]
    if level in LEVELS:
        return get_ip_option(
            sock.options.ip, sock.binding, sock.family, level, name, size, lambda: _path_mtu(sock)
        )
    if level not in (names.SOL_SOCKET, names.IPPROTO_TCP):
        raise os_error(unknown_level(sock.family, level))
    common = get_common(sock, name) if level == names.SOL_SOCKET else None
    if common is not None:
        return common[:size]
    reader = _GET.get((level, name))
    if reader is None:
        raise os_error(errno.ENOPROTOOPT)
    return _INT.pack(reader(sock, now))[:size]


def _path_mtu(sock: SocketParts) -> int:
    """Return the MTU towards the peer in octets, 0 when there is no connection."""
    return 0 if sock.endpoint is None or sock.state is CLOSED else sock.path_mtu


def _linger2(sock: SocketParts, now: int) -> int:
    stored = sock.options.linger2_s
    default = orphan_limit(-1, sock.host.profile.closing)
    return stored if stored else (0 if default >= NEVER else default // S)


def _maxseg(sock: SocketParts, now: int) -> int:
    if sock.endpoint is not None:
        return sock.endpoint.connection.info().mss
    return sock.options.maxseg or 536


def _quickack(sock: SocketParts, now: int) -> int:
    return int(sock.endpoint is None or sock.endpoint.connection.quickack)


def _notsent_lowat(sock: SocketParts, now: int) -> int:
    stored = sock.buffers.lowat
    return stored - (stored >> 31 << 32)  # an unsigned int, told as one that has a sign


def _syn_retries(sock: SocketParts, now: int) -> int:
    rules = sock.host.profile.retransmission
    return sock.options.syn_retries or default_syn_retries(rules)


def _default(sock: SocketParts) -> tuple[int, int, int]:
    """Return the system's keep-alive idle time and interval in s, and its probes."""
    idle, interval, probes = default_keepalive(sock.host.profile.keepalive)
    return idle // S, interval // S, probes


_GET: Final[dict[tuple[int, int], Callable[[SocketParts, int], int]]] = {
    (names.SOL_SOCKET, names.SO_REUSEADDR): lambda s, now: int(s.binding.reuseaddr),
    (names.SOL_SOCKET, names.SO_REUSEPORT): lambda s, now: int(s.binding.reuseport),
    (names.SOL_SOCKET, names.SO_SNDBUF): lambda s, now: s.buffers.send,
    (names.SOL_SOCKET, names.SO_RCVBUF): lambda s, now: s.buffers.receive,
    (names.SOL_SOCKET, names.SO_OOBINLINE): lambda s, now: int(s.options.inline),
    (names.SOL_SOCKET, names.SO_ZEROCOPY): lambda s, now: int(s.options.zerocopy),
    (names.SOL_SOCKET, names.SO_KEEPALIVE): lambda s, now: int(s.options.keepalive),
    (names.SOL_SOCKET, names.SO_TYPE): lambda s, now: names.SOCK_STREAM,
    (names.SOL_SOCKET, names.SO_DOMAIN): lambda s, now: s.family,
    (names.SOL_SOCKET, names.SO_PROTOCOL): lambda s, now: names.IPPROTO_TCP,
    (names.SOL_SOCKET, names.SO_ACCEPTCONN): lambda s, now: int(s.state is LISTEN),
    (names.SOL_SOCKET, names.SO_ERROR): lambda s, now: s.take_error(now),
    (names.IPPROTO_TCP, names.TCP_NODELAY): lambda s, now: int(s.options.nodelay),
    (names.IPPROTO_TCP, names.TCP_LINGER2): _linger2,
    (names.IPPROTO_TCP, names.TCP_CORK): lambda s, now: int(s.options.cork),
    (names.IPPROTO_TCP, names.TCP_QUICKACK): _quickack,
    (names.IPPROTO_TCP, names.TCP_USER_TIMEOUT): lambda s, now: s.options.user_timeout_ms,
    (names.IPPROTO_TCP, names.TCP_SYNCNT): _syn_retries,
    (names.IPPROTO_TCP, names.TCP_NOTSENT_LOWAT): _notsent_lowat,
    (names.IPPROTO_TCP, names.TCP_INQ): lambda s, now: int(s.options.inq),
    (names.IPPROTO_TCP, names.TCP_DEFER_ACCEPT): lambda s, now: defer_seconds(
        s.options.defer_accept
    ),
    (names.IPPROTO_TCP, names.TCP_KEEPIDLE): lambda s, now: s.options.keep_idle_s or _default(s)[0],
    (names.IPPROTO_TCP, names.TCP_KEEPINTVL): (
        lambda s, now: s.options.keep_interval_s or _default(s)[1]
    ),
    (names.IPPROTO_TCP, names.TCP_KEEPCNT): lambda s, now: s.options.keep_probes or _default(s)[2],
    (names.IPPROTO_TCP, names.TCP_MAXSEG): _maxseg,
    (names.SOL_SOCKET, names.SO_LINGER): lambda s, now: s.options.linger.onoff,
}
