"""connect() to AF_UNSPEC in each state (docs/kernel-notes/close.md)."""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import ERR, HUP, IN, OUT, RDHUP, TcpSocket, UdpSocket, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from tests.tcp.reach import reach

from .peer import HandPeer, K, P, World, tries


def dissolve(world: World, sock: TcpSocket) -> None:
    sock.disconnect(world.now)
    world.flush()


def so_error(world: World, sock: TcpSocket) -> int:
    return sock.take_error(world.now)


def test_an_open_connection_is_reset_and_the_socket_is_as_new() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.data(b"unread")
    mark = peer.mark()
    dissolve(world, sock)
    peer.answers(mark, "RST|ACK", seq=1, ack=7)
    assert (sock.state, sock.getsockname()) == (CLOSED, (bytes(4), 40000))
    assert sock.mask(world.now) == OUT | ERR | HUP
    assert so_error(world, sock) == errno.ECONNRESET
    assert sock.mask(world.now) == OUT | HUP
    assert [tries(world, sock, what) for what in ("recv", b"x")] == ["ENOTCONN", "EPIPE"]
    with pytest.raises(OSError, match="not connected"):
        sock.getpeername()
    assert so_error(world, sock) == 0
    dissolve(world, sock)  # a second time is nothing
    with pytest.raises(OSError, match="in use"):
        world.socket().bind(bytes(4), 40000, world.now)
    again = HandPeer(world, port=81)
    again.begin_from_k(sock, bind=False)
    again.tx("SYN|ACK")
    assert again.state is ESTABLISHED


@pytest.mark.parametrize("what", ["recv", b"x"])
def test_any_call_takes_the_error(what: str | bytes) -> None:
    world, _, sock = reach(ESTABLISHED)
    dissolve(world, sock)
    assert tries(world, sock, what) == "ECONNRESET"
    assert so_error(world, sock) == 0


def test_another_connect_forgets_the_error() -> None:
    world, _, sock = reach(ESTABLISHED)
    dissolve(world, sock)
    HandPeer(world, port=81).begin_from_k(sock, bind=False)
    assert so_error(world, sock) == 0


def test_a_handshake_is_given_up_without_a_segment_and_its_port_is_free() -> None:
    world = World()
    sock = world.socket()
    assert sock.connect(P, 80, world.now) is not None
    name = bytes(4), sock.getsockname()[1]
    assert sock.getsockname() == (K, name[1])
    world.flush()
    sent = world.lines()
    dissolve(world, sock)
    assert world.lines() == sent
    assert sock.getsockname() == name
    assert so_error(world, sock) == errno.ECONNRESET
    world.socket().bind(*name, world.now)


@pytest.mark.parametrize(
    ("state", "seq", "ack", "error", "left"),
    [
        (FIN_WAIT_1, 2, 1, errno.ECONNRESET, CLOSED),
        (FIN_WAIT_2, 2, 1, errno.ECONNRESET, CLOSED),
        (CLOSE_WAIT, 1, 2, errno.ECONNRESET, CLOSED),
        (LAST_ACK, None, None, 0, CLOSED),
        (CLOSING, None, None, 0, CLOSED),
        (TIME_WAIT, None, None, 0, TIME_WAIT),
        (SYN_SENT, None, None, errno.ECONNRESET, CLOSED),
    ],
)
def test_every_state(
    state: State, seq: int | None, ack: int | None, error: int, left: State
) -> None:
    world, peer, sock = reach(state)
    mark = peer.mark()
    dissolve(world, sock)
    if seq is None or ack is None:
        peer.silent(mark)
    else:
        peer.answers(mark, "RST|ACK", seq=seq, ack=ack)
    assert (so_error(world, sock), peer.state) == (error, left)


def test_a_listener_resets_its_queue_and_may_listen_again() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world)
    peer.handshake()
    mark = peer.mark()
    dissolve(world, listener)
    peer.answers(mark, "RST|ACK", seq=1, ack=1)
    assert so_error(world, listener) == 0
    with pytest.raises(OSError, match="Invalid argument"):
        listener.accept(world.now)
    listener.listen(5, world.now)
    HandPeer(world, port=81).connect_to_k(listener)


def test_after_shut_wr_it_can_send_again() -> None:
    """sk_shutdown is forgotten, too."""
    world, _, sock = reach(FIN_WAIT_2)
    dissolve(world, sock)
    so_error(world, sock)
    again = HandPeer(world, port=81)
    again.begin_from_k(sock, bind=False)
    again.tx("SYN|ACK")
    assert tries(world, sock, b"x") == 1


def test_udp_forgets_the_peer_and_the_name_that_connect_chose() -> None:
    world = World()
    sock = UdpSocket(world.k)
    sock.connect(P, 53, world.now)
    assert sock.getsockname()[0] == K
    sock.disconnect(world.now)
    assert sock.getsockname() == (bytes(4), 0)
    with pytest.raises(OSError, match="Destination address required"):
        sock.send(b"x", 0, world.now)
    bound = UdpSocket(world.k)
    bound.bind(bytes(4), 5353, world.now)
    bound.connect(P, 53, world.now)
    bound.disconnect(world.now)
    assert bound.getsockname() == (bytes(4), 5353)
    assert bound.listening


def test_poll_after_a_killed_listener_differs_from_one_that_was_shut() -> None:
    world = World()
    killed, shut = world.listen(40000), world.listen(40001)
    assert world.k.kill(killed.conn, world.now)
    shut.shutdown(names.SHUT_RD, world.now)
    assert killed.mask(world.now) == IN | OUT | ERR | HUP | RDHUP
    assert shut.mask(world.now) == OUT | HUP
