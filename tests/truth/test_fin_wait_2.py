"""How long an orphan waits for the peer's FIN (docs/kernel-notes/orphans.md, give-up.md)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX, Profile
from lastack.sockets import names
from lastack.state import CLOSED, FIN_WAIT_2, TIME_WAIT

from .peer import HandPeer, World
from .silence import TIMERS, connected, gone, sysctl


def in_fin_wait_2(
    profile: Profile = LINUX, linger2: int | None = None
) -> tuple[World, HandPeer, tuple[int, int]]:
    """Return an orphan whose FIN is acknowledged, and the mark before its close()."""
    world, peer, sock = connected(profile)
    if linger2 is not None:
        world.set_tcp(sock, names.TCP_LINGER2, linger2)
    since = peer.mark()
    world.close(sock)
    peer.ack(2)
    return world, peer, since


@pytest.mark.parametrize(
    ("timeout_s", "linger2", "end"),
    [(60, None, 62.17), (5, None, 5.12), (60, 3, 3.06), (60, 0, 61.97)],
    ids=["tcp_fin_timeout=60", "tcp_fin_timeout=5", "TCP_LINGER2=3", "TCP_LINGER2=0"],
)
def test_fin_wait_2(timeout_s: int, linger2: int | None, end: float) -> None:
    profile = sysctl(fin_wait_2_orphan_ns=timeout_s * 1_000_000_000)
    world, peer, since = in_fin_wait_2(profile, linger2)
    row = peer.row
    assert row is not None
    assert (row.state, row.timer, row.orphan) == (FIN_WAIT_2, "time-wait", True)
    assert gone(world, peer) == pytest.approx(end, rel=TIMERS)
    peer.answers(since, "FIN|ACK", seq=1)


@pytest.mark.parametrize(
    ("timeout_s", "linger2", "here", "end"), [(90, None, 30, 61.97), (60, 75, 15, 30.15)],
    ids=["tcp_fin_timeout=90", "TCP_LINGER2=75"],
)  # fmt: skip
def test_fin_wait_2_above_a_minute(
    timeout_s: int, linger2: int | None, here: float, end: float
) -> None:
    """What exceeds a minute is spent as a connection, then the same again in the table."""
    profile = sysctl(fin_wait_2_orphan_ns=timeout_s * 1_000_000_000)
    world, peer, since = in_fin_wait_2(profile, linger2)
    begun = world.now
    row = peer.row
    assert row is not None
    assert (row.state, row.timer) == (FIN_WAIT_2, "fin-wait-2")
    assert (row.expires_at - begun) / 1e9 == pytest.approx(here, rel=TIMERS)
    world.run(here + 1)
    row = peer.row
    assert row is not None
    assert (row.state, row.timer) == (FIN_WAIT_2, "time-wait")
    gone(world, peer)
    assert (world.now - begun) / 1e9 == pytest.approx(end, rel=TIMERS)
    peer.answers(since, "FIN|ACK", seq=1)


def test_negative_linger2() -> None:
    """TCP_LINGER2 = -1: no FIN-WAIT-2, the ACK of the FIN draws a bare RST."""
    _world, peer, since = in_fin_wait_2(linger2=-1)
    assert peer.state is CLOSED
    assert [(got.flags, got.seq) for got in peer.since(since)] == [("FIN|ACK", 1), ("RST", 2)]


def test_fin_wait_2_of_a_socket_that_is_open() -> None:
    """No timer runs before close(), however long that takes; the 60 s begin there."""
    world, peer, sock = connected()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.ack(2)
    world.run(100)
    row = peer.row
    assert row is not None
    assert (row.state, row.timer) == (FIN_WAIT_2, "")
    world.close(sock)
    assert peer.state is FIN_WAIT_2
    assert gone(world, peer) == pytest.approx(60.17, rel=TIMERS)


def test_fin_in_fin_wait_2_begins_a_whole_time_wait() -> None:
    world, peer, _since = in_fin_wait_2(sysctl(fin_wait_2_orphan_ns=5_000_000_000))
    world.run(3)
    peer.fin()
    assert peer.state is TIME_WAIT
    assert gone(world, peer) == pytest.approx(61, rel=TIMERS)
