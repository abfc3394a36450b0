"""Slow start and congestion avoidance: RFC 5681, which RFC 9293 section 3.8.2 asks for."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lastack.profile import RFC9293
from lastack.sockets import TcpSocket, names
from tests.truth.peer import HandPeer, World, tries
from tests.truth.silence import connected


def cwnd(sock: TcpSocket) -> int:
    """Return the congestion window in segments."""
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


def round_trip(world: World, peer: HandPeer, sock: TcpSocket) -> int:
    """20 ms later the peer acknowledges, segment by segment, all that it has; return cwnd."""
    world.run(0.02)
    has = peer.got
    for acked in range(peer.una + 1460, has + 1, 1460):
        peer.ack(acked)
    return cwnd(sock)


def test_the_window_doubles_up_to_ssthresh_and_then_grows_by_one() -> None:
    """MUST-19: slow start, then congestion avoidance; a time-out begins anew."""
    world, peer, sock = connected(RFC9293, rtt=0.02, wnd=0xFFFF)
    world.set(sock, names.SO_SNDBUF, 1_000_000)
    tries(world, sock, bytes(1_000_000))
    assert cwnd(sock) == 10
    doubled = [round_trip(world, peer, sock) for _ in range(2)]
    assert doubled == pytest.approx([20, 40], abs=1)
    world.run(0.3)  # nothing is acknowledged: the timer fires
    assert cwnd(sock) == 1
    # The ACKs of the 40 segments: 20 bring cwnd to ssthresh, half of the flight; the rest one more.
    windows = [round_trip(world, peer, sock) for _ in range(11)]
    assert windows[0] == pytest.approx(21, abs=1)
    assert {later - earlier for earlier, later in pairwise(windows)} <= {0, 1}
    assert windows[-1] - windows[0] == pytest.approx(9, abs=1)
