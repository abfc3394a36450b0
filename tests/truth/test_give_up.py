"""How long an unanswered TCP goes on, and how it ends (docs/kernel-notes/give-up.md).

RTO is 200 ms plus the round trip, and every time below follows from it; `rtt` is the round trip
of the handshake that was measured.
"""

from __future__ import annotations

import errno

import pytest

from lastack.profile import LINUX, Profile
from lastack.sockets import TcpSocket, names
from lastack.state import CLOSED, FIN_WAIT_1, LAST_ACK, SYN_RECEIVED, State
from lastack.trace import Reason, StateChanged

from .peer import HandPeer, World, tries
from .silence import TIMERS, connected, gone, sysctl


def silently(peer: HandPeer, since: tuple[int, int]) -> bool:
    """Tell whether K sent no RST."""
    return not peer.times(since, "RST")


def ends(world: World) -> list[tuple[State, Reason]]:
    """Return the state in which each connection ended, and why."""
    return [
        (event.old, event.reason) for event in world.events
        if isinstance(event, StateChanged) and event.new is CLOSED
    ]  # fmt: skip


# -- a FIN that nobody acknowledges -------------------------------------------------------------


def test_orphan_in_fin_wait_1() -> None:
    world, peer, sock = connected()
    since = peer.mark()
    assert world.close(sock) == (0, 0.0)
    assert peer.state is FIN_WAIT_1
    assert gone(world, peer) == pytest.approx(111.15, rel=TIMERS)
    expected = [0, 0.21, 0.64, 1.51, 3.20, 6.69, 13.61, 27.17, 55.85]
    assert peer.times(since, "FIN") == pytest.approx(expected, rel=TIMERS)
    assert {(got.flags, got.seq, got.len) for got in peer.since(since)} == {("FIN|ACK", 1, 0)}
    assert ends(world) == [(FIN_WAIT_1, Reason.GIVE_UP_ORPHAN)]  # no RST, no TIME-WAIT
    since = peer.mark()
    peer.fin(ack=2)
    peer.answers(since, "RST", seq=2)


@pytest.mark.parametrize(
    ("retries", "rtt", "fins", "end"),
    [
        (1, 0.016, 3, 1.53),
        (2, 0.016, 4, 3.22),
        (3, 0.016, 4, 3.34),
        (3, 0.004, 5, 6.7),  # below an RTO of 214 ms one more fits: 3 s are not over after four
        (7, 0.016, 8, 55.93),
    ],
)
def test_orphan_retries(retries: int, rtt: float, fins: int, end: float) -> None:
    world, peer, sock = connected(sysctl(orphan_retries=retries), rtt=rtt)
    since = peer.mark()
    world.close(sock)
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    assert len(peer.times(since, "FIN")) == fins
    assert silently(peer, since)


@pytest.mark.parametrize(("rto_ms", "fins", "end"), [(204, 9, 104), (208, 9, 106), (216, 9, 111)])
def test_count_follows_from_the_first_rto(rto_ms: int, fins: int, end: float) -> None:
    """Given up when 2**(n+1) - 1 times 200 ms have passed since the first retransmission."""
    world, peer, sock = connected(rtt=(rto_ms - 200) / 1e3)
    since = peer.mark()
    world.close(sock)
    assert gone(world, peer) == pytest.approx(end, rel=0.02)
    assert len(peer.times(since, "FIN")) == fins
    assert peer.times(since, "FIN")[1] == pytest.approx(rto_ms / 1e3)


def test_last_ack() -> None:
    world, peer, sock = connected(rtt=0.020)
    peer.fin()
    since = peer.mark()
    world.close(sock)
    assert peer.state is LAST_ACK
    assert gone(world, peer) == pytest.approx(115.22, rel=TIMERS)
    assert len(peer.times(since, "FIN")) == 9
    assert silently(peer, since)
    assert ends(world) == [(LAST_ACK, Reason.GIVE_UP_ORPHAN)]


def test_data_and_fin_of_an_orphan() -> None:
    world, peer, sock = connected(rtt=0.008)
    since = peer.mark()
    assert tries(world, sock, b"d" * 1000) == 1000
    world.close(sock)
    assert gone(world, peer) == pytest.approx(107.08, rel=TIMERS)
    fins = [got for got in peer.since(since) if "FIN" in got.flags]
    assert [(got.seq, got.len) for got in fins] == [(1001, 0)] + 8 * [(1, 1000)]
    assert silently(peer, since)


def test_fin_of_a_socket_that_is_open() -> None:
    world, peer, sock = connected(sysctl(retries2=5))
    since = peer.mark()
    sock.shutdown(names.SHUT_WR, world.now)
    assert gone(world, peer) == pytest.approx(14.30, rel=TIMERS)
    assert len(peer.times(since, "FIN")) == 6
    assert silently(peer, since)
    assert sock.state is CLOSED
    answers = [tries(world, sock, what) for what in ("recv", "recv", b"x")]
    assert answers == ["ETIMEDOUT", b"", "EPIPE"]


