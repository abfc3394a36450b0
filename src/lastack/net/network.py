"""Hosts, the links between them, and what is under way.

Arrivals are ordered by (time, direction of a link, ordinal on it): two runs with the same calls
deliver the same packets at the same ns.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Final

from lastack.profile import NEVER
from lastack.trace import Duplicated, Event, Journal, Lost, Reason
from lastack.wire import (
    Datagram,
    Flow,
    IcmpMessage,
    Packet,
    build,
    copy_packet,
    is_loopback,
    packet_length,
    parse,
    show_address,
)

from .link import LARGEST4, Direction, LinkRules
from .rules import DROP, PASS, Delay, Duplicate, Fate, Guard, Mangle, Rule, check_fate

LOOPBACK: Final = LinkRules(delay_ns=10_000, mtu=65536)
"""The link of a host to itself; the MTU of Linux' lo."""

_BROADCAST: Final = b"\xff\xff\xff\xff"
_HEADER4, _HEADER6, _FRAGMENT_HEADER6 = 20, 40, 8

_Arrival = tuple[int, int, int, Packet]
"""When a packet arrives; the direction it comes from and its ordinal there decide between equal
times."""


class Network:
    """Every host, every link.

    seed: decides all chance. journal: where losses and duplicates are written, None for nowhere.
    wire: each packet is built and parsed again on its link; nothing else differs.
    """

    def __init__(self, seed: int, journal: Journal | None, *, wire: bool = False) -> None:
        self._seed = seed
        self._journal = journal
        self._wire = wire
        self._hosts: dict[bytes, str] = {}
        self._directions: dict[tuple[str, str], Direction] = {}
        self._by_source: list[Direction] = []
        self._guards: tuple[Guard, ...] = ()
        self._under_way: list[_Arrival] = []  # a heap
        self._routes: dict[str, dict[bytes, Direction]] = {}  # those that were looked up before
        self.on_loopback = 0
        """How many packets are under way from a host to itself."""

    # to build it

    def attach(self, name: str, addresses: Sequence[bytes]) -> None:
        """Add a host; ValueError if the name or an address is taken."""
        if (name, name) in self._directions:
            raise ValueError(f"there is a host {name} already")
        for address in addresses:
            if address in self._hosts:
                raise ValueError(f"{show_address(address)} is {self._hosts[address]}'s address")
        self._hosts.update(dict.fromkeys(addresses, name))
        self._routes[name] = {}
        self._connect(name, name, LOOPBACK)

    def link(self, a: str, b: str, rules: LinkRules) -> None:
        """Link two hosts in both directions; KeyError for a host that is not attached.

        Linked hosts, and a host with itself, get new rules; packets under way keep theirs.
        """
        for name in (a, b):
            if (name, name) not in self._directions:
                raise KeyError(name)
        self._connect(a, b, rules)
        self._connect(b, a, rules)

    def _connect(self, src: str, dst: str, rules: LinkRules) -> None:
        direction = self._directions.get((src, dst))
        if direction is not None:
            direction.change(rules)
            return
        direction = Direction(self._seed, src, dst, len(self._by_source), rules)
        self._directions[src, dst] = direction
        self._by_source.append(direction)

    def add_rule(self, rule: Rule, *, link: tuple[str, str] | None = None, name: str = "") -> Guard:
        """Ask `rule` about each packet, after the rules that are there.

        link: (from, to) for that direction only, KeyError if there is none; None for every link.
        name: what the trace calls the rule when it drops a packet.
        """
        if link is not None and link not in self._directions:
            raise KeyError(link)
        guard = Guard(rule, link, name, self._remove)
        self._guards += (guard,)
        return guard

    def _remove(self, guard: Guard) -> None:
        self._guards = tuple(other for other in self._guards if other is not guard)

    # to send

    def mtu(self, host: str, destination: bytes) -> int:
        """Return the largest packet for the destination, in octets: its link's MTU.

        At most 65,535 for IPv4, as Linux has it (IP_MAX_MTU). For an address that nobody has, the
        MTU of an ordinary link. KeyError for an unknown host.
        """
        if (host, host) not in self._directions:
            raise KeyError(host)
        direction = self._route(host, destination)
        return _largest(LinkRules() if direction is None else direction.rules, destination)

    def send(self, host: str, packets: Iterable[Packet], now: int) -> None:
        """Put what a host sends on its links; KeyError for an unknown host.

        A datagram to 255.255.255.255 goes on all of them, the host's to itself too (RFC 919).
        """
        routes = self._routes[host]
        plain = not (self._guards or self._wire)
        for packet in packets:
            destination = packet.flow.dst
            if destination == _BROADCAST and isinstance(packet, Datagram):
                for each in self._by_source:
                    if each.ends[0] == host:
                        self._carry(each, packet, now)
                continue
            direction = routes.get(destination) or self._route(host, destination)
            if direction is None:
                nowhere = f"{host}>{show_address(destination)}"
                self._write(Lost(packet.number, Reason.NOT_FOR_US), nowhere, now)
            elif (
                plain and not isinstance(packet, IcmpMessage) and len(packet.text) <= direction.sure
            ):
                # Nearly every packet. What `_carry` asks for each of them took half of what a
                # segment costs in this room, and could have but one answer.
                direction.undrawn += 1
                self._put(direction, packet, now + direction.rules.delay_ns)
            else:
                self._carry(direction, packet, now)

    def _route(self, host: str, destination: bytes) -> Direction | None:
        there = host if is_loopback(destination) else self._hosts.get(destination, "")
        direction = self._directions.get((host, there))
        if direction is not None:
            self._routes[host][destination] = direction
        return direction

    def _carry(self, direction: Direction, packet: Packet, now: int) -> None:
        lengths = _lengths(packet, direction.rules)
        lost_by_chance, jitter = direction.ask(len(lengths) or 1)
        if not lengths:
            self._write(Lost(packet.number, Reason.TOO_BIG), direction.name, now)
            return
        fate, rule = self._fate(direction, packet, now) if self._guards else (PASS, "")
        if fate is DROP:
            self._write(Lost(packet.number, Reason.DROP_RULE, rule), direction.name, now)
            return
        if lost_by_chance:
            self._write(Lost(packet.number, Reason.LOSS), direction.name, now)
            return
        if isinstance(fate, Mangle):
            packet = _numbered(fate.packet, packet.number)
            # what it has become travels, whatever its size
            lengths = _lengths(packet, direction.rules) or [packet_length(packet)]
        sent = direction.sent_at(lengths, now)
        if sent is None:
            self._write(Lost(packet.number, Reason.QUEUE_FULL), direction.name, now)
            return
        if self._wire:
            packet = _numbered(parse(build(packet)), packet.number)
        arrival = sent + direction.rules.delay_ns + jitter
        self._deliver(direction, packet, fate, arrival, now)

    def _fate(self, direction: Direction, packet: Packet, now: int) -> tuple[Fate, str]:
        """Return the first answer other than PASS, and the name of the rule that gave it."""
        for guard in self._guards:
            if guard.link is None or guard.link == direction.ends:
                fate = guard.rule(packet, now)
                if fate is not PASS:
                    return check_fate(fate), guard.name
        return PASS, ""

    def _deliver(
        self, direction: Direction, packet: Packet, fate: Fate, arrival: int, now: int
    ) -> None:
        if isinstance(fate, Delay):
            self._put(direction, packet, arrival + fate.ns, overtakes=True)
            return
        self._put(direction, packet, arrival)
        for _ in range(fate.copies if isinstance(fate, Duplicate) else 0):
            self._write(Duplicated(packet.number), direction.name, now)
            self._put(direction, packet, arrival)

    def _put(
        self, direction: Direction, packet: Packet, arrival: int, *, overtakes: bool = False
    ) -> None:
        """Let a packet arrive then, or behind the last one if that is later and it may not be
        overtaken."""
        if not overtakes:
            if arrival < direction.last_arrival:
                arrival = direction.last_arrival
            direction.last_arrival = arrival
        direction.ordinal += 1
        # Ordinals differ, so that packets themselves are never compared.
        heappush(self._under_way, (arrival, direction.source, direction.ordinal, packet))
        if direction.loops:
            self.on_loopback += 1
            heappush(direction.due, arrival)

    def _write(self, event: Event, link: str, now: int) -> None:
        if self._journal is not None:
            self._journal.write(event, link, 0, now)

    # to receive

    @property
    def next_arrival(self) -> int:
        """When the next packet arrives, in ns; NEVER when none is under way."""
        return self._under_way[0][0] if self._under_way else NEVER

    def next_on_loopback(self, host: str) -> int:
        """When the next packet of a host to itself arrives, in ns; NEVER when none is under way."""
        due = self._directions[host, host].due
        return due[0] if due else NEVER

    def take_arrival(self, now: int) -> tuple[str, Packet] | None:
        """Take the next packet that is due: the host it reaches, and itself; None if none is."""
        under_way = self._under_way
        if not under_way or under_way[0][0] > now:
            return None
        _, source, _, packet = heappop(under_way)
        direction = self._by_source[source]
        if direction.loops:
            self.on_loopback -= 1
            heappop(direction.due)
        return direction.ends[1], packet

    def in_flight(self, flow: Flow | None = None) -> int:
        """Return how many packets are under way: all, or those of a flow and of its answers.

        An ICMP error belongs to the flow that it is about.
        """
        if flow is None:
            return len(self._under_way)
        both = (flow, flow.reversed())
        return sum(_subject(packet) in both for _, _, _, packet in self._under_way)


