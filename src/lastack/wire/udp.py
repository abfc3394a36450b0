"""The UDP header (RFC 768; over IPv6: RFC 8200 section 8.1)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from .checksum import checksum, ones_sum, pseudo_sum, verify
from .flow import Flow
from .ip import UDP
from .packet import Datagram, WireError

LENGTH: Final = 8

_HEADER: Final = Struct("!HHHH")


def build_udp(datagram: Datagram) -> bytes:
    """Return header and text with their checksum."""
    flow, text = datagram.flow, datagram.text
    length = LENGTH + len(text)
    total = pseudo_sum(flow.src, flow.dst, UDP, length) + ones_sum(text)
    total += flow.sport + flow.dport + length
    # a checksum that comes out as zero is sent as all ones: zero says that there is none
    return _HEADER.pack(flow.sport, flow.dport, length, checksum(total) or 0xFFFF) + text


def parse_udp(src: bytes, dst: bytes, data: bytes, tos: int, ttl: int) -> Datagram:
    """Return the datagram in the payload of an IP packet; WireError, ChecksumError."""
    if len(data) < LENGTH:
        raise WireError("the UDP header is cut off")
    sport, dport, length, field = _HEADER.unpack_from(data)
    if not LENGTH <= length <= len(data):
        raise WireError("the UDP length is wrong")
    data = data[:length]
    if field:
        verify(pseudo_sum(src, dst, UDP, length) + ones_sum(data), "UDP")
    elif len(src) == 16:
        raise WireError("a UDP datagram over IPv6 needs a checksum")
    return Datagram(Flow(src, sport, dst, dport), data[LENGTH:], tos=tos, ttl=ttl)
