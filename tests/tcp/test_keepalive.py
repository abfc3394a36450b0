"""Keep-alives: RFC 9293 section 3.8.4 (MUST-24 to MUST-29), and docs/kernel-notes/keepalive.md."""

from __future__ import annotations

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_2
from lastack.trace import Reason, ResetSent
from tests.truth.peer import Got, HandPeer, World, tries

TIMERS = 0.03
"""The kernel's timers are up to that much late."""


def watched(
    idle: int, interval: int, count: int, *, user_timeout: int = 0, since: float = 0
) -> tuple[World, HandPeer, TcpSocket]:
    """Return an open connection with these keep-alive options, in s; its peer is silent."""
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set(sock, names.SO_KEEPALIVE, 1)
    set_times(world, sock, idle, interval, count)
    world.set_tcp(sock, names.TCP_USER_TIMEOUT, user_timeout)
    peer.accept_from_k(sock)
    world.run(since)
    return world, peer, sock


def set_times(world: World, sock: TcpSocket, idle: int, interval: int, count: int) -> None:
    """Set TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT."""
    world.set_tcp(sock, names.TCP_KEEPIDLE, idle)
    world.set_tcp(sock, names.TCP_KEEPINTVL, interval)
    world.set_tcp(sock, names.TCP_KEEPCNT, count)


def summary(sent: list[Got]) -> list[tuple[str, int, int, int]]:
    """Return (flags, seq, ack, length) of each segment."""
    return [(got.flags, got.seq, got.ack, got.len) for got in sent]


PROBE = ("ACK", 0, 1, 0)
"""SEQ = SND.NXT - 1, which is outside the peer's window and so draws an ACK; no text."""


def test_off_by_default() -> None:
    """MUST-25."""
    world = World()
    peer = HandPeer(world, mode="manual")
    peer.accept_from_k()
    since = peer.mark()
    world.run(100_000)
    peer.silent(since)
    assert peer.state is ESTABLISHED


def test_two_hours_by_default() -> None:
    """MUST-28: no less than two hours."""
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    since = peer.mark()
    world.set(sock, names.SO_KEEPALIVE, 1)
    world.until(lambda: peer.state is CLOSED, limit=10_000)
    probes = [7200 + 75 * number for number in range(9)]
    assert peer.times(since, "") == pytest.approx([*probes, 7200 + 9 * 75])


def test_probes_and_the_end() -> None:
    world, peer, sock = watched(1, 2, 2)
    since = peer.mark()
    world.until(lambda: peer.state is CLOSED)
    sent = peer.since(since)
    assert summary(sent) == [PROBE, PROBE, ("RST|ACK", 1, 1, 0)]
    assert peer.times(since, "") == pytest.approx([1, 3, 5], rel=TIMERS)
    reasons = [event.reason for event in world.events if isinstance(event, ResetSent)]
    assert reasons == [Reason.KEEPALIVE_UNANSWERED]
    assert [tries(world, sock, "recv") for _ in range(2)] == ["ETIMEDOUT", b""]


def test_an_answer_begins_the_idle_time_and_the_count_anew() -> None:
    """MUST-29: one unanswered probe is no proof; here the count is 1 and each is answered."""
    world, peer, _ = watched(1, 1, 1)
    for _ in range(5):
        since = peer.mark()
        world.until(lambda since=since: bool(peer.since(since)))  # type: ignore[misc]
        assert summary(peer.since(since)) == [PROBE]
        assert peer.times(since, "") == pytest.approx([1], rel=TIMERS)
        peer.ack()
    assert peer.state is ESTABLISHED


@pytest.mark.parametrize(("limit", "count", "probes"), [(3500, 1, 3), (1500, 9, 1)])
def test_a_user_timeout_counts_instead_of_the_number(limit: int, count: int, probes: int) -> None:
    """It is looked at when a probe would be due."""
    world, peer, sock = watched(1, 1, count, user_timeout=limit)
    since = peer.mark()
    world.until(lambda: peer.state is CLOSED)
    assert summary(peer.since(since)) == [PROBE] * probes + [("RST|ACK", 1, 1, 0)]
    assert peer.times(since, "RST") == pytest.approx([probes + 1], rel=TIMERS)
    assert tries(world, sock, "recv") == "ETIMEDOUT"


