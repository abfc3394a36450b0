"""Whatever is sent: the order is kept, nothing is unaccounted for, and bytes change nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from lastack.net import DROP, PASS, Delay, Duplicate, Fate, LinkRules, Mangle
from lastack.trace import Duplicated, Event
from lastack.wire import ACK, Flow, Packet, Segment

from .exchange import A, B, Pair

RULES = st.builds(
    LinkRules,
    delay_ns=st.integers(0, 50),
    jitter_ns=st.integers(0, 50),
    loss=st.sampled_from((0.0, 0.2)),
    rate_bps=st.sampled_from((0, 10**10, 10**11 + 7)),
    queue=st.integers(0, 3),
    mtu=st.sampled_from((68, 1500)),
)
FATES = st.one_of(
    st.just(PASS), st.just(PASS), st.just(DROP), st.builds(Delay, st.integers(0, 99)),
    st.builds(Duplicate, st.integers(1, 2)),
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 40), FATES, st.booleans()),
    max_size=30,
)
Steps = list[tuple[int, bool, int, Fate, bool]]
Outcome = tuple[list[tuple[int, str, Packet, int]], list[tuple[object, ...]]]


def run(rules: LinkRules, steps: Steps, seed: int, *, wire: bool) -> Outcome:
    """Send by the steps (gap, direction, size, fate, mangled); take what is due in between."""
    pair = Pair(rules, seed=seed, wire=wire)
    fates: dict[int, Fate] = {}
    pair.network.add_rule(lambda packet, now: fates[packet.number])
    arrived = []
    now = 0
    for number, (gap, there, size, fate, mangled) in enumerate(steps, 1):
        now += gap
        while pair.network.next_arrival <= now:
            at = pair.network.next_arrival
            arrival = pair.network.take_arrival(now)
            assert arrival is not None
            arrived.append((at, *arrival))
        flow = Flow(A, 1, B, 2) if there else Flow(B, 2, A, 1)
        packet = Segment(flow, number, 0, ACK, 1, bytes(size), tsval=now, number=number)
        other = Segment(flow, number, 1, ACK, 1, b"other")
        fates[number] = Mangle(other) if mangled and fate is PASS else fate
        pair.send([packet], now, "a" if there else "b")
    arrived += pair.packets()
    return (
        [(at, host, packet, packet.number) for at, host, packet in arrived],
        [identity(event) for event in pair.events],
    )


def identity(event: Event) -> tuple[object, ...]:
    names = [*type(event).__slots__, "at", "host", "n"]
    return (type(event), *(getattr(event, name) for name in names))


@given(RULES, STEPS, st.integers(0, 99))
def test_bytes_on_the_link_change_nothing(rules: LinkRules, steps: Steps, seed: int) -> None:
    assert run(rules, steps, seed, wire=True) == run(rules, steps, seed, wire=False)


@given(RULES, STEPS, st.integers(0, 99))
def test_every_packet_arrives_or_is_lost(rules: LinkRules, steps: Steps, seed: int) -> None:
    arrived, events = run(rules, steps, seed, wire=False)
    assert [at for at, _, _, _ in arrived] == sorted(at for at, _, _, _ in arrived)
    found: Counter[object] = Counter(number for _, _, _, number in arrived)
    for kind, packet, *_ in events:
        found[packet] += -1 if kind is Duplicated else 1
    assert found == Counter(range(1, len(steps) + 1))


@given(RULES, STEPS, st.integers(0, 99))
def test_without_a_delay_rule_no_packet_overtakes(
    rules: LinkRules, steps: Steps, seed: int
) -> None:
    steps = [step for step in steps if not isinstance(step[3], Delay)]
    arrived, _ = run(rules, steps, seed, wire=False)
    for host in "ab":
        numbers = [number for _, where, _, number in arrived if where == host]
        assert numbers == sorted(numbers)
