"""ICMP errors about TCP segments and UDP datagrams (RFC 792, RFC 1191; for IPv6 RFC 4443).

An error quotes the IP header of the packet it is about and at least 8 octets behind it (RFC 1122
section 3.2.2): ports and sequence number, which is all that TCP needs (RFC 5927 section 4.1) and
all that lastack writes; of UDP that is its whole header. Other ICMP, and errors about anything but
TCP and UDP, is refused with a WireError.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from .checksum import checksum, ones_sum, pseudo_sum, verify
from .flow import Flow
from .ip import ICMP6, LENGTH4, LENGTH6, TCP, UDP, build_ip, read_header
from .packet import IcmpMessage, WireError

_HEADER: Final = Struct("!BBHI")
_QUOTED: Final = Struct("!HHI")
_BARE_TCP: Final = bytes(12)  # what a TCP header has behind the sequence number

UNREACHABLE4: Final = 3
FRAGMENTATION_NEEDED: Final = 4
TOO_BIG6: Final = 2
ERRORS4: Final = frozenset({UNREACHABLE4, 4, 11, 12})
ERRORS6: Final = frozenset({1, TOO_BIG6, 3, 4})


def icmp_length(message: IcmpMessage) -> int:
    """Return the octets of the message: its header, the quoted IP header, 8 octets."""
    quoted = LENGTH4 if len(message.flow.src) == 4 else LENGTH6
    return _HEADER.size + quoted + _QUOTED.size


def tells_mtu(kind: int, code: int, *, ipv6: bool) -> bool:
    """Tell whether a message of this type and code carries a next-hop MTU."""
    return kind == TOO_BIG6 if ipv6 else (kind, code) == (UNREACHABLE4, FRAGMENTATION_NEEDED)


def build_icmp(message: IcmpMessage) -> bytes:
    """Return the message with its checksum; WireError if it is no error about TCP or UDP."""
    flow, quoted = message.flow, message.quoted
    ipv6 = len(flow.src) == 16
    _check_kind(message.kind, ipv6=ipv6)
    if len(quoted.src) != len(flow.src):
        raise WireError("an ICMP error quotes a packet of its own family")
    _check_protocol(message.protocol)
    if flow.sport or flow.dport:
        raise WireError("an ICMP message has no ports")
    told = tells_mtu(message.kind, message.code, ipv6=ipv6)
    if (message.mtu and not told) or (not ipv6 and message.mtu > 0xFFFF):
        raise WireError(f"ICMP {message.kind}/{message.code} cannot tell an MTU of {message.mtu}")
    ports = _QUOTED.pack(quoted.sport, quoted.dport, message.quoted_seq)
    # the quoted header tells the length of the packet it began, here one without options and text
    if message.protocol == TCP:
        body = build_ip(quoted.src, quoted.dst, TCP, ports + _BARE_TCP)[: -len(_BARE_TCP)]
    else:
        body = build_ip(quoted.src, quoted.dst, UDP, ports)
    total = ones_sum(_HEADER.pack(message.kind, message.code, 0, message.mtu)) + ones_sum(body)
    if ipv6:
        total += pseudo_sum(flow.src, flow.dst, ICMP6, _HEADER.size + len(body))
    return _HEADER.pack(message.kind, message.code, checksum(total), message.mtu) + body


def parse_icmp(src: bytes, dst: bytes, data: bytes) -> IcmpMessage:
    """Return the message in the payload of an IP packet; WireError, ChecksumError."""
    if len(data) < _HEADER.size:
        raise WireError("the ICMP header is cut off")
    kind, code, _, rest = _HEADER.unpack_from(data)
    ipv6 = len(src) == 16
    verify(ones_sum(data) + (pseudo_sum(src, dst, ICMP6, len(data)) if ipv6 else 0), "ICMP")
    _check_kind(kind, ipv6=ipv6)
    body = data[_HEADER.size :]
    header = read_header(body)
    if len(header.src) != len(src):
        raise WireError("an ICMP error quotes a packet of its own family")
    _check_protocol(header.protocol)
    if len(body) < header.first + _QUOTED.size:
        raise WireError("an ICMP error quotes less than 8 octets")
    sport, dport, seq = _QUOTED.unpack_from(body, header.first)
    mtu = 0
    if tells_mtu(kind, code, ipv6=ipv6):
        mtu = rest if ipv6 else rest & 0xFFFF  # RFC 1191 section 4: the upper half is unused
    quoted = Flow(header.src, sport, header.dst, dport)
    flow, protocol = Flow(src, 0, dst, 0), header.protocol
    return IcmpMessage(flow, kind, code, quoted, seq, mtu=mtu, protocol=protocol)


def _check_protocol(protocol: int) -> None:
    if protocol not in (TCP, UDP):
        raise WireError("an ICMP error about something else than TCP or UDP")


def _check_kind(kind: int, *, ipv6: bool) -> None:
    if kind not in (ERRORS6 if ipv6 else ERRORS4):
        raise WireError(f"ICMP type {kind} is no error")