def _largest(rules: LinkRules, destination: bytes) -> int:
    mtu = rules.mtu
    return LARGEST4 if mtu > LARGEST4 and len(destination) == 4 else mtu


def _lengths(packet: Packet, rules: LinkRules) -> list[int]:
    """Return the octets of the packet, or of each fragment of a datagram that needs them; nothing
    when it cannot travel: TCP forbids to fragment its segments (DF, RFC 1191 section 3)."""
    whole = packet_length(packet)
    largest = _largest(rules, packet.flow.dst)
    if whole <= largest:
        return [whole]
    if not isinstance(packet, Datagram):
        return []
    ipv4 = len(packet.flow.dst) == 4
    header = _HEADER4 if ipv4 else _HEADER6
    rest = whole - header
    room = largest - header - (0 if ipv4 else _FRAGMENT_HEADER6)
    each = room - room % 8
    lengths = []
    while rest > room:
        lengths.append(each + largest - room)
        rest -= each
    return [*lengths, rest + largest - room]


def _subject(packet: Packet) -> Flow:
    return packet.quoted if isinstance(packet, IcmpMessage) else packet.flow


def _numbered(packet: Packet, number: int) -> Packet:
    """Return the packet under that number: a copy, because a packet is never assigned to."""
    return packet if packet.number == number else copy_packet(packet, number)
