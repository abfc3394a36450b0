"""The label of a segment: flags, relative sequence number, length."""

from __future__ import annotations

from typing import Final

from lastack.trace import Sent
from lastack.wire import ACK, FIN, RST, SYN, URG, Flow, Segment, seq

_FLAGS: Final = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (URG, "URG"), (ACK, "ACK"))


class Numbers:
    """The initial sequence number of each direction, learnt from its SYN; without one, the first
    text byte seen counts as number 1. Another SYN on the same connection changes nothing."""

    def __init__(self) -> None:
        self._base: dict[Flow, int] = {}
        self._opened: set[Flow] = set()

    def seen(self, seg: Segment) -> None:
        """Learn from a segment, before it is labelled."""
        if seg.flags & SYN and seg.flow not in self._opened:
            self._base[seg.flow] = seg.seq
            self._opened.add(seg.flow)
        elif not seg.flags & RST:
            self._base.setdefault(seg.flow, seq.add(seg.seq, -1))
        if seg.flags & ACK and not seg.flags & RST:
            self._base.setdefault(seg.flow.reversed(), seq.add(seg.ack, -1))

    def seq(self, seg: Segment) -> int:
        """Return the relative SEG.SEQ."""
        return seq.sub(seg.seq, self._base.get(seg.flow, seg.seq))

    def ack(self, seg: Segment) -> int:
        """Return the relative SEG.ACK."""
        return seq.sub(seg.ack, self._base.get(seg.flow.reversed(), seg.ack))


def flag_names(flags: int) -> str:
    """Return "SYN|ACK"; PSH, which means nothing to the receiver's TCP, is left out."""
    return "|".join(name for bit, name in _FLAGS if flags & bit) or "no flags"


def label(seg: Segment, numbers: Numbers, *, again: bool) -> str:
    """Return "ACK seq 1 len 1460", "ACK ack 1461", "FIN|ACK seq 1461 again"."""
    text = flag_names(seg.flags)
    if seg.length or seg.flags & RST:
        text += f" seq {numbers.seq(seg)}"
    elif seg.flags & ACK:
        text += f" ack {numbers.ack(seg)}"
    if seg.text:
        text += f" len {len(seg.text)}"
    if seg.wnd == 0 and not seg.flags & (RST | SYN):
        text += " win 0"
    if again:
        text += " again" if seg.length else " probe"
    return text


def style(seg: Segment, *, again: bool) -> str:
    """Return the name of the style that a segment is painted in."""
    for bit, name in ((RST, "rst"), (SYN, "syn"), (FIN, "fin")):
        if seg.flags & bit:
            return name
    if again:
        return "again"
    return "data" if seg.text else "ack"


def fresh_bytes(event: Sent) -> int:
    """Return how many stream bytes the packet carries for the first time."""
    return 0 if event.again else event.last - event.first
