"""What a link does to packets: delay, jitter, loss, rate, queue, MTU."""

import pytest

from lastack.net import LinkRules
from lastack.trace import Reason

from .exchange import MS, Pair, segment

LOST_OF_SEED_1 = [
    73, 187, 218, 259, 362, 432, 460, 498, 546, 571, 643, 769, 828, 870, 892, 905, 939,
    980,
]  # fmt: skip


def test_a_packet_travels_for_the_delay() -> None:
    pair = Pair(LinkRules(delay_ns=40 * MS))
    pair.send([segment(1), segment(2)], 7)
    assert pair.arrivals() == [(40 * MS + 7, "b", 1), (40 * MS + 7, "b", 2)]


def test_one_mbit_per_second_to_the_ns() -> None:
    pair = Pair(LinkRules(delay_ns=5 * MS, rate_bps=1_000_000))
    pair.send([segment(n, 1460) for n in range(1, 101)])
    assert pair.arrivals() == [(n * 12 * MS + 5 * MS, "b", n) for n in range(1, 101)]


def test_a_rate_does_not_drift() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=7_000_003))
    pair.send([segment(n) for n in range(1, 701)])
    exact = [-(-n * 320 * 1_000_000_000 // 7_000_003) for n in range(1, 701)]
    assert [at for at, _, _ in pair.arrivals()] == exact


def test_a_link_that_has_been_idle_sends_at_once() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=1_000_000))
    pair.send([segment(1, 1460)])
    pair.send([segment(2, 1460)], 6 * MS)
    pair.send([segment(3, 1460)], 100 * MS)
    assert [at for at, _, _ in pair.arrivals()] == [12 * MS, 24 * MS, 112 * MS]


def test_each_direction_has_its_own_rate() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=1_000_000))
    there = segment(1, 1460)
    pair.send([there])
    pair.send([segment(2, 1460, there.flow.reversed())], host="b")
    assert pair.arrivals() == [(12 * MS, "b", 1), (12 * MS, "a", 2)]


def test_the_queue_drops_the_last() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=1_000_000, queue=2))
    pair.send([segment(n, 1460) for n in range(1, 6)])
    assert pair.lost() == [(0, "a>b", n, Reason.QUEUE_FULL, "") for n in (4, 5)]
    pair.send([segment(6, 1460)], 12 * MS - 1)
    pair.send([segment(7, 1460)], 12 * MS)
    assert [lost[2] for lost in pair.lost()] == [4, 5, 6]
    assert [number for _, _, number in pair.arrivals()] == [1, 2, 3, 7]


def test_a_queue_without_limit() -> None:
    pair = Pair(LinkRules(rate_bps=1_000_000, queue=0))
    pair.send([segment(n, 1460) for n in range(1, 3001)])
    assert pair.network.in_flight() == 3000
    assert pair.lost() == []


def test_jitter_keeps_the_order() -> None:
    pair = Pair(LinkRules(delay_ns=10 * MS, jitter_ns=30 * MS))
    for n in range(1, 501):
        pair.send([segment(n)], n * MS)
    arrivals = pair.arrivals()
    assert [number for _, _, number in arrivals] == list(range(1, 501))
    delays = [at - number * MS for at, _, number in arrivals]
    assert min(delays) >= 10 * MS
    assert max(delays) <= 40 * MS
    assert len(set(delays)) > 100


def test_jitter_reaches_both_ends_of_its_range() -> None:
    pair = Pair(LinkRules(delay_ns=10, jitter_ns=2))
    for n in range(1, 101):
        pair.send([segment(n)], n * MS)
    assert {at - number * MS for at, _, number in pair.arrivals()} == {10, 11, 12}


def test_loss_for_a_seed_is_exact() -> None:
    pair = Pair(LinkRules(loss=0.02), seed=1)
    pair.send([segment(n) for n in range(1, 1001)])
    lost = [number for _, _, number, _, _ in pair.lost()]
    assert lost == LOST_OF_SEED_1
    assert {why for _, _, _, why, _ in pair.lost()} == {Reason.LOSS}
    assert [number for _, _, number in pair.arrivals()] == [
        n for n in range(1, 1001) if n not in lost
    ]


def test_a_link_that_loses_nothing_keeps_the_luck_of_those_to_come() -> None:
    pair = Pair(LinkRules(), seed=1)
    pair.send([segment(n) for n in range(1, 101)])
    pair.network.link("a", "b", LinkRules(loss=0.02))
    pair.send([segment(n) for n in range(101, 1001)])
    assert [number for _, _, number, _, _ in pair.lost()] == LOST_OF_SEED_1[1:]


def test_loss_is_what_was_asked_for() -> None:
    pair = Pair(LinkRules(loss=0.3))
    pair.send([segment(n) for n in range(1, 20001)])
    # five standard deviations: sqrt(20000 * 0.3 * 0.7) is 65
    assert abs(len(pair.lost()) - 6000) < 325


def test_all_or_nothing() -> None:
    for loss in (0.0, 1.0):
        pair = Pair(LinkRules(loss=loss))
        pair.send([segment(n) for n in range(1, 1001)])
        assert len(pair.lost()) == 1000 * loss
        assert pair.network.in_flight() == 1000 - 1000 * loss


def test_a_lost_packet_takes_no_time_of_the_rate() -> None:
    pair = Pair(LinkRules(delay_ns=0, rate_bps=1_000_000, loss=0.5), seed=1)
    pair.send([segment(n, 1460) for n in range(1, 101)])
    arrivals = pair.arrivals()
    assert [at for at, _, _ in arrivals] == [12 * MS * n for n in range(1, len(arrivals) + 1)]
    assert 0 < len(arrivals) < 100


def test_what_is_larger_than_the_mtu_is_lost() -> None:
    pair = Pair(LinkRules(mtu=1400))
    pair.send([segment(1, 1360), segment(2, 1361)])
    assert pair.lost() == [(0, "a>b", 2, Reason.TOO_BIG, "")]
    assert pair.network.in_flight() == 1


def test_a_link_gets_other_rules() -> None:
    pair = Pair(LinkRules(delay_ns=10 * MS, rate_bps=1_000_000))
    pair.send([segment(1, 1460), segment(2, 1460)])
    pair.network.link("a", "b", LinkRules(delay_ns=MS, rate_bps=2_000_000))
    pair.send([segment(3, 1460)])
    pair.network.link("a", "b", LinkRules(delay_ns=MS))
    pair.send([segment(4, 1460)], 40 * MS)
    # the third waits until the first two have been sent, then takes half their time; none overtakes
    assert pair.arrivals() == [
        (22 * MS, "b", 1), (34 * MS, "b", 2), (34 * MS, "b", 3), (41 * MS, "b", 4),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("delay_ns", -1), ("jitter_ns", -1), ("loss", -0.1), ("loss", 1.1), ("loss", float("nan")),
     ("rate_bps", -1), ("queue", -1), ("mtu", 67)],
)  # fmt: skip
def test_rules_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        LinkRules(**{name: value})  # type: ignore[arg-type]  # that is the point
