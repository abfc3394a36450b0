"""close() in every state a socket can be in, with l_linger 0, with a wait, and without.

The answers were measured on Linux 6.18 (docs/kernel-notes/linger.md).
"""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    TIME_WAIT,
)

from .established import ALL, FLIGHT, OFF, ONE, SLACK, ZERO, Three, established
from .peer import HandPeer, World, tries


def close_wait(linger: tuple[int, int] | None = None) -> Three:
    world, peer, sock = established(linger)
    peer.fin()
    assert sock.state is CLOSE_WAIT
    return world, peer, sock


def shut(linger: tuple[int, int] | None = None, *, acked: bool) -> Three:
    """SHUT_WR was called and its FIN is acknowledged or not."""
    world, peer, sock = established(linger)
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    if acked:
        peer.ack()
    assert sock.state is (FIN_WAIT_2 if acked else FIN_WAIT_1)
    return world, peer, sock


# -- linger 0 in each state ---------------------------------------------------------------------


@pytest.mark.parametrize("acked", [False, True])
def test_linger_zero_after_shut_wr_resets_after_the_fin(acked: bool) -> None:
    world, peer, sock = shut(ZERO, acked=acked)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "RST|ACK", seq=2, ack=1)
    assert peer.state is CLOSED


def test_linger_zero_in_closing_is_silent() -> None:
    world, peer, sock = shut(ZERO, acked=False)
    peer.fin(ack=1)
    assert sock.state is CLOSING
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    assert peer.state is CLOSED
    world.run(5)
    peer.silent(mark)


def test_linger_zero_in_closing_with_unsent_data_resets() -> None:
    world, peer, sock = established(ZERO)
    tries(world, sock, ALL)
    sock.shutdown(names.SHUT_WR, world.now)
    peer.fin(ack=1)
    assert sock.state is CLOSING
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "RST|ACK", seq=1 + FLIGHT, ack=2)


@pytest.mark.parametrize(("data", "seq"), [(b"", 1), (ALL, 1 + FLIGHT)])
def test_linger_zero_in_close_wait_resets(data: bytes, seq: int) -> None:
    world, peer, sock = close_wait(ZERO)
    if data:
        tries(world, sock, data)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "RST|ACK", seq=seq, ack=2)
    assert peer.state is CLOSED


def test_linger_zero_in_last_ack_is_silent() -> None:
    world, peer, sock = close_wait(ZERO)
    sock.shutdown(names.SHUT_WR, world.now)
    assert sock.state is LAST_ACK
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    assert peer.state is CLOSED


def test_linger_zero_in_last_ack_with_unsent_data_resets() -> None:
    world, peer, sock = close_wait(ZERO)
    tries(world, sock, ALL)
    sock.shutdown(names.SHUT_WR, world.now)
    assert sock.state is LAST_ACK
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "RST|ACK", seq=1 + FLIGHT, ack=2)


@pytest.mark.parametrize("linger", [ZERO, (1, 3)])
def test_close_after_both_fins_leaves_the_time_wait_alone(linger: tuple[int, int]) -> None:
    world, peer, sock = shut(linger, acked=True)
    peer.fin()
    assert sock.state is CLOSED
    assert peer.state is TIME_WAIT
    world.run(10)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    world.run(49)
    assert peer.state is TIME_WAIT
    world.run(4)  # 60 s after it was entered, not after close()
    assert peer.state is CLOSED


# -- linger n in each state ---------------------------------------------------------------------


@pytest.mark.parametrize(("acked", "waits"), [(False, 1), (True, 0)])
def test_linger_after_shut_wr_waits_for_the_fin_only(acked: bool, waits: float) -> None:
    world, _, sock = shut(ONE, acked=acked)
    error, seconds = world.close(sock)
    assert error == 0
    assert waits <= seconds <= waits + SLACK


def test_linger_in_close_wait_waits_until_the_fin_is_acknowledged() -> None:
    world, peer, sock = close_wait((1, 5))
    plan = world.drop(sock)
    assert peer.state is LAST_ACK
    world.run(0.3)
    peer.ack()
    assert world.linger_until(sock, plan) == (0, 0)
    assert peer.state is CLOSED


