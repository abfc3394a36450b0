"""SO_LINGER and TCP_LINGER2 as options: what is stored, what is told, what a child inherits.

Measured on Linux 6.18 (docs/kernel-notes/linger.md).
"""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.sockets import TcpSocket, names

from .peer import HandPeer, World


def get(world: World, sock: TcpSocket, size: int = 8) -> bytes:
    return sock.getsockopt(names.SOL_SOCKET, names.SO_LINGER, size, world.now)


def linger_of(world: World, sock: TcpSocket) -> tuple[int, int]:
    onoff, seconds = struct.unpack("ii", get(world, sock))
    return onoff, seconds


def linger2_of(world: World, sock: TcpSocket) -> int:
    raw = sock.getsockopt(names.IPPROTO_TCP, names.TCP_LINGER2, 4, world.now)
    return int.from_bytes(raw, "little", signed=True)


def test_linger_is_off_by_default() -> None:
    world = World()
    assert linger_of(world, world.socket()) == (0, 0)


@pytest.mark.parametrize(("given", "told"), [((1, 5), (1, 5)), ((2, 4), (1, 4)), ((-1, 3), (1, 3))])
def test_onoff_is_normalised(given: tuple[int, int], told: tuple[int, int]) -> None:
    world = World()
    assert linger_of(world, world.socket(linger=given)) == told


def test_switching_off_keeps_the_seconds() -> None:
    world = World()
    sock = world.socket(linger=(1, 5))
    world.linger(sock, (0, 77))
    assert linger_of(world, sock) == (0, 5)


@pytest.mark.parametrize("seconds", [65_536, 2**31 - 1])
def test_large_values_are_exact(seconds: int) -> None:
    world = World()
    assert linger_of(world, world.socket(linger=(1, seconds))) == (1, seconds)


def test_a_negative_value_waits_for_ever() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k(world.socket(linger=(1, -1)))
    plan = world.drop(sock)
    assert plan is not None
    error, seconds = world.linger_until(sock, plan)
    assert error == 0
    assert seconds > 90  # until the retransmissions were given up


@pytest.mark.parametrize("size", [0, 1, 4, 7])
def test_a_short_value_is_refused(size: int) -> None:
    world = World()
    sock = world.socket(linger=(1, 5))
    with pytest.raises(OSError) as caught:
        sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, bytes(size), world.now)
    assert caught.value.errno == errno.EINVAL
    assert linger_of(world, sock) == (1, 5)


def test_a_long_value_is_taken() -> None:
    world = World()
    sock = world.socket()
    raw = struct.pack("iii", 1, 5, 99)
    sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, raw, world.now)
    assert linger_of(world, sock) == (1, 5)


@pytest.mark.parametrize(("size", "told"), [(0, 0), (3, 3), (8, 8), (16, 8)])
def test_getsockopt_fills_what_it_is_given(size: int, told: int) -> None:
    world = World()
    sock = world.socket(linger=(1, 5))
    assert get(world, sock, size) == struct.pack("ii", 1, 5)[:told]


@pytest.mark.parametrize(
    ("given", "told"), [(0, 60), (1, 1), (75, 75), (120, 120), (121, 120), (-1, -1), (-7, -1)]
)
def test_linger2(given: int, told: int) -> None:
    world = World()
    sock = world.socket()
    assert linger2_of(world, sock) == 60
    world.set_tcp(sock, names.TCP_LINGER2, given)
    assert linger2_of(world, sock) == told


def test_linger2_too_short() -> None:
    world = World()
    with pytest.raises(OSError) as caught:
        world.socket().setsockopt(names.IPPROTO_TCP, names.TCP_LINGER2, b"\1", world.now)
    assert caught.value.errno == errno.EINVAL


def test_a_child_has_the_listeners_options_as_of_the_handshakes_end() -> None:
    world = World()
    listener = world.listen(linger=(1, 7))
    listener.nonblocking = True
    world.set_tcp(listener, names.TCP_LINGER2, 9)
    world.set(listener, names.SO_KEEPALIVE, 1)
    before, after = HandPeer(world), HandPeer(world, port=81)
    before.handshake()
    after.tx("SYN")
    world.linger(listener, (1, 3))
    world.set_tcp(listener, names.TCP_LINGER2, 4)
    world.set(listener, names.SO_KEEPALIVE, 0)
    after.tx("ACK")
    told = []
    for _ in range(2):
        child = listener.accept(world.now)
        assert isinstance(child, TcpSocket)
        child.hold()
        keepalive = child.getsockopt(names.SOL_SOCKET, names.SO_KEEPALIVE, 4, world.now)
        told.append((linger_of(world, child), linger2_of(world, child), keepalive[0]))
        assert not child.nonblocking
    assert told == [((1, 7), 9, 1), ((1, 3), 4, 0)]
