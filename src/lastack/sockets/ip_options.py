"""Options of the levels IPPROTO_IP and IPPROTO_IPV6 (ip(7), ipv6(7)), for TCP and UDP alike.

Measured: docs/kernel-notes/dual-stack.md, control-data.md.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable
from typing import Final

from lastack.host import Binding

from . import names
from .control import DEFAULT_TTL, WISHES6, IpOptions
from .errors import os_error

LEVELS: Final = frozenset({names.IPPROTO_IP, names.IPPROTO_IPV6})

_INT: Final = struct.Struct("i")
_MTUS: Final = ((names.IPPROTO_IP, names.IP_MTU), (names.IPPROTO_IPV6, names.IPV6_MTU))
_MOST_HOPS: Final = 255
_KNOWN6: Final = {names.IPV6_V6ONLY, names.IPV6_UNICAST_HOPS, names.IPV6_TCLASS, *WISHES6}


def set_ip_option(
    options: IpOptions, binding: Binding, family: int, level: int, name: int, value: bytes
) -> None:
    """setsockopt(2): ENOPROTOOPT; EINVAL for IPV6_V6ONLY once there is a port, for hops and traffic
    classes beyond 255, and for a value that is too short."""
    if level == names.IPPROTO_IP:
        options.set(name, value)
        return
    if name not in _KNOWN6 or family != names.AF_INET6:
        raise os_error(errno.ENOPROTOOPT)
    if len(value) < _INT.size:
        raise os_error(errno.EINVAL)
    number: int = _INT.unpack_from(value)[0]
    if name == names.IPV6_V6ONLY:
        if binding.port:
            raise os_error(errno.EINVAL)
        binding.v6only = number != 0
        return
    if name in WISHES6:
        options.want(name, number != 0)
        return
    if not -1 <= number <= _MOST_HOPS:
        raise os_error(errno.EINVAL)
    if name == names.IPV6_TCLASS:
        options.tclass = max(number, 0)
    else:
        options.hops = DEFAULT_TTL if number == -1 else number


def get_ip_option(
    options: IpOptions, binding: Binding, family: int, level: int, name: int, size: int,
    path_mtu: Callable[[], int],
) -> bytes:  # fmt: skip
    """getsockopt(2): at most `size` bytes; `path_mtu` tells the MTU towards the peer, 0 without.

    ENOPROTOOPT; EOPNOTSUPP for an IPv6 option of an AF_INET socket; ENOTCONN for the MTU.
    """
    if level == names.IPPROTO_IPV6 and family != names.AF_INET6:
        raise os_error(errno.EOPNOTSUPP)
    if (level, name) in _MTUS:
        mtu = path_mtu()
        if not mtu:
            raise os_error(errno.ENOTCONN)
        return _INT.pack(mtu)[:size]
    if level == names.IPPROTO_IP:
        return options.get(name, size)
    known = {
        names.IPV6_V6ONLY: int(binding.v6only), names.IPV6_UNICAST_HOPS: options.hops,
        names.IPV6_TCLASS: options.tclass,
        **{wish: int(wish in options.wanted) for wish in WISHES6},
    }  # fmt: skip
    if name not in known:
        raise os_error(errno.ENOPROTOOPT)
    return _INT.pack(known[name])[:size]
