"""A captured packet as a value, as far as it was captured.

A capture shows what `parse` refuses: checksums that a network card was to fill in, segments of 64
KiB and more that it was to cut (their IP length may be 0), and packets of which only the beginning
was kept. A text that is not complete is all zeros here; nothing that is reported reads it.
"""

from __future__ import annotations

from struct import Struct, unpack_from
from struct import error as StructError
from typing import Final, NamedTuple, cast

from . import capture as link
from .capture import Direction, Frame, Interface
from .flow import Flow
from .icmp import parse_icmp
from .ip import ICMP4, ICMP6, TCP, IpHeader, read_header
from .options import NONE, parse_options
from .packet import IcmpMessage, WireError
from .segment import Segment, ip_fields

LINKS: Final = frozenset(
    {link.NULL, link.ETHERNET, link.RAW, link.LOOP, link.LINUX_SLL, link.IPV4, link.IPV6}
    | {link.LINUX_SLL2}
)
"""The link types whose packets are understood."""

_TCP: Final = Struct("!HHIIBBHHH")
_VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
_IP: Final = frozenset({0x0800, 0x86DD})
_MOST_TAGS: Final = 4
_OUTGOING: Final = 4  # PACKET_OUTGOING of packet(7)
_SLL, _SLL2 = 16, 20
_LARGEST: Final = 1 << 20
"""Twice what Linux hands to a card at once (GSO_MAX_SIZE)."""
_ZEROS: Final = memoryview(bytes(_LARGEST))


class Captured(NamedTuple):
    """A packet, which way it passed, on which of the machine's interfaces (0: not told), and its
    IPv4 identification (0: none)."""

    packet: Segment | IcmpMessage
    direction: Direction
    interface: int
    identification: int


def read_frame(frame: Frame, face: Interface) -> Captured | None:
    """Return the TCP segment or ICMP error in a frame, None if it holds something else.

    WireError if it looks like one and cannot be understood, or if the link type is unknown.
    """
    found = _strip(frame, face.link_type)
    if found is None:
        return None
    first, direction, index = found
    packet = parse_captured(frame.data[first:], frame.length - first)
    if packet is None:
        return None
    data = frame.data
    identification = int.from_bytes(data[first + 4 : first + 6], "big")
    if data[first] >> 4 == 6:
        identification = 0
    return Captured(packet, direction, index, identification)


def parse_captured(data: bytes, length: int) -> Segment | IcmpMessage | None:
    """Return what the beginning `data` of an IP packet of `length` octets shows; None for other
    protocols. WireError if a header is missing or contradicts itself."""
    if length > _LARGEST:
        raise WireError(f"{length:,} octets are more than any packet has")
    if len(data) >= 4 and data[0] >> 4 == 4 and data[2:4] == b"\0\0":
        # a card was to cut it into packets: the length is the one that the capture tells
        data = data[:2] + min(length, 0xFFFF).to_bytes(2, "big") + data[4:]
        header = read_header(data)._replace(last=length)
    else:
        header = read_header(data)
        if header.last == header.first and data[0] >> 4 == 6:
            header = header._replace(last=length)  # a jumbogram
    if header.last < header.first or header.last > max(length, len(data)):
        raise WireError("the packet is shorter than its IP header tells")
    body = data[header.first : min(header.last, len(data))]
    if header.protocol == TCP:
        size = header.last - header.first
        return _segment(header, body, size)
    if header.protocol == (ICMP4 if len(header.src) == 4 else ICMP6):
        try:
            return parse_icmp(header.src, header.dst, body)
        except WireError:
            return None  # a ping, or an error about something else
    return None


def _segment(header: IpHeader, data: bytes, size: int) -> Segment:
    if len(data) < _TCP.size:
        raise WireError("the TCP header is cut off")
    sport, dport, seq, ack, offset, flags, wnd, _, up = _TCP.unpack_from(data)
    first = offset >> 4 << 2
    if first < _TCP.size or first > size:
        raise WireError("the TCP data offset points outside of the segment")
    options = parse_options(data[_TCP.size : first]) if first > _TCP.size else NONE
    text = data[first:]
    if len(text) < size - first:
        # a view, because a file may claim far more octets than it has
        text = cast(bytes, _ZEROS[: size - first])
    return Segment(
        Flow(header.src, sport, header.dst, dport), seq, ack, flags, wnd, text, up=up,
        ecn=header.tos & 3,
        mss=options.mss, wscale=options.wscale, sack_ok=options.sack_ok, tsval=options.tsval,
        tsecr=options.tsecr, sack=options.sack, ip=ip_fields(header.tos, header.ttl),
    )  # fmt: skip


def _strip(frame: Frame, link_type: int) -> tuple[int, Direction, int] | None:
    """Return where the IP packet begins, its direction and interface; None: it is not IP."""
    data, direction = frame.data, frame.direction
    try:
        if link_type in (link.RAW, link.IPV4, link.IPV6):
            return (0, direction, 0) if data else None
        if link_type in (link.NULL, link.LOOP):
            # the family's number differs from system to system; the IP version tells as much
            return (4, direction, 0) if data[4] >> 4 in (4, 6) else None
        if link_type == link.ETHERNET:
            first = _ethernet(data)
            return (first, direction, 0) if first else None
        if link_type == link.LINUX_SLL:
            kind, protocol = unpack_from("!H12xH", data)
            return _cooked(_SLL, kind, protocol, 0)
        if link_type == link.LINUX_SLL2:
            protocol, index, kind = unpack_from("!H2xI2xB", data)
            return _cooked(_SLL2, kind, protocol, index)
    except (IndexError, StructError):
        return None  # too short for a link header
    raise WireError(f"link type {link_type} is not understood")


def _cooked(first: int, kind: int, protocol: int, index: int) -> tuple[int, Direction, int] | None:
    if protocol not in _IP:
        return None
    return first, Direction.OUT if kind == _OUTGOING else Direction.IN, index


def _ethernet(data: bytes) -> int:
    """Return the octets before the IP packet, 0 if there is none; tags of VLANs are skipped."""
    at = 12
    for _ in range(_MOST_TAGS):
        (kind,) = unpack_from("!H", data, at)
        if kind in _IP:
            return at + 2
        if kind not in _VLANS:
            return 0
        at += 4
    return 0
