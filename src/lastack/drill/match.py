"""A packet that was sent, held against the packet that the script expects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lastack.wire import ACK, FIN, PSH, SYN, Segment, seq

from . import syntax as s
from .calls import Mismatch
from .translate import Conversation, flags_of, letters_of, options_of


def show_expected(packet: s.TcpPacket) -> str:
    """Return the packet of a script as a script writes it."""
    span = packet.span
    place = "..." if span.first is None else f"{span.first}:{span.last}"
    parts = [">", packet.flags or "-", f"{place}({span.length}){'!' if span.absolute else ''}"]
    if packet.ack is not None:
        parts.append(f"ack {packet.ack}")
    if packet.window is not None:
        parts.append(f"win {packet.window}")
    if packet.urgent is not None:
        parts.append(f"urg {packet.urgent}")
    if packet.options is None:
        parts.append("<...>")
    elif packet.options:
        parts.append(f"<{','.join(map(str, packet.options))}>")
    return " ".join(parts)


def show_sent(seg: Segment, conversation: Conversation | None) -> str:
    """Return a segment as a script writes it, its numbers as the script counts."""
    local = conversation.local_isn if conversation is not None else 0
    first = seq.sub(seg.seq, local)
    parts = [">", letters_of(seg.flags), f"{first}:{first + len(seg.text)}({len(seg.text)})"]
    if seg.flags & ACK:
        remote = conversation.remote_isn if conversation is not None else 0
        parts.append(f"ack {seq.sub(seg.ack, remote)}")
    parts.append(f"win {seg.wnd}")
    if seg.up:
        parts.append(f"urg {seg.up}")
    options = ",".join(map(str, translated(seg, conversation)))
    if options:
        parts.append(f"<{options}>")
    return " ".join(parts)


def translated(seg: Segment, conversation: Conversation | None) -> tuple[s.Option, ...]:
    """Return the options with edges and timestamps as the script counts them."""
    if conversation is None:
        return options_of(seg)
    found = []
    for option in options_of(seg):
        if option.name == "sack":
            edges = (v for v in option.values if isinstance(v, int))
            option = s.Option("sack", tuple(seq.sub(v, conversation.remote_isn) for v in edges))
        elif option.name == "TS" and conversation.first_stamp is not None:
            mine, live = conversation.first_stamp
            value, echo = option.values
            assert isinstance(value, int)
            option = s.Option("TS", ((value - live + mine) & seq.MASK, echo))
        found.append(option)
    return tuple(found)


def compare(
    packet: s.TcpPacket, segments: Sequence[Segment], conversation: Conversation
) -> Mismatch | None:
    """Return how what was sent differs; several segments in a row count as one.

    The flags are those of the last one; those before it may have PSH and no FIN.
    """
    first, last = segments[0], segments[-1]
    if not _same(packet, segments, conversation):
        sent = [show_sent(seg, conversation) for seg in (first, last)]
        actual = sent[0] if first is last else f"{sent[0]} to {sent[1]}"
        return Mismatch(show_expected(packet), actual)
    return None


def _same(packet: s.TcpPacket, segments: Sequence[Segment], conversation: Conversation) -> bool:
    first, last = segments[0], segments[-1]
    flags = flags_of(packet.flags)
    if last.flags != flags or any((seg.flags ^ flags) & ~PSH & ~FIN for seg in segments):
        return False
    if any(seg.flags & (SYN | FIN) for seg in segments[:-1]):
        return False
    return (
        _same_place(packet, segments, conversation)
        and _same_fields(packet, first, conversation)
        and _same_options(packet, first, conversation)
    )


def _same_place(
    packet: s.TcpPacket, segments: Sequence[Segment], conversation: Conversation
) -> bool:
    span = packet.span
    if sum(len(seg.text) for seg in segments) != span.length:
        return False
    if span.first is not None:
        base = 0 if span.absolute else conversation.local_isn
        if seq.add(base, span.first) != segments[0].seq:
            return False
    return all(
        seq.add(one.seq, len(one.text)) == two.seq and one.ack == two.ack
        for one, two in pairwise(segments)
    )


def _same_fields(packet: s.TcpPacket, seg: Segment, conversation: Conversation) -> bool:
    if packet.ack is not None:
        base = conversation.remote_isn if seg.flags & ACK else 0
        if seq.add(base, packet.ack) != seg.ack:
            return False
    if packet.window is not None and packet.window != seg.wnd:
        return False
    if packet.urgent is not None and packet.urgent != seg.up:
        return False
    if packet.ip.ecn is not None and packet.ip.ecn != seg.ecn:
        return False
    if packet.ip.tos is not None and packet.ip.tos != seg.ip.tos | seg.ecn:
        return False
    if packet.ip.ttl is not None and packet.ip.ttl != seg.ip.ttl:
        return False
    return not packet.ip.either_ect or seg.ecn in (1, 2)


def _same_options(packet: s.TcpPacket, seg: Segment, conversation: Conversation) -> bool:
    if packet.options is None:
        return True
    found = options_of(seg)
    if len(found) != len(packet.options):
        return False
    for wanted, told in zip(packet.options, found, strict=True):
        if wanted.name != told.name:
            return False
        if wanted.name == "sack":
            base = conversation.remote_isn
            edges = tuple(seq.add(base, v) for v in wanted.values if isinstance(v, int))
            if edges != told.values:
                return False
        elif wanted.name == "TS":
            if wanted.values[1] != told.values[1]:
                return False
        elif wanted.values != told.values:
            return False
    return True


def note_stamp(packet: s.TcpPacket, seg: Segment, conversation: Conversation) -> int | None:
    """Remember which timestamp the script gives this segment; return by how many ticks it differs
    from what the first one lets expect, None if the script says none."""
    for option in packet.options or ():
        if option.name == "TS" and isinstance(option.values[0], int):
            mine = option.values[0]
            if conversation.first_stamp is None:
                conversation.first_stamp = (mine, seg.tsval)
            expected = conversation.first_stamp[1] + mine - conversation.first_stamp[0]
            conversation.stamps[mine] = seg.tsval
            return seq.diff(seg.tsval, expected & seq.MASK)
    return None
