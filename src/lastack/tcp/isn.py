"""Initial sequence numbers (RFC 6528; RFC 9293 section 3.4.1, MUST-8, SHLD-1)."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2s

from lastack.wire import Flow, seq


def initial_sequence(flow: Flow, secret: bytes, now: int) -> int:
    """Return M + F(flow, secret): a 4 us clock plus a keyed hash of the 4-tuple, which only
    who has the secret can compute (MUST-9)."""
    digest = blake2s(repr(tuple(flow)).encode(), key=secret, digest_size=4).digest()
    return (now // 4_000 + int.from_bytes(digest, "big")) & seq.MASK


def timestamp_offset(flow: Flow, secret: bytes) -> int:
    """Return the offset of our timestamp clock for these two addresses (RFC 7323 section 5.4)."""
    return _offset(flow.src, flow.dst, secret)


@lru_cache(1024)
def _offset(src: bytes, dst: bytes, secret: bytes) -> int:
    text = repr((src, dst)).encode()
    digest = blake2s(text, key=secret, digest_size=4, person=b"ts").digest()
    return int.from_bytes(digest, "big")
