"""Managing the window: RFC 9293 sections 3.8.6 and 3.7.4."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lastack.profile import LINUX, RFC9293, Profile, S
from lastack.sockets import TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED
from lastack.wire import PSH
from tests.exchange import Lab, ms
from tests.truth.peer import HandPeer, World, tries
from tests.truth.silence import connected, sysctl

from .reach import reach

both = pytest.mark.parametrize("profile", [LINUX, RFC9293], ids=lambda one: one.name)


def lengths(peer: HandPeer, mark: tuple[int, int]) -> list[int]:
    return [got.len for got in peer.since(mark)]


def answer_everything(
    world: World, peer: HandPeer, seconds: int, *, ack: int, wnd: int
) -> list[float]:
    """Let `seconds` pass; each segment of K is answered. Return when K sent."""
    since = peer.mark()
    end = world.now + seconds * S
    while (due := world.k.next_timeout) <= end and peer.state is not CLOSED:
        before = peer.mark()
        world.run((due - world.now) / S)
        if peer.since(before):
            peer.ack(ack, wnd=wnd)
    return peer.times(since, "")


# -- 3.8.6: the window is a number ----------------------------------------------------------------


def test_the_window_is_unsigned() -> None:
    """MUST-1: 0xFFFF is 65,535 and not -1."""
    profile = sysctl(initial_cwnd=60)
    world, peer, sock = connected(profile, wnd=0xFFFF)
    mark = peer.mark()
    sent = tries(world, sock, bytes(200_000))
    assert isinstance(sent, int)
    assert sent > 65_535
    world.run(0.1)
    assert sum(lengths(peer, mark)) >= 65_535 - 1460


def test_a_scaled_window_has_more_than_16_bits() -> None:
    """REC-1."""
    lab = Lab(sysctl(initial_cwnd=200), sysctl(receive_default=4_000_000))
    client, server = lab.connection()
    lab.run(ms(1))
    for _ in range(40):
        client.send(bytes(60_000), 0, lab.now)
        lab.run(ms(1))
    assert server.endpoint is not None
    assert server.endpoint.connection.unread > 4 * 0xFFFF


# -- 3.8.6: a window that shrinks -----------------------------------------------------------------


@both
def test_a_shrunk_window_takes_nothing_new_and_the_old_is_repeated(profile: Profile) -> None:
    """MUST-34, SHLD-15, SHLD-16."""
    world, peer, sock = connected(profile)
    tries(world, sock, bytes(4380))
    peer.ack(1461, wnd=1500)
    mark = peer.mark()
    tries(world, sock, bytes(1000))
    world.run(1)
    assert {(got.seq, got.len) for got in peer.since(mark)} == {(1461, 1460)}
    peer.ack(4381, wnd=64_240)
    world.run(1)
    assert peer.got == 5381


@both
def test_text_in_flight_under_a_window_of_0_is_no_reason_to_give_up(profile: Profile) -> None:
    """SHLD-17, MUST-35: R2 is reached many times over."""
    world, peer, sock = connected(profile.with_field("retries2", 3))
    tries(world, sock, bytes(3000))
    peer.ack(1, wnd=0)
    times = answer_everything(world, peer, 3600, ack=1, wnd=0)
    assert peer.state is ESTABLISHED
    assert len(times) > 20
    peer.ack(1, wnd=64_240)
    world.run(100)
    peer.ack(3001, wnd=64_240)
    assert peer.state is ESTABLISHED
    assert sock.ioctl(names.SIOCOUTQ) == 0


def test_a_silent_peer_under_a_window_of_0_is_given_up_after_two_of_the_longest_waits() -> None:
    world, peer, sock = connected(sysctl(retries2=3))
    tries(world, sock, bytes(3000))
    peer.ack(1, wnd=0)
    world.run(240)
    assert peer.state is ESTABLISHED
    world.run(200)
    assert peer.state is CLOSED
    assert tries(world, sock, "recv") == "ETIMEDOUT"


def test_an_orphan_under_a_window_of_0_gets_no_such_time() -> None:
    world, peer, sock = connected(sysctl(orphan_retries=2))
    tries(world, sock, bytes(3000))
    peer.ack(1, wnd=0)
    world.close(sock)
    answer_everything(world, peer, 10, ack=1, wnd=0)
    assert peer.state is CLOSED


# -- 3.8.6.1: probing -----------------------------------------------------------------------------


@both
def test_a_shut_window_is_probed_ever_more_slowly_and_for_ever(profile: Profile) -> None:
    """MUST-36, MUST-37, SHLD-29, SHLD-30."""
    world, peer, sock = connected(profile)
    peer.ack(1, wnd=0)
    tries(world, sock, b"x" * 500)
    times = answer_everything(world, peer, 7200, ack=1, wnd=0)
    assert peer.state is ESTABLISHED
    assert times[0] == pytest.approx(0.22, abs=0.02)  # RTO
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:5] == pytest.approx([times[0] * 2**n for n in range(1, 6)], rel=0.01)
    assert max(gaps) == pytest.approx(120)
    mark = peer.mark()
    peer.ack(1, wnd=64_240)
    assert lengths(peer, mark) == [500]


# -- 3.8.6.2: silly windows -----------------------------------------------------------------------


def test_a_sender_does_not_use_a_small_window() -> None:
    """MUST-38: neither a full segment, nor all there is, nor half of the largest window."""
    world, peer, sock = reach(ESTABLISHED)
    tries(world, sock, bytes(1460))
    peer.ack(1461, wnd=700)
    mark = peer.mark()
    tries(world, sock, bytes(1000))
    peer.silent(mark)
    peer.ack(1461, wnd=1000)
    assert lengths(peer, mark) == [1000]


def test_a_shut_window_opens_by_a_segment_at_least_and_is_never_taken_back() -> None:
    """MUST-39, SHLD-14: the right edge stands still, then jumps."""
    world, peer, sock = reach(ESTABLISHED)
    edges = [64_241]
    mark = peer.mark()
    while (left := edges[-1] - peer.nxt) > 0:
        peer.data(bytes(min(left, 1460)))
        world.run(0.3)
        edges += [got.ack + got.wnd for got in peer.since(mark)]
        mark = peer.mark()
    shut = len(edges)
    for _ in range(300):
        sock.recv(100, 0, world.now)
        world.flush()
        peer.tx("ACK", seq=peer.nxt - 1)  # a window probe: the answer tells the window
        world.run(0.6)
        edges += [got.ack + got.wnd for got in peer.since(mark)]
        mark = peer.mark()
    steps = [later - earlier for earlier, later in pairwise(edges)]
    assert min(steps) == 0
    opens = next(step for step in steps[shut:] if step)
    assert opens >= 1460


def test_an_open_window_opens_by_a_segment_at_least() -> None:
    """MUST-39, where the profile says so: whatever makes the ACK leave."""
    world = World(RFC9293)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set(sock, names.SO_RCVBUF, 20_000)
    peer.accept_from_k(sock)
    edges, mark = list[int](), peer.mark()
    for number in range(200):
        peer.data(bytes(1 + number % 300))
        world.run(0.3)
        edges += [got.ack + got.wnd for got in peer.since(mark)]
        mark = peer.mark()
        tries(world, sock, "recv")
    steps = [later - earlier for earlier, later in pairwise(edges)]
    least = min(step for step in steps if step)
    assert least >= 536  # what a segment is thought to have before a longer one came
    assert max(steps) < 2 * 536
    assert sum(map(bool, steps)) > 30


def small_writes(world: World, sock: TcpSocket) -> None:
    for _ in range(5):
        tries(world, sock, b"x" * 100)


def test_nagle_collects_what_is_small_and_can_be_switched_off() -> None:
    """SHLD-7, MUST-17."""
    world, peer, sock = reach(ESTABLISHED)
    mark = peer.mark()
    small_writes(world, sock)
    assert lengths(peer, mark) == [100]
    peer.ack(101)
    assert lengths(peer, mark) == [100, 400]
    peer.ack(501)
    world.set_tcp(sock, names.TCP_NODELAY, 1)
    mark = peer.mark()
    small_writes(world, sock)
    assert lengths(peer, mark) == [100] * 5


# -- 3.9.1.2: PSH ---------------------------------------------------------------------------------


def test_full_segments_leave_and_the_last_one_pushes() -> None:
    """SHLD-27, SHLD-28, MUST-60, MUST-61: three sends make two segments with one PSH."""
    world, peer, sock = reach(ESTABLISHED)
    peer.ack(1, wnd=0)
    for _ in range(3):
        tries(world, sock, bytes(700))
    mark = peer.mark()
    peer.ack(1, wnd=64_240)
    got = peer.since(mark)
    assert [one.len for one in got] == [1460, 640]
    assert [bool(one.segment.flags & PSH) for one in got] == [False, True]
