"""Who gets what, and in which order."""

import os
import subprocess
import sys

import pytest

from lastack.net import LinkRules, Network, VirtualClock
from lastack.profile import NEVER
from lastack.trace import Reason
from lastack.wire import (
    LOOPBACK4,
    Datagram,
    Flow,
    IcmpMessage,
    pack_address,
    packet_length,
)

from .exchange import FLOW, MS, A, B, C, Pair, segment


def test_nothing_travels() -> None:
    network = Pair().network
    assert network.next_arrival == NEVER
    assert network.take_arrival(NEVER) is None
    assert network.in_flight() == 0


def test_equal_times_are_ordered_by_direction_then_by_ordinal() -> None:
    pair = Pair()
    pair.send([segment(1, flow=FLOW.reversed()), segment(2, flow=FLOW.reversed())], host="b")
    pair.send([segment(3), segment(4)])
    assert [number for _, _, number in pair.arrivals()] == [3, 4, 1, 2]


def test_a_host_reaches_itself() -> None:
    pair = Pair(LinkRules(loss=1.0))
    own = Flow(A, 1, A, 2)
    home = Flow(LOOPBACK4, 1, LOOPBACK4, 2)
    home6 = Flow(pack_address("::1"), 1, pack_address("::1"), 2)
    pair.send([segment(1, 60000, own), segment(2, flow=home), segment(3, flow=home6)])
    assert pair.arrivals() == [(10_000, "a", n) for n in (1, 2, 3)]


def test_a_packet_for_nobody_vanishes() -> None:
    pair = Pair()
    pair.network.attach("c", [C])
    pair.send([segment(1, flow=FLOW._replace(dst=C))], 3)
    pair.send([segment(2, flow=FLOW._replace(dst=pack_address("192.0.2.1")))], 3)
    assert pair.lost() == [
        (3, "a>10.0.0.3", 1, Reason.NOT_FOR_US, ""), (3, "a>192.0.2.1", 2, Reason.NOT_FOR_US, ""),
    ]  # fmt: skip
    assert pair.network.in_flight() == 0


def test_mtu() -> None:
    network = Pair(LinkRules(mtu=1400)).network
    assert network.mtu("a", B) == 1400
    assert network.mtu("a", C) == 1500
    assert network.mtu("a", A) == network.mtu("a", LOOPBACK4) == 65535
    assert network.mtu("a", pack_address("::1")) == 65536


def test_the_loopback_carries_the_largest_packet() -> None:
    pair = Pair(wire=True)
    home = Flow(LOOPBACK4, 1, LOOPBACK4, 2)
    largest = segment(1, 65535 - 40, home)
    assert packet_length(largest) == pair.network.mtu("a", LOOPBACK4)
    pair.send([largest, segment(2, 65535 - 39, home)])
    assert [number for _, _, number in pair.arrivals()] == [1]
    assert pair.lost() == [(0, "a>a", 2, Reason.TOO_BIG, "")]


def test_the_loopback_gets_other_rules() -> None:
    pair = Pair()
    pair.network.link("a", "a", LinkRules(delay_ns=5, mtu=1500))
    pair.send([segment(1, flow=Flow(A, 1, A, 2))])
    assert pair.arrivals() == [(5, "a", 1)]
    assert pair.network.mtu("a", A) == 1500


def test_what_is_in_flight() -> None:
    pair = Pair()
    other = FLOW._replace(sport=1)
    pair.send([segment(1), segment(2), segment(3, flow=other), Datagram(other, b"")])
    pair.send([segment(4, flow=FLOW.reversed())], host="b")
    error = IcmpMessage(Flow(B, 0, A, 0), 3, 1, FLOW, 1, number=5)
    pair.send([error], host="b")
    network = pair.network
    assert network.in_flight() == 6
    assert network.in_flight(FLOW) == network.in_flight(FLOW.reversed()) == 4
    assert network.in_flight(other) == 2
    network.take_arrival(MS)
    assert network.in_flight(FLOW) == 3
    pair.arrivals()
    assert network.in_flight(FLOW) == network.in_flight(other) == network.in_flight() == 0


def test_a_flow_to_itself_is_counted_once() -> None:
    pair = Pair()
    own = Flow(A, 7, A, 7)
    pair.send([segment(1, flow=own)])
    assert pair.network.in_flight(own) == 1


def test_the_same_objects_travel() -> None:
    pair = Pair()
    sent = segment(1)
    pair.send([sent])
    assert pair.packets()[0][2] is sent


def test_mistakes() -> None:
    network = Pair().network
    with pytest.raises(ValueError, match="a host a already"):
        network.attach("a", [C])
    with pytest.raises(ValueError, match=r"10\.0\.0\.2 is b's address"):
        network.attach("c", [C, B])
    with pytest.raises(KeyError, match="nobody"):
        network.link("a", "nobody", LinkRules())
    with pytest.raises(KeyError, match="nobody"):
        network.send("nobody", [], 0)
    with pytest.raises(KeyError, match="nobody"):
        network.mtu("nobody", A)
    network.attach("c", [C])  # what was refused left nothing behind


def test_without_a_journal() -> None:
    network = Network(0, None)
    network.attach("a", [A])
    network.send("a", [segment(0), segment(0, flow=Flow(A, 1, A, 2))], 0)
    assert network.in_flight() == 1


def trouble(seed: int) -> list[tuple[int, str, int]]:
    pair = Pair(LinkRules(jitter_ns=9 * MS, loss=0.2, rate_bps=3_000_000), seed=seed)
    for n in range(1, 200):
        pair.send([segment(n, n)], n * MS)
        pair.send([segment(1000 + n, n, FLOW.reversed())], n * MS, "b")
    return pair.arrivals()


def test_a_seed_decides_everything() -> None:
    assert trouble(5) == trouble(5)
    assert trouble(5) != trouble(6)


def test_the_two_directions_have_their_own_luck() -> None:
    arrivals = trouble(5)
    there = {number for _, host, number in arrivals if host == "b"}
    back = {number - 1000 for _, host, number in arrivals if host == "a"}
    assert there != back


def test_another_host_changes_nothing_for_the_others() -> None:
    pair = Pair(LinkRules(loss=0.5), seed=9)
    crowd = Pair(LinkRules(loss=0.5), seed=9)
    crowd.network.attach("c", [C])
    crowd.network.link("c", "a", LinkRules(loss=0.5))
    for n in range(1, 101):
        crowd.network.send("c", [segment(1000 + n, flow=Flow(C, 1, A, 1))], 0)
        for one in (pair, crowd):
            one.send([segment(n)])
    survivors = [arrival for arrival in crowd.arrivals() if arrival[2] < 1000]
    assert survivors == pair.arrivals()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_means_the_same_in_every_process(hash_seed: str) -> None:
    program = "from tests.net.test_network import trouble; print(trouble(5))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert done.stdout.strip() == repr(trouble(5))


def test_virtual_time_passes_by_waiting() -> None:
    clock = VirtualClock(5)
    assert clock.now() == 5
    clock.wait(9)
    clock.wait(7)
    assert clock.now() == 9
