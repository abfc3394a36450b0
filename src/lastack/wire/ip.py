"""The IP header: IPv4 (RFC 791) and IPv6 with extension headers (RFC 8200).

Sent: no options, don't fragment. Received: IPv4 options (MUST-50) and IPv6 hop-by-hop, destination
and finished routing headers are skipped. Fragments are refused with a WireError: path MTU discovery
makes a TCP do without them, and lastack has no reassembly.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from .checksum import checksum, ones_sum, verify
from .packet import WireError

TCP: Final = 6
UDP: Final = 17
ICMP4: Final = 1
ICMP6: Final = 58

LENGTH4: Final = 20
LENGTH6: Final = 40
LARGEST: Final = 65535
"""Largest IPv4 packet and largest IPv6 payload without a jumbogram, in octets."""

_HEADER4: Final = Struct("!BBHHHBBH4s4s")
_HEADER6: Final = Struct("!IHBB16s16s")
_DONT_FRAGMENT: Final = 0x4000
_FRAGMENT: Final = 0x3FFF  # more fragments, or an offset
HOP_LIMIT: Final = 64
"""Time to live of what is sent (net.ipv4.ip_default_ttl)."""

_HOP_BY_HOP: Final = 0
_ROUTING: Final = 43
_FRAGMENT_HEADER: Final = 44
_DESTINATION: Final = 60


class IpHeader(NamedTuple):
    """What lastack reads in an IP header; the payload is octets [first, last) of the packet."""

    src: bytes
    dst: bytes
    protocol: int
    tos: int
    ttl: int
    first: int
    last: int


def build_ip(
    src: bytes, dst: bytes, protocol: int, payload: bytes, tos: int = 0, ttl: int = HOP_LIMIT
) -> bytes:
    """Return a whole packet; WireError if it cannot be written."""
    if not 0 <= tos <= 255:
        raise WireError(f"the type of service has eight bits, not {tos}")
    if (len(src), len(dst)) == (16, 16):
        if len(payload) > LARGEST:
            raise WireError(f"{len(payload)} octets do not fit into one IPv6 packet")
        head = _HEADER6.pack(6 << 28 | tos << 20, len(payload), protocol, ttl, src, dst)
        return head + payload
    if (len(src), len(dst)) != (4, 4):
        raise WireError("the addresses of a packet are two of IPv4 or two of IPv6")
    length = LENGTH4 + len(payload)
    if length > LARGEST:
        raise WireError(f"{length} octets do not fit into one IPv4 packet")
    fields = (0x45, tos, length, 0, _DONT_FRAGMENT, ttl, protocol)
    field = checksum(ones_sum(_HEADER4.pack(*fields, 0, src, dst)))
    return _HEADER4.pack(*fields, field, src, dst) + payload


def parse_ip(data: bytes) -> tuple[IpHeader, bytes]:
    """Return header and payload of a whole packet; what a link padded behind it is cut off."""
    header = read_header(data)
    if header.last > len(data):
        raise WireError(f"the packet has {header.last} octets, only {len(data)} arrived")
    if data[0] >> 4 == 4:
        verify(ones_sum(data[: header.first]), "IPv4 header")
    return header, data[header.first : header.last]


def read_header(data: bytes) -> IpHeader:
    """Read the header at the beginning of `data`, which may stop anywhere behind it.

    The header's checksum is not looked at: an ICMP error quotes the header as some router left it.
    """
    version = data[0] >> 4 if data else 0
    if version == 4:
        return _read4(data)
    if version == 6:
        return _read6(data)
    raise WireError("neither IPv4 nor IPv6")


def _read4(data: bytes) -> IpHeader:
    if len(data) < LENGTH4:
        raise WireError("the IPv4 header is cut off")
    first_octet, tos, length, _, fragment, ttl, protocol, _, src, dst = _HEADER4.unpack_from(data)
    first = (first_octet & 0xF) * 4
    if first < LENGTH4 or first > len(data) or length < first:
        raise WireError("the lengths in the IPv4 header contradict each other")
    if fragment & _FRAGMENT:
        raise WireError("fragments are not supported")
    return IpHeader(src, dst, protocol, tos, ttl, first, length)


def _read6(data: bytes) -> IpHeader:
    if len(data) < LENGTH6:
        raise WireError("the IPv6 header is cut off")
    word, length, protocol, ttl, src, dst = _HEADER6.unpack_from(data)
    first, last = LENGTH6, LENGTH6 + length
    while protocol in (_HOP_BY_HOP, _ROUTING, _FRAGMENT_HEADER, _DESTINATION):
        if protocol == _FRAGMENT_HEADER:
            raise WireError("fragments are not supported")
        if first + 8 > min(last, len(data)):
            raise WireError("an IPv6 extension header is cut off")
        if protocol == _ROUTING and data[first + 3]:
            raise WireError("the packet has not visited every node of its routing header")
        protocol, first = data[first], first + 8 * (data[first + 1] + 1)
    if first > min(last, len(data)):
        raise WireError("an IPv6 extension header is cut off")
    return IpHeader(src, dst, protocol, word >> 20 & 0xFF, ttl, first, last)
