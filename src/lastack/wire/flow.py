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


class Flow(NamedTuple):
    """The 4-tuple of a packet, seen in the direction in which it travels."""

    src: bytes
    sport: int
    dst: bytes
    dport: int

    def reversed(self) -> Flow:
        """Return the flow of the answer."""
        return Flow(self.dst, self.dport, self.src, self.sport)


@lru_cache(4096)
def pack_address(text: str) -> bytes:
    """Return the packed form of a numeric IPv4 or IPv6 address; ValueError if it is none."""
    return ipaddress.ip_address(text).packed


@lru_cache(4096)
def show_address(address: bytes) -> str:
    """Return the numeric text of a packed address."""
    return str(ipaddress.ip_address(address))


def show_endpoint(address: bytes, port: int) -> str:
    """Return "10.0.0.1:80" or "[fe80::1]:80"."""
    text = show_address(address)
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"


def is_any(address: bytes) -> bool:
    """Tell whether the address is the wildcard of its family."""
    return not any(address)


def is_loopback(address: bytes) -> bool:
    """Tell whether the address is in 127.0.0.0/8 or is ::1."""
    return address[0] == 127 if len(address) == 4 else address == bytes(15) + b"\1"
