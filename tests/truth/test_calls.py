"""Calls at the edges: after a refusal, before a connection, with a FIN in the queue.

Measured on Linux 6.18 (docs/kernel-notes/peer-calls.md).
"""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import AGAIN, HUP, IN, OUT, RDHUP, TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2
from lastack.wire import Segment

from .peer import HandPeer, P, World, tries


def refused() -> tuple[World, HandPeer, TcpSocket]:
    """A non-blocking connect() was refused, and nobody has been told."""
    world = World()
    peer = HandPeer(world)
    sock = peer.begin_from_k()
    sock.nonblocking = True
    peer.tx("RST|ACK")
    assert sock.state is CLOSED
    return world, peer, sock


def connect(world: World, sock: TcpSocket) -> str:
    try:
        answer = sock.connect(P, 80, world.now)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "AGAIN" if answer is AGAIN else "ok"


@pytest.mark.parametrize("who", ["recv", "send", "SO_ERROR"])
def test_after_a_refusal_that_a_call_was_told_recv_is_eof(who: str) -> None:
    world, _, sock = refused()
    if who == "SO_ERROR":
        assert sock.take_error(world.now) == errno.ECONNREFUSED
    else:
        assert tries(world, sock, "recv" if who == "recv" else b"x") == "ECONNREFUSED"
    assert sock.mask(world.now) == IN | OUT | HUP | RDHUP
    assert tries(world, sock, "recv") == b""


def test_after_a_refusal_that_connect_was_told_recv_is_not_connected() -> None:
    world, _, sock = refused()
    assert connect(world, sock) == "ECONNREFUSED"
    assert sock.mask(world.now) == OUT | HUP
    assert tries(world, sock, "recv") == "ENOTCONN"
    assert connect(world, sock) == "AGAIN"


def test_after_a_refusal_that_so_error_took_connect_aborts_once() -> None:
    world, peer, sock = refused()
    assert sock.take_error(world.now) == errno.ECONNREFUSED
    assert connect(world, sock) == "ECONNABORTED"
    again = HandPeer(world)
    assert connect(world, sock) == "AGAIN"
    world.flush()
    again.tx("SYN|ACK")
    assert sock.connected(world.now) is None
    assert connect(world, sock) == "EISCONN"
    assert peer.state is ESTABLISHED


def test_shut_wr_on_an_unconnected_socket_fails_and_is_remembered() -> None:
    world = World()
    peer = HandPeer(world)
    sock = world.socket()
    with pytest.raises(OSError) as caught:
        sock.shutdown(names.SHUT_WR, world.now)
    assert caught.value.errno == errno.ENOTCONN
    peer.accept_from_k(sock)
    assert sock.state is ESTABLISHED
    assert tries(world, sock, b"x") == "EPIPE"


def test_a_queued_fin_counts_one_in_siocoutq_and_none_in_siocinq() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    tries(world, sock, b"abc")
    assert sock.ioctl(names.SIOCOUTQ) == 3
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    assert sock.ioctl(names.SIOCOUTQ) == 4
    peer.ack(4)
    assert sock.ioctl(names.SIOCOUTQ) == 1
    peer.ack(5)
    assert sock.ioctl(names.SIOCOUTQ) == 0
    peer.data(b"xy")
    peer.fin()
    assert sock.ioctl(names.SIOCINQ) == 2


def test_a_bare_fin_waits_for_the_window() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    peer.ack(wnd=0)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    assert peer.state is FIN_WAIT_1
    world.run(5)
    probes = peer.since(mark)
    assert [(got.flags, got.seq, got.len) for got in probes] == [("ACK", 0, 0)] * len(probes)
    assert len(probes) >= 3
    mark = peer.mark()
    peer.ack(1, wnd=64_240)
    peer.answers(mark, "FIN|ACK", seq=1)
    peer.ack()
    assert peer.state is FIN_WAIT_2


def test_a_negative_linger2_answers_the_ack_of_the_fin_with_a_bare_reset() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k(world.socket(linger2=-1))
    assert world.close(sock) == (0, 0)
    mark = peer.mark()
    peer.ack()
    assert peer.answers(mark, "RST", seq=2).segment.ack == 0
    assert peer.state is CLOSED


def test_after_data_and_close_the_first_timeout_repeats_the_data_alone() -> None:
    """Two full segments and a FIN of its own: what is repeated first is the first segment."""
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    tries(world, sock, b"x" * 2920)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "FIN|ACK", seq=2921, len=0)
    mark = peer.mark()
    world.run(0.3)
    peer.answers(mark, "ACK", seq=1, len=1460)


def test_what_a_fin_follows_is_a_segment() -> None:
    """A FIN that the window holds back goes with the last text."""
    world = World()
    peer = HandPeer(world, mode="manual", wnd=1000)
    sock = peer.accept_from_k()
    tries(world, sock, b"x" * 1500)
    world.close(sock)
    mark = peer.mark()
    peer.ack(wnd=1000)
    got = peer.since(mark)[-1]
    assert isinstance(got.segment, Segment)
    assert (got.flags, got.seq + got.len) == ("FIN|ACK", 1501)
