"""A network of two hosts, packets to send over it, and what came of them."""

from collections.abc import Sequence

from lastack.net import LinkRules, Network
from lastack.trace import Duplicated, Event, Journal, Lost, Reason
from lastack.wire import ACK, Flow, Packet, Segment, pack_address

MS = 1_000_000
A = pack_address("10.0.0.1")
B = pack_address("10.0.0.2")
C = pack_address("10.0.0.3")
FLOW = Flow(A, 40000, B, 80)
PLAIN = LinkRules()


def segment(number: int, size: int = 0, flow: Flow = FLOW) -> Segment:
    """A segment of 40 + size octets that bears its number also in SEG.SEQ."""
    return Segment(flow, number, 0, ACK, 512, bytes(size), number=number)


class Pair:
    """Hosts a (10.0.0.1) and b (10.0.0.2), linked; what the network wrote; what arrived."""

    def __init__(self, rules: LinkRules = PLAIN, *, seed: int = 0, wire: bool = False) -> None:
        journal = Journal()
        self.events: list[Event] = []
        journal.listeners.append(self.events.append)
        self.network = Network(seed, journal, wire=wire)
        self.network.attach("a", [A])
        self.network.attach("b", [B])
        self.network.link("a", "b", rules)

    def send(self, packets: Sequence[Packet], now: int = 0, host: str = "a") -> None:
        self.network.send(host, packets, now)

    def arrivals(self) -> list[tuple[int, str, int]]:
        """Take everything: (time, host, packet number)."""
        return [(at, host, packet.number) for at, host, packet in self.packets()]

    def packets(self) -> list[tuple[int, str, Packet]]:
        """Take everything: (time, host, packet)."""
        found = []
        while self.network.in_flight():
            at = self.network.next_arrival
            assert self.network.take_arrival(at - 1) is None
            arrival = self.network.take_arrival(at)
            assert arrival is not None
            found.append((at, *arrival))
        return found

    def lost(self) -> list[tuple[int, str, int, Reason, str]]:
        """(time, link, packet number, why, rule) of each loss."""
        return [
            (event.at, event.host, event.packet, event.reason, event.rule)
            for event in self.events
            if isinstance(event, Lost)
        ]

    def duplicated(self) -> list[tuple[str, int]]:
        """(link, packet number) of each further copy."""
        return [(one.host, one.packet) for one in self.events if isinstance(one, Duplicated)]
