"""close() in its special cases: references, signals, exit, and every state a socket can be in.

The answers were measured on Linux 6.18 (docs/kernel-notes/linger.md). exit and SIGKILL are
`exiting=True`; fork and SCM_RIGHTS are a second reference; a thread in a call holds one as well.
"""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import (
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
)
from tests.exchange import Lab, ms

from .established import ALL, FLIGHT, OFF, ONE, SLACK, ZERO, established
from .peer import HandPeer, World, tries

# -- the process ends ---------------------------------------------------------------------------


def test_execve_would_close_as_close_does() -> None:
    """A program here cannot execve() (the fence says so). What execve() does to a close-on-exec
    descriptor is a close by a process that goes on, and so it waits, unlike exit."""
    world, peer, sock = established(ONE)
    plan = world.drop(sock)
    assert world.linger_until(sock, plan) == (0, 1)
    assert peer.state is FIN_WAIT_1
    world, _, sock = established(ONE)
    assert world.drop(sock, exiting=True) is None


@pytest.mark.parametrize("linger", [OFF, (1, 5)])
def test_exit_never_waits_and_the_rest_is_sent_in_the_background(linger: tuple[int, int]) -> None:
    world, peer, sock = established(linger)
    tries(world, sock, ALL)
    mark = peer.mark()
    assert world.drop(sock, exiting=True) is None
    assert peer.state is FIN_WAIT_1
    peer.silent(mark)  # ten segments are in flight, the FIN waits for the window
    peer.mode = "ack"
    peer.ack()
    assert peer.got == 30_002
    assert peer.state is FIN_WAIT_2


def test_exit_with_linger_zero_resets_and_drops_the_data() -> None:
    world, peer, sock = established(ZERO)
    tries(world, sock, ALL)
    mark = peer.mark()
    assert world.drop(sock, exiting=True) is None
    peer.answers(mark, "RST|ACK", seq=1 + FLIGHT, ack=1)
    assert peer.state is CLOSED
    world.run(5)
    assert len(peer.since(mark)) == 1


@pytest.mark.parametrize("linger", [OFF, (1, 5)])
def test_exit_with_unread_data_resets(linger: tuple[int, int]) -> None:
    world, peer, sock = established(linger)
    peer.data(b"unread")
    mark = peer.mark()
    assert world.drop(sock, exiting=True) is None
    peer.answers(mark, "RST|ACK", seq=1, ack=7)
    assert peer.state is CLOSED


def test_killed_in_a_lingering_close_leaves_the_connection_in_the_background() -> None:
    world, peer, sock = established((1, 5))
    plan = world.drop(sock)
    assert plan is not None
    _, waited = world.linger_until(sock, plan, interrupt=0.5)
    assert waited == 0.5
    assert peer.state is FIN_WAIT_1
    mark = peer.mark()
    world.run(2)
    assert peer.times(mark, "FIN")
    peer.ack()
    assert peer.state is FIN_WAIT_2


def test_a_signal_cuts_a_lingering_close_short_and_it_returns_0() -> None:
    world, peer, sock = established((1, 5))
    assert world.linger_until(sock, world.drop(sock), interrupt=0.5) == (0, 0.5)
    assert sock.refs == 0
    assert peer.state is FIN_WAIT_1


# -- references ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("linger", "flags", "waited"), [(OFF, "FIN|ACK", 0), (ZERO, "RST|ACK", 0), (ONE, "FIN|ACK", 1)]
)
def test_only_the_last_descriptor_closes(
    linger: tuple[int, int], flags: str, waited: float
) -> None:
    world, peer, sock = established(linger)
    sock.hold()  # dup(), or a child of fork()
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    world.run(1)
    peer.silent(mark)
    assert sock.state is ESTABLISHED
    mark = peer.mark()
    error, seconds = world.close(sock)
    assert error == 0
    assert waited <= seconds <= waited + SLACK
    assert peer.since(mark)[0].flags == flags


def test_a_descriptor_in_flight_is_a_reference() -> None:
    world, peer, sock = established(ZERO)
    sock.hold()  # SCM_RIGHTS, not received yet
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    assert world.close(sock) == (0, 0)  # the unix socket that carries it dies
    peer.answers(mark, "RST|ACK", seq=1, ack=1)


