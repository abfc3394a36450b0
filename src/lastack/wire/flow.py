"""Addresses and flows.

An address is its packed form: 4 bytes for IPv4, 16 for IPv6. Packed addresses compare, hash and
key tables at C speed, and the family is their length.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final, NamedTuple

ANY4: Final = bytes(4)
ANY6: Final = bytes(16)
LOOPBACK4: Final = bytes((127, 0, 0, 1))
LOOPBACK6: Final = bytes(15) + b"\1"

_BROADCAST4: Final = b"\xff\xff\xff\xff"
_MAPPED: Final = bytes(10) + b"\xff\xff"


class Flow(NamedTuple):
    """The 4-tuple of a packet, seen in the direction in which it travels."""

    src: bytes
    sport: int
    dst: bytes
    dport: int

    def reversed(self) -> Flow:
        """Return the flow of the answer."""
        # Without the constructor of a NamedTuple, which is written in Python: nine times a request
        # of urllib, 1 % of a lifecycle.
        src, sport, dst, dport = self
        return tuple.__new__(Flow, (dst, dport, src, sport))


@lru_cache(4096)
def pack_address(text: str) -> bytes:
    """Return the packed form of a numeric IPv4 or IPv6 address; ValueError if it is none."""
    return ipaddress.ip_address(text).packed


@lru_cache(4096)
def show_address(address: bytes) -> str:
    """Return the numeric text of a packed address, as inet_ntop(3) writes it: ::ffff:10.0.0.1."""
    if address.startswith(_MAPPED) and len(address) == 16:
        return f"::ffff:{ipaddress.IPv4Address(address[12:])}"
    return str(ipaddress.ip_address(address))


def show_endpoint(address: bytes, port: int) -> str:
    """Return "10.0.0.1:80" or "[fe80::1]:80"."""
    text = show_address(address)
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"


def is_any(address: bytes) -> bool:
    """Tell whether the address is the wildcard of its family."""
    return not any(address)


def is_unicast(address: bytes) -> bool:
    """Tell whether the address can be that of one host: no wildcard, multicast or broadcast."""
    if len(address) == 16:
        return any(address) and address[0] != 0xFF
    return any(address) and address[0] & 0xF0 != 0xE0 and address != _BROADCAST4


def is_loopback(address: bytes) -> bool:
    """Tell whether the address is in 127.0.0.0/8 or is ::1."""
    return address[0] == 127 if len(address) == 4 else address == LOOPBACK6


def itself(address: bytes) -> bytes:
    """Return the loopback address for the wildcard, any other as it is: a packet to 0.0.0.0 or ::
    goes to the sender's own host."""
    if any(address):
        return address
    return LOOPBACK4 if len(address) == 4 else LOOPBACK6


def is_link_local(address: bytes) -> bool:
    """Tell whether the address is in fe80::/10, and so means nothing without an interface."""
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def mapped(address: bytes) -> bytes:
    """Return ::ffff:a.b.c.d for a.b.c.d (RFC 4291 section 2.5.5.2), any other as it is."""
    return _MAPPED + address if len(address) == 4 else address
