"""IP_MTU_DISCOVER: who follows "fragmentation needed" (docs/kernel-notes/icmp.md)."""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import names
from tests.truth.peer import HandPeer, World

LEVEL, NAME = names.IPPROTO_IP, names.IP_MTU_DISCOVER


def number(value: int) -> bytes:
    return value.to_bytes(4, "little", signed=True)


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    ("value", "again"),
    [(0, []), (1, [960, 500]), (2, [960, 500]), (3, [960, 500]), (4, []), (5, [])],
)
def test_who_follows_a_smaller_path(value: int, again: list[int], early: bool) -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    if early:
        sock.setsockopt(LEVEL, NAME, number(value), world.now)
    peer.begin_from_k(sock)
    peer.tx("SYN|ACK")
    if not early:
        sock.setsockopt(LEVEL, NAME, number(value), world.now)
    sock.send(bytes(1460), 0, world.now)
    world.flush()
    mark = peer.mark()
    peer.icmp(3, 4, seq=1, mtu=1000)
    assert [got.len for got in peer.since(mark)] == again
    assert sock.getsockopt(LEVEL, NAME, 4, world.now) == number(value)


def test_what_it_can_be() -> None:
    world = World()
    sock = world.socket()
    assert sock.getsockopt(LEVEL, NAME, 4, world.now) == number(1)
    for value in (-1, 6):
        with pytest.raises(OSError, match="Invalid") as caught:
            sock.setsockopt(LEVEL, NAME, number(value), world.now)
        assert caught.value.errno == errno.EINVAL


def test_an_accepted_connection_inherits_it() -> None:
    world = World()
    listener = world.listen()
    listener.setsockopt(LEVEL, NAME, number(0), world.now)
    peer = HandPeer(world, mode="manual")
    sock = peer.connect_to_k(listener)
    sock.send(bytes(1460), 0, world.now)
    world.flush()
    mark = peer.mark()
    peer.icmp(3, 4, seq=1, mtu=1000)
    assert not peer.since(mark)
    assert sock.getsockopt(LEVEL, NAME, 4, world.now) == number(0)
