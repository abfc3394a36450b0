"""What an ICMPv6 error does to a connection (docs/kernel-notes/icmp.md, ICMPv6)."""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT

from .peer import HandPeer, World, tries
from .test_icmp import so_error

ERRORS = {
    (1, 0): errno.ENETUNREACH, (1, 1): errno.EACCES, (1, 2): errno.EHOSTUNREACH,
    (1, 3): errno.EHOSTUNREACH, (1, 4): errno.ECONNREFUSED, (1, 5): errno.EACCES,
    (1, 6): errno.EACCES, (1, 7): errno.EPROTO, (3, 0): errno.EHOSTUNREACH,
    (3, 1): errno.EHOSTUNREACH, (4, 0): errno.EPROTO, (4, 1): errno.EPROTO, (4, 2): errno.EPROTO,
}  # fmt: skip
ENDS_A_REQUEST = (errno.EACCES, errno.ECONNREFUSED, errno.EPROTO)

errors = pytest.mark.parametrize(
    ("kind", "code", "number"),
    [(*which, number) for which, number in ERRORS.items()],
    ids=[f"{kind}/{code}" for kind, code in ERRORS],
)


def mtu_told(world: World, sock: TcpSocket) -> int:
    raw = sock.getsockopt(names.IPPROTO_IPV6, names.IPV6_MTU, 4, world.now)
    return int.from_bytes(raw, "little")


def opened(timestamps: bool = False) -> tuple[World, HandPeer, TcpSocket]:
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=True, mss=1440, timestamps=timestamps)
    return world, peer, peer.accept_from_k()


@errors
def test_it_is_hard_in_syn_sent(kind: int, code: int, number: int) -> None:
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=True)
    sock = peer.begin_from_k()
    peer.icmp(kind, code, seq=0)
    assert peer.state is CLOSED
    with pytest.raises(OSError) as told:
        sock.connected(world.now)
    assert told.value.errno == number


@errors
def test_it_is_soft_in_established(kind: int, code: int, number: int) -> None:
    world, peer, sock = opened()
    peer.icmp(kind, code)
    assert tries(world, sock, "recv") == "AGAIN"
    assert so_error(world, sock) == number
    assert so_error(world, sock) == 0
    assert peer.state is ESTABLISHED


@errors
def test_a_request_of_a_listener(kind: int, code: int, number: int) -> None:
    world = World()
    listener = world.socket(family=names.AF_INET6)
    listener.bind(bytes(16), 40000, world.now)
    listener.listen(5, world.now)
    peer = HandPeer(world, mode="manual", ipv6=True)
    peer.tx("SYN")
    peer.icmp(kind, code, seq=0)
    assert peer.state is (CLOSED if number in ENDS_A_REQUEST else SYN_RECEIVED)
    assert listener.accept(world.now) is AGAIN


def test_packet_too_big_is_no_error() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=True)
    sock = peer.begin_from_k()
    peer.icmp(2, 0, seq=0, mtu=1400)
    assert peer.state is SYN_SENT
    peer.tx("SYN|ACK")
    assert sock.connected(world.now) is None


@pytest.mark.parametrize(("number", "told"), [(0, 0), (1, 113), (101, 113), (102, 0)])
def test_the_quoted_number_must_be_in_flight(number: int, told: int) -> None:
    world, peer, sock = opened()
    assert tries(world, sock, bytes(100)) == 100
    peer.icmp(1, 3, seq=number)
    assert so_error(world, sock) == told


@pytest.mark.parametrize(
    ("mtu", "again"),
    [(1400, [1340, 1340, 200]), (1280, [1220, 1220, 440]), (1279, []), (600, [])],
)
def test_what_is_too_big_goes_again(mtu: int, again: list[int]) -> None:
    world, peer, sock = opened()
    assert mtu_told(world, sock) == 1500
    since = peer.mark()
    assert tries(world, sock, bytes(2880)) == 2880
    assert [got.len for got in peer.since(since)] == [1440, 1440]
    since = peer.mark()
    peer.icmp(2, 0, mtu=mtu)
    assert [got.len for got in peer.since(since)] == again
    assert mtu_told(world, sock) == (mtu if again else 1500)


def test_a_peer_without_mss_gets_1220_octets() -> None:
    """RFC 9293 section 3.7.1 (MUST-15), and 1280 of RFC 8200 without the headers."""
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=True, mss=0)
    sock = peer.accept_from_k()
    since = peer.mark()
    assert tries(world, sock, bytes(3000)) == 3000
    assert [got.len for got in peer.since(since)][:2] == [1220, 1220]
