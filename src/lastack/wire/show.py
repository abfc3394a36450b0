"""One line about a packet, in the words of tcpdump(1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .flow import Flow, show_address, show_endpoint
from .icmp import tells_mtu
from .ip import TCP
from .packet import Datagram, IcmpMessage, Packet
from .segment import ABSENT, ACK, FIN, RST, SYN, URG, Segment
from .seq import sub

Relative = tuple[int, int]
"""What to subtract: from SEG.SEQ the sender's ISN, from SEG.ACK and SACK edges its peer's."""

_LETTERS: Final = "FSRP.UEW"

_UNREACHABLE4: Final = {0: "net", 1: "host", 2: "protocol", 3: "port"}
_UNREACHABLE6: Final = {0: "route", 1: "prohibited", 3: "address", 4: "port"}
_KINDS4: Final = {3: "unreachable", 4: "source quench", 11: "time exceeded", 12: "bad parameter"}
_KINDS6: Final = {1: "unreachable", 2: "packet too big", 3: "time exceeded", 4: "bad parameter"}


def flags_text(flags: int) -> str:
    """Return "[S.]" for SYN and ACK; F S R P . U E W stand for the bits from FIN to CWR."""
    letters = "".join(letter for bit, letter in enumerate(_LETTERS) if flags >> bit & 1)
    return f"[{letters or 'none'}]"


def show(packet: Packet, relative: Relative = (0, 0)) -> str:
    """Return one line: who to whom, flags, numbers, window, options, octets of text."""
    if isinstance(packet, Segment):
        parts = ", ".join(_segment(packet, relative))
        return f"{_flow(packet.flow)}: {parts}"
    if isinstance(packet, Datagram):
        return f"{_flow(packet.flow)}: UDP, length {len(packet.text)}"
    return _icmp(packet, relative)


def options_text(seg: Segment, relative: Relative = (0, 0)) -> str:
    """Return the options without padding: "mss 1460,sackOK,TS val 1 ecr 0,wscale 7"."""
    parts = []
    if seg.mss:
        parts.append(f"mss {seg.mss}")
    if seg.sack_ok:
        parts.append("sackOK")
    if seg.tsval != ABSENT:
        parts.append(f"TS val {seg.tsval} ecr {seg.tsecr}")
    if seg.wscale != ABSENT:
        parts.append(f"wscale {seg.wscale}")
    if seg.sack:
        base = relative[1]
        edges = "".join(f"{{{sub(left, base)}:{sub(right, base)}}}" for left, right in seg.sack)
        parts.append(f"sack {len(seg.sack)} {edges}")
    return ",".join(parts)


def _segment(seg: Segment, relative: Relative) -> Iterator[str]:
    yield f"Flags {flags_text(seg.flags)}"
    first = sub(seg.seq, relative[0])
    if seg.text:
        yield f"seq {first}:{sub(seg.seq + len(seg.text), relative[0])}"
    elif seg.flags & (SYN | FIN | RST):
        yield f"seq {first}"
    if seg.flags & ACK:
        yield f"ack {sub(seg.ack, relative[1])}"
    yield f"win {seg.wnd}"
    if seg.flags & URG:
        yield f"urg {seg.up}"
    if text := options_text(seg, relative):
        yield f"options [{text}]"
    yield f"length {len(seg.text)}"


def _icmp(message: IcmpMessage, relative: Relative) -> str:
    flow, kind, code = message.flow, message.kind, message.code
    ipv6 = len(flow.src) == 16
    what = (_KINDS6 if ipv6 else _KINDS4).get(kind, f"type {kind}")
    if tells_mtu(kind, code, ipv6=ipv6):
        what = f"too big, mtu {message.mtu}"
    elif what == "unreachable":
        subject = (_UNREACHABLE6 if ipv6 else _UNREACHABLE4).get(code, f"code {code}")
        if subject == "port":
            subject = "tcp port" if message.protocol == TCP else "udp port"
        what = f"{subject} unreachable"
    elif code:
        what = f"{what} code {code}"
    hosts = f"{show_address(flow.src)} > {show_address(flow.dst)}"
    about = _flow(message.quoted)
    if message.protocol == TCP:
        about += f" seq {sub(message.quoted_seq, relative[0])}"
    return f"{hosts}: {'ICMP6' if ipv6 else 'ICMP'} {what}, about {about}"


def _flow(flow: Flow) -> str:
    return f"{show_endpoint(flow.src, flow.sport)} > {show_endpoint(flow.dst, flow.dport)}"
