"""Datagrams above the MTU: one packet that costs what its fragments cost (RFC 791 section 3.2)."""

import pytest

from lastack.net import DROP, LinkRules, Mangle
from lastack.trace import Reason
from lastack.wire import Datagram, Flow, Packet, pack_address

from .exchange import FLOW, MS, Pair, segment

FLOW6 = Flow(pack_address("fd00::1"), 1, pack_address("fd00::2"), 2)


def datagram(number: int, size: int, flow: Flow = FLOW) -> Datagram:
    return Datagram(flow, bytes(size), number=number)


@pytest.mark.parametrize(
    ("size", "octets"),
    [
        (1472, 1500),  # fits
        (1473, 1473 + 8 + 2 * 20),
        (2952, 2952 + 8 + 2 * 20),  # 1480 and 1480 octets of payload
        (2953, 2953 + 8 + 3 * 20),
        (65507, 65507 + 8 + 45 * 20),
    ],
)
def test_fragments_take_the_time_of_their_headers(size: int, octets: int) -> None:
    pair = Pair(LinkRules(delay_ns=5 * MS, rate_bps=8_000_000), wire=True)
    pair.send([datagram(1, size)])
    assert pair.arrivals() == [(octets * 1000 + 5 * MS, "b", 1)]


def test_a_fragment_is_a_multiple_of_8_but_the_last_may_fill_the_mtu() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=8_000_000, mtu=1006))
    pair.send([datagram(1, 984 + 986 - 8)])  # room for 986: 984, and 986 in the last
    assert pair.arrivals() == [((984 + 986 + 40) * 1000, "b", 1)]
    pair.send([datagram(2, 984 + 987 - 8)], 10 * MS)
    assert pair.arrivals() == [(10 * MS + (984 + 987 + 60) * 1000, "b", 2)]


def test_fragments_of_ipv6_have_a_header_of_their_own() -> None:
    pair = Pair()
    pair.network.attach("six", [FLOW6.src])
    pair.network.attach("other six", [FLOW6.dst])
    pair.network.link("six", "other six", LinkRules(delay_ns=0, rate_bps=8_000_000))
    pair.send([datagram(1, 1453, FLOW6)], host="six")
    assert pair.arrivals() == [((1453 + 8 + 2 * 48) * 1000, "other six", 1)]


def test_a_datagram_is_lost_with_any_of_its_fragments() -> None:
    pair = Pair(LinkRules(loss=0.1), seed=1)
    pair.send([datagram(n, 4 * 1480 - 8) for n in range(1, 1001)])
    assert 1000 * (0.9**4 - 0.05) < len(pair.arrivals()) < 1000 * (0.9**4 + 0.05)


def test_the_luck_of_the_others_stays_as_it_was() -> None:
    def lost(size: int) -> list[int]:
        pair = Pair(LinkRules(loss=0.1), seed=1)
        pair.send([datagram(1, size), *(segment(n) for n in range(2, 200))])
        return [number for _, _, number, _, _ in pair.lost() if number > 1]

    assert lost(10) == lost(60_000)


def test_each_fragment_needs_a_place_in_the_queue() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=8_000_000, queue=3))
    pair.send([datagram(1, 4 * 1480 - 8), datagram(2, 0)])
    assert pair.lost() == [(0, "a>b", 2, Reason.QUEUE_FULL, "")]
    pair.arrivals()
    pair.send([datagram(3, 5 * 1480 - 8)], 10 * MS)
    assert pair.lost()[1:] == [(10 * MS, "a>b", 3, Reason.QUEUE_FULL, "")]
    pair.send([datagram(4, 1472)], 16 * MS)  # four of the five were sent for nothing
    assert pair.arrivals() == [(17_500_000, "b", 4)]


def test_a_rule_sees_it_once_and_whole() -> None:
    pair = Pair()
    seen: list[Packet] = []

    def rule(packet: Packet, now: int) -> object:
        seen.append(packet)
        return DROP if packet.number == 1 else Mangle(datagram(0, 3000))

    pair.network.add_rule(rule, name="mine")  # type: ignore[arg-type]
    pair.send([datagram(1, 9000), datagram(2, 9000)])
    assert [packet.number for packet in seen] == [1, 2]
    assert pair.lost() == [(0, "a>b", 1, Reason.DROP_RULE, "mine")]
    ((_, _, arrived),) = pair.packets()
    assert isinstance(arrived, Datagram)
    assert len(arrived.text) == 3000


def test_a_broadcast_goes_on_every_link_of_the_host() -> None:
    pair = Pair()
    pair.network.attach("c", [pack_address("10.0.0.3")])
    pair.network.link("a", "c", LinkRules())
    everybody = FLOW._replace(dst=b"\xff\xff\xff\xff")
    pair.send([datagram(1, 10, everybody)])
    assert sorted(host for _, host, _ in pair.arrivals()) == ["a", "b", "c"]
    pair.send([segment(2, flow=everybody)])
    assert pair.lost() == [(0, "a>255.255.255.255", 2, Reason.NOT_FOR_US, "")]
