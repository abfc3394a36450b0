"""Sequence numbers: plain integers modulo 2**32 (RFC 9293 section 3.4)."""

from __future__ import annotations

from typing import Final

MASK: Final = 0xFFFF_FFFF
HALF: Final = 0x8000_0000


def add(a: int, n: int) -> int:
    """Return the sequence number `n` octets after `a`; `n` may be negative."""
    return (a + n) & MASK


def sub(a: int, b: int) -> int:
    """Return how many octets `a` lies beyond `b`, 0 to 2**32 - 1."""
    return (a - b) & MASK


def lt(a: int, b: int) -> bool:
    """Tell whether `a` is before `b`."""
    return (a - b) & MASK >= HALF


def le(a: int, b: int) -> bool:
    """Tell whether `a` is before `b` or the same."""
    return (b - a) & MASK < HALF


def gt(a: int, b: int) -> bool:
    """Tell whether `a` is beyond `b`."""
    return (b - a) & MASK >= HALF


def ge(a: int, b: int) -> bool:
    """Tell whether `a` is beyond `b` or the same."""
    return (a - b) & MASK < HALF


def diff(a: int, b: int) -> int:
    """Return the signed distance from `b` to `a`, -2**31 to 2**31 - 1."""
    return ((a - b + HALF) & MASK) - HALF
