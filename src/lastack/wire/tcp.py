"""The TCP header (RFC 9293 section 3.1)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from .checksum import checksum, ones_sum, pseudo_sum, verify
from .flow import Flow
from .ip import TCP
from .options import NONE, build_options, options_length, parse_options
from .packet import WireError
from .segment import Segment, ip_fields

LENGTH: Final = 20
"""Octets of the header without options."""

_HEADER: Final = Struct("!HHIIBBHHH")
"""All fields are unsigned, the window too (MUST-1)."""


def tcp_length(seg: Segment) -> int:
    """Return the octets of header, options and text."""
    return LENGTH + options_length(seg) + len(seg.text)


def build_tcp(seg: Segment) -> bytes:
    """Return header, options and text with their checksum (MUST-2)."""
    flow = seg.flow
    options = build_options(seg)
    fields = (
        flow.sport, flow.dport, seg.seq, seg.ack, (LENGTH + len(options)) << 2, seg.flags, seg.wnd,
    )  # fmt: skip
    head = _HEADER.pack(*fields, 0, seg.up) + options
    total = pseudo_sum(flow.src, flow.dst, TCP, len(head) + len(seg.text))
    total += ones_sum(head) + ones_sum(seg.text)
    return _HEADER.pack(*fields, checksum(total), seg.up) + options + seg.text


def parse_tcp(src: bytes, dst: bytes, data: bytes, tos: int, ttl: int) -> Segment:
    """Return the segment in the payload of an IP packet; `tos` has the bits of ECN, too.

    ChecksumError (MUST-3); WireError if the data offset is wrong. Reserved bits are ignored.
    """
    if len(data) < LENGTH:
        raise WireError("the TCP header is cut off")
    sport, dport, seq, ack, offset, flags, wnd, _, up = _HEADER.unpack_from(data)
    first = offset >> 4 << 2
    if first < LENGTH or first > len(data):
        raise WireError("the TCP data offset points outside of the segment")
    verify(pseudo_sum(src, dst, TCP, len(data)) + ones_sum(data), "TCP")
    options = parse_options(data[LENGTH:first]) if first > LENGTH else NONE
    return Segment(
        Flow(src, sport, dst, dport), seq, ack, flags, wnd, data[first:], up=up, ecn=tos & 3,
        mss=options.mss, wscale=options.wscale, sack_ok=options.sack_ok, tsval=options.tsval,
        tsecr=options.tsecr, sack=options.sack, ip=ip_fields(tos, ttl),
    )  # fmt: skip
