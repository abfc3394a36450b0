"""SYN cookies: a listening socket that keeps no state until the handshake ends (RFC 4987 section
3.6; Bernstein's scheme). Measured: docs/kernel-notes/syn-cookies.md.

The sequence number of the SYN|ACK is the state: a keyed hash of the 4-tuple, the peer's number and
the minute, with the index of one of four segment sizes added. Other options survive only in a
timestamp that the peer echoes.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import Final, NamedTuple

from lastack.profile import S
from lastack.wire import ABSENT, CWR, ECE, SYN, Flow, Segment, seq

SIZES: Final = (536, 1300, 1440, 1460)
"""The segment sizes that a cookie can tell; a peer's own is rounded down."""

_PERIOD: Final = 64 * S
_OLDEST: Final = 2
"""A cookie of the period before last is accepted no more."""

_SCALE: Final = 0x0F
_SACK: Final = 0x10
_ECN: Final = 0x20
_BITS: Final = 0x3F
"""What the lowest bits of the timestamp tell: window scale (0xF for none), SACK, ECN."""


class Remembered(NamedTuple):
    """What a valid cookie says of the SYN that it answered."""

    mss: int
    wscale: int
    sack_ok: bool
    ecn: bool


def _tag(flow: Flow, irs: int, period: int, secret: bytes) -> int:
    text = f"{tuple(flow)!r} {irs} {period}".encode()
    return int.from_bytes(blake2s(text, key=secret, digest_size=3, person=b"cookie").digest())


def make(flow: Flow, irs: int, mss: int, secret: bytes, now: int) -> int:
    """Return the sequence number of a SYN|ACK to a SYN that has `irs` and offers `mss`."""
    period = now // _PERIOD
    index = max((i for i, size in enumerate(SIZES) if size <= mss), default=0)
    low = (_tag(flow, irs, period, secret) + index) & 0xFFFFFF
    return (period & 0xFF) << 24 | low


def check(flow: Flow, seg: Segment, secret: bytes, now: int) -> Remembered | None:
    """Return what the cookie that `seg` acknowledges remembers; None if it is none of ours."""
    cookie, irs = (seg.ack - 1) & seq.MASK, (seg.seq - 1) & seq.MASK
    period = now // _PERIOD
    age = (period - (cookie >> 24)) & 0xFF
    if age >= _OLDEST:
        return None
    index = (cookie - _tag(flow, irs, period - age, secret)) & 0xFFFFFF
    if index >= len(SIZES):
        return None
    if seg.tsval == ABSENT:
        return Remembered(SIZES[index], ABSENT, False, False)
    bits = seg.tsecr
    scale = bits & _SCALE
    return Remembered(
        SIZES[index], ABSENT if scale == _SCALE else scale, bool(bits & _SACK), bool(bits & _ECN)
    )


def stamp(tsval: int, syn: Segment, *, ecn: bool) -> int:
    """Return the timestamp for the SYN|ACK, not younger than `tsval`, with the options in it."""
    bits = _SCALE if syn.wscale == ABSENT else min(syn.wscale, 14)
    bits |= (_SACK if syn.sack_ok else 0) | (_ECN if ecn else 0)
    value = tsval & ~_BITS | bits
    return value if value <= tsval else (value - _BITS - 1) & seq.MASK


def syn_again(ack: Segment, kept: Remembered, number: int) -> Segment:
    """Return the SYN that the cookie answered, as far as it is remembered."""
    return Segment(
        ack.flow, (ack.seq - 1) & seq.MASK, 0, SYN | (ECE | CWR if kept.ecn else 0), ack.wnd,
        mss=kept.mss, wscale=kept.wscale, sack_ok=kept.sack_ok, tsval=ack.tsval, number=number,
    )  # fmt: skip
