"""Where a packet was seen: leaving its host, reaching its host, or on its way.

A capture may show one packet several times: at both ends (an interface whose addresses the file
tells), or on several interfaces of one machine (`tcpdump -i any`, a bridge, a mirrored port). The
copies of one packet get one number, and a packet that left one end and never reached the other, of
which there is a capture too, is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lastack.trace import Journal, Lost, Reason
from lastack.wire import (
    Captured,
    Direction,
    Flow,
    Interface,
    Segment,
    is_loopback,
    show_address,
    show_endpoint,
)

from .observer import Observer

_COPY_WITHIN: Final = 1_000_000_000
"""A copy of a packet is seen within this time, ns. It has the IPv4 identification of the first."""

Key = tuple[object, ...]
Vantage = tuple[int, Direction, int]


@dataclass
class _Seen:
    number: int
    at: int
    identification: int
    vantages: set[Vantage]


class Sightings:
    """Tells an observer what was sent and what arrived.

    `faces` grows while a file is read; `names` are those of addresses.
    """

    def __init__(
        self, journal: Journal, observer: Observer, faces: Sequence[Interface],
        names: Mapping[bytes, str],
    ) -> None:  # fmt: skip
        self._journal = journal
        self._observer = observer
        self._faces = faces
        self._names = names
        self._owners: dict[bytes, int] = {}
        self._known_faces = 0
        self._on_the_way: dict[Key, deque[int]] = {}
        self._arrived: dict[Key, int] = {}
        self._flows_that_arrive: set[Flow] = set()
        self._flows: dict[int, tuple[Flow, int, bool]] = {}
        self._recent: dict[Key, _Seen] = {}
        self.copies = 0

    def take(self, seen: Captured, face: int, at: int) -> None:
        """Take one captured segment; other packets change nothing."""
        seg = seen.packet
        if not isinstance(seg, Segment):
            return
        self._learn_owners()
        flow = seg.flow
        sender, receiver = self._owners.get(flow.src), self._owners.get(flow.dst)
        hosts = (self._host(flow.src, flow.sport, flow, face), self._host_of_receiver(flow, face))
        scope = self._faces[face].name if is_loopback(flow.src) else ""
        if sender == face and receiver not in (None, face):
            number = self._leaves(seg, at)
            self._observer.sent(number, seg, hosts, at, scope)
        elif receiver == face and sender not in (None, face):
            self._observer.arrived(self._reaches(seg), seg, hosts, at, scope)
        elif not self._is_copy(seen, seg, face, at):
            number = self._journal.next_packet()
            self._recent[_key(seg)].number = number
            self._observer.sent(number, seg, hosts, at, scope)
            self._observer.arrived(number, seg, hosts, at, scope)

    def finish(self) -> None:
        """The capture is over: write down what was lost."""
        for numbers in self._on_the_way.values():
            for number in numbers:
                flow, at, _ = self._flows[number]
                if flow in self._flows_that_arrive:
                    link = f"{show_address(flow.src)}>{show_address(flow.dst)}"
                    self._journal.write(Lost(number, Reason.NOT_ARRIVED), link, 0, at)
        self._observer.finish()

    # -- both ends -----------------------------------------------------------------------------

    def _leaves(self, seg: Segment, at: int) -> int:
        number = self._journal.next_packet()
        self._on_the_way.setdefault(_key(seg), deque()).append(number)
        self._flows[number] = (seg.flow, at, False)
        return number

    def _reaches(self, seg: Segment) -> int:
        key = _key(seg)
        waiting = self._on_the_way.get(key)
        if waiting:
            number = waiting.popleft()
            del self._flows[number]
            if not waiting:
                del self._on_the_way[key]
            self._flows_that_arrive.add(seg.flow)
        else:
            # the network made a copy, or the capture at its sender has it in another shape
            number = self._arrived.get(key) or self._journal.next_packet()
        self._arrived[key] = number
        return number

    # -- one place -----------------------------------------------------------------------------

    def _is_copy(self, seen: Captured, seg: Segment, face: int, at: int) -> bool:
        key, identification = _key(seg), seen.identification
        vantage = (face, seen.direction, seen.interface)
        known = self._recent.get(key)
        if known is not None and known.identification == identification:
            elsewhere = vantage not in known.vantages
            if abs(at - known.at) < _COPY_WITHIN and (elsewhere or identification):
                known.vantages.add(vantage)
                self.copies += 1
                return True
        self._recent[key] = _Seen(0, at, identification, {vantage})
        return False

    # -- whose ---------------------------------------------------------------------------------

    def _learn_owners(self) -> None:
        while self._known_faces < len(self._faces):
            for address in self._faces[self._known_faces].addresses:
                self._owners.setdefault(address, self._known_faces)
            self._known_faces += 1

    def _host_of_receiver(self, flow: Flow, face: int) -> str:
        return self._host(flow.dst, flow.dport, flow, face)

    def _host(self, address: bytes, port: int, flow: Flow, face: int) -> str:
        name = self._names.get(address)
        if name is None and is_loopback(address) and self._faces[face].addresses:
            name = self._faces[face].name
        if name is None and flow.src == flow.dst:
            return show_endpoint(address, port)  # the ends are told apart by their ports
        return name or show_address(address)


def _key(seg: Segment) -> Key:
    """Return what the copies of a packet have in common; a router may change ECN bits."""
    return (
        seg.flow, seg.seq, seg.ack, seg.flags, seg.wnd, len(seg.text), seg.tsval, seg.tsecr,
        seg.sack, seg.mss,
    )  # fmt: skip
