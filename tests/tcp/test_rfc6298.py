"""RFC 6298, Computing TCP's Retransmission Timer, paragraph by paragraph.

RTO = SRTT + max(4 RTTVAR, 200 ms), rounded up to a tick of 4 ms: paragraph 2.4 asks for one second
at least, kernels put the floor under the variance instead.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import NamedTuple

import pytest

from lastack.profile import LINUX, Profile, S, Variance
from lastack.sockets import AGAIN, TcpSocket, names
from tests.truth.peer import HandPeer, World


class Rtt(NamedTuple):
    """What TCP_INFO says, in ms."""

    rto: float
    srtt: float
    rttvar: float


def rtt_of(sock: TcpSocket) -> Rtt:
    words = struct.unpack("8x24I", sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, 104, 0))
    return Rtt(words[0] / 1000, words[15] / 1000, words[16] / 1000)


def opened(
    rtt_ms: float = 0, *, profile: Profile = LINUX, timestamps: bool = False
) -> tuple[World, HandPeer, TcpSocket]:
    """Return a connection of K whose handshake took `rtt_ms`, without Nagle's algorithm."""
    world = World(profile)
    peer = HandPeer(world, mode="manual", timestamps=timestamps)
    sock = peer.begin_from_k()
    world.run(rtt_ms / 1000)
    peer.tx("SYN|ACK")
    world.set_tcp(sock, names.TCP_NODELAY, 1)
    return world, peer, sock


def send(world: World, sock: TcpSocket, count: int = 100) -> None:
    assert sock.send(bytes(count), 0, world.now) == count
    world.flush()


def gaps_of(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def round_trip(world: World, peer: HandPeer, sock: TcpSocket, ms: float) -> None:
    """K sends, and the peer acknowledges `ms` later."""
    send(world, sock)
    world.run(ms / 1000)
    peer.ack()


# -- 2: the computation -------------------------------------------------------------------------


def test_2_1_one_second_before_the_first_measurement() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    since = peer.mark()
    peer.begin_from_k()
    world.run(1.5)
    assert peer.times(since, "SYN") == [0, 1]


@pytest.mark.parametrize(
    ("ms", "rto"), [(0, 204), (1, 204), (10, 212), (80, 280), (101, 304), (300, 900), (500, 1500)]
)
def test_2_2_first_measurement(ms: float, rto: float) -> None:
    """SRTT <- R, RTTVAR <- R/2."""
    _, _, sock = opened(ms)
    assert rtt_of(sock) == pytest.approx((rto, ms, ms / 2), abs=0.01)


def test_2_2_first_measurement_of_a_passive_open() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    world.run(0.3)
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert sock is not AGAIN
    assert rtt_of(sock) == pytest.approx((900, 300, 150), abs=0.01)


@pytest.mark.parametrize(
    ("first", "second", "srtt", "rttvar", "rto"),
    [(100, 180, 110, 57.5, 340), (200, 40, 180, 115, 640), (80, 80, 80, 30, 280)],
)
def test_2_3_a_later_measurement(
    first: float, second: float, srtt: float, rttvar: float, rto: float
) -> None:
    """RTTVAR first, with the old SRTT: 3/4 RTTVAR + 1/4 |SRTT - R'|; then 7/8 SRTT + 1/8 R'."""
    world, peer, sock = opened(first, profile=LINUX.with_field("variance", Variance.RFC6298))
    round_trip(world, peer, sock, second)
    assert rtt_of(sock) == pytest.approx((rto, srtt, rttvar), abs=0.01)


def test_linux_damps_deviations_downwards() -> None:
    """docs/kernel-notes/sending.md: a shorter trip counts an eighth, and the variance goes down by
    a quarter of the way in each round trip."""
    world, peer, sock = opened(200)
    rtos = [rtt_of(sock).rto]
    for ms in (40, 180, 180, 180, 180):
        round_trip(world, peer, sock, ms)
        rtos.append(rtt_of(sock).rto)
    assert rtos == [600, 588, 564, 524, 488, 464]


def test_2_3_with_timestamps() -> None:
    world, peer, sock = opened(100, timestamps=True)
    round_trip(world, peer, sock, 180)
    assert rtt_of(sock) == pytest.approx((340, 110, 57.5), abs=1)


def test_2_4_the_variance_fades_but_not_below_its_floor() -> None:
    world, peer, sock = opened(100)
    for _ in range(60):
        round_trip(world, peer, sock, 100)
    assert rtt_of(sock) == pytest.approx((300, 100, 0), abs=0.1)


def test_2_5_a_largest_rto() -> None:
    profile = LINUX.with_field("rto_max_ns", 2 * S)
    world, peer, sock = opened(profile=profile)
    since = peer.mark()
    send(world, sock)
    world.run(20)
    gaps = gaps_of(peer.times(since, ""))
    assert gaps == pytest.approx([0.204, 0.408, 0.816, 1.632, *[2.0] * 8])


def test_2_5_two_minutes_at_most() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock)
    world.run(3600)
    assert max(gaps_of(peer.times(since, ""))) == pytest.approx(120)


# -- 3: Karn --------------------------------------------------------------------------------------