@pytest.mark.parametrize(
    ("retries2", "expected", "end"),
    [(5, [0, 0.21, 0.64, 1.47, 3.14, 6.43], 13.09), (3, [0, 0.21, 0.65, 1.51, 3.21], 6.70)],
)
def test_data_of_a_socket_that_is_open(retries2: int, expected: list[float], end: float) -> None:
    world, peer, sock = connected(sysctl(retries2=retries2), rtt=0.008)
    since = peer.mark()
    assert tries(world, sock, b"d" * 1000) == 1000
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    assert peer.times(since, "") == pytest.approx(expected, rel=TIMERS)
    assert {(got.flags, got.seq, got.len) for got in peer.since(since)} == {("ACK", 1, 1000)}
    answers = [tries(world, sock, what) for what in ("recv", "recv", b"x")]
    assert answers == ["ETIMEDOUT", b"", "EPIPE"]


# -- a window that stays shut -------------------------------------------------------------------


def shut_window(profile: Profile = LINUX, *, rtt: float) -> tuple[World, HandPeer, TcpSocket]:
    """Return a socket with 1000 bytes queued for a peer whose window is 0."""
    world, peer, sock = connected(profile, rtt=rtt, wnd=0)
    assert tries(world, sock, b"d" * 1000) == 1000
    return world, peer, sock


def answer_probes(world: World, peer: HandPeer, seconds: float) -> None:
    """Let time pass; the peer answers each probe with an ACK that says "window 0"."""
    end = world.now + int(seconds * 1e9)
    while world.k.next_timeout <= end:
        since = peer.mark()
        world.until(lambda since=since: bool(peer.since(since)) or peer.state is CLOSED)  # type: ignore[misc]
        if peer.state is CLOSED:
            return
        peer.ack(1, wnd=0)
    world.run(max(end - world.now, 0) / 1e9)


def test_silent_zero_window_of_an_orphan() -> None:
    world, peer, sock = shut_window(rtt=0.028)
    since = peer.mark()
    world.close(sock)
    assert gone(world, peer) == pytest.approx(119.27, rel=TIMERS)
    # since the write, which was 30 ms before the close from which the first figure was measured
    expected = [0.22, 0.67, 1.60, 3.42, 7.13, 14.56, 29.15, 59.87]
    assert peer.times(since, "") == pytest.approx(expected, rel=TIMERS)
    assert {(got.flags, got.seq, got.len) for got in peer.since(since)} == {("ACK", 0, 0)}
    assert ends(world) == [(FIN_WAIT_1, Reason.GIVE_UP_ZERO_WINDOW)]


def test_answered_zero_window_of_an_orphan() -> None:
    world, peer, sock = shut_window(rtt=0.004)
    since = peer.mark()
    world.close(sock)
    answer_probes(world, peer, 260)
    assert peer.row is not None
    expected = [0.19, 0.62, 1.46, 3.12, 6.48, 13.14, 26.45, 53.84, 107.09, 213.59]
    assert peer.times(since, "") == pytest.approx(expected, rel=TIMERS)
    answer_probes(world, peer, 200)
    assert peer.state is CLOSED  # the interval had reached 120 s
    assert silently(peer, since)


def test_answered_zero_window_with_a_short_rto_max() -> None:
    world, peer, sock = shut_window(sysctl(rto_max_ns=2_000_000_000), rtt=0.004)
    since = peer.mark()
    world.close(sock)
    begun = world.now
    answer_probes(world, peer, 60)
    assert (world.now - begun) / 1e9 == pytest.approx(5.26, rel=TIMERS)
    assert peer.times(since, "") == pytest.approx([0.19, 0.63, 1.50, 3.23], rel=TIMERS)
    assert peer.state is CLOSED


# -- a handshake that nobody answers ------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "expected", "end"),
    [
        (
            LINUX,
            [0, 1.03, 2.06, 3.08, 4.10, 5.13, 7.14, 11.31, 19.50, 35.67, 67.88],
            133.42,
        ),
        (sysctl(syn_retries=3, syn_linear=0), [0, 1.01, 3.02, 7.21], 15.41),
    ],
    ids=["default", "syn_retries=3 linear=0"],
)
def test_syn_sent(profile: Profile, expected: list[float], end: float) -> None:
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    since = peer.mark()
    sock = peer.begin_from_k()
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    assert peer.times(since, "") == pytest.approx(expected, rel=TIMERS)
    assert {(got.flags, got.seq) for got in peer.since(since)} == {("SYN", 0)}
    with pytest.raises(OSError) as told:
        sock.connected(world.now)
    assert told.value.errno == errno.ETIMEDOUT


def test_syn_received() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    since = peer.mark()
    peer.tx("SYN")
    assert peer.state is SYN_RECEIVED
    assert gone(world, peer) == pytest.approx(63.8, rel=TIMERS)
    assert peer.times(since, "") == pytest.approx([0, 1.0, 3.02, 7.21, 15.40, 31.53], rel=TIMERS)
    assert {got.flags for got in peer.since(since)} == {"SYN|ACK"}
    assert not listener.mask(world.now)