def test_linger_in_close_wait_runs_out_and_last_ack_stays() -> None:
    world, peer, sock = close_wait((1, 2))
    error, seconds = world.close(sock)
    assert error == 0
    assert 2 <= seconds <= 2 + SLACK
    assert peer.state is LAST_ACK


def test_a_reset_ends_the_wait() -> None:
    world, peer, sock = established((1, 5))
    plan = world.drop(sock)
    world.run(0.3)
    peer.rst()
    assert world.linger_until(sock, plan) == (0, 0)
    assert peer.state is CLOSED


def test_data_during_the_wait_is_reset_and_ends_it() -> None:
    world, peer, sock = established((1, 5))
    plan = world.drop(sock)
    world.run(0.3)
    mark = peer.mark()
    peer.data(b"late", ack=1)
    peer.answers(mark, "RST", seq=1, wnd=0)
    assert world.linger_until(sock, plan) == (0, 0)
    assert peer.state is CLOSED


def test_the_peers_fin_does_not_end_the_wait() -> None:
    world, peer, sock = established((1, 2))
    plan = world.drop(sock)
    world.run(0.5)
    peer.fin(ack=1)
    assert sock.state is CLOSING
    error, seconds = world.linger_until(sock, plan)
    assert error == 0
    assert 1.5 <= seconds <= 1.5 + SLACK
    assert peer.state is CLOSING


# -- not connected ------------------------------------------------------------------------------


@pytest.mark.parametrize("linger", [OFF, ZERO, (1, 2)])
def test_close_in_syn_sent_is_silent(linger: tuple[int, int]) -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.begin_from_k(world.socket(linger=linger))
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    assert peer.state is CLOSED
    peer.tx("SYN|ACK")
    peer.answers(mark, "RST", seq=1, wnd=0)
    assert peer.since(mark)[0].segment.ack == 0


@pytest.mark.parametrize("linger", [OFF, ZERO, (1, 2)])
def test_close_of_a_listener_resets_its_accept_queue(linger: tuple[int, int]) -> None:
    world = World()
    listener = world.listen(linger=linger)
    plain, talks, half = (HandPeer(world, port=port) for port in (80, 81, 82))
    plain.handshake()
    talks.handshake()
    talks.data(b"hello")
    half.tx("SYN")
    marks = {peer: peer.mark() for peer in (plain, talks, half)}
    assert world.close(listener) == (0, 0)
    plain.answers(marks[plain], "RST|ACK", seq=1, ack=1)
    talks.answers(marks[talks], "RST|ACK", seq=1, ack=6)
    half.silent(marks[half])
    assert half.row is not None  # the handshake is left to its timer
    half.tx("ACK")
    half.answers(marks[half], "RST", seq=1, wnd=0)


@pytest.mark.parametrize("how", [names.SHUT_RD, names.SHUT_RDWR])
def test_shutdown_of_a_listener_stops_it_and_keeps_the_port(how: int) -> None:
    world = World()
    listener = world.listen()
    queued = HandPeer(world)
    waiting = world.begin(listener, lambda: listener.accept(world.now))
    queued.handshake()
    assert waiting.done
    other = HandPeer(world, port=81)
    other.handshake()
    mark = other.mark()
    listener.shutdown(how, world.now)
    world.flush()
    other.answers(mark, "RST|ACK", seq=1, ack=1)
    assert listener.state is CLOSED
    rival = world.socket()
    with pytest.raises(OSError, match="Address already in use"):
        rival.bind(bytes(4), 40000, world.now)
    listener.listen(5, world.now)
    again = HandPeer(world, port=82)
    assert again.connect_to_k(listener).state is ESTABLISHED


def test_shutdown_of_a_listener_wakes_accept_with_einval() -> None:
    world = World()
    listener = world.listen()
    call = world.begin(listener, lambda: listener.accept(world.now))
    listener.shutdown(names.SHUT_RD, world.now)
    world.flush()
    assert call.done
    assert call.errno == errno.EINVAL


def test_close_of_an_unconnected_socket_does_not_linger() -> None:
    world = World()
    assert world.close(world.socket(linger=(1, 5))) == (0, 0)
