"""Where slow start ends after a timeout (docs/kernel-notes/slow-start.md; RFC 5681 section 3.1)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX, Congestion
from lastack.sockets import TcpSocket
from tests.truth.peer import HandPeer, World

MSS = 1460


@pytest.mark.parametrize(("control", "segments"), [(Congestion.CUBIC, 7), (Congestion.RENO, 6)])
def test_it_ends_at_ssthresh_however_much_the_ack_covers(
    control: Congestion, segments: int
) -> None:
    world = World(LINUX.with_field("congestion", control))
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    sock.send(bytes(30 * MSS), 0, world.now)
    world.flush()
    world.run(0.3)
    mark = peer.mark()
    peer.ack(1 + 10 * MSS)
    assert len(peer.since(mark)) == segments
    assert sock.endpoint is not None
    assert sock.endpoint.connection.info().cwnd == segments


def grown() -> tuple[World, HandPeer, TcpSocket]:
    """A connection whose cwnd is 20, with nothing in flight."""
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    peer.tx("SYN|ACK")
    sock.send(bytes(10 * MSS), 0, world.now)
    world.flush()
    peer.ack()
    assert cwnd(sock) == 20
    return world, peer, sock


def cwnd(sock: TcpSocket) -> int:
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


@pytest.mark.parametrize(("segments", "after"), [(10, 20), (11, 31), (16, 36), (20, 40)])
def test_a_window_of_which_more_than_half_was_used_grows(segments: int, after: int) -> None:
    """docs/kernel-notes/sending.md"""
    world, peer, sock = grown()
    sock.send(bytes(segments * MSS), 0, world.now)
    world.flush()
    peer.ack()
    assert cwnd(sock) == after


def test_text_that_waited_for_window_begins_with_the_first_window() -> None:
    """docs/kernel-notes/sending.md"""
    world, peer, sock = grown()
    sock.send(bytes(MSS), 0, world.now)
    world.flush()
    peer.ack(wnd=0)
    sock.send(bytes(20 * MSS), 0, world.now)
    world.run(0.9)
    assert cwnd(sock) == 20
    mark = peer.mark()
    peer.ack(wnd=65535)
    assert len([got for got in peer.since(mark) if got.len]) == 10
    assert cwnd(sock) == 10
