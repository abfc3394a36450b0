"""Segments as they were on a real wire, with their options as they stood there."""

from __future__ import annotations

from typing import Final

from lastack.wire import Segment, WireError, parse

_IP4: Final = 20
_IP6: Final = 40
_TCP: Final = 20
"""Octets of the headers, IP's without options."""


class Captured(Segment):
    """A segment as it was on a wire: `options` are the octets of its options, in their order."""

    __slots__ = ("options",)

    def __init__(self, seg: Segment, options: bytes) -> None:
        super().__init__(
            seg.flow, seg.seq, seg.ack, seg.flags, seg.wnd, seg.text, up=seg.up, ecn=seg.ecn,
            mss=seg.mss, wscale=seg.wscale, sack_ok=seg.sack_ok, tsval=seg.tsval,
            tsecr=seg.tsecr, sack=seg.sack, ip=seg.ip,
        )  # fmt: skip
        self.options = options


def options_in(data: bytes, address_length: int) -> bytes:
    """Return the octets of the TCP options in an IP packet without IP options."""
    ip = _IP4 if address_length == 4 else _IP6
    return data[ip + _TCP : ip + (data[ip + 12] >> 4 << 2)]


def captured(data: bytes) -> Captured | None:
    """Return the TCP segment in an IP packet, None if there is none that can be read."""
    try:
        packet = parse(data)
    except WireError:
        return None
    if not isinstance(packet, Segment):
        return None
    return Captured(packet, options_in(data, len(packet.flow.src)))
