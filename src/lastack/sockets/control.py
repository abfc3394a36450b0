"""Control data of sendmsg(2) and recvmsg(2), and the options that ask for it (ip(7), RFC 3542).

Measured: docs/kernel-notes/control-data.md. Over TCP Linux delivers none of this, and looks at
what sendmsg() is given only as far as level SOL_SOCKET goes.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from lastack.profile import unmapped
from lastack.wire import ANY4, ANY6, Datagram, IpFields, ip_fields, mapped

from . import names
from .errors import os_error

Control = tuple[int, int, bytes]
"""One item: level, type, data."""

HEADER: Final = 16
"""Octets of struct cmsghdr."""
LOOPBACK_INDEX: Final = 1
LINK_INDEX: Final = 2
"""Numbers of the two interfaces of every host: lo and eth0."""

_INT: Final = struct.Struct("i")
_PKTINFO: Final = struct.Struct("i4s4s")
_PKTINFO6: Final = struct.Struct("16si")
_ALIGNMENT: Final = 8
DEFAULT_TTL: Final = 64
"""net.ipv4.ip_default_ttl, net.ipv6.conf.all.hop_limit."""
_NO_WISH: Final[frozenset[int]] = frozenset()
_FOLLOWING: Final = (names.IP_PMTUDISC_WANT, names.IP_PMTUDISC_DO, names.IP_PMTUDISC_PROBE)
_WISHES: Final = (names.IP_PKTINFO, names.IP_RECVTTL, names.IP_RECVTOS)
WISHES6: Final = (names.IPV6_RECVPKTINFO, names.IPV6_RECVHOPLIMIT, names.IPV6_RECVTCLASS)


class IpOptions:
    """Options of level IPPROTO_IP: what is sent, and which control data is wanted (of both
    levels: their numbers differ); of IPPROTO_IPV6 the hop limit and the traffic class. `no_port` is
    IP_BIND_ADDRESS_NO_PORT."""

    __slots__ = ("ttl", "tos", "hops", "tclass", "no_port", "wanted", "mtu_discover")

    def __init__(self) -> None:
        self.ttl = self.hops = DEFAULT_TTL
        self.tos = self.tclass = 0
        self.no_port = False
        self.wanted = _NO_WISH
        self.mtu_discover = names.IP_PMTUDISC_WANT

    def copy(self) -> IpOptions:
        """Return options that can be changed independently."""
        twin = IpOptions()
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def fields(self, *, ipv6: bool) -> IpFields:
        """Return what TCP segments carry; the two bits of ECN are not the program's there."""
        return ip_fields(self.tclass, self.hops) if ipv6 else ip_fields(self.tos, self.ttl)

    def set_mtu_discover(self, value: bytes) -> None:
        """IP_MTU_DISCOVER of a stream socket: EINVAL for a number that is none of its."""
        number = _number(value)
        if not names.IP_PMTUDISC_DONT <= number <= names.IP_PMTUDISC_OMIT:
            raise os_error(errno.EINVAL)
        self.mtu_discover = number

    @property
    def follows_path_mtu(self) -> bool:
        """Whether "fragmentation needed" makes segments smaller: not where they may be
        fragmented, or are to ignore it (docs/kernel-notes/icmp.md)."""
        return self.mtu_discover in _FOLLOWING

    def set(self, name: int, value: bytes) -> None:
        """setsockopt(2) with an int or one octet; EINVAL, ENOPROTOOPT."""
        number = _number(value)
        if name in _WISHES:
            self.want(name, number != 0)
        elif name == names.IP_BIND_ADDRESS_NO_PORT:
            self.no_port = number != 0
        elif name == names.IP_TOS:
            self.tos = number & 0xFF
        elif name == names.IP_TTL:
            if number != -1 and not 1 <= number <= 255:
                raise os_error(errno.EINVAL)
            self.ttl = DEFAULT_TTL if number == -1 else number
        else:
            raise os_error(errno.ENOPROTOOPT)

    def want(self, name: int, on: bool) -> None:
        """Take a wish for control data, or take it back."""
        self.wanted = self.wanted | {name} if on else self.wanted - {name}

    def get(self, name: int, size: int) -> bytes:
        """getsockopt(2): an int, or one octet where there is no room for an int."""
        known = {
            names.IP_TTL: self.ttl, names.IP_TOS: self.tos,
            names.IP_BIND_ADDRESS_NO_PORT: int(self.no_port),
            names.IP_MTU_DISCOVER: self.mtu_discover,
        }  # fmt: skip
        known.update({wish: int(wish in self.wanted) for wish in _WISHES})
        if name not in known:
            raise os_error(errno.ENOPROTOOPT)
        return _INT.pack(known[name])[: size if size >= _INT.size else min(size, 1)]


DEFAULT_IP: Final = IpOptions()
"""Those of a TCP socket that was told none: shared, not to be changed."""


def _number(value: bytes) -> int:
    if len(value) >= _INT.size:
        return int(_INT.unpack_from(value)[0])
    return value[0] if value else 0


class Wish(NamedTuple):
    """What control data asks for one datagram; `source` is the wildcard for no wish."""

    ttl: int
    tos: int
    source: bytes = ANY4


