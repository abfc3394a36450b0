"""The addresses of a program and those of the host: the two differ for AF_INET6 sockets alone.

A host knows IPv4 addresses as 4 bytes and IPv6 addresses as 16. An AF_INET6 socket shows and takes
IPv4 addresses as ::ffff:a.b.c.d (RFC 3493 section 3.7), unless IPV6_V6ONLY is set; what such an
address reaches travels over IPv4. The errnos are those of docs/kernel-notes/dual-stack.md.
"""

from __future__ import annotations

import errno
from typing import Final

from lastack.host import Binding
from lastack.profile import PortRules, unmapped
from lastack.wire import ANY4, ANY6, is_any, is_link_local, mapped

from . import names
from .errors import os_error

INTERFACES: Final = frozenset({1, 2})
"""The scope ids that there are: lo, and the one interface to all other hosts."""

_MULTICAST: Final = 0xFF


def wildcard(family: int) -> bytes:
    """Return the address that stands for every address of the family."""
    return ANY6 if family == names.AF_INET6 else ANY4


def new_binding(family: int, rules: PortRules) -> Binding:
    """Return the hold on a port of a new socket, which has none yet."""
    ipv6 = family == names.AF_INET6
    return Binding(ipv6=ipv6, v6only=ipv6 and rules.v6only)


def shown(address: bytes, family: int) -> bytes:
    """Return an address of the host as a socket of the family shows it."""
    return mapped(address) if family == names.AF_INET6 else address


def to_bind(binding: Binding, family: int, address: bytes, scope: int) -> bytes:
    """Return what bind() means as the host knows it.

    EAFNOSUPPORT; EINVAL for an IPv4 address with IPV6_V6ONLY, for multicast, and for a link-local
    address without an interface (scope 0); ENODEV for an interface that there is not.
    """
    if family == names.AF_INET and len(address) == 4:
        return address
    plain = _plain(family, address)
    if binding.v6only if len(plain) == 4 else plain[0] == _MULTICAST:
        raise os_error(errno.EINVAL)
    if is_link_local(plain) and scope not in INTERFACES:
        raise os_error(errno.ENODEV if scope else errno.EINVAL)
    return plain


def v6only_after(binding: Binding) -> bool:
    """Return IPV6_V6ONLY as it is after bind(): set by an IPv6 address, as on Linux."""
    address = binding.address
    return binding.v6only or (len(address) == 16 and not is_any(address))


def to_reach(binding: Binding, family: int, address: bytes, scope: int) -> bytes:
    """Return whom connect() or sendto() means, as the host knows it.

    EAFNOSUPPORT, also from an IPv4 address to an IPv6 one; ENETUNREACH the other way round, for an
    IPv4 address with IPV6_V6ONLY, and for multicast; EINVAL for a link-local address without an
    interface.
    """
    if family == names.AF_INET and len(address) == 4:
        return address
    plain = _plain(family, address)
    local = binding.address
    if len(plain) == 4:
        if binding.v6only or (len(local) == 16 and not is_any(local)):
            raise os_error(errno.ENETUNREACH)
        return plain
    if len(local) == 4:
        raise os_error(errno.EAFNOSUPPORT)
    if is_link_local(plain) and not scope:
        raise os_error(errno.EINVAL)
    if plain[0] == _MULTICAST or (is_link_local(plain) and scope not in INTERFACES):
        raise os_error(errno.ENETUNREACH)
    return plain


def _plain(family: int, address: bytes) -> bytes:
    if len(address) != 16 or family != names.AF_INET6:
        raise os_error(errno.EAFNOSUPPORT)
    return unmapped(address)
