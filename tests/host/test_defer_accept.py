"""TCP_DEFER_ACCEPT: a connection opens with its first text (docs/kernel-notes/defer-accept.md)."""

from __future__ import annotations

import struct

import pytest

from lastack.profile import LINUX
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import SYN_RECEIVED
from tests.truth.peer import HandPeer, World

DEFER = names.TCP_DEFER_ACCEPT


@pytest.mark.parametrize(
    ("seconds", "kept"), [(0, 0), (1, 1), (2, 3), (3, 3), (4, 7), (8, 15), (30, 31), (-1, 0)]
)
def test_seconds_are_kept_as_repeats(seconds: int, kept: int) -> None:
    world = World(LINUX)
    sock = world.socket()
    world.set_tcp(sock, DEFER, seconds)
    stored = sock.getsockopt(names.IPPROTO_TCP, DEFER, 4, world.now)
    assert struct.unpack("i", stored) == (kept,)


def listening(seconds: int) -> tuple[World, HandPeer, TcpSocket]:
    """A listener with the option; the peer's handshake is at its last ACK."""
    world = World(LINUX)
    peer = HandPeer(world, mode="manual")
    listener = world.listen()
    world.set_tcp(listener, DEFER, seconds)
    peer.tx("SYN")
    return world, peer, listener


def test_the_last_ack_alone_opens_nothing() -> None:
    world, peer, listener = listening(5)
    mark = peer.mark()
    peer.ack()
    peer.silent(mark)
    assert peer.state is SYN_RECEIVED
    assert listener.accept(world.now) is AGAIN


@pytest.mark.parametrize(("flags", "text"), [("ACK", b"x"), ("FIN|ACK", b"")])
def test_text_or_a_fin_opens(flags: str, text: bytes) -> None:
    world, peer, listener = listening(5)
    peer.tx(flags, text)
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    assert sock.recv(9, 0, world.now) == text
    assert sock.getsockopt(names.IPPROTO_TCP, DEFER, 4, world.now) == bytes(4)


def test_a_silent_client_is_asked_once_more_and_let_in() -> None:
    world, peer, listener = listening(3)
    mark = peer.mark()
    peer.ack()
    world.run(4)
    (again,) = peer.since(mark)
    assert again.flags == "SYN|ACK"
    assert again.t == pytest.approx(3, abs=0.01)
    peer.ack()
    assert listener.accept(world.now) is not AGAIN


def test_on_the_side_that_connects_the_last_ack_waits_for_text() -> None:
    world = World(LINUX)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set_tcp(sock, DEFER, 1)
    peer.begin_from_k(sock)
    mark = peer.mark()
    peer.tx("SYN|ACK")
    peer.silent(mark)
    world.run(1)
    assert peer.times(mark, "") == [pytest.approx(0.2)]
