"""The TCP segment as a value (RFC 9293 section 3.1).

Hot: a plain class with a hand-written constructor. Once `tcp.emit` has built a segment nobody
assigns to it; a retransmission, a duplicate or a mangled copy is a new object.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .flow import Flow

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
URG: Final = 0x20
ECE: Final = 0x40
CWR: Final = 0x80

ABSENT: Final = -1
"""Value of `wscale` and `tsval` in a segment that does not carry the option."""


class IpFields(NamedTuple):
    """What a program may choose of the IP header of its segments (MUST-48, MUST-49): `tos`, the six
    bits of Diffserv at the upper end of their octet (traffic class in IPv6; the two of ECN are not
    the program's), and the time to live (hop limit)."""

    tos: int
    ttl: int


PLAIN_IP: Final = IpFields(0, 64)
"""Without any choice (net.ipv4.ip_default_ttl)."""


def ip_fields(tos: int, ttl: int) -> IpFields:
    """Return the fields of a header whose type of service has the bits of ECN, too."""
    fields = IpFields(tos & ~3, ttl)
    return PLAIN_IP if fields == PLAIN_IP else fields


class Segment:
    """One segment; `number` is the packet number that a trace knows it by (0: no trace).

    wnd is the field as sent, not scaled. mss is 0 and wscale and tsval are ABSENT when the segment
    lacks the option. ecn is the two ECN bits of the IP header, ip the rest of what is looked at
    there. sack holds (left, right) edges. length is SEG.LEN: octets of text, plus one for SYN and
    one for FIN (RFC 9293 section 3.4).
    """

    __slots__ = (
        "flow", "seq", "ack", "flags", "wnd", "up", "ecn", "mss", "wscale", "sack_ok",
        "tsval", "tsecr", "sack", "text", "number", "length", "ip",
    )  # fmt: skip

    def __init__(
        self, flow: Flow, seq: int, ack: int, flags: int, wnd: int, text: bytes = b"", *,
        up: int = 0, ecn: int = 0, mss: int = 0, wscale: int = ABSENT, sack_ok: bool = False,
        tsval: int = ABSENT, tsecr: int = 0, sack: tuple[tuple[int, int], ...] = (),
        number: int = 0, ip: IpFields = PLAIN_IP,
    ) -> None:  # fmt: skip
        self.flow = flow
        self.seq = seq
        self.ack = ack
        self.flags = flags
        self.wnd = wnd
        self.text = text
        self.up = up
        self.ecn = ecn
        self.mss = mss
        self.wscale = wscale
        self.sack_ok = sack_ok
        self.tsval = tsval
        self.tsecr = tsecr
        self.sack = sack
        self.number = number
        self.ip = ip
        self.length = len(text) + (flags & FIN) + ((flags & SYN) >> 1)

    def _key(self) -> tuple[object, ...]:
        return (
            self.flow, self.seq, self.ack, self.flags, self.wnd, self.text, self.up, self.ecn,
            self.mss, self.wscale, self.sack_ok, self.tsval, self.tsecr, self.sack, self.ip,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        letters = "".join(
            letter for bit, letter in zip(range(8), "FSRPAUEC", strict=True)
            if self.flags >> bit & 1
        )  # fmt: skip
        return (
            f"<Segment {letters or '-'} seq={self.seq} ack={self.ack} "
            f"len={len(self.text)} wnd={self.wnd}>"
        )


def copy_segment(seg: Segment, number: int = 0) -> Segment:
    """Return an equal segment that is known by another packet number."""
    return Segment(
        seg.flow, seg.seq, seg.ack, seg.flags, seg.wnd, seg.text, up=seg.up, ecn=seg.ecn,
        mss=seg.mss, wscale=seg.wscale, sack_ok=seg.sack_ok, tsval=seg.tsval, tsecr=seg.tsecr,
        sack=seg.sack, number=number, ip=seg.ip,
    )  # fmt: skip
