"""The rate of delivery and the receiver's round trip, by themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lastack.profile import MS, NEVER, S
from lastack.tcp.delivery import Delivery
from lastack.tcp.recvq import ReceiveQueue
from lastack.tcp.right_sizing import RightSizing


def test_what_arrived_over_the_longer_of_both_times() -> None:
    delivery = Delivery(short=False)
    marks = [delivery.leaves(at * MS, alone=at == 0) for at in range(4)]  # in 3 ms
    for at, mark in enumerate(marks):
        delivery.arrived(at * MS, mark)
    delivery.acked(20 * MS, 10 * MS, marked=False)
    assert (delivery.count, delivery.delivered, delivery.interval) == (5, 4, 20 * MS)
    assert delivery.rate(1000) == 4 * 1000 * S // (20 * MS)
    # six leave in 50 ms, and are acknowledged together right after that
    marks = [delivery.leaves((20 + 10 * at) * MS, alone=at == 0) for at in range(6)]
    for at, mark in enumerate(marks):
        delivery.arrived((20 + 10 * at) * MS, mark)
    delivery.acked(71 * MS, MS, marked=False)
    assert (delivery.delivered, delivery.interval) == (6, 51 * MS)


def test_what_is_shorter_than_a_round_trip_is_no_measurement() -> None:
    delivery = Delivery(short=False)
    delivery.arrived(0, delivery.leaves(0, alone=True))
    delivery.acked(MS, 2 * MS, marked=False)
    assert (delivery.count, delivery.rate(1000)) == (2, 0)


def test_little_that_was_written_does_not_lower_the_rate_and_may_raise_it() -> None:
    delivery = Delivery(short=False)

    def trip(begin: int, segments: int, length: int) -> None:
        for mark in [delivery.leaves(begin, alone=one == 0) for one in range(segments)]:
            delivery.arrived(begin, mark)
        delivery.acked(begin + length, MS, marked=False)

    trip(0, 10, 10 * MS)
    assert (delivery.rate(1000), delivery.limited) == (1_000_000, False)
    delivery.program_is_short(0)
    trip(20 * MS, 1, 10 * MS)
    assert (delivery.rate(1000), delivery.limited) == (1_000_000, False)
    delivery.program_is_short(0)
    trip(40 * MS, 3, 2 * MS)
    assert (delivery.rate(1000), delivery.limited) == (1_500_000, True)
    trip(60 * MS, 1, 10 * MS)  # nothing says any more that the program is short
    assert (delivery.rate(1000), delivery.limited) == (100_000, False)


def test_marked_and_reported_twice() -> None:
    delivery = Delivery(short=True)
    first, again = delivery.leaves(0, alone=True), delivery.leaves(MS, again=True)
    delivery.arrived(0, first)
    delivery.acked(5 * MS, MS, marked=True)
    assert delivery.duplicate(1)
    delivery.arrived(MS, again)
    delivery.acked(9 * MS, MS, marked=False)
    assert not delivery.duplicate(2)  # only one was sent again
    delivery.acked(10 * MS, MS, marked=False)
    assert (delivery.count, delivery.marked, delivery.duplicates) == (4, 1, 3)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 50)), min_size=1, max_size=30))
def test_the_rate_is_never_more_than_what_left_in_a_round_trip(
    trips: list[tuple[int, int]],
) -> None:
    delivery, now, least = Delivery(short=False), 0, NEVER
    for segments, length in trips:
        sent_at = now
        marks = [delivery.leaves(now, alone=one == 0) for one in range(segments)]
        now += length * MS
        least = min(least, length * MS)
        for mark in marks:
            delivery.arrived(sent_at, mark)
        delivery.acked(now, least, marked=False)
        assert 0 < delivery.rate(1000) <= max(count for count, _ in trips) * 1000 * S // least
    assert delivery.count == 1 + sum(segments for segments, _ in trips)


def test_the_shortest_window_counts_and_echoes_are_averaged() -> None:
    sizing = RightSizing(0)
    sizing.in_order(1_000, 10_000, 0)
    sizing.in_order(9_000, 10_000, 5 * MS)
    assert sizing.round_trip == 0
    sizing.in_order(11_000, 10_000, 8 * MS)
    assert sizing.round_trip == 8 * MS
    sizing.in_order(21_000, 10_000, 30 * MS)
    assert sizing.round_trip == 8 * MS
    sizing.echoed(7, 16 * MS, full=True, all_read=True)
    assert sizing.round_trip == 9 * MS
    sizing.echoed(8, 16 * MS, full=True, all_read=False)
    sizing.echoed(9, 16 * MS, full=False, all_read=True)
    assert sizing.round_trip == 9 * MS
    sizing.echoed(10, 4 * MS, full=True, all_read=False)
    assert sizing.round_trip == 4 * MS


def test_what_waits_does_not_count_as_read() -> None:
    sizing = RightSizing(0)
    sizing.echoed(1, 10 * MS, full=True, all_read=True)
    assert not sizing.program_read(50_000, 5 * MS)
    assert sizing.program_read(30_000, 10 * MS)
    assert sizing.copied(30_000, 10_000, 5_000, 10 * MS) == 50_000 + 10_000 - 20_000 - 5_000
    assert not sizing.program_read(1, 19 * MS)
    assert sizing.program_read(1, 20 * MS)
    assert sizing.copied(1, 1, 0, 20 * MS) == 20_002


def test_a_round_trip_shorter_than_reading_ends_within_it() -> None:
    sizing = RightSizing(0)
    sizing.echoed(1, 20_000, full=True, all_read=True)
    assert sizing.program_read(100_000, MS)
    assert sizing.copied(100_000, 10_000, 3_000, MS) == 97_000


def test_segments_are_joined_as_they_are_read() -> None:
    queue = ReceiveQueue()
    for number in range(20):
        queue.insert(number * 1000, bytes(1000))
    assert (len(queue.take(30_000)), queue.packet) == (20_000, 17_000)
    for number in range(9):
        queue.insert(20_000 + number * 60_000, bytes(60_000))
    assert (len(queue.take(1 << 20)), queue.packet) == (540_000, 480_000)
    queue.insert(560_000, b"xy")
    assert (queue.take(1), queue.packet) == (b"x", 1)
