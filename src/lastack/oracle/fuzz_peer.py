"""The peer of a random script: what it has seen, and its segments as they travel."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from lastack.wire import (
    ABSENT,
    ACK,
    CWR,
    ECE,
    FIN,
    RST,
    SYN,
    Flow,
    IcmpMessage,
    Segment,
    build,
    seq,
)

from .fuzz_script import LETTERS, Arrival, Icmp, Offer, Place

_FIRST_STAMP: Final = 500_000
_OLD: Final = 1_000
_TEXT: Final = bytes(range(251))


class Sent(NamedTuple):
    """A segment of the host, its numbers relative: seq to its ISN, ack to the peer's.

    again: it begins below what was sent before. window is in octets,
    text a sum over the octets; SACK blocks count from the peer's ISN. seq
    is -1 for a RST with the sequence number 0.
    """

    flags: str
    seq: int
    length: int
    ack: int
    window: int
    options: str
    text: int
    urgent: int
    ecn: int
    again: bool = False

    def __str__(self) -> str:
        words = [self.flags or "-", f"{self.seq}:{self.seq + self.length}({self.length})"]
        if "A" in self.flags:
            words.append(f"ack {self.ack}")
        words.append(f"win {self.window}")
        if self.urgent:
            words.append(f"urg {self.urgent}")
        if self.ecn:
            words.append(f"ecn {self.ecn}")
        if self.options:
            words.append(f"<{self.options}>")
        return " ".join(words)


class Peer:
    """`flow` is the host's: its own end is the source."""

    def __init__(self, flow: Flow, offer: Offer) -> None:
        self.flow = flow
        self._offer = offer
        self._iss = offer.iss & seq.MASK
        self._nxt = 0
        self._far = 0
        self._fin: int | None = None
        self._gap = False
        self._host_iss: int | None = None
        self._una = 0
        self._max = 0
        self._rcv = 0
        self._window = 0
        self._scale = 0
        self._stamps = False
        self._clock = _FIRST_STAMP
        self._echo = 0

    # -- to the host ---------------------------------------------------------------------------

    def concrete(self, step: Arrival) -> Arrival:
        """Return a step with its numbers counted from the ISNs.

        The peer has one stream: where it ends is said once, and nothing is behind that unless
        the FIN was in order. Else FIN or text is left out.
        """
        ack = Place("iss", self._ack(step.ack) if "A" in step.flags else 0)
        number, length, flags = self._seq(step.seq), step.length, step.flags
        end = number + length
        if "S" in flags:
            return replace(step, seq=Place("iss", number), ack=ack)
        if "F" in flags and end != self._fin and (self._fin is not None or end < self._far):
            flags = flags.replace("F", "")
        if self._fin is not None and self._gap and end > self._fin:
            length = max(self._fin - number, 0)
        return replace(step, seq=Place("iss", number), ack=ack, length=length, flags=flags)

    def concrete_icmp(self, step: Icmp) -> Icmp:
        """Return a step with the number it is about counted from the ISN."""
        return replace(step, about=Place("iss", self._ack(step.about)))

    def segment(self, step: Arrival) -> bytes:
        """Return the packet of a concrete step."""
        flags = sum(LETTERS[letter] for letter in step.flags)
        number, ack = step.seq.offset, step.ack.offset
        host = self._host_iss or 0
        syn = bool(flags & SYN)
        seg = Segment(
            self.flow.reversed(), seq.add(self._iss, number), seq.add(host, ack) if flags & ACK
            else 0, flags, min(step.window, 0xFFFF), _text(number, step.length),
            up=step.urgent, ecn=step.ecn,
        )  # fmt: skip
        if syn:
            seg.mss, seg.sack_ok = self._offer.mss, self._offer.sack
            seg.wscale = self._offer.wscale if self._offer.wscale >= 0 else ABSENT
        if step.stamp != "none" and (self._offer.stamps if syn else self._stamps):
            self._clock += 1
            seg.tsval = self._clock - (_OLD if step.stamp == "old" else 0)
            seg.tsecr = self._echo if flags & ACK else 0
        if step.sack is not None and not syn and self._offer.sack:
            left = seq.add(host, self._una + step.sack[0])
            seg.sack = ((left, seq.add(left, step.sack[1])),)
        raw = build(seg)
        if step.spoilt:
            return raw[:-1] + bytes((raw[-1] ^ 0x55,))
        self._note(seg, number, ack)
        return raw

    def icmp(self, step: Icmp) -> bytes:
        """Return the packet of a concrete step."""
        there = seq.add(self._host_iss or 0, step.about.offset)
        flow = Flow(self.flow.dst, 0, self.flow.src, 0)
        return build(IcmpMessage(flow, step.kind, step.code, self.flow, there, mtu=step.mtu))

    def _seq(self, place: Place) -> int:
        bases = {"iss": 0, "nxt": self._nxt, "rcv": self._rcv, "edge": self._rcv + self._window}
        return bases.get(place.base, 0) + place.offset

    def _ack(self, place: Place) -> int:
        return {"una": self._una, "max": self._max}.get(place.base, 0) + place.offset

    def _note(self, seg: Segment, number: int, ack: int) -> None:
        end = number + seg.length
        if seg.flags & (SYN | ACK) == SYN and number > self._far + 1:
            self._far, self._fin = end, None
        elif seg.flags & FIN and self._fin is None:
            self._fin, self._gap = end - 1, number > self._rcv
        self._far = max(self._far, end - (seg.flags & FIN))
        if seg.flags & SYN or number <= self._nxt < end:
            self._nxt = end
        if seg.flags & ACK and self._una < ack <= self._max:
            self._una = ack

    # -- from the host -------------------------------------------------------------------------

    def see(self, seg: Segment, *, reopened: bool) -> Sent:
        """Take a segment of the host. `reopened`: a TIME-WAIT was there before, whose numbers a new
        ISN goes on from; any other new ISN is nothing to compare."""
        self._learn(seg, reopened)
        host = self._host_iss if self._host_iss is not None else seg.seq
        number = seq.diff(seg.seq, host) if seg.seq or not seg.flags & RST else -1
        ack = seq.diff(seg.ack, self._iss) if seg.flags & ACK else 0
        window = seg.wnd << (0 if seg.flags & SYN else self._scale)
        again = number < self._max and bool(seg.text)
        if not seg.flags & RST:
            self._max = max(self._max, number + seg.length)
            if seg.flags & ACK:
                self._rcv = ack
                self._window = window
        if seg.tsval != ABSENT:
            self._echo = seg.tsval
        return Sent(
            "".join(letter for letter, bit in LETTERS.items() if seg.flags & bit)
            + ("E" if seg.flags & ECE else "") + ("C" if seg.flags & CWR else ""),
            number, len(seg.text), ack, window, self._options(seg), sum(seg.text[::7]),
            seg.up, seg.ecn, again,
        )  # fmt: skip

    def _learn(self, seg: Segment, reopened: bool) -> None:
        if not seg.flags & SYN:
            return
        if self._host_iss is None or not (reopened or seg.seq == self._host_iss):
            self._host_iss, self._max, self._una = seg.seq, 0, 0
        both = self._offer.wscale >= 0 and seg.wscale != ABSENT
        self._scale = seg.wscale if both else 0
        self._stamps = self._offer.stamps and seg.tsval != ABSENT

    def _options(self, seg: Segment) -> str:
        words = []
        if seg.mss:
            words.append(f"mss {seg.mss}")
        if seg.sack_ok:
            words.append("sackOK")
        if seg.wscale != ABSENT:
            words.append(f"wscale {seg.wscale}")
        if seg.tsval != ABSENT:
            words.append(f"TS ecr {seg.tsecr}")
        blocks = [f"{seq.diff(a, self._iss)}:{seq.diff(b, self._iss)}" for a, b in seg.sack]
        if blocks:
            words.append("sack " + " ".join(blocks))
        return ", ".join(words)


def _text(number: int, length: int) -> bytes:
    """Return the peer's text from a sequence number on: the same octets whenever it is sent."""
    first = number % len(_TEXT)
    return (_TEXT * (length // len(_TEXT) + 2))[first : first + length]