def test_3_no_measurement_of_what_was_sent_twice() -> None:
    world, peer, sock = opened(100)
    send(world, sock)
    world.run(0.35)
    assert [got.seq for got in peer.since((0, 0))][-2:] == [1, 1]
    peer.ack()
    assert rtt_of(sock)[1:] == pytest.approx((100, 50))


def test_3_a_timestamp_tells_which_of_the_two_was_acknowledged() -> None:
    world, peer, sock = opened(100, timestamps=True)
    send(world, sock)
    world.run(0.35)
    peer.ack()  # 50 ms after the second transmission
    assert rtt_of(sock)[1:] == pytest.approx((93.75, 50), abs=1)


@pytest.mark.parametrize("timestamps", [False, True])
def test_3_a_syn_that_was_sent_twice(timestamps: bool) -> None:
    """Neither 1.1 s after the first nor, without timestamps, 0.1 s after the second."""
    _, _, sock = opened(1100, timestamps=timestamps)
    assert rtt_of(sock).srtt == pytest.approx(100 if timestamps else 0, abs=1)


@pytest.mark.parametrize("timestamps", [False, True])
def test_3_a_syn_ack_that_was_sent_twice(timestamps: bool) -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual", timestamps=timestamps)
    peer.tx("SYN")
    world.run(1.1)
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert sock is not AGAIN
    assert rtt_of(sock).srtt == pytest.approx(100 if timestamps else 0, abs=1)


# -- 5: the timer ---------------------------------------------------------------------------------


def test_5_1_the_timer_starts_with_the_first_segment_and_is_left_alone() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock)
    world.run(0.1)
    send(world, sock)
    world.run(0.15)
    assert peer.times(since, "") == pytest.approx([0, 0.1, 0.204])
    assert [got.seq for got in peer.since(since)] == [1, 101, 1]


def test_5_2_no_timer_when_everything_is_acknowledged() -> None:
    world, peer, sock = opened()
    round_trip(world, peer, sock, 10)
    row = peer.row
    assert row is not None
    assert row.timer == ""
    since = peer.mark()
    world.run(1000)
    peer.silent(since)


def test_5_3_an_ack_of_new_data_starts_it_again() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock)
    send(world, sock)
    world.run(0.1)
    peer.ack(101)
    world.run(0.19)
    assert peer.times(since, "") == [0, 0]
    rto = rtt_of(sock).rto / 1000
    world.run(0.3)
    assert peer.times(since, "")[2] == pytest.approx(0.1 + rto)


def test_5_3_an_ack_of_nothing_new_does_not() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock)
    world.run(0.1)
    peer.ack(1)
    world.run(0.15)
    assert peer.times(since, "") == pytest.approx([0, 0.204])


def test_5_4_the_earliest_segment_is_sent_again() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock, 5 * 1460)
    world.run(0.25)
    again = peer.since(since)[5:]
    assert [(got.seq, got.len) for got in again] == [(1, 1460)]


def test_5_5_and_5_6_the_timer_is_backed_off() -> None:
    world, peer, sock = opened()
    since = peer.mark()
    send(world, sock)
    world.run(7)
    expected = [0, 0.204, 0.612, 1.428, 3.06, 6.324]
    assert peer.times(since, "") == pytest.approx(expected)


def backed_off(*, timestamps: bool) -> tuple[World, HandPeer, TcpSocket]:
    """Return a connection whose segment was acknowledged after two retransmissions."""
    world, peer, sock = opened(timestamps=timestamps)
    send(world, sock)
    world.run(0.65)
    assert rtt_of(sock).rto == pytest.approx(816)
    peer.ack()
    return world, peer, sock


def test_5_5_the_backoff_lasts_until_the_next_measurement() -> None:
    """Karn's second half: the ACK of a retransmission measures nothing, so RTO stays as it is."""
    world, peer, sock = backed_off(timestamps=False)
    assert rtt_of(sock).rto == pytest.approx(816)
    since = peer.mark()
    send(world, sock)
    world.run(0.7)
    assert peer.times(since, "") == [0]
    peer.ack()
    assert rtt_of(sock).srtt == pytest.approx(700 / 8)
    assert rtt_of(sock).rto == pytest.approx(788, abs=4)  # RTTVAR is 175 ms


def test_5_5_a_timestamp_measures_it() -> None:
    _, _, sock = backed_off(timestamps=True)
    assert rtt_of(sock).rto < 300


@pytest.mark.parametrize("passive", [False, True])
def test_5_7_three_seconds_after_a_handshake_that_measured_nothing(passive: bool) -> None:
    """The SYN, or the SYN|ACK, timed out: data begins with an RTO of 3 s."""
    if passive:
        world = World()
        listener = world.listen()
        peer = HandPeer(world, mode="manual")
        peer.tx("SYN")
        world.run(1.1)
        peer.tx("ACK")
        accepted = listener.accept(world.now)
        assert accepted is not AGAIN
        sock = accepted
    else:
        world, peer, sock = opened(1100)
    assert rtt_of(sock).rto == pytest.approx(3000)
    since = peer.mark()
    send(world, sock)
    world.run(4)
    assert peer.times(since, "") == pytest.approx([0, 3])
