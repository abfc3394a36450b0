"""From the numbers of a script to those on the wire and back.

A script counts sequence numbers from each end's ISN and names no ports; `Wire` knows which
connection a packet of the script belongs to, and where its numbers begin.
"""

from __future__ import annotations

from typing import Final

from lastack.wire import (
    ABSENT,
    ACK,
    CWR,
    ECE,
    FIN,
    PLAIN_IP,
    PSH,
    RST,
    SYN,
    URG,
    Flow,
    IcmpMessage,
    IpFields,
    Segment,
    build,
    ip_fields,
    seq,
)

from . import syntax as s
from .captured import Captured, options_in
from .requests import Ends
from .syntax import Unsupported

REMOTE_ISN: Final = 3_221_225_472
"""The sequence number on the wire that stands for the peer's 0."""
FIRST_REMOTE_PORT: Final = 40_000
"""The port of the peer of the first connection that it opens."""

FLAGS: Final = {
    "F": FIN, "S": SYN, "R": RST, "P": PSH, ".": ACK, "U": URG, "E": ECE, "W": CWR, "C": CWR,
}  # fmt: skip
_LETTERS: Final = "FSRP.UEW"

_KINDS: Final = {"unreachable": 3, "source_quench": 4, "time_exceeded": 11, "parameter_problem": 12}
_CODES: Final = {
    "net_unreachable": 0, "host_unreachable": 1, "protocol_unreachable": 2,
    "port_unreachable": 3, "frag_needed": 4, "source_route_failed": 5, "net_unknown": 6,
    "host_unknown": 7, "source_host_isolated": 8, "net_prohibited": 9, "host_prohibited": 10,
    "net_unreachable_for_tos": 11, "host_unreachable_for_tos": 12, "packet_filtered": 13,
    "precedence_violation": 14, "precedence_cutoff": 15,
    "ttl_exceeded_in_transit": 0, "frag_reass_exceeded": 1,
}  # fmt: skip
_KINDS6: Final = {
    "unreachable": 1, "packet_too_big": 2, "time_exceeded": 3, "parameter_problem": 4
}  # fmt: skip
_CODES6: Final = {
    "no_route": 0, "admin_prohibited": 1, "not_neighbour": 2, "addr_unreachable": 3,
    "address_unreachable": 3, "port_unreachable": 4, "exceeded_hop_limit": 0,
    "hop_limit_exceeded": 0, "exceeded_frag_time": 1, "err_header_field": 0,
    "unknown_next_header": 1, "unrec_option": 2,
}  # fmt: skip


class Conversation:
    """One connection as the script sees it; `flow` is the target's, src its own end."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.local_isn = 0
        self.remote_isn = REMOTE_ISN
        self.last_syn = ""
        self.stamps: dict[int, int] = {}
        self.first_stamp: tuple[int, int] | None = None

    def live_stamp(self, value: int) -> int:
        """Return the timestamp of ours that the script calls `value`."""
        if value in self.stamps or self.first_stamp is None:
            return self.stamps.get(value, value)
        mine, live = self.first_stamp
        return (live + value - mine) & seq.MASK


class Wire:
    """The connections of one script."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.current: Conversation | None = None
        self._by_ports: dict[tuple[int, int], Conversation] = {}
        self._next_port = FIRST_REMOTE_PORT
        self._awaits_syn = False

    def listening(self) -> None:
        """listen() was called: the next SYN without ports opens a connection of its own, and those
        after it belong to the same 4-tuple, so that it can be opened anew."""
        self._awaits_syn = True

    # -- to the target -------------------------------------------------------------------------

    def segment(self, packet: s.TcpPacket) -> Segment:
        """Return the segment that the script's peer sends."""
        refuse(packet)
        conversation = self._arriving(packet)
        span = packet.span
        if span.first is None:
            raise Unsupported("a segment of the peer without sequence numbers")
        flags = flags_of(packet.flags)
        ack = packet.ack or 0
        if flags & ACK:
            ack = seq.add(conversation.local_isn, ack)
        base = 0 if span.absolute else conversation.remote_isn
        seg = Segment(
            conversation.flow.reversed(), seq.add(base, span.first), ack, flags,
            packet.window or 0, bytes(span.length), up=packet.urgent or 0,
            ecn=_ecn(packet.ip), ip=_ip_fields(packet.ip),
        )  # fmt: skip
        _set_options(seg, packet, conversation)
        return seg

    def icmp(self, packet: s.IcmpPacket) -> IcmpMessage:
        """Return the ICMP error that the script sends about a segment of ours."""
        if packet.headers or packet.about_udp is not None or packet.about_protocol != "tcp":
            raise Unsupported("ICMP about something else than TCP over IP")
        if packet.about is None or packet.about.first is None or self.current is None:
            raise Unsupported(f"ICMP {packet.kind} that is not about a segment")
        ipv6 = len(self.ends.local) == 16
        kind = _numbered(packet.kind, _KINDS6 if ipv6 else _KINDS, "type")
        code = _numbered(packet.code, _CODES6 if ipv6 else _CODES, "code") if packet.code else 0
        quoted = self.current.flow
        number = seq.add(self.current.local_isn, packet.about.first)
        flow = Flow(quoted.dst, 0, quoted.src, 0)
        return IcmpMessage(flow, kind, code, quoted, number, mtu=packet.mtu or 0)

    def _arriving(self, packet: s.TcpPacket) -> Conversation:
        opens = "S" in packet.flags and "." not in packet.flags
        if packet.ports is not None:
            remote, local = packet.ports
            found = self._by_ports.get((local, remote))
            if found is None:
                flow = Flow(self.ends.local, local, self.ends.remote, remote)
                found = self._by_ports[local, remote] = Conversation(flow)
            self.current = found
            return found
        found = self.current
        if found is None or (opens and self._awaits_syn):
            self._awaits_syn = False
            flow = Flow(self.ends.local, self.ends.port, self.ends.remote, self._next_port)
            self._next_port += 1
            found = self.current = Conversation(flow)
        return found

    # -- from the target -----------------------------------------------------------------------

    def conversation(self, packet: s.TcpPacket, seg: Segment) -> Conversation | None:
        """Return the connection of a segment that the script expects; None if it is another's."""
        if packet.ports is not None:
            found = self._by_ports.get(packet.ports)
            known = any(other.flow == seg.flow for other in self._by_ports.values())
            if found is None and seg.flow.dport == packet.ports[1] and not known:
                found = self._by_ports[packet.ports] = Conversation(seg.flow)
            if found is not None:
                self.current = found
        else:
            found = self.current
            new = seg.flags & (SYN | ACK) == SYN and (found is None or found.flow != seg.flow)
            if new:
                found = self.current = Conversation(seg.flow)
        if found is None or found.flow != seg.flow:
            return None
        if seg.flags & SYN and "S" in packet.flags:
            self._learn(found, packet, seg)
        return found

    def _learn(self, conversation: Conversation, packet: s.TcpPacket, seg: Segment) -> None:
        """Take the ISN from a SYN. One that repeats the SYN before it has to have the same."""
        again = conversation.last_syn == packet.flags
        if not again:
            conversation.local_isn = seq.sub(seg.seq, packet.span.first or 0)
        conversation.last_syn = packet.flags

    def established(self) -> None:
        """Something else than a SYN was seen: the next SYN may have an ISN of its own."""
        if self.current is not None:
            self.current.last_syn = ""


