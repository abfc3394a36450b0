"""Packets that `build` would not write, put together by hand."""

import struct

from .values import CLIENT, SERVER


def words_sum(data: bytes) -> int:
    """The checksum as RFC 1071 section 1 defines it, word by word."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(protocol: int, payload: bytes, *, options: bytes = b"", fragment: int = 0) -> bytes:
    """An IPv4 packet from the client to the server."""
    length = 20 + len(options) + len(payload)
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, length, 0, fragment, 64, protocol, 0)
    head += CLIENT + SERVER + options
    return head[:10] + struct.pack("!H", words_sum(head)) + head[12:] + payload


def tcp(options: bytes = b"", *, flags: int = 0x10, text: bytes = b"", offset: int = 0) -> bytes:
    """A TCP segment of the same two, its checksum correct; `offset` in words overrides."""
    offset = offset or 5 + len(options) // 4
    head = struct.pack("!HHIIBBHHH", 40000, 80, 1, 2, offset << 4, flags, 512, 0, 0) + options
    pseudo = CLIENT + SERVER + struct.pack("!HH", 6, len(head) + len(text))
    return head[:16] + struct.pack("!H", words_sum(pseudo + head + text)) + head[18:] + text
