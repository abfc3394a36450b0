"""A packet capture as values, and a pcapng file as bytes (draft-ietf-opsawg-pcapng).

Own code, because no Python library that is kept up writes all of what a capture of ours has, names,
comments and directions: scapy and dpkt write no name resolution block, and python-pcapng, which
does, had its last release in 2022. `capture_read` reads both formats, as it comes.

Every block is little-endian, times are ns since 1970, packets are whole IP packets (LINKTYPE_RAW).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from struct import pack
from typing import Final

from .packet import WireError

NULL: Final = 0
ETHERNET: Final = 1
RAW: Final = 101
LOOP: Final = 108
LINUX_SLL: Final = 113
IPV4: Final = 228
IPV6: Final = 229
LINUX_SLL2: Final = 276
"""Link types: https://www.tcpdump.org/linktypes.html"""

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
OLD_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
NAMES: Final = 4
PACKET: Final = 6
"""Block types."""

COMMENT: Final = 1
IF_NAME, IF_IPV4, IF_IPV6, IF_RESOLUTION, IF_OFFSET = 2, 4, 5, 9, 14
PACKET_FLAGS: Final = 2
_APPLICATION: Final = 4
_BYTE_ORDER: Final = 0x1A2B3C4D
_NANOSECONDS: Final = bytes((9,))


class CaptureError(WireError):
    """The octets are no capture, or a damaged one; the message is one line."""


class Direction(Enum):
    """Which way a packet passed the interface; the values are those of epb_flags."""

    UNKNOWN = 0
    IN = 1
    OUT = 2


@dataclass(frozen=True)
class Interface:
    """Where packets were captured: `addresses` are its own, packed, if the file tells them."""

    link_type: int
    name: str = ""
    addresses: tuple[bytes, ...] = ()
    units: int = 1_000_000
    """Ticks of its clock a second."""
    offset: int = 0
    """Seconds to add to its times."""
    snaplen: int = 0


@dataclass(frozen=True)
class Frame:
    """One captured packet with its link header: `at` in ns since 1970, `interface` counts from 0
    through the whole file, `length` is that of the packet, of which `data` may be a part."""

    at: int
    interface: int
    data: bytes
    length: int
    direction: Direction = Direction.UNKNOWN
    comment: str = ""


@dataclass
class Contents:
    """What a capture tells beside its packets."""

    interfaces: list[Interface] = field(default_factory=list)
    names: dict[bytes, str] = field(default_factory=dict)


def section_block(application: str) -> bytes:
    """Return the block that begins a file; it tells who wrote it."""
    body = pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    return _block(SECTION, body + _options((_APPLICATION, application.encode())))


def interface_block(name: str, addresses: tuple[bytes, ...] = ()) -> bytes:
    """Return the block of an interface that carries whole IP packets; they count from 0."""
    options = [(IF_NAME, name.encode())]
    for address in addresses:
        ipv4 = len(address) == 4
        options.append((IF_IPV4, address + b"\xff" * 4) if ipv4 else (IF_IPV6, address + b"\x80"))
    options.append((IF_RESOLUTION, _NANOSECONDS))
    return _block(INTERFACE, pack("<HHI", RAW, 0, 0) + _options(*options))


def names_block(names: Mapping[bytes, str]) -> bytes:
    """Return the block that names addresses."""
    body = b""
    for address, name in names.items():
        value = address + name.encode() + b"\0"
        body += pack("<HH", 1 if len(address) == 4 else 2, len(value)) + _padded(value)
    return _block(NAMES, body + bytes(4))


def packet_block(frame: Frame) -> bytes:
    """Return the block of a packet."""
    head = pack(
        "<IIIII", frame.interface, frame.at >> 32, frame.at & 0xFFFFFFFF, len(frame.data),
        frame.length,
    )  # fmt: skip
    options = [(PACKET_FLAGS, pack("<I", frame.direction.value))]
    if frame.comment:
        options.append((COMMENT, frame.comment.encode()[:0xFFFF]))
    return _block(PACKET, head + _padded(frame.data) + _options(*options))


def _block(kind: int, body: bytes) -> bytes:
    length = pack("<I", len(body) + 12)
    return pack("<I", kind) + length + body + length


def _options(*options: tuple[int, bytes]) -> bytes:
    found = b"".join(pack("<HH", code, len(value)) + _padded(value) for code, value in options)
    return found + bytes(4)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)
