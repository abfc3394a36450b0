"""Captures in every shape, written octet by octet as other programs write them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lastack.wire import ACK, Flow, Segment, build, pack_address

A, B = pack_address("10.0.0.1"), pack_address("10.0.0.2")
SEGMENT = Segment(Flow(A, 40000, B, 80), 1000, 2000, ACK, 500, b"hello, world")
SEGMENT6 = Segment(
    Flow(pack_address("fe80::1"), 40000, pack_address("fe80::2"), 80), 1, 2, ACK, 500, b"hello"
)
PACKET = build(SEGMENT)
PACKET6 = build(SEGMENT6)

LINKS = {
    "ethernet": (1, bytes(12) + b"\x08\x00"),
    "vlan": (1, bytes(12) + b"\x81\x00\x00\x07\x08\x00"),
    "raw": (101, b""),
    "raw of a BSD": (12, b""),
    "ipv4": (228, b""),
    "null, little-endian": (0, b"\x02\x00\x00\x00"),
    "null, big-endian": (0, b"\x00\x00\x00\x02"),
    "loop": (108, b"\x00\x00\x00\x02"),
    "cooked": (113, bytes.fromhex("0004 0304 0006") + bytes(8) + b"\x08\x00"),
    "cooked 2": (276, b"\x08\x00\0\0" + bytes.fromhex("00000003 0304 04 06") + bytes(8)),
}
"""Link type and the octets before an IPv4 packet."""


def pcap(
    packets: Sequence[tuple[int, bytes]], *, link: int = 101, order: str = "<", nano: bool = False,
    snaplen: int = 0,
) -> bytes:  # fmt: skip
    """Return a pcap file of (ns, packet)."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    text = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen or 262144, link)
    for at, data in packets:
        whole, part = divmod(at, 1_000_000_000)
        kept = data[:snaplen] if snaplen else data
        part = part if nano else part // 1000
        text += struct.pack(f"{order}IIII", whole, part, len(kept), len(data)) + kept
    return text


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(
    packets: Sequence[tuple[int, bytes]], *, link: int = 101, order: str = "<",
    resolution: bytes = b"\x06", offset: int = 0,
) -> bytes:  # fmt: skip
    """Return a pcapng section of (ticks, packet)."""
    section = struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1)
    options = option(order, 9, resolution) + option(order, 14, struct.pack(f"{order}q", offset))
    text = block(order, 0x0A0D0D0A, section)
    text += block(order, 1, struct.pack(f"{order}HHI", link, 0, 0) + options + bytes(4))
    for ticks, data in packets:
        head = struct.pack(
            f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
        )
        text += block(order, 6, head + data + bytes(-len(data) % 4))
    return text
