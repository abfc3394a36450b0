"""RFC 8985: RACK and the tail loss probe; RFC 6937: PRR (docs/kernel-notes/tail-probe.md)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX, MS, NEVER
from lastack.sockets import TcpSocket, names
from lastack.tcp import Prr, Rack
from tests.truth.peer import Got, HandPeer, World

MSS = 1460


def opened(rtt: float = 0.05, *, tail_probe: bool = True) -> tuple[World, HandPeer, TcpSocket]:
    """K connects to a peer with SACK that does nothing by itself; the handshake takes `rtt` s."""
    world = World(LINUX.with_field("tail_probe", tail_probe))
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    world.run(rtt)
    peer.tx("SYN|ACK")
    assert sock.connected(world.now) is None
    return world, peer, sock


def send(world: World, sock: TcpSocket, segments: float) -> None:
    sock.send(bytes(int(segments * MSS)), 0, world.now)
    world.flush()


def numbers(sent: list[Got]) -> list[int]:
    """Which segment each one is, counted from 1."""
    return [(got.seq - 1) // MSS + 1 for got in sent]


def held(peer: HandPeer, una: int, *segments: int) -> None:
    """An ACK of everything before segment `una`, with blocks for `segments`."""
    blocks = tuple((1 + (n - 1) * MSS, 1 + n * MSS) for n in segments)
    peer.tx("ACK", ack=1 + (una - 1) * MSS, sack=blocks)


# -- RACK ---------------------------------------------------------------------------------------


def test_an_overtaken_segment_is_lost_after_a_quarter_of_the_round_trip() -> None:
    world, peer, sock = opened(tail_probe=False)
    send(world, sock, 3)
    world.run(0.05)
    held(peer, 2)
    mark = peer.mark()
    held(peer, 2, 3)
    peer.silent(mark)
    world.run(0.1)
    (again,) = peer.since(mark)
    assert numbers([again]) == [2]
    assert again.t == pytest.approx(0.0125 + 0.002, abs=0.004)


def test_three_held_segments_show_a_loss_at_once() -> None:
    world, peer, sock = opened()
    send(world, sock, 5)
    world.run(0.05)
    held(peer, 2)
    mark = peer.mark()
    held(peer, 2, 3)
    held(peer, 2, 4)
    peer.silent(mark)
    held(peer, 2, 5)
    assert numbers(peer.since(mark)) == [2]


def test_once_reordering_was_seen_three_held_segments_wait_too() -> None:
    world, peer, sock = opened(tail_probe=False)
    send(world, sock, 6)
    world.run(0.05)
    held(peer, 1, 2)
    held(peer, 3)  # the first was only late
    mark = peer.mark()
    for last in (4, 5, 6):
        held(peer, 3, last)
    peer.silent(mark)
    world.run(0.02)
    assert numbers(peer.since(mark)) == [3]


def test_a_duplicate_report_makes_the_window_wider() -> None:
    rack = Rack(1)
    rack.min_rtt = 40 * MS
    rack.reorders = 1
    rack.duplicate_reported(0, 40 * MS)
    rack.duplicate_reported(1 * MS, 40 * MS)  # within a round trip: counts once
    for n in range(3):
        rack.sent(n, n + 1, 0)
    rack.held([(2, 3)], 50 * MS)
    assert rack.find_lost(60 * MS, 50 * MS, recovering=False) == (0, 2 * 40 * MS // 4)
    assert rack.find_lost(60 * MS, 70 * MS, recovering=False) == (2, 0)
    for _ in range(16):
        rack.recovered()
    assert rack.steps == 1


def test_a_lost_retransmission_is_found_by_what_was_sent_after_it() -> None:
    rack = Rack(1)
    for n in range(5):
        rack.sent(n, n + 1, 0)
    rack.held([(2, 5)], 40 * MS)
    assert rack.find_lost(40 * MS, 40 * MS, recovering=True) == (2, 0)
    rack.sent(0, 1, 41 * MS)
    rack.sent(1, 2, 42 * MS)
    rack.held([(1, 5)], 82 * MS)  # the second retransmission has arrived, the first not
    assert rack.find_lost(40 * MS, 82 * MS, recovering=True) == (1, 0)
    lost = rack.next_lost()
    assert lost is not None
    assert (lost.first, lost.last) == (0, 1)


def test_an_answer_too_early_for_a_retransmission_proves_nothing() -> None:
    rack = Rack(1)
    rack.sent(0, 1, 0)
    rack.acknowledged(1, 40 * MS)
    rack.sent(1, 2, 50 * MS)
    rack.sent(2, 3, 50 * MS)
    rack.find_lost(40 * MS, 50 * MS, recovering=False)
    rack.sent(2, 3, 85 * MS)
    rack.held([(2, 3)], 92 * MS)  # 7 ms after the second copy: this is the first one's
    assert not rack.advanced


def test_what_is_sent_again_may_be_cut_elsewhere() -> None:
    rack = Rack(1)
    rack.sent(0, 10, 0)
    rack.sent(10, 20, 0)
    rack.sent(5, 15, 7)
    assert [(one.first, one.last, one.at, one.again) for one in rack.segments] == [
        (0, 5, 0, False), (5, 15, 7, True), (15, 20, 0, False),
    ]  # fmt: skip
    assert rack.in_network == 20
    assert rack.acknowledged(12, 9) == 12
    assert (rack.segments[0].first, rack.in_network) == (12, 8)


def test_in_order_nothing_is_lost() -> None:
    rack = Rack(1)
    assert rack.min_rtt == NEVER
    for n in range(4):
        rack.sent(n, n + 1, n)
    rack.acknowledged(2, 40 * MS)
    assert rack.find_lost(40 * MS, 40 * MS, recovering=False) == (0, 0)


# -- the tail loss probe ------------------------------------------------------------------------


def test_a_lone_segment_is_probed_when_the_timer_would_fire_and_backs_off_later() -> None:
    """docs/kernel-notes/tail-probe.md: 0, .2, .4, .8"""
    world, peer, sock = opened(0)
    mark = peer.mark()
    sock.send(b"x", 0, world.now)
    world.run(2)
    times = peer.times(mark, "")
    assert times[:4] == pytest.approx([0, 0.204, 0.408, 0.816], abs=0.001)


@pytest.mark.parametrize("rtt", [0.03, 0.1])
def test_after_two_round_trips_the_last_segment_is_repeated(rtt: float) -> None:
    world, peer, sock = opened(rtt)
    mark = peer.mark()
    send(world, sock, 2.5)
    world.run(2 * rtt + 0.02)
    *_, probe = peer.since(mark)
    assert (probe.seq, probe.len) == (1 + 2 * MSS, MSS // 2)
    assert probe.t == pytest.approx(2 * rtt + 0.002, abs=0.005)


def test_the_probe_is_something_new_where_the_window_has_room() -> None:
    world, peer, sock = opened()
    mark = peer.mark()
    send(world, sock, 14)
    assert numbers(peer.since(mark)) == list(range(1, 11))
    mark = peer.mark()
    world.run(0.12)
    assert numbers(peer.since(mark)) == [11]


def test_a_fin_behind_data_is_probed_and_then_joins_the_data() -> None:
    world, peer, sock = opened(0)
    mark = peer.mark()
    sock.send(bytes(100), 0, world.now)
    sock.shutdown(names.SHUT_WR, world.now)
    world.run(0.5)
    first, fin, probe, again, *_ = peer.since(mark)
    assert [(got.flags, got.seq, got.len) for got in (first, fin, probe, again)] == [
        ("ACK", 1, 100), ("FIN|ACK", 101, 0), ("FIN|ACK", 101, 0), ("FIN|ACK", 1, 100),
    ]  # fmt: skip


def cwnd(sock: TcpSocket) -> int:
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


def test_a_probe_that_repaired_a_loss_costs_a_reduction() -> None:
    world, peer, sock = opened()
    send(world, sock, 3)
    world.run(0.12)
    held(peer, 4)
    send(world, sock, 1)
    held(peer, 5)
    assert cwnd(sock) == 7  # cubic: 0.7 of 10


def test_a_probe_that_arrived_twice_costs_nothing() -> None:
    world, peer, sock = opened()
    send(world, sock, 3)
    world.run(0.12)
    held(peer, 4, 3)  # D-SACK: the third came twice
    send(world, sock, 1)
    held(peer, 5)
    assert cwnd(sock) >= 10


def test_one_probe_at_a_time() -> None:
    world, peer, sock = opened()
    mark = peer.mark()
    send(world, sock, 3)
    world.run(0.25)
    assert numbers(peer.since(mark)) == [1, 2, 3, 3]


# -- PRR ----------------------------------------------------------------------------------------


def test_during_recovery_segments_leave_in_proportion_to_what_arrives() -> None:
    """Ten in flight, the first lost, ssthresh 7: for ten that arrive seven leave."""
    world, peer, sock = opened(tail_probe=False)
    send(world, sock, 40)
    world.run(0.05)
    mark = peer.mark()
    for last in range(2, 11):
        peer.tx("ACK", ack=1, sack=((1 + MSS, 1 + last * MSS),))
    sent = numbers(peer.since(mark))
    # One behind what has left the network; for another there is room, but such a small train waits
    # for the next ACK. Then the loss is found.
    assert sent[:3] == [11, 1, 12]
    assert cwnd(sock) <= 7 + 1
    mark = peer.mark()
    held(peer, 11, 11, 12)
    held(peer, 13)
    assert cwnd(sock) >= 7


def test_shares() -> None:
    prr = Prr(10 * MSS, 5 * MSS, MSS)
    left = 0
    for arrived in range(1, 11):
        window = prr.window((10 - arrived) * MSS + left * MSS, MSS, safe=False)
        count = (window - ((10 - arrived) + left) * MSS) // MSS
        prr.out += count * MSS
        left += count
    assert left == 5


def test_the_first_segment_of_a_recovery_leaves_in_any_case() -> None:
    prr = Prr(10 * MSS, 5 * MSS, MSS)
    assert prr.window(9 * MSS, 1, safe=False) == 10 * MSS


def test_slow_start_reduction_bound() -> None:
    prr = Prr(10 * MSS, 5 * MSS, MSS)
    prr.out = MSS
    assert prr.window(MSS, MSS, safe=True) == 3 * MSS
    assert prr.window(MSS, MSS, safe=False) == 2 * MSS


def test_how_far_segments_were_overtaken() -> None:
    """tcpi_reordering and tcpi_reord_seen (docs/kernel-notes/sending.md)."""
    world, peer, sock = opened()
    send(world, sock, 10)
    world.run(0.05)
    assert sock.endpoint is not None
    info = sock.endpoint.connection.info
    seen = []
    for una, segments in ((1, (10,)), (1, (10, 4)), (11, ())):
        held(peer, una, *segments)
        seen.append((info().reordering, info().reorders))
    assert seen == [(3, 0), (7, 1), (10, 2)]
    assert info().cwnd == 19


def test_of_a_segment_held_in_part_everything_is_sent_again() -> None:
    """As in google's fr-4pkt-fack-last-byte: the peer holds the last byte of the second."""
    world, peer, sock = opened()
    send(world, sock, 2)
    world.run(0.05)
    peer.tx("ACK", ack=1, sack=((2 * MSS, 2 * MSS + 1),))
    world.run(0.5)
    mark = peer.mark()
    peer.tx("ACK", ack=1 + MSS, sack=((2 * MSS, 2 * MSS + 1),))
    assert [(got.seq, got.len) for got in peer.since(mark)] == [(1 + MSS, MSS)]