def _set_options(seg: Segment, packet: s.TcpPacket, conversation: Conversation) -> None:
    """Give a segment of the peer the options that the script writes."""
    if packet.options is None:
        raise Unsupported("a segment of the peer with options <...>")
    for option in packet.options:
        values = [value for value in option.values if isinstance(value, int)]
        if option.name in ("nop", "eol"):
            continue
        if option.name == "mss":
            seg.mss = values[0]
        elif option.name == "wscale":
            seg.wscale = values[0]
        elif option.name == "sackOK":
            seg.sack_ok = True
        elif option.name == "TS":
            seg.tsval = values[0] & seq.MASK
            seg.tsecr = conversation.live_stamp(values[1])
        elif option.name == "sack":
            edges = [seq.add(conversation.local_isn, value) for value in values]
            seg.sack = tuple(zip(edges[::2], edges[1::2], strict=True))
        else:
            raise Unsupported(f"the TCP option {option}")


def refuse(packet: s.TcpPacket) -> None:
    """Raise Unsupported for what a segment of lastack cannot have."""
    if packet.headers:
        raise Unsupported(f"the header {packet.headers[0]}")
    if packet.udp_ports is not None:
        raise Unsupported("TCP over UDP")
    if packet.ip.flow_label is not None:
        raise Unsupported("the flow label of IPv6")


def _ecn(ip: s.IpInfo) -> int:
    if ip.ecn is not None:
        return ip.ecn
    return (ip.tos or 0) & 3


def _ip_fields(ip: s.IpInfo) -> IpFields:
    return ip_fields(ip.tos or 0, PLAIN_IP.ttl if ip.ttl is None else ip.ttl)


def _numbered(name: str, known: dict[str, int], what: str) -> int:
    if name in known:
        return known[name]
    prefix, _, digits = name.rpartition("_")
    if prefix == what and digits.isdigit():
        return int(digits)
    raise Unsupported(f"ICMP {name}")


def flags_of(letters: str) -> int:
    """Return the flag bits of "S." and the like."""
    bits = 0
    for letter in letters:
        if letter not in FLAGS:
            raise Unsupported(f"the TCP flag {letter}")
        bits |= FLAGS[letter]
    return bits


def letters_of(bits: int) -> str:
    """Return flag bits as a script writes them."""
    letters = "".join(letter for at, letter in enumerate(_LETTERS) if bits >> at & 1)
    return letters.replace(".", "") + "." if "." in letters else letters or "-"


def options_of(seg: Segment) -> tuple[s.Option, ...]:
    """Return the options in the order in which they stand in the packet, padding included.

    Edges and timestamps are those on the wire.
    """
    if isinstance(seg, Captured):
        return tuple(_read_options(seg.options))
    if not (seg.mss or seg.wscale != ABSENT or seg.sack_ok or seg.tsval != ABSENT or seg.sack):
        return ()
    return tuple(_read_options(options_in(build(seg), len(seg.flow.src))))


def _read_options(raw: bytes) -> list[s.Option]:
    found = []
    at = 0
    while at < len(raw):
        kind = raw[at]
        if kind <= 1:
            found.append(s.Option("nop" if kind else "eol"))
            at += 1
            continue
        body = raw[at + 2 : at + raw[at + 1]]
        words = tuple(int.from_bytes(body[i : i + 4], "big") for i in range(0, len(body), 4))
        if kind == 2:
            found.append(s.Option("mss", (int.from_bytes(body, "big"),)))
        elif kind == 3:
            found.append(s.Option("wscale", (body[0],)))
        elif kind == 4:
            found.append(s.Option("sackOK"))
        elif kind == 5:
            found.append(s.Option("sack", words))
        elif kind == 8:
            found.append(s.Option("TS", words))
        else:
            found.append(s.Option(f"kind{kind}", (body.hex(),)))
        at += raw[at + 1]
    return found
