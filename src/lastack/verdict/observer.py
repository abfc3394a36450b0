"""Packets in, events out: the story of connections that somebody else's TCP played.

What an end did with a packet is told by what it sends next, so its states follow from what it is
seen to send: its FIN, and its acknowledgments of the peer's bytes and FIN. Only what the peer's
acknowledgments did to it is taken for granted as they arrive. Nothing looks ahead, so a stream of
packets can be told as it comes.

Where the calls of a program are known as well (`watched`, see `observer_calls`), they fill in what
packets do not tell: bytes read and never read, and the reason of a RST.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from lastack.state import ESTABLISHED, SYN_SENT, TIME_WAIT
from lastack.trace import Arrived, Journal, Reason
from lastack.wire import ACK, RST, SYN, Flow, Segment, seq

from .observed import Half, Pair
from .observer_rules import Rules

Key = tuple[str, Flow]


class Watch(Enum):
    """What is known of the program behind an end."""

    PACKETS = "nothing but its packets"
    CALLS = "its calls"
    NEVER_ACCEPTED = "that it never had the connection, although its calls are known"


Watched = Callable[[str, Flow], Watch]
"""Tells this of an end: its host, its flow with the local side as source."""


class Observer:
    """Writes the events of a journal; `sent` and `arrived` are called in the order of time.

    `hosts` are the names of both ends, that of the flow's source first; `scope` tells apart the
    loopback addresses of different hosts.
    """

    def __init__(self, journal: Journal, watched: Watched | None = None) -> None:
        self.rules = Rules(journal)
        self.pairs: list[Pair] = []
        """Every incarnation in the order in which it began."""
        self._latest: dict[Key, Pair] = {}
        self._watched = watched

    def sent(
        self, number: int, seg: Segment, hosts: tuple[str, str], at: int, scope: str = ""
    ) -> None:
        """A segment left the host of its source."""
        pair = self._pair_for(seg, hosts, scope, at)
        half, peer = pair.ends(seg.flow)
        if seg.flags & RST:
            self.rules.sends_reset(half, peer, number, seg, at)
        else:
            self.rules.sends(pair, half, peer, number, seg, at)

    def arrived(
        self, number: int, seg: Segment, hosts: tuple[str, str], at: int, scope: str = ""
    ) -> None:
        """A segment reached the host of its destination."""
        pair = self._pair_for(seg, hosts, scope, at)
        peer, half = pair.ends(seg.flow)
        half.heard_event = self.rules.write(half, Arrived(half.trace_conn, number, seg), at)
        half.heard, half.heard_text = number, bool(seg.text)
        if half.opened and not half.over:
            self.rules.hears(half, peer, number, seg, at)

    def finish(self) -> None:
        """The capture is over: a RST that nobody was heard to survive was taken."""
        for pair in self.pairs:
            for half in pair.halves:
                if half.pending is not None:
                    self.rules.takes_reset(half, *half.pending)

    def half_of(self, flow: Flow, scope: str = "") -> Half | None:
        """Return the end whose local side is the source of a flow, the latest of its name."""
        pair = self._latest.get(_key(flow, scope))
        return pair.ends(flow)[0] if pair is not None else None

    def expect(self, flow: Flow, hosts: tuple[str, str], at: int, scope: str = "") -> Half:
        """connect() on a watched host is about to send its SYN; return its end."""
        known = self._latest.get(_key(flow, scope))
        half = known.ends(flow)[0] if known is not None else None
        if half is None or half.over or half.state is TIME_WAIT:
            pair = self._begin(flow, hosts, scope)
            half = pair.client
            self.rules.open(pair, half, at, active=True)
        return half

    # -- which connection ----------------------------------------------------------------------

    def _pair_for(self, seg: Segment, hosts: tuple[str, str], scope: str, at: int) -> Pair:
        pair = self._latest.get(_key(seg.flow, scope))
        if seg.flags & (SYN | ACK | RST) == SYN:
            if pair is None or _is_another(pair, seg):
                return self._begin(seg.flow, hosts, scope)
            return pair
        if pair is None:
            return self._begin_midway(seg, hosts, scope, at)
        return pair

    def _begin(self, flow: Flow, hosts: tuple[str, str], scope: str) -> Pair:
        client = self._half(hosts[0], flow)
        to_itself = flow == flow.reversed()
        pair = Pair(client, client if to_itself else self._half(hosts[1], flow.reversed()))
        self._latest[_key(flow, scope)] = pair
        self.pairs.append(pair)
        return pair

    def _half(self, host: str, flow: Flow) -> Half:
        watch = self._watched(host, flow) if self._watched is not None else Watch.PACKETS
        never = watch is Watch.NEVER_ACCEPTED
        return Half(host, flow, watched=watch is Watch.CALLS, unaccepted=never)

    def _begin_midway(self, seg: Segment, hosts: tuple[str, str], scope: str, at: int) -> Pair:
        """A connection whose SYN nobody captured: who has the smaller port is the server."""
        flow = seg.flow
        if seg.flags & SYN or flow.sport < flow.dport:
            pair = self._begin(flow.reversed(), (hosts[1], hosts[0]), scope)
        else:
            pair = self._begin(flow, hosts, scope)
        pair.midway = True
        half, peer = pair.ends(flow)
        if seg.flags & RST:
            return pair  # it answers something unseen, or ends it: nothing is known of either end
        half.learn((seg.seq + bool(seg.flags & SYN)) & seq.MASK)
        if seg.flags & ACK:
            peer.learn(seg.ack)
        if seg.flags & SYN:
            self.rules.open(pair, peer, at, active=True)
            self.rules.move(peer, SYN_SENT, Reason.OPEN_CALL, at)
            return pair
        for end in pair.halves:
            self.rules.open(pair, end, at, active=True)
            self.rules.move(end, ESTABLISHED, Reason.CAPTURE_BEGAN, at)
        return pair


def _is_another(pair: Pair, seg: Segment) -> bool:
    """Whether a SYN is the first of another incarnation."""
    half, _ = pair.ends(seg.flow)
    if half.iss < 0:
        return half.over or pair.midway
    return half.iss != seg.seq


def _key(flow: Flow, scope: str) -> Key:
    return scope, min(flow, flow.reversed())
