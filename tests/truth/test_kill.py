"""Ending a connection by force (Host.kill, as ss -K and SOCK_DESTROY do), in each state.

Measured on Linux 6.18.
"""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import TcpSocket
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from tests.tcp.reach import reach

from .peer import HandPeer, World, tries


def kill(world: World, peer: HandPeer) -> None:
    row = peer.row
    assert row is not None
    assert world.k.kill(row.conn, world.now)
    world.flush()


def test_nothing_to_kill() -> None:
    world = World()
    assert not world.k.kill(4711, world.now)


@pytest.mark.parametrize("state", [ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, FIN_WAIT_2])
def test_a_connection_with_a_descriptor_is_reset(state: State) -> None:
    world, peer, sock = reach(state)
    mark = peer.mark()
    kill(world, peer)
    ours = 1 if state in (ESTABLISHED, CLOSE_WAIT) else 2
    theirs = 2 if state is CLOSE_WAIT else 1
    peer.answers(mark, "RST|ACK", seq=ours, ack=theirs)
    assert (sock.state, peer.state) == (CLOSED, CLOSED)
    if state is CLOSE_WAIT:
        told = [tries(world, sock, what) for what in ("recv", b"x", b"x")]
        assert told == [b"", "ECONNABORTED", "EPIPE"]
    else:
        told = [tries(world, sock, what) for what in ("recv", "recv", b"x")]
        assert told == ["ECONNABORTED", b"", "EPIPE"]


@pytest.mark.parametrize("state", [CLOSING, LAST_ACK, TIME_WAIT, SYN_SENT, SYN_RECEIVED])
def test_some_states_go_without_a_segment(state: State) -> None:
    world, peer, _ = reach(state)
    mark = peer.mark()
    kill(world, peer)
    peer.silent(mark)
    assert peer.state is CLOSED
    world.run(5)
    peer.silent(mark)


def test_a_connect_that_waits_is_aborted() -> None:
    world, peer, sock = reach(SYN_SENT)
    kill(world, peer)
    with pytest.raises(OSError) as caught:
        sock.connected(world.now)
    assert caught.value.errno == errno.ECONNABORTED


def test_what_was_received_can_be_read_before_the_error() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.data(b"hello")
    mark = peer.mark()
    kill(world, peer)
    peer.answers(mark, "RST|ACK", seq=1, ack=6)
    told = [tries(world, sock, what) for what in ("recv", "recv", "recv", b"x")]
    assert told == [b"hello", "ECONNABORTED", b"", "EPIPE"]


@pytest.mark.parametrize("acked", [False, True])
def test_an_orphan(acked: bool) -> None:
    """In FIN-WAIT-1 a RST, in FIN-WAIT-2 nothing; the port is free either way."""
    world, peer, sock = reach(FIN_WAIT_2 if acked else FIN_WAIT_1)
    world.close(sock)
    assert peer.state is (FIN_WAIT_2 if acked else FIN_WAIT_1)
    mark = peer.mark()
    kill(world, peer)
    if acked:
        peer.silent(mark)
    else:
        peer.answers(mark, "RST|ACK", seq=2, ack=1)
    assert peer.state is CLOSED
    world.socket().bind(bytes(4), 40000, world.now)


def test_a_time_wait_gives_the_port_back() -> None:
    world, peer, sock = reach(TIME_WAIT)
    world.close(sock)
    with pytest.raises(OSError, match="Address already in use"):
        world.socket().bind(bytes(4), 40000, world.now)
    kill(world, peer)
    world.socket().bind(bytes(4), 40000, world.now)


def test_a_connection_in_the_accept_queue_is_still_accepted() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world)
    peer.handshake()
    mark = peer.mark()
    kill(world, peer)
    peer.answers(mark, "RST|ACK", seq=1, ack=1)
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    sock.hold()
    with pytest.raises(OSError, match="not connected"):
        sock.getpeername()
    assert [tries(world, sock, "recv"), tries(world, sock, "recv")] == ["ECONNABORTED", b""]


@pytest.mark.parametrize("bound", [True, False])
def test_a_bound_port_stays_with_the_open_socket(bound: bool) -> None:
    world = World()
    peer = HandPeer(world)
    if bound:
        sock = peer.accept_from_k()
    else:
        listener = world.listen()
        sock = peer.connect_to_k(listener)
        world.close(listener)
    kill(world, peer)
    rival = world.socket()
    if bound:
        with pytest.raises(OSError, match="Address already in use"):
            rival.bind(bytes(4), 40000, world.now)
        world.close(sock)
    rival.bind(bytes(4), 40000, world.now)


def test_a_bound_socket_cannot_be_killed() -> None:
    world = World()
    sock = world.socket()
    sock.bind(bytes(4), 40000, world.now)
    assert not world.k.kill(sock.conn, world.now)
    with pytest.raises(OSError, match="in use"):
        world.socket().bind(bytes(4), 40000, world.now)


def test_a_killed_listener() -> None:
    """A thread in accept() gets EINVAL, SO_ERROR tells it once, and listen() works again."""
    world = World()
    listener = world.listen()
    half, peer = HandPeer(world, port=81), HandPeer(world)
    half.tx("SYN")
    peer.handshake()
    listener.accept(world.now)  # one is with the program: it lives on
    queued = HandPeer(world, port=82)
    queued.handshake()
    listener.accept(world.now)
    waiting = world.begin(listener, lambda: listener.accept(world.now))
    third = HandPeer(world, port=83)
    marks = [one.mark() for one in (half, peer, queued)]
    assert world.k.kill(listener.conn, world.now)
    world.flush()
    assert (waiting.done, waiting.errno) == (True, errno.EINVAL)
    for one, mark in zip((half, peer, queued), marks, strict=True):
        one.silent(mark)
    assert (half.state, peer.state) == (SYN_RECEIVED, ESTABLISHED)
    with pytest.raises(OSError, match="in use"):
        world.socket().bind(bytes(4), 40000, world.now)
    assert [listener.take_error(world.now) for _ in range(2)] == [errno.ECONNABORTED, 0]
    assert [tries(world, listener, what) for what in ("recv", b"x")] == [b"", "EPIPE"]
    mark = half.mark()
    half.tx("ACK")
    half.answers(mark, "RST", seq=1)
    listener.listen(5, world.now)
    assert listener.mask(world.now) == 0
    assert third.connect_to_k(listener).state is ESTABLISHED


def test_a_killed_listener_resets_its_accept_queue() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world)
    peer.handshake()
    mark = peer.mark()
    assert world.k.kill(listener.conn, world.now)
    world.flush()
    peer.answers(mark, "RST|ACK", seq=1, ack=1)


def test_a_port_that_bind_chose_goes_with_the_connection() -> None:
    world = World()
    sock = world.socket()
    sock.bind(bytes(4), 0, world.now)
    name = sock.getsockname()
    peer = HandPeer(world, kport=name[1])
    peer.begin_from_k(sock, bind=False)
    peer.tx("SYN|ACK")
    kill(world, peer)
    assert sock.getsockname()[1] == name[1]
    world.socket().bind(*name, world.now)
