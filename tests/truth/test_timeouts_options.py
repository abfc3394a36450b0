"""TCP_USER_TIMEOUT and TCP_SYNCNT (docs/kernel-notes/timeouts.md)."""

from __future__ import annotations

import errno

import pytest

from lastack.profile import LINUX, Profile, S
from lastack.sockets import names
from lastack.state import CLOSED
from lastack.trace import Reason, StateChanged

from .peer import HandPeer, World, tries
from .silence import TIMERS, connected, gone, sysctl


def reason_of_the_end(world: World) -> Reason:
    """Return why the connection entered CLOSED."""
    ends = [
        event.reason for event in world.events
        if isinstance(event, StateChanged) and event.new is CLOSED
    ]  # fmt: skip
    assert len(ends) == 1
    return ends[0]


@pytest.mark.parametrize(("limit", "end"), [(3000, 3.25), (1000, 1.25)])
def test_an_orphan(limit: int, end: float) -> None:
    world, peer, sock = connected(rtt=0.008)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, limit)
    since = peer.mark()
    world.close(sock)
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    assert not peer.times(since, "RST")
    assert reason_of_the_end(world) is Reason.USER_TIMEOUT


def test_data_of_an_open_socket() -> None:
    world, peer, sock = connected(rtt=0.004)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, 3000)
    since = peer.mark()
    assert tries(world, sock, bytes(100)) == 100
    assert gone(world, peer) == pytest.approx(3.21, rel=0.02)
    assert peer.times(since, "") == pytest.approx([0, 0.21, 0.63, 1.46, 3.12], rel=TIMERS)
    assert [tries(world, sock, "recv") for _ in range(2)] == ["ETIMEDOUT", b""]
    assert tries(world, sock, b"x") == "EPIPE"


@pytest.mark.parametrize(("limit", "orphan", "end"), [(9000, False, 9.26), (5000, True, 5.4)])
def test_it_takes_the_place_of_the_retries(limit: int, orphan: bool, end: float) -> None:
    """By tcp_retries2 and tcp_orphan_retries it would be 6.6 s and 1.5 s."""
    world, peer, sock = connected(sysctl(retries2=3, orphan_retries=1), rtt=0.008)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, limit)
    if orphan:
        world.close(sock)
    else:
        assert tries(world, sock, bytes(100)) == 100
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)


@pytest.mark.parametrize("answers", [False, True], ids=["silent", "answered"])
def test_a_window_that_stays_shut(answers: bool) -> None:
    world, peer, sock = connected(rtt=0.004, wnd=0)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, 2000)
    assert tries(world, sock, bytes(100)) == 100
    begun = world.now
    while peer.state is not CLOSED:
        since = peer.mark()
        world.run(0.05)
        if answers and peer.since(since):
            peer.ack(1, wnd=0)
        assert world.now < 10 * S
    assert (world.now - begun) / S == pytest.approx(2.25, rel=TIMERS)
    assert tries(world, sock, "recv") == "ETIMEDOUT"


def test_a_window_that_opened_begins_anew() -> None:
    world, peer, sock = connected(rtt=0.004, wnd=0)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, 2000)
    assert tries(world, sock, bytes(2920)) == 2920
    world.run(1.5)
    peer.ack(1, wnd=1460)
    peer.ack(1461, wnd=0)
    begun = world.now
    assert gone(world, peer) > 2
    assert (world.now - begun) / S == pytest.approx(2.25, rel=TIMERS)


def test_connecting() -> None:
    """It counts from the first SYN, and cuts the last wait."""
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, 2500)
    since = peer.mark()
    peer.begin_from_k(sock)
    assert gone(world, peer) == pytest.approx(2.51, rel=0.02)
    assert peer.times(since, "SYN") == pytest.approx([0, 1, 2], rel=TIMERS)
    with pytest.raises(OSError) as told:
        sock.connected(world.now)
    assert told.value.errno == errno.ETIMEDOUT


@pytest.mark.parametrize(
    ("profile", "count", "syns", "end"),
    [
        pytest.param(LINUX, 1, [0, 1, 2], 3.06, id="1"),
        pytest.param(LINUX, 2, [0, 1, 2, 3.1, 4.1, 5.1], 7.13, id="2"),
        pytest.param(LINUX, 3, [0, 1, 2.1, 3.1, 4.1, 5.1, 7.1, 11.2], 19.4, id="3"),
        pytest.param(sysctl(syn_linear=0), 1, [0, 1], 3.03, id="1, no linear time-outs"),
        pytest.param(sysctl(syn_retries=1), 0, [0, 1, 2], 3.07, id="tcp_syn_retries 1"),
    ],
)
def test_repeats_of_a_syn(profile: Profile, count: int, syns: list[float], end: float) -> None:
    """Of few repeats the linear time-outs get only what the doublings would have taken."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    if count:
        world.set_tcp(sock, names.TCP_SYNCNT, count)
    since = peer.mark()
    peer.begin_from_k(sock)
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    assert peer.times(since, "SYN") == pytest.approx(syns, rel=TIMERS)
