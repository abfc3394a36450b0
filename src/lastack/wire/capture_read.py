"""Captures as they come, octet by octet: pcap and pcapng, either byte order, any resolution.

`CaptureReader.feed` takes what has been read so far and returns the packets that are whole, so a
file and `tcpdump -w -` are read alike. Whatever the octets are, nothing but CaptureError is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as StructError
from struct import unpack_from
from typing import Final

from . import capture as pcapng
from .capture import CaptureError, Contents, Direction, Frame, Interface

_LARGEST: Final = 1 << 24
"""No packet and no block is longer, in octets: a longer one is damage."""
_PCAP: Final = {0xA1B2C3D4: 1_000_000, 0xA1B23C4D: 1_000_000_000}
_PCAP_HEAD: Final = 24
_RECORD_HEAD: Final = 16
_LIFE_OF_FILES: Final = 1 << 34
"""Seconds since 1970, until the year 2514."""


class CaptureReader:
    """A stream of octets becomes packets; `contents` grows as interfaces and names are told."""

    def __init__(self) -> None:
        self.contents = Contents()
        self._buffer = bytearray()
        self._taken = 0
        self._order = ""
        self._pcapng = False
        self._section_first = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take more octets; return the packets that are complete with them. CaptureError."""
        self._buffer += data
        frames: list[Frame] = []
        try:
            at = self._begin() if not self._order else 0
            while self._order:
                used, frame = self._block(at) if self._pcapng else self._record(at)
                if not used:
                    break
                at += used
                if frame is not None:
                    frames.append(frame)
        except (StructError, IndexError):
            raise CaptureError(f"the capture is damaged near octet {self._taken:,}") from None
        del self._buffer[:at]
        return frames

    @property
    def cut_off(self) -> bool:
        """Whether the end of the file would be in the middle of a packet."""
        return bool(self._buffer)

    def finish(self) -> None:
        """The file is at its end. CaptureError if it never was a capture."""
        if not self._order:
            what = "it is empty" if not self._buffer else "it is neither pcap nor pcapng"
            raise CaptureError(f"no capture: {what}")

    # -- pcap ----------------------------------------------------------------------------------

    def _begin(self) -> int:
        """Find out the format; return the octets of a pcap file header, 0 before it is there."""
        head = self._buffer
        if head[:2] == b"\x1f\x8b":
            raise CaptureError("the capture is compressed: gunzip -c FILE | lastack read -")
        if len(head) < 4:
            return 0
        if head[:4] == b"\n\r\r\n":
            self._pcapng, self._order = True, "<"
            return 0
        for order in "<>":
            (magic,) = unpack_from(f"{order}I", head)
            if magic in _PCAP:
                return self._pcap_header(order, _PCAP[magic])
        raise CaptureError("no capture: it is neither pcap nor pcapng")

    def _pcap_header(self, order: str, units: int) -> int:
        if len(self._buffer) < _PCAP_HEAD:
            return 0
        snaplen, network = unpack_from(f"{order}II", self._buffer, 16)
        # the upper bits tell of a frame check sequence; the link type has 16
        self.contents.interfaces.append(
            Interface(_link_type(network & 0xFFFF), units=units, snaplen=snaplen)
        )
        self._order = order
        self._taken = _PCAP_HEAD
        return _PCAP_HEAD

    def _record(self, at: int) -> tuple[int, Frame | None]:
        if len(self._buffer) - at < _RECORD_HEAD:
            return 0, None
        seconds, part, size, length = unpack_from(f"{self._order}IIII", self._buffer, at)
        if size > _LARGEST or length > _LARGEST:
            raise CaptureError(f"the capture is damaged near octet {self._taken:,}")
        end = at + _RECORD_HEAD + size
        if len(self._buffer) < end:
            return 0, None
        units = self.contents.interfaces[0].units
        time = seconds * 1_000_000_000 + part * 1_000_000_000 // units
        data = bytes(self._buffer[at + _RECORD_HEAD : end])
        self._taken += end - at
        return end - at, Frame(time, 0, data, max(length, size))

    # -- pcapng --------------------------------------------------------------------------------

    def _block(self, at: int) -> tuple[int, Frame | None]:
        """Return the octets of the next block, 0 before it is complete, and its packet if any."""
        buffer = self._buffer
        if len(buffer) - at < 12:
            return 0, None
        if buffer[at : at + 4] == b"\n\r\r\n":
            self._order = self._byte_order(at)
        kind, length = unpack_from(f"{self._order}II", buffer, at)
        if length < 12 or length % 4 or length > _LARGEST:
            raise CaptureError(f"the capture is damaged near octet {self._taken:,}")
        if len(buffer) - at < length:
            return 0, None
        body = bytes(buffer[at + 8 : at + length - 4])
        frame = self._take(kind, body)
        self._taken += length
        return length, frame

    def _byte_order(self, at: int) -> str:
        for order in "<>":
            if unpack_from(f"{order}I", self._buffer, at + 8)[0] == 0x1A2B3C4D:
                return order
        raise CaptureError(f"the capture is damaged near octet {self._taken:,}")

    def _take(self, kind: int, body: bytes) -> Frame | None:
        if kind == pcapng.SECTION:
            # the interfaces of a section count from 0 again
            self._section_first = len(self.contents.interfaces)
        elif kind == pcapng.INTERFACE:
            self.contents.interfaces.append(self._interface(body))
        elif kind == pcapng.NAMES:
            self._names(body)
        elif kind == pcapng.PACKET:
            number, high, low, size, length = unpack_from(f"{self._order}IIIII", body)
            return self._packet(body, 20, number, high << 32 | low, size, length)
        elif kind == pcapng.OLD_PACKET:
            number, _, high, low, size, length = unpack_from(f"{self._order}HHIIII", body)
            return self._packet(body, 20, number, high << 32 | low, size, length)
        elif kind == pcapng.SIMPLE_PACKET:
            (length,) = unpack_from(f"{self._order}I", body)
            return self._packet(body, 4, 0, 0, min(length, len(body) - 4), length)
        return None

    def _packet(
        self, body: bytes, first: int, number: int, ticks: int, size: int, length: int
    ) -> Frame:
        interfaces = self.contents.interfaces
        number += self._section_first
        if number >= len(interfaces) or first + size > len(body) or length > _LARGEST:
            raise CaptureError(f"the capture is damaged near octet {self._taken:,}")
        face = interfaces[number]
        at = ticks * 1_000_000_000 // face.units + face.offset * 1_000_000_000
        if not 0 <= at < _LIFE_OF_FILES * 1_000_000_000:
            raise CaptureError(f"the capture is damaged near octet {self._taken:,}")
        direction, comment = Direction.UNKNOWN, ""
        for code, value in self._options(body, first + size + -size % 4):
            if code == pcapng.PACKET_FLAGS and len(value) == 4:
                bits = unpack_from(f"{self._order}I", value)[0] & 3
                direction = Direction(bits) if bits < 3 else Direction.UNKNOWN
            elif code == pcapng.COMMENT:
                comment = value.decode("utf-8", "replace")
        data = body[first : first + size]
        return Frame(at, number, data, max(length, size), direction, comment)

    def _interface(self, body: bytes) -> Interface:
        link_type, _, snaplen = unpack_from(f"{self._order}HHI", body)
        name, addresses, units, offset = "", [], 1_000_000, 0
        for code, value in self._options(body, 8):
            if code == pcapng.IF_NAME:
                name = value.decode("utf-8", "replace")
            elif code == pcapng.IF_IPV4 and len(value) == 8:
                addresses.append(value[:4])
            elif code == pcapng.IF_IPV6 and len(value) == 17:
                addresses.append(value[:16])
            elif code == pcapng.IF_RESOLUTION and value:
                units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
            elif code == pcapng.IF_OFFSET and len(value) == 8:
                (offset,) = unpack_from(f"{self._order}q", value)
        return Interface(_link_type(link_type), name, tuple(addresses), units, offset, snaplen)

    def _names(self, body: bytes) -> None:
        for kind, value in self._options(body, 0):
            size = {1: 4, 2: 16}.get(kind)
            if size is not None and len(value) > size:
                name = value[size:].split(b"\0")[0].decode("utf-8", "replace")
                if name:
                    self.contents.names[value[:size]] = name

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        while at + 4 <= len(body):
            code, length = unpack_from(f"{self._order}HH", body, at)
            if code == 0:
                return
            if at + 4 + length > len(body):
                raise CaptureError(f"the capture is damaged near octet {self._taken:,}")
            yield code, body[at + 4 : at + 4 + length]
            at += 4 + length + -length % 4


def _link_type(number: int) -> int:
    """Return the number that files use; 12 and 14 are how systems call raw IP themselves."""
    return pcapng.RAW if number in (12, 14) else number
