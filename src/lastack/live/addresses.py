"""Packed addresses: which network has them, and how people write them."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Final, NamedTuple

_MAPPED: Final = bytes(10) + b"\xff\xff"


class Network(NamedTuple):
    """A prefix: a packed address of 4 or 16 bytes and how many of its bits count."""

    address: bytes
    bits: int

    def has(self, address: bytes) -> bool:
        """Tell whether the address lies in the network.

        ::ffff:a.b.c.d, the IPv4 peer of an IPv6 socket, lies in the networks of a.b.c.d too, as
        for ss(8).
        """
        if len(self.address) == 4 and len(address) == 16 and address[:12] == _MAPPED:
            address = address[12:]
        if len(address) != len(self.address):
            return False
        shift = 8 * len(address) - self.bits
        return int.from_bytes(address) >> shift == int.from_bytes(self.address) >> shift


def network(text: str) -> Network:
    """Read "10.0.0.0/8", "::1" and the like; raises ValueError with one line."""
    where, slash, bits = text.partition("/")
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    try:
        packed = socket.inet_pton(family, where)
    except (OSError, ValueError):
        raise ValueError(f"{where!r} is no address (names are not looked up)") from None
    whole = 8 * len(packed)
    if not slash:
        return Network(packed, whole)
    if not (bits.isascii() and bits.isdecimal() and int(bits) <= whole):
        raise ValueError(f"/{bits} is no prefix of {where} (0 to {whole})")
    return Network(packed, int(bits))


def endpoint(address: bytes, port: int) -> str:
    """Return "127.0.0.1:80" or "[::1]:80"; port 0 is written "*"."""
    return f"{_written(address)}:{port or '*'}"


@lru_cache(maxsize=4096)
def _written(address: bytes) -> str:
    if len(address) == 4:
        return socket.inet_ntop(socket.AF_INET, address)
    return f"[{socket.inet_ntop(socket.AF_INET6, address)}]"