@pytest.mark.parametrize(("linger", "flags"), [(ZERO, "RST|ACK"), (ONE, "FIN|ACK")])
def test_a_thread_in_recv_keeps_the_connection(linger: tuple[int, int], flags: str) -> None:
    world, peer, sock = established(linger)
    call = world.begin(sock, lambda: sock.recv(100, 0, world.now))
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    world.run(1)
    peer.silent(mark)
    assert sock.state is ESTABLISHED
    peer.data(b"hello")
    assert call.done
    assert call.value == b"hello"
    assert peer.since(mark)[-1].flags == flags
    if linger == ONE:
        error, seconds = world.linger_until(sock, call.plan)
        assert error == 0
        assert 1 <= seconds <= 1 + SLACK


def test_a_thread_in_accept_keeps_the_listener() -> None:
    world = World()
    listener = world.listen()
    call = world.begin(listener, lambda: listener.accept(world.now))
    assert world.close(listener) == (0, 0)
    assert listener.listening
    first, second = HandPeer(world), HandPeer(world, port=81)
    first.handshake()
    assert call.done
    assert isinstance(call.value, TcpSocket)
    assert first.state is ESTABLISHED
    assert not listener.listening
    mark = second.mark()
    second.tx("SYN")
    second.answers(mark, "RST|ACK")


def test_a_thread_in_send_delays_the_reset_of_linger_zero() -> None:
    world, peer, sock = established(ZERO)
    peer.ack(wnd=0)
    world.set(sock, names.SO_SNDBUF, 4096)
    while tries(world, sock, b"x" * 4096) != "AGAIN":
        pass
    call = world.begin(sock, lambda: sock.send(b"last", 0, world.now))
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    world.run(1)
    assert not call.done
    assert peer.times(mark, "RST") == []
    peer.mode = "ack"
    peer.ack(wnd=64240)
    assert call.done
    assert call.value == 4
    resets = [got.flags for got in peer.since(mark) if "RST" in got.flags]
    assert resets[0] == "RST|ACK"
    assert peer.state is CLOSED


def test_dup2_over_a_lingering_socket_waits() -> None:
    world, peer, sock = established(ONE)
    other = world.socket()
    other.hold()  # dup2(): another file takes the descriptor's place, and the old one is let go
    error, seconds = world.close(sock)
    assert error == 0
    assert 1 <= seconds <= 1 + SLACK
    assert other.refs == 2
    assert peer.state is FIN_WAIT_1


# -- shutdown() is not concerned ----------------------------------------------------------------


@pytest.mark.parametrize("how", [names.SHUT_WR, names.SHUT_RDWR])
@pytest.mark.parametrize("linger", [ZERO, ONE, (1, 30)])
def test_linger_does_nothing_to_shutdown(linger: tuple[int, int], how: int) -> None:
    world, peer, sock = established(linger)
    mark = peer.mark()
    sock.shutdown(how, world.now)
    world.flush()
    peer.answers(mark, "FIN|ACK", seq=1, ack=1)
    assert sock.state is FIN_WAIT_1


def test_linger_zero_taken_back_gives_a_normal_fin() -> None:
    world, peer, sock = established(ZERO)
    world.linger(sock, OFF)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "FIN|ACK", seq=1, ack=1)


# -- others -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [names.SHUT_WR, names.SHUT_RDWR])
def test_shutdown_gives_a_blocked_sender_epipe(how: int) -> None:
    world, peer, sock = established()
    peer.ack(wnd=0)
    world.set(sock, names.SO_SNDBUF, 4096)
    while tries(world, sock, b"x" * 4096) != "AGAIN":
        pass
    call = world.begin(sock, lambda: sock.send(b"x", 0, world.now))
    assert not call.done
    sock.shutdown(how, world.now)
    world.flush()
    assert call.done
    assert call.errno == errno.EPIPE


def test_a_reply_already_in_the_clients_queue_survives_the_reset() -> None:
    lab = Lab()
    client, server = lab.connection()
    server.setsockopt(names.SOL_SOCKET, names.SO_LINGER, b"\1\0\0\0\0\0\0\0", lab.now)
    assert server.send(b"reply", 0, lab.now) == 5
    lab.run(ms(0.5))
    assert lab.close(server) is None
    lab.run(ms(10))
    assert client.recv(100, 0, lab.now) == b"reply"
    with pytest.raises(ConnectionResetError):
        client.recv(100, 0, lab.now)
    assert client.recv(100, 0, lab.now) == b""
    assert client.recv(100, 0, lab.now) is not AGAIN
