"""The Internet checksum (RFC 1071).

A number in base 2**16 is congruent to the sum of its digits modulo 2**16 - 1, so the ones'
complement sum of any number of octets is one division of one big integer, done in C. Sums are kept
as plain integers; who has added them all up reduces once.
"""

from __future__ import annotations

from .packet import WireError

_ONES = 0xFFFF


class ChecksumError(WireError):
    """A checksum is wrong; a host drops such a packet in silence (RFC 9293 MUST-3)."""


def ones_sum(data: bytes) -> int:
    """Return the ones' complement sum of 16-bit words; a last odd octet is padded with zero."""
    number = int.from_bytes(data, "big")
    return (number << 8 if len(data) & 1 else number) % _ONES


def pseudo_sum(src: bytes, dst: bytes, protocol: int, length: int) -> int:
    """Return the sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1)."""
    return ones_sum(src + dst) + protocol + length


def checksum(total: int) -> int:
    """Return the field that makes `total`, a sum of not only zeros, come out right."""
    return -total % _ONES


def verify(total: int, what: str) -> None:
    """Raise ChecksumError unless `total`, a sum that includes the checksum, comes out right."""
    if total % _ONES:
        raise ChecksumError(f"{what} checksum is wrong")
