"""Parsing the packets of a script."""

from __future__ import annotations

from typing import Final

from .cursor import Cursor
from .lexer import Kind
from .syntax import (
    NO_IP_INFO,
    IcmpPacket,
    IpInfo,
    Option,
    Packet,
    ScriptError,
    Span,
    TcpPacket,
    UdpPacket,
)

_LARGEST: Final = 65_495
"""The most text that TCP over IPv4 carries in one packet."""
_ECN: Final = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
_PLAIN_OPTIONS: Final = {"nop": "nop", "eol": "eol", "sackok": "sackOK"}


def packet(cursor: Cursor) -> Packet:
    """Parse a packet from its direction on."""
    inbound = cursor.take().text == "<"
    headers: list[str] = []
    ip = NO_IP_INFO
    while True:
        if cursor.at("(", "["):
            ip = _ip_info(cursor)
        elif cursor.token.kind is Kind.HEADER:
            headers.append(" ".join(cursor.take().text.split()))
        elif cursor.at("gre", "mpls"):
            headers.append(_tunnel(cursor))
        else:
            break
    if cursor.at("icmp", "icmpv6"):
        return _icmp(cursor, inbound, ip, tuple(headers))
    if cursor.accept("udp"):
        ports = _ports(cursor)
        cursor.expect("(")
        length = cursor.integer()
        cursor.expect(")")
        return UdpPacket(inbound, length, ports, ip, tuple(headers))
    return _tcp(cursor, inbound, ip, tuple(headers))


def _ip_info(cursor: Cursor) -> IpInfo:
    """Parse `[ect0]`, `(tos 0x10)`, `(ttl 64)`, `(class 0x10, flowlabel 0x1)`."""
    closing = ")" if cursor.take().text == "(" else "]"
    ecn = tos = ttl = label = None
    either = False
    while not cursor.accept(closing):
        cursor.accept(",")
        word = cursor.word("ecn, tos, ttl or flowlabel").lower()
        if word in _ECN:
            ecn = _ECN[word]
        elif word == "ect01":
            either = True
        elif word in ("tos", "class"):
            tos = cursor.integer()
        elif word in ("ttl", "hlim"):
            ttl = cursor.integer()
        elif word == "flowlabel":
            label = cursor.integer()
        else:
            raise cursor.error("ecn, tos, ttl or flowlabel")
    return IpInfo(ecn, either, tos, ttl, label)


def _tunnel(cursor: Cursor) -> str:
    """Skip a tunnel header up to its colon; it is named, for the runner to refuse."""
    name = cursor.take().text
    while not cursor.accept(":"):
        if cursor.token.kind is Kind.END:
            raise cursor.error('":"')
        cursor.take()
    return name


def _ports(cursor: Cursor) -> tuple[int, int] | None:
    if cursor.token.kind is not Kind.NUMBER or cursor.peek().text != ">":
        return None
    source = cursor.integer()
    cursor.expect(">")
    return source, cursor.integer()


def _tcp(cursor: Cursor, inbound: bool, ip: IpInfo, headers: tuple[str, ...]) -> TcpPacket:
    ports = _ports(cursor)
    flags = _flags(cursor)
    span = _span(cursor)
    if inbound and span.length > _LARGEST:
        raise ScriptError(cursor.last.line, f"the peer's segment is longer than {_LARGEST} bytes")
    numbers: dict[str, int] = {}
    while cursor.at("ack", "win", "urg"):
        name = cursor.take().text
        numbers[name] = cursor.integer()
    options = _options(cursor) if cursor.at("<") else ()
    udp = _encapsulation(cursor) if cursor.accept("/") else None
    return TcpPacket(
        inbound, flags, span, numbers.get("ack"), numbers.get("win"), numbers.get("urg"),
        options, ports, ip, udp, headers,
    )  # fmt: skip


def _flags(cursor: Cursor) -> str:
    """Parse "S", "S.", ".", "SEW", or "-" for none."""
    if cursor.accept("-"):
        return ""
    letters = ""
    if cursor.token.kind in (Kind.WORD, Kind.NUMBER):
        letters = cursor.take().text
    elif not cursor.at("."):
        raise cursor.error("TCP flags")
    return letters + cursor.take().text if cursor.at(".") else letters


def _span(cursor: Cursor) -> Span:
    if cursor.accept("..."):
        first = last = None
    else:
        first = cursor.integer()
        cursor.expect(":")
        last = cursor.integer()
    cursor.expect("(")
    length = cursor.integer()
    cursor.expect(")")
    return Span(first, last, length, absolute=cursor.accept("!"))


def _encapsulation(cursor: Cursor) -> tuple[int, int]:
    """Parse `/udp(9811 > 1)`, TCP over UDP; behind the slash."""
    cursor.expect("udp")
    cursor.expect("(")
    ports = _ports(cursor)
    if ports is None:
        raise cursor.error("two ports")
    cursor.expect(")")
    return ports


def _options(cursor: Cursor) -> tuple[Option, ...] | None:
    cursor.expect("<")
    if cursor.accept("..."):
        cursor.expect(">")
        return None
    options: list[Option] = []
    while not cursor.accept(">"):
        if options:
            cursor.expect(",")
        options.append(_option(cursor))
    return tuple(options)


def _option(cursor: Cursor) -> Option:
    name = cursor.word("a TCP option")
    if name.lower() in _PLAIN_OPTIONS:
        return Option(_PLAIN_OPTIONS[name.lower()])
    if name in ("mss", "wscale"):
        return Option(name, (cursor.integer(),))
    if name == "TS":
        cursor.expect("val")
        value = cursor.integer()
        cursor.expect("ecr")
        return Option("TS", (value, cursor.integer()))
    if name == "sack":
        edges: list[int | str] = []
        while not cursor.at(",", ">"):
            edges.append(cursor.integer())
            cursor.expect(":")
            edges.append(cursor.integer())
        return Option("sack", tuple(edges))
    words: list[int | str] = []
    while not cursor.at(",", ">"):
        if cursor.token.kind not in (Kind.WORD, Kind.NUMBER):
            raise cursor.error("a TCP option")
        words.append(cursor.take().text)
    return Option(name, tuple(words))


def _icmp(cursor: Cursor, inbound: bool, ip: IpInfo, headers: tuple[str, ...]) -> IcmpPacket:
    cursor.take()
    kind = cursor.word("an ICMP type")
    code = ""
    if cursor.token.kind is Kind.WORD and not cursor.at("mtu", "id"):
        code = cursor.take().text
    numbers: dict[str, int] = {}
    while cursor.at("mtu", "id"):
        name = cursor.take().text
        numbers[name] = cursor.integer()
    about, protocol, udp = None, "tcp", None
    if cursor.accept("["):
        if cursor.at("udp", "raw", "udplite"):
            protocol = cursor.take().text
            cursor.expect("(")
            about = Span(0, 0, cursor.integer())
            cursor.expect(")")
        else:
            about = _span(cursor)
            udp = _encapsulation(cursor) if cursor.accept("/") else None
        cursor.expect("]")
    return IcmpPacket(
        inbound, kind, code, numbers.get("mtu"), numbers.get("id"), about, protocol, udp, ip,
        headers,
    )  # fmt: skip
