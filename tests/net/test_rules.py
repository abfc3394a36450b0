"""Rules decide about single packets, and about nothing else."""

import pytest

from lastack.net import DROP, PASS, Delay, Duplicate, Fate, LinkRules, Mangle, Rule
from lastack.trace import Reason
from lastack.wire import Packet, Segment, copy_segment

from .exchange import FLOW, MS, Pair, segment


def only(number: int, fate: Fate) -> Rule:
    """A rule for one packet."""

    def rule(packet: Packet, now: int) -> Fate:
        return fate if packet.number == number else PASS

    return rule


def numbers(pair: Pair) -> list[int]:
    return [number for _, _, number in pair.arrivals()]


def test_a_rule_drops_and_is_named() -> None:
    pair = Pair()
    pair.network.add_rule(only(2, DROP), name="the second")
    pair.send([segment(n) for n in (1, 2, 3)], 5)
    assert pair.lost() == [(5, "a>b", 2, Reason.DROP_RULE, "the second")]
    assert numbers(pair) == [1, 3]


def test_a_rule_is_told_the_time() -> None:
    pair = Pair()
    pair.network.add_rule(lambda packet, now: DROP if now >= 10 else PASS)
    pair.send([segment(1)], 9)
    pair.send([segment(2)], 10)
    assert numbers(pair) == [1]


def test_the_first_answer_wins() -> None:
    pair = Pair()
    asked: list[int] = []

    def witness(packet: Packet, now: int) -> Fate:
        asked.append(packet.number)
        return DROP

    pair.network.add_rule(only(1, Delay(MS)))
    pair.network.add_rule(witness)
    pair.send([segment(1), segment(2)])
    assert numbers(pair) == [1]
    assert asked == [2]


def test_a_rule_is_removed() -> None:
    pair = Pair()
    guard = pair.network.add_rule(lambda packet, now: DROP)
    pair.send([segment(1)])
    guard.remove()
    guard.remove()
    pair.send([segment(2)])
    with pair.network.add_rule(lambda packet, now: DROP):
        pair.send([segment(3)])
    pair.send([segment(4)])
    assert numbers(pair) == [2, 4]


def test_a_rule_removes_itself() -> None:
    pair = Pair()

    def once(packet: Packet, now: int) -> Fate:
        guard.remove()
        return DROP

    guard = pair.network.add_rule(once)
    pair.send([segment(1), segment(2)])
    assert numbers(pair) == [2]


def test_a_rule_for_one_direction() -> None:
    pair = Pair()
    pair.network.add_rule(lambda packet, now: DROP, link=("b", "a"))
    pair.send([segment(1)])
    pair.send([segment(2, flow=FLOW.reversed())], host="b")
    assert numbers(pair) == [1]
    with pytest.raises(KeyError):
        pair.network.add_rule(lambda packet, now: DROP, link=("a", "nobody"))


def test_only_a_delay_rule_reorders() -> None:
    pair = Pair(LinkRules(delay_ns=MS))
    pair.network.add_rule(only(1, Delay(2 * MS)))
    pair.send([segment(1), segment(2)])
    pair.send([segment(3)], MS)
    pair.send([segment(4)], 3 * MS)
    assert pair.arrivals() == [
        (MS, "b", 2), (2 * MS, "b", 3), (3 * MS, "b", 1), (4 * MS, "b", 4),
    ]  # fmt: skip


def test_a_packet_may_overtake_what_was_next() -> None:
    pair = Pair(LinkRules(delay_ns=10))
    pair.network.add_rule(only(1, Delay(50)))
    pair.network.add_rule(only(2, Delay(20)))
    pair.send([segment(1)])
    assert pair.network.next_arrival == 60
    pair.send([segment(2)])
    assert pair.network.next_arrival == 30
    pair.send([segment(3)])
    assert pair.network.next_arrival == 10
    assert pair.arrivals() == [(10, "b", 3), (30, "b", 2), (60, "b", 1)]


def test_at_the_same_time_the_order_of_sending_counts() -> None:
    pair = Pair(LinkRules(delay_ns=10))
    pair.network.add_rule(only(1, Delay(5)))
    pair.send([segment(1)])
    pair.send([segment(2)], 5)
    assert pair.arrivals() == [(15, "b", 1), (15, "b", 2)]


def test_a_duplicate_keeps_the_number() -> None:
    pair = Pair(LinkRules(delay_ns=10))
    pair.network.add_rule(only(1, Duplicate(2)))
    pair.send([segment(1), segment(2)])
    assert pair.network.in_flight(FLOW) == 4
    assert pair.arrivals() == [(10, "b", 1)] * 3 + [(10, "b", 2)]
    assert pair.duplicated() == [("a>b", 1)] * 2


def test_another_packet_arrives_under_the_number() -> None:
    pair = Pair()
    other = segment(99, 3)

    pair.network.add_rule(lambda packet, now: Mangle(other))
    sent = [segment(1), segment(2)]
    pair.send(sent)
    arrived = [packet for _, _, packet in pair.packets()]
    assert [packet.number for packet in arrived] == [1, 2]
    assert arrived == [other, other]
    assert other.number == 99
    assert sent == [segment(1), segment(2)]


def test_a_copy_is_changed_and_not_the_segment() -> None:
    pair = Pair()
    original = segment(7)

    def shut(packet: Packet, now: int) -> Fate:
        assert isinstance(packet, Segment)
        changed = copy_segment(packet)
        changed.wnd = 0
        return Mangle(changed)

    pair.network.add_rule(shut)
    pair.send([original])
    [(_, _, arrived)] = pair.packets()
    assert isinstance(arrived, Segment)
    assert (arrived.wnd, arrived.number, original.wnd) == (0, 7, 512)


@pytest.mark.parametrize("fate", [DROP, Delay(3), Duplicate(), Mangle(segment(0, 9))])
def test_a_rule_leaves_the_luck_of_other_packets_alone(fate: Fate) -> None:
    def run(rule: Rule) -> tuple[list[tuple[int, str, int]], list[int]]:
        pair = Pair(LinkRules(delay_ns=MS, jitter_ns=MS, loss=0.3), seed=3)
        pair.network.add_rule(rule)
        for n in range(1, 201):
            pair.send([segment(n)], n * 10 * MS)
        arrivals = [arrival for arrival in pair.arrivals() if arrival[2] != 50]
        return arrivals, [lost[2] for lost in pair.lost() if lost[2] != 50]

    assert run(only(50, fate)) == run(only(50, PASS))


def test_a_packet_that_is_too_big_leaves_it_alone_too() -> None:
    def run(size: int) -> list[int]:
        pair = Pair(LinkRules(loss=0.5), seed=3)
        pair.send([segment(n, size if n == 1 else 0) for n in range(1, 101)])
        return [lost[2] for lost in pair.lost() if lost[2] != 1]

    assert run(2000) == run(0)


def test_bad_answers() -> None:
    pair = Pair()
    pair.network.add_rule(lambda packet, now: None)  # type: ignore[arg-type,return-value]  # that is the point
    with pytest.raises(TypeError, match="no fate"):
        pair.send([segment(1)])
    with pytest.raises(ValueError, match="earlier"):
        Delay(-1)
    with pytest.raises(ValueError, match="no duplicate"):
        Duplicate(0)
