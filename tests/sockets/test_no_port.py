"""IP_BIND_ADDRESS_NO_PORT, links too small for IPv6, the socket table (dual-stack.md)."""

from __future__ import annotations

import errno

import pytest

from lastack.net import LinkRules
from lastack.profile import LINUX
from lastack.sockets import AGAIN, TcpSocket, UdpSocket, names
from tests.exchange import A6, B6, A, B, Lab, ms

ONE = (1).to_bytes(4, "little")
FOUR_PORTS = LINUX.with_field("ephemeral_low", 40000).with_field("ephemeral_high", 40003)


def bound(lab: Lab, address: bytes, *, no_port: bool = True) -> TcpSocket:
    """A socket of "a" that is bound to the address and, as far as it can be, to no port."""
    sock = lab.socket("a", names.AF_INET if len(address) == 4 else names.AF_INET6)
    if no_port:
        sock.setsockopt(names.IPPROTO_IP, names.IP_BIND_ADDRESS_NO_PORT, ONE, lab.now)
        assert sock.getsockopt(names.IPPROTO_IP, names.IP_BIND_ADDRESS_NO_PORT, 4, 0) == ONE
    sock.bind(address, 0, lab.now)
    return sock


def fails(number: int, sock: TcpSocket, address: bytes, port: int, lab: Lab) -> None:
    with pytest.raises(OSError) as caught:
        sock.connect(address, port, lab.now)
    assert caught.value.errno == number


@pytest.mark.parametrize(("mine", "theirs"), [(A, B), (A6, B6)], ids=["IPv4", "IPv6"])
def test_connections_to_two_targets_share_the_ports(mine: bytes, theirs: bytes) -> None:
    lab = Lab(FOUR_PORTS)
    used: dict[int, set[int]] = {}
    for port in (80, 81):
        for _ in range(4):
            sock = bound(lab, mine)
            assert sock.getsockname() == (mine, 0)
            assert sock.connect(theirs, port, lab.now) is AGAIN
            used.setdefault(port, set()).add(sock.getsockname()[1])
    assert used[80] == used[81] == {40000, 40001, 40002, 40003}
    fails(errno.EADDRNOTAVAIL, bound(lab, mine), theirs, 80, lab)


def test_without_the_option_each_bind_takes_a_port_of_its_own() -> None:
    lab = Lab(FOUR_PORTS)
    ports = [bound(lab, A, no_port=False).getsockname()[1] for _ in range(4)]
    assert len(set(ports)) == 4
    with pytest.raises(OSError) as caught:
        bound(lab, A, no_port=False)
    assert caught.value.errno == errno.EADDRINUSE


def test_the_address_stays_when_a_connection_is_refused() -> None:
    lab = Lab()
    sock = bound(lab, A6)
    sock.bind(A6, 0, lab.now)  # it has no port yet, and may be bound again
    sock.connect(B6, 80, lab.now)
    lab.run(ms(10))
    with pytest.raises(OSError) as caught:
        sock.connected(lab.now)
    assert caught.value.errno == errno.ECONNREFUSED
    assert sock.getsockname()[0] == A6


def test_listen_chooses_a_port_too() -> None:
    lab = Lab(FOUR_PORTS)
    sock = bound(lab, A)
    sock.listen(1, lab.now)
    assert sock.getsockname()[1] in range(40000, 40004)


def test_a_datagram_chooses_it_when_it_is_sent() -> None:
    lab = Lab()
    sock = UdpSocket(lab.a, names.AF_INET6)
    sock.setsockopt(names.IPPROTO_IP, names.IP_BIND_ADDRESS_NO_PORT, ONE, lab.now)
    sock.bind(A6, 0, lab.now)
    assert sock.getsockname() == (A6, 0)
    sock.send_to(b"x", 0, B6, 9, lab.now)
    assert sock.getsockname()[0] == A6
    assert sock.getsockname()[1]


@pytest.mark.parametrize(("mtu", "number"), [(1280, 0), (1279, errno.ENETUNREACH)])
def test_a_link_below_1280_octets_carries_no_ipv6(mtu: int, number: int) -> None:
    lab = Lab(link=LinkRules(mtu=mtu))
    sock = lab.socket("a", names.AF_INET6)
    if number:
        fails(number, sock, B6, 80, lab)
    else:
        assert sock.connect(B6, 80, lab.now) is AGAIN
    assert lab.socket("a").connect(B, 80, lab.now) is AGAIN


@pytest.mark.parametrize(
    ("family", "v6only", "shown"),
    [
        (names.AF_INET, False, ("0.0.0.0:80", "0.0.0.0:0")),
        (names.AF_INET6, False, ("*:80", "*:0")),
        (names.AF_INET6, True, ("[::]:80", "[::]:0")),
    ],
)
def test_the_socket_table_tells_who_takes_both_families(
    family: int, v6only: bool, shown: tuple[str, str]
) -> None:
    lab = Lab()
    sock = lab.socket("a", family)
    if v6only:
        sock.setsockopt(names.IPPROTO_IPV6, names.IPV6_V6ONLY, ONE, lab.now)
    sock.bind(bytes(4 if family == names.AF_INET else 16), 80, lab.now)
    sock.listen(1, lab.now)
    (row,) = lab.a.snapshot()
    assert (row.local, row.remote) == shown
