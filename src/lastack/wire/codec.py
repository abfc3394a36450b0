"""Packets as bytes: whole IPv4 and IPv6 packets, with checksums."""

from __future__ import annotations

import struct

from .icmp import build_icmp, icmp_length, parse_icmp
from .ip import ICMP4, ICMP6, LENGTH4, LENGTH6, TCP, UDP, build_ip, parse_ip
from .packet import Datagram, Packet, WireError
from .segment import Segment
from .tcp import build_tcp, parse_tcp, tcp_length
from .udp import LENGTH as UDP_LENGTH
from .udp import build_udp, parse_udp


def build(packet: Packet) -> bytes:
    """Return the packet as it travels; the packet number does not.

    WireError if a value does not fit its field, the options exceed 40 octets, the packet 65,535
    octets, or the two addresses differ in family. For every packet that can be written
    `parse(build(packet)) == packet`.
    """
    flow = packet.flow
    try:
        if isinstance(packet, Segment):
            if not 0 <= packet.ecn <= 3:
                raise WireError(f"the ECN field has two bits, not {packet.ecn}")
            if packet.ip.tos & 3:
                raise WireError("the two lowest bits of the type of service are those of ECN")
            tos, ttl = packet.ip
            return build_ip(flow.src, flow.dst, TCP, build_tcp(packet), tos | packet.ecn, ttl)
        if isinstance(packet, Datagram):
            body = build_udp(packet)
            return build_ip(flow.src, flow.dst, UDP, body, packet.tos, packet.ttl)
        protocol = ICMP4 if len(flow.src) == 4 else ICMP6
        return build_ip(flow.src, flow.dst, protocol, build_icmp(packet))
    except struct.error as error:
        raise WireError(f"a value does not fit its field: {error}") from None


def parse(data: bytes) -> Packet:
    """Return the packet in `data`, numbered 0; raises WireError and nothing else.

    ChecksumError, which is a WireError, if everything but a checksum is right so far.
    """
    header, payload = parse_ip(data)
    src, dst, protocol = header.src, header.dst, header.protocol
    if protocol == TCP:
        return parse_tcp(src, dst, payload, header.tos, header.ttl)
    if protocol == UDP:
        return parse_udp(src, dst, payload, header.tos, header.ttl)
    if protocol == (ICMP4 if len(src) == 4 else ICMP6):
        return parse_icmp(src, dst, payload)
    raise WireError(f"protocol {protocol} is neither TCP, UDP nor ICMP")


def packet_length(packet: Packet) -> int:
    """Return len(build(packet)), the octets on the link, without building."""
    length = LENGTH4 if len(packet.flow.src) == 4 else LENGTH6
    if isinstance(packet, Segment):
        return length + tcp_length(packet)
    if isinstance(packet, Datagram):
        return length + UDP_LENGTH + len(packet.text)
    return length + icmp_length(packet)