def test_an_icmp_error_is_what_the_program_is_told() -> None:
    world, peer, sock = watched(1, 1, 1)
    world.run(1.1)
    peer.icmp(3, 1, seq=1)
    world.until(lambda: peer.state is CLOSED)
    assert tries(world, sock, "recv") == "EHOSTUNREACH"


@pytest.mark.parametrize(
    ("name", "value", "after"),
    [
        (names.TCP_KEEPIDLE, 3, 2), (names.TCP_KEEPIDLE, 1, 0), (names.TCP_KEEPINTVL, 7, 1),
        (names.TCP_KEEPCNT, 7, 1),
    ],
)  # fmt: skip
def test_an_option_set_when_the_connection_has_idled_for_1_of_2_s(
    name: int, value: int, after: int
) -> None:
    """Only TCP_KEEPIDLE sets the timer again, and it counts the time that has passed."""
    world, peer, sock = watched(2, 75, 9, since=1)
    since = peer.mark()
    world.set_tcp(sock, name, value)
    world.until(lambda: bool(peer.since(since)))
    assert peer.times(since, "") == pytest.approx([after], abs=0.05)


@pytest.mark.parametrize(("values", "after"), [([1], 1), ([0, 1], 2)], ids=["again", "off and on"])
def test_switched_on_when_the_connection_has_idled_for_1_of_2_s(
    values: list[int], after: int
) -> None:
    world, peer, sock = watched(2, 75, 9, since=1)
    since = peer.mark()
    for value in values:
        world.set(sock, names.SO_KEEPALIVE, value)
    world.until(lambda: bool(peer.since(since)))
    assert peer.times(since, "") == pytest.approx([after], abs=0.05)


def test_switched_off() -> None:
    world, peer, sock = watched(2, 1, 1, since=1)
    since = peer.mark()
    world.set(sock, names.SO_KEEPALIVE, 0)
    world.run(100)
    peer.silent(since)


def test_an_accepted_connection_has_it_since_the_handshake() -> None:
    world = World()
    listener = world.listen()
    world.set(listener, names.SO_KEEPALIVE, 1)
    set_times(world, listener, 2, 1, 1)
    peer = HandPeer(world, mode="manual")
    peer.handshake()
    world.run(1)
    since = peer.mark()
    sock = listener.accept(world.now)
    assert sock is not AGAIN
    world.until(lambda: bool(peer.since(since)))
    assert peer.times(since, "") == pytest.approx([1], abs=0.05)


def test_no_probe_while_data_is_in_flight() -> None:
    """The retransmission timer watches the peer then, and the number of probes does not matter."""
    world, peer, sock = watched(1, 1, 1)
    since = peer.mark()
    assert tries(world, sock, b"x") == 1
    world.run(5)
    assert {(got.flags, got.seq, got.len) for got in peer.since(since)} == {("ACK", 1, 1)}
    assert peer.state is ESTABLISHED


def test_idle_is_since_the_peer_was_heard() -> None:
    world, peer, sock = watched(2, 1, 9, since=1)
    assert tries(world, sock, b"x") == 1
    peer.ack(2)
    since = peer.mark()
    world.until(lambda: bool(peer.since(since)))
    assert peer.times(since, "") == pytest.approx([2], rel=TIMERS)


@pytest.mark.parametrize("state", [CLOSE_WAIT, FIN_WAIT_2], ids=lambda state: state.value)
def test_half_closed_connections_are_probed(state: object) -> None:
    world, peer, sock = watched(1, 1, 9)
    if state is CLOSE_WAIT:
        peer.fin()
    else:
        sock.shutdown(names.SHUT_WR, world.now)
        world.flush()
        peer.ack(2)
    assert peer.state is state
    world.run(0.1)  # the ACK of the FIN
    since = peer.mark()
    world.run(2.4)
    assert len(peer.since(since)) == 2


@pytest.mark.parametrize("linger2", [0, 100], ids=["table", "with a long limit"])
def test_an_orphan_in_fin_wait_2_is_not_probed(linger2: int) -> None:
    world, peer, sock = watched(1, 1, 2)
    world.set_tcp(sock, names.TCP_LINGER2, linger2)
    world.close(sock)
    peer.ack(2)
    since = peer.mark()
    world.run(10)
    peer.silent(since)
    assert peer.state is FIN_WAIT_2