def wish(control: Iterable[Control], options: IpOptions, *, allow6: bool = False) -> Wish:
    """Return what sendmsg(2) asks for a UDP datagram over IPv4; EINVAL, ENODEV for an unknown
    interface. allow6: the socket is one of AF_INET6, which may name a mapped source."""
    ttl, tos, source = options.ttl, options.tos, ANY4
    for level, kind, data in check(control):
        if allow6 and (level, kind) == (names.IPPROTO_IPV6, names.IPV6_PKTINFO):
            source = unmapped(_source6(data))
            if len(source) != len(ANY4):
                raise os_error(errno.EINVAL)
        if level != names.IPPROTO_IP:
            continue
        if kind == names.IP_TTL and len(data) == _INT.size and 1 <= _number(data) <= 255:
            ttl = _number(data)
        elif kind == names.IP_TOS and len(data) in (1, _INT.size) and 0 <= _number(data) <= 255:
            tos = _number(data)
        elif kind == names.IP_PKTINFO and len(data) == _PKTINFO.size:
            index, source, _ = _PKTINFO.unpack(data)
            _check_interface(index)
        else:
            raise os_error(errno.EINVAL)
    return Wish(ttl, tos, source)


def wish6(control: Iterable[Control], options: IpOptions, ours: Callable[[bytes], bool]) -> Wish:
    """Return what sendmsg(2) asks for a UDP datagram over IPv6 (RFC 3542 section 6); EINVAL, also
    for a source that is not `ours`, ENODEV. Items of level IPPROTO_IP say nothing."""
    hops, tclass, source = options.hops, options.tclass, ANY6
    for level, kind, data in check(control):
        if level != names.IPPROTO_IPV6:
            continue
        number = _number(data) if len(data) == _INT.size else -2
        if kind == names.IPV6_PKTINFO:
            source = _source6(data)
            if any(source) and not ours(source):
                raise os_error(errno.EINVAL)
        elif kind == names.IPV6_HOPLIMIT and -1 <= number <= 255:
            hops = options.hops if number == -1 else number
        elif kind == names.IPV6_TCLASS and -1 <= number <= 255:
            tclass = number & 0xFF
        else:
            raise os_error(errno.EINVAL)
    return Wish(hops, tclass, source)


def _source6(data: bytes) -> bytes:
    """Return the source that a struct in6_pktinfo names."""
    if len(data) < _PKTINFO6.size:
        raise os_error(errno.EINVAL)
    source: bytes
    source, index = _PKTINFO6.unpack_from(data)
    _check_interface(index)
    return source


def _check_interface(index: int) -> None:
    if index not in (0, LOOPBACK_INDEX, LINK_INDEX):
        raise os_error(errno.ENODEV)


def check(control: Iterable[Control]) -> Sequence[Control]:
    """Return the items; EINVAL for one of level SOL_SOCKET that is no SCM_RIGHTS (which says
    something to AF_UNIX only) and no SCM_CREDENTIALS."""
    items = list(control)
    for level, kind, _ in items:
        if level == names.SOL_SOCKET and kind not in (names.SCM_RIGHTS, names.SCM_CREDENTIALS):
            raise os_error(errno.EINVAL)
    return items


def brought(datagram: Datagram, options: IpOptions, index: int, local: bytes) -> list[Control]:
    """Return the control data of a datagram that came in by interface `index`; `local` is our
    address there."""
    found: list[Control] = []
    if names.IPV6_RECVPKTINFO in options.wanted:
        info = _PKTINFO6.pack(mapped(datagram.flow.dst), index)
        found.append((names.IPPROTO_IPV6, names.IPV6_PKTINFO, info))
    if len(local) != len(ANY4):
        for name, kind, number in (
            (names.IPV6_RECVHOPLIMIT, names.IPV6_HOPLIMIT, datagram.ttl),
            (names.IPV6_RECVTCLASS, names.IPV6_TCLASS, datagram.tos),
        ):
            if name in options.wanted:
                found.append((names.IPPROTO_IPV6, kind, _INT.pack(number)))
        return found
    if names.IP_PKTINFO in options.wanted:
        info = _PKTINFO.pack(index, local, datagram.flow.dst)
        found.append((names.IPPROTO_IP, names.IP_PKTINFO, info))
    if names.IP_RECVTTL in options.wanted:
        found.append((names.IPPROTO_IP, names.IP_TTL, _INT.pack(datagram.ttl)))
    if names.IP_RECVTOS in options.wanted:
        found.append((names.IPPROTO_IP, names.IP_TOS, bytes((datagram.tos,))))
    return found


def fit(control: Iterable[Control], room: int) -> tuple[tuple[Control, ...], int]:
    """Return what `room` octets of control buffer hold, the last item perhaps cut, and
    MSG_CTRUNC if that is not all."""
    kept: list[Control] = []
    flags = 0
    for level, kind, data in control:
        if room < HEADER:
            flags = names.MSG_CTRUNC
            continue
        length = HEADER + len(data)
        if length > room:
            flags, data = names.MSG_CTRUNC, data[: room - HEADER]
        kept.append((level, kind, data))
        room -= min(-(-length // _ALIGNMENT) * _ALIGNMENT, room)
    return tuple(kept), flags


def room_for_rights(room: int) -> int:
    """Return how many descriptors SCM_RIGHTS can give in `room` octets of control buffer."""
    return max(room - HEADER, 0) // _INT.size
