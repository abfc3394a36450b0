"""What a cable does to packets is what a simulated link does to them."""

from __future__ import annotations

import pytest

from lastack.net import LinkRules, Network
from lastack.oracle import as_simulated
from lastack.wire import Datagram, Flow, pack_address, packet_length

A, B = pack_address("10.0.0.1"), pack_address("10.0.0.2")


def datagram(size: int) -> Datagram:
    return Datagram(Flow(A, 9, B, 9), bytes(size))


@pytest.mark.parametrize("rules", [
    LinkRules(loss=0.3),
    LinkRules(delay_ns=5_000_000, jitter_ns=20_000_000),
    LinkRules(loss=0.1, jitter_ns=3_000_000, rate_bps=1_000_000, queue=3),
    LinkRules(rate_bps=64_000, queue=0),
])  # fmt: skip
def test_the_same_packets_are_lost_and_the_others_come_when_a_simulation_has_them(
    rules: LinkRules,
) -> None:
    network = Network(7, None)
    network.attach("a", [A])
    network.attach("b", [B])
    network.link("a", "b", rules)
    fate = as_simulated(rules, 7, ["a", "b"])
    expected, arrivals = [], []
    for number in range(200):
        now, packet = number * 2_000_000, datagram(number * 7)
        network.send("a", [packet], now)
        travels = fate(0, 1, packet_length(packet), now)
        if travels is not None:
            expected.append(now + travels)
    while network.in_flight():
        arrivals.append(network.next_arrival)
        network.take_arrival(network.next_arrival)
    assert arrivals == expected == sorted(expected)
    assert (len(arrivals) < 200) == bool(rules.loss or (rules.queue and rules.rate_bps))


def test_each_direction_has_chance_of_its_own() -> None:
    fate = as_simulated(LinkRules(loss=0.5), 1, ["a", "b", "c"])
    told = {
        ends: [fate(*ends, 100, 0) is None for _ in range(50)]
        for ends in ((0, 1), (1, 0), (0, 2), (2, 1))
    }
    assert len({tuple(lost) for lost in told.values()}) == 4
    other = as_simulated(LinkRules(loss=0.5), 2, ["a", "b", "c"])
    assert [other(0, 1, 100, 0) is None for _ in range(50)] != told[0, 1]
