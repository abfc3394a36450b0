"""IP_TOS, IP_TTL, IPV6_TCLASS, IPV6_UNICAST_HOPS of TCP; docs/kernel-notes/ip-fields.md."""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import TIME_WAIT
from lastack.wire import IpFields
from tests.truth.peer import HandPeer, World

TOS = (names.IPPROTO_IP, names.IP_TOS)
TTL = (names.IPPROTO_IP, names.IP_TTL)
CLASS = (names.IPPROTO_IPV6, names.IPV6_TCLASS)
HOPS = (names.IPPROTO_IPV6, names.IPV6_UNICAST_HOPS)
FIRST, SECOND = IpFields(0x10, 33), IpFields(0x20, 44)


def put(sock: TcpSocket, option: tuple[int, int], value: int | bytes) -> str:
    """Return what getsockopt() tells afterwards, or the errno."""
    raw = struct.pack("i", value) if isinstance(value, int) else value
    try:
        sock.setsockopt(*option, raw, 0)
        return str(struct.unpack("i", sock.getsockopt(*option, 4, 0))[0])
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def choose(sock: TcpSocket, fields: IpFields) -> None:
    for option, value in ((TOS, fields.tos), (TTL, fields.ttl), (CLASS, fields.tos),
                          (HOPS, fields.ttl)):  # fmt: skip
        if option[0] == names.IPPROTO_IP or sock.family == names.AF_INET6:
            put(sock, option, value)


def since(peer: HandPeer, mark: tuple[int, int]) -> list[tuple[str, IpFields]]:
    return [(got.flags, got.segment.ip) for got in peer.since(mark)]


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        (TOS, 0x10, "16"), (TOS, 0xFF, "252"), (TOS, 3, "0"), (TOS, 0x1FF, "252"),
        (TOS, -1, "252"), (TOS, b"\x20", "32"),
        (TTL, 1, "1"), (TTL, 255, "255"), (TTL, -1, "64"), (TTL, 0, "EINVAL"),
        (TTL, 256, "EINVAL"), (TTL, -2, "EINVAL"), (TTL, b"\x07", "7"),
        (CLASS, 0x10, "16"), (CLASS, 0xFF, "252"), (CLASS, -1, "0"), (CLASS, 256, "EINVAL"),
        (CLASS, -2, "EINVAL"), (CLASS, b"\x20", "EINVAL"),
        (HOPS, 1, "1"), (HOPS, 0, "0"), (HOPS, -1, "64"), (HOPS, 256, "EINVAL"),
        (HOPS, b"\x20", "EINVAL"),
    ],
)  # fmt: skip
def test_what_is_taken_and_told(option: tuple[int, int], value: int | bytes, told: str) -> None:
    family = names.AF_INET if option[0] == names.IPPROTO_IP else names.AF_INET6
    assert put(TcpSocket(World().k, family), option, value) == told


def test_an_ipv4_socket_has_no_option_of_ipv6() -> None:
    sock = TcpSocket(World().k)
    assert [put(sock, one, 1) for one in (CLASS, HOPS)] == ["ENOPROTOOPT"] * 2


@pytest.mark.parametrize("ipv6", [False, True], ids=["IPv4", "IPv6"])
def test_every_segment_has_what_the_program_chose(ipv6: bool) -> None:
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=ipv6)
    sock = TcpSocket(world.k, names.AF_INET6 if ipv6 else names.AF_INET)
    sock.hold()
    choose(sock, FIRST)
    mark = peer.mark()
    peer.begin_from_k(sock)
    peer.tx("SYN|ACK")
    sock.send(b"abc", 0, world.now)
    world.run(0.001)
    assert since(peer, mark) == [("SYN", FIRST), ("ACK", FIRST), ("ACK", FIRST)]
    choose(sock, SECOND)  # SHLD-21
    mark = peer.mark()
    world.run(0.3)
    peer.ack(4)
    sock.shutdown(names.SHUT_WR, world.now)
    world.run(0.001)
    peer.ack(5)
    peer.tx("FIN|ACK")
    assert since(peer, mark) == [("ACK", SECOND), ("FIN|ACK", SECOND), ("ACK", SECOND)]
    assert peer.state is TIME_WAIT
    mark = peer.mark()
    peer.tx("FIN|ACK", seq=1)
    assert since(peer, mark) == [("ACK", IpFields(SECOND.tos, 64))]


def test_a_reset_of_the_program_has_its_fields() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k(world.socket(linger=(1, 0)))
    choose(sock, FIRST)
    mark = peer.mark()
    world.close(sock)
    assert since(peer, mark) == [("RST|ACK", FIRST)]


def test_an_answer_to_a_segment_of_no_connection_returns_its_type_of_service() -> None:
    world = World()
    listener = world.listen()
    choose(listener, FIRST)
    for port in (40001, 40000):
        peer = HandPeer(world, mode="manual", port=port, kport=port)
        mark = peer.mark()
        peer.tx("ACK", ack=7, ip=IpFields(0x40, 9))
        assert since(peer, mark) == [("RST", IpFields(0x40, 64))]


def test_a_listener_hands_its_fields_on() -> None:
    world = World()
    listener = world.listen()
    choose(listener, FIRST)
    peer = HandPeer(world, mode="manual")
    mark = peer.mark()
    peer.tx("SYN", ip=IpFields(0x40, 9))
    peer.tx("ACK", b"abc")
    assert since(peer, mark) == [("SYN|ACK", FIRST), ("ACK", FIRST)]
    choose(listener, SECOND)
    child = listener.accept(world.now)
    assert child is not AGAIN
    told = b"".join(child.getsockopt(*one, 4, world.now) for one in (TOS, TTL))
    assert struct.unpack("ii", told) == FIRST
