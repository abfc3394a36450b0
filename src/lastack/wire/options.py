"""TCP options (RFC 9293 section 3.2, RFC 2018, RFC 7323).

Written in the order and with the padding of Linux, so that a capture looks familiar: every group
fills whole words, and nothing has to be padded behind the list (MUST-69). Read as RFC 9293 section
3.1 wants it: in any segment (MUST-5), unknown kinds skipped by their length (MUST-6, MUST-68),
wherever an option begins (MUST-64). Of an illegal length (MUST-7) the RFC suggests a reset; that
would let one forged octet kill a connection, so reading stops there, as on Linux, and what was read
before stands. A known kind with another length than its own is skipped like an unknown one. What an
option means in a segment where it does not belong is for `tcp` to decide.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from .packet import WireError
from .segment import ABSENT, Segment

LARGEST: Final = 40
"""Octets of options that the data offset can tell (RFC 9293 section 3.1)."""

# MUST-4: the three that everybody knows
_EOL: Final = 0
_NOP: Final = 1
_MSS: Final = 2
_WSCALE: Final = 3
_SACK_OK: Final = 4
_SACK: Final = 5
_TIMESTAMPS: Final = 8

_MSS_OPTION: Final = Struct("!BBH")
_WSCALE_OPTION: Final = Struct("!BBBB")
_TIMESTAMPS_OPTION: Final = Struct("!BBBBII")
_SACK_HEAD: Final = Struct("!BBBB")
_HALF_WORD: Final = Struct("!H")
_EDGES: Final = Struct("!II")
_ONLY_TIMESTAMPS: Final = bytes((_NOP, _NOP, _TIMESTAMPS, 10))


class Options(NamedTuple):
    """The options of one segment; names and absent values are those of Segment."""

    mss: int = 0
    wscale: int = ABSENT
    sack_ok: bool = False
    tsval: int = ABSENT
    tsecr: int = 0
    sack: tuple[tuple[int, int], ...] = ()


NONE: Final = Options()


def options_length(seg: Segment) -> int:
    """Return how many octets the options fill, padding included; a multiple of 4."""
    length = 0
    if seg.tsval != ABSENT:
        length = 12
    elif seg.sack_ok:
        length = 4
    if seg.mss:
        length += 4
    if seg.wscale != ABSENT:
        length += 4
    if seg.sack:
        length += 4 + 8 * len(seg.sack)
    return length


def build_options(seg: Segment) -> bytes:
    """Return the options with their padding; WireError if they are more than 40 octets."""
    if options_length(seg) > LARGEST:
        raise WireError(f"{options_length(seg)} octets of options, more than {LARGEST}")
    parts = []
    if seg.mss:
        parts.append(_MSS_OPTION.pack(_MSS, 4, seg.mss))
    if seg.tsval != ABSENT:
        # SACK-permitted fills the two octets that would be padding
        pair = (_SACK_OK, 2) if seg.sack_ok else (_NOP, _NOP)
        parts.append(_TIMESTAMPS_OPTION.pack(*pair, _TIMESTAMPS, 10, seg.tsval, seg.tsecr))
    elif seg.sack_ok:
        parts.append(bytes((_NOP, _NOP, _SACK_OK, 2)))
    if seg.wscale != ABSENT:
        parts.append(_WSCALE_OPTION.pack(_NOP, _WSCALE, 3, seg.wscale))
    if seg.sack:
        parts.append(_SACK_HEAD.pack(_NOP, _NOP, _SACK, 2 + 8 * len(seg.sack)))
        parts += [_EDGES.pack(left, right) for left, right in seg.sack]
    return b"".join(parts)


def parse_options(data: bytes) -> Options:
    """Return the options in `data`; never raises."""
    if len(data) == 12 and data.startswith(_ONLY_TIMESTAMPS):
        return Options(0, ABSENT, False, *_EDGES.unpack_from(data, 4))
    mss, wscale, sack_ok, tsval, tsecr, sack = NONE
    at, end = 0, len(data)
    while at < end:
        kind = data[at]
        if kind == _EOL:
            break
        if kind == _NOP:
            at += 1
            continue
        length = data[at + 1] if at + 1 < end else 0
        if length < 2 or at + length > end:
            break  # MUST-7
        if kind == _MSS and length == 4:
            (mss,) = _HALF_WORD.unpack_from(data, at + 2)
        elif kind == _WSCALE and length == 3:
            wscale = data[at + 2]
        elif kind == _SACK_OK and length == 2:
            sack_ok = True
        elif kind == _TIMESTAMPS and length == 10:
            tsval, tsecr = _EDGES.unpack_from(data, at + 2)
        elif kind == _SACK and length > 2 and length % 8 == 2:
            sack = tuple(_EDGES.iter_unpack(data[at + 2 : at + length]))
        at += length
    return Options(mss, wscale, sack_ok, tsval, tsecr, sack)
