"""What a link carries: a segment, a datagram, or an ICMP message."""

from __future__ import annotations

from .flow import Flow
from .segment import Segment, copy_segment


class Datagram:
    """A UDP datagram (RFC 768). `tos` is the octet of the IP header that has the ECN bits at its
    low end (traffic class in IPv6), `ttl` its time to live (hop limit)."""

    __slots__ = ("flow", "text", "tos", "ttl", "number")

    def __init__(
        self, flow: Flow, text: bytes, *, tos: int = 0, ttl: int = 64, number: int = 0
    ) -> None:
        self.flow = flow
        self.text = text
        self.tos = tos
        self.ttl = ttl
        self.number = number

    def _key(self) -> tuple[object, ...]:
        return self.flow, self.text, self.tos, self.ttl

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Datagram) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<Datagram {self.flow.sport}>{self.flow.dport} len={len(self.text)}>"


class IcmpMessage:
    """An ICMP error about a packet that was sent (RFC 792; RFC 4443 for IPv6).

    `kind` and `code` are the ICMP type and code; `protocol` (6 TCP, 17 UDP) and `quoted` are the
    protocol and the flow of the packet it is about, seen as that packet travelled; `quoted_seq`
    is the 32 bits behind its ports: of TCP the sequence number, of UDP length and checksum. `mtu`
    is the next-hop MTU of "fragmentation needed", else 0. Ports of `flow` are 0.
    """

    __slots__ = ("flow", "kind", "code", "protocol", "quoted", "quoted_seq", "mtu", "number")

    def __init__(
        self, flow: Flow, kind: int, code: int, quoted: Flow, quoted_seq: int, *,
        mtu: int = 0, protocol: int = 6, number: int = 0,
    ) -> None:  # fmt: skip
        self.flow = flow
        self.kind = kind
        self.code = code
        self.protocol = protocol
        self.quoted = quoted
        self.quoted_seq = quoted_seq
        self.mtu = mtu
        self.number = number

    def _key(self) -> tuple[object, ...]:
        return (
            self.flow, self.kind, self.code, self.protocol, self.quoted, self.quoted_seq, self.mtu,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IcmpMessage) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"<IcmpMessage {self.kind}/{self.code} about {self.quoted}>"


Packet = Segment | Datagram | IcmpMessage


def copy_packet(packet: Packet, number: int) -> Packet:
    """Return an equal packet that is known by another packet number."""
    if isinstance(packet, Segment):
        return copy_segment(packet, number)
    if isinstance(packet, Datagram):
        return Datagram(packet.flow, packet.text, tos=packet.tos, ttl=packet.ttl, number=number)
    return IcmpMessage(
        packet.flow, packet.kind, packet.code, packet.quoted, packet.quoted_seq, mtu=packet.mtu,
        protocol=packet.protocol, number=number,
    )  # fmt: skip


class WireError(ValueError):
    """The bytes are no packet that lastack understands; the only thing `wire` raises."""
