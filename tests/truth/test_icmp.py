"""What an ICMP error does to a connection (docs/kernel-notes/icmp.md)."""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.profile import RFC9293
from lastack.sockets import AGAIN, ERR, TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT, State
from lastack.wire import pack_address

from .peer import HandPeer, World, tries
from .silence import TIMERS, connected, gone, sysctl

NET = {(3, code): errno.ENETUNREACH for code in (0, 6, 9, 11)}
HOST = {(3, code): errno.EHOSTUNREACH for code in (1, 10, 12, 13, 14, 15)}
HOST[11, 0] = errno.EHOSTUNREACH
OTHERS = {
    (3, 2): errno.ENOPROTOOPT, (3, 3): errno.ECONNREFUSED, (3, 5): errno.EOPNOTSUPP,
    (3, 7): errno.EHOSTDOWN, (3, 8): errno.ENONET, (12, 0): errno.EPROTO, (12, 1): errno.EPROTO,
}  # fmt: skip
ERRORS = NET | HOST | OTHERS
IGNORED = [(3, 4), (3, 16), (4, 0), (5, 1), (11, 1)]

errors = pytest.mark.parametrize(
    ("kind", "code", "number"),
    [(*which, number) for which, number in ERRORS.items()],
    ids=[f"{kind}/{code}" for kind, code in ERRORS],
)


def so_error(world: World, sock: TcpSocket) -> int:
    """Return SO_ERROR, which forgets it."""
    raw = sock.getsockopt(names.SOL_SOCKET, names.SO_ERROR, 4, world.now)
    return int.from_bytes(raw, "little")


@errors
def test_it_is_hard_in_syn_sent(kind: int, code: int, number: int) -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    since = peer.mark()
    peer.icmp(kind, code, seq=0)
    assert peer.state is CLOSED
    with pytest.raises(OSError) as told:
        sock.connected(world.now)
    assert told.value.errno == number
    assert so_error(world, sock) == 0  # connect() was told
    world.run(5)
    peer.silent(since)


@errors
def test_it_is_soft_in_established(kind: int, code: int, number: int) -> None:
    world, peer, sock = connected()
    before = sock.mask(world.now)
    since = peer.mark()
    peer.icmp(kind, code)
    peer.silent(since)
    assert sock.mask(world.now) == before
    assert tries(world, sock, "recv") == "AGAIN"
    assert tries(world, sock, b"x") == 1
    assert so_error(world, sock) == number
    assert so_error(world, sock) == 0
    peer.data(b"still here", ack=2)
    assert tries(world, sock, "recv") == b"still here"
    assert peer.state is ESTABLISHED


@pytest.mark.parametrize(
    ("code", "number", "told"),
    [
        (1, errno.EHOSTUNREACH, "AGAIN"), (2, errno.ENOPROTOOPT, "ENOPROTOOPT"),
        (3, errno.ECONNREFUSED, "ECONNREFUSED"),
    ],
)  # fmt: skip
def test_a_hard_error_ends_an_open_connection_in_rfc9293(code: int, number: int, told: str) -> None:
    """SHLD-26; the profile linux knows better (RFC 5927)."""
    world = World(RFC9293)
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    tries(world, sock, b"x")
    since = peer.mark()
    peer.icmp(3, code, seq=1_000_000)  # about nothing that is in flight
    assert peer.state is ESTABLISHED
    peer.icmp(3, code)
    peer.silent(since)
    assert tries(world, sock, "recv") == told
    assert peer.state is (ESTABLISHED if told == "AGAIN" else CLOSED)
    assert so_error(world, sock) == (number if told == "AGAIN" else 0)


@pytest.mark.parametrize(("kind", "code"), IGNORED)
def test_some_are_ignored(kind: int, code: int) -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.icmp(kind, code, seq=0, mtu=1400)
    assert peer.state is SYN_SENT
    peer.tx("SYN|ACK")
    assert sock.connected(world.now) is None
    peer.icmp(kind, code, mtu=1400)
    assert peer.state is ESTABLISHED
    assert so_error(world, sock) == 0


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, 0), (1, errno.EHOSTUNREACH), (50, errno.EHOSTUNREACH), (101, errno.EHOSTUNREACH),
        (102, 0),
    ],
)  # fmt: skip
def test_the_quoted_number_must_be_in_flight(number: int, told: int) -> None:
    """SND.UNA is 1 and SND.NXT 101 (RFC 5927 section 4.1)."""
    world, peer, sock = connected()
    assert tries(world, sock, bytes(100)) == 100
    peer.icmp(3, 1, seq=number)
    assert so_error(world, sock) == told


def test_an_mtu_with_a_number_out_of_range_is_ignored() -> None:
    world, peer, sock = connected()
    assert tries(world, sock, bytes(1460)) == 1460
    since = peer.mark()
    peer.icmp(3, 4, seq=9000, mtu=600)
    peer.silent(since)


@pytest.mark.parametrize(
    ("kind", "code", "left"),
    [
        (3, 0, CLOSED), (3, 1, CLOSED), (11, 0, CLOSED), (12, 0, CLOSED),
        (3, 3, SYN_RECEIVED), (3, 10, SYN_RECEIVED),
    ],
)  # fmt: skip
def test_a_request_of_a_listener(kind: int, code: int, left: State) -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    since = peer.mark()
    peer.icmp(kind, code, seq=0)
    assert peer.state is left
    peer.silent(since)
    assert listener.accept(world.now) is AGAIN


@pytest.mark.parametrize(
    ("asked", "told"), [(False, "EHOSTUNREACH"), (True, "ETIMEDOUT")], ids=["kept", "asked"]
)
def test_it_is_the_error_when_the_repeats_end(asked: bool, told: str) -> None:
    world, peer, sock = connected(sysctl(retries2=3), rtt=0.008)
    assert tries(world, sock, bytes(100)) == 100
    peer.icmp(3, 10)
    if asked:
        assert so_error(world, sock) == errno.EHOSTUNREACH
    assert gone(world, peer) == pytest.approx(6.6, rel=TIMERS)
    assert tries(world, sock, "recv") == told


def test_an_ack_makes_it_forgotten() -> None:
    world, peer, sock = connected()
    assert tries(world, sock, bytes(100)) == 100
    peer.icmp(3, 1)
    peer.ack()
    assert so_error(world, sock) == 0


@pytest.mark.parametrize(("code", "waits"), [(1, [0.42, 0.83]), (10, [0.83, 1.67])])
def test_an_unreachable_host_takes_one_backoff_back(code: int, waits: list[float]) -> None:
    """RFC 6069, after the second repeat: only for what says that the path is lost."""
    world, peer, sock = connected(rtt=0.004)
    since = peer.mark()
    assert tries(world, sock, bytes(100)) == 100
    world.until(lambda: len(peer.since(since)) == 3)
    peer.icmp(3, code)
    world.until(lambda: len(peer.since(since)) == 5)
    times = peer.times(since, "")
    assert [times[3] - times[2], times[4] - times[3]] == pytest.approx(waits, rel=TIMERS)


@pytest.mark.parametrize(
    ("mtu", "sizes"),
    [(1000, [960, 960, 960, 40]), (296, 5 * [512] + [360]), (0, 5 * [512] + [360])],
)
def test_a_smaller_path_mtu(mtu: int, sizes: list[int]) -> None:
    """What is in flight goes again at once; later data is as small; below 552 no MTU counts."""
    world, peer, sock = connected()
    since = peer.mark()
    assert tries(world, sock, bytes(2920)) == 2920
    assert [got.len for got in peer.since(since)] == [1460, 1460]
    since = peer.mark()
    peer.icmp(3, 4, mtu=mtu)
    again = peer.since(since)
    assert [got.len for got in again] == sizes
    assert [got.seq for got in again] == [1 + sum(sizes[:at]) for at in range(len(sizes))]
    peer.ack(2921)
    since = peer.mark()
    assert tries(world, sock, bytes(2920)) == 2920
    assert [got.len for got in peer.since(since)] == sizes
    assert so_error(world, sock) == 0


def test_a_smaller_path_mtu_keeps_the_window_in_segments() -> None:
    world, peer, sock = connected()
    since = peer.mark()
    assert tries(world, sock, bytes(14_600)) == 14_600
    assert [got.len for got in peer.since(since)] == 10 * [1460]
    since = peer.mark()
    peer.icmp(3, 4, mtu=1000)
    assert len(peer.since(since)) == 10
    assert max(got.len for got in peer.since(since)) == 960


def test_the_error_that_ends_connect_waits_in_the_error_queue() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.icmp(3, 1, seq=0)
    assert so_error(world, sock) == errno.EHOSTUNREACH
    assert sock.mask(world.now) & ERR
    sock.disconnect(world.now)
    assert sock.mask(world.now) & ERR
    told = sock.recv_error(100, 200, world.now)
    assert told.text == struct.pack("!HHI", 40_000, 80, peer.irs)
    assert told.source == (pack_address("10.0.0.2"), 80)
    assert told.flags == names.MSG_ERRQUEUE
    extended = struct.pack("=IBBBxII", errno.EHOSTUNREACH, 2, 3, 1, 0, 0)
    sender = struct.pack("=H2x4s8x", names.AF_INET, pack_address("10.0.0.2"))
    assert told.control == ((names.IPPROTO_IP, names.IP_RECVERR, extended + sender),)
    assert not sock.mask(world.now) & ERR
    with pytest.raises(BlockingIOError):
        sock.recv_error(100, 200, world.now)


def test_reading_the_error_queue_takes_so_error_along() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.icmp(3, 1, seq=0)
    told = sock.recv_error(5, 0, world.now)
    assert len(told.text) == 5
    assert told.flags == names.MSG_ERRQUEUE | names.MSG_TRUNC | names.MSG_CTRUNC
    assert so_error(world, sock) == 0


def test_over_ipv6_nothing_is_queued() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", ipv6=True)
    sock = peer.begin_from_k()
    peer.icmp(1, 3, seq=0)
    assert so_error(world, sock) == errno.EHOSTUNREACH
    assert not sock.mask(world.now) & ERR


def test_the_path_mtu_is_remembered_for_the_address() -> None:
    """For ten minutes a connection that begins offers, and takes, an MSS that fits the path."""
    world, peer, sock = connected()
    assert tries(world, sock, bytes(1460)) == 1460
    peer.icmp(3, 4, mtu=1000)
    assert _mss_with_another(world, 81) == (960, 960)
    world.run(590)
    assert _mss_with_another(world, 82) == (960, 960)
    world.run(20)
    assert _mss_with_another(world, 83) == (1460, 1460)


def _mss_with_another(world: World, port: int) -> tuple[int, int]:
    """Return the MSS that K offers, and the one that it sends with."""
    peer = HandPeer(world, port=port, kport=40_000 + port)
    since = peer.mark()
    sock = peer.accept_from_k()
    syn = peer.since(since)[0].segment
    told = sock.getsockopt(names.IPPROTO_TCP, names.TCP_MAXSEG, 4, world.now)
    return syn.mss, int.from_bytes(told, "little")


def test_a_half_open_request_takes_no_path_mtu() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    peer.icmp(3, 4, seq=0, mtu=1000)
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    since = peer.mark()
    assert tries(world, sock, bytes(1460)) == 1460
    assert [got.len for got in peer.since(since)] == [1460]


def test_a_larger_path_mtu_changes_nothing() -> None:
    world, peer, sock = connected()
    assert tries(world, sock, bytes(1460)) == 1460
    since = peer.mark()
    peer.icmp(3, 4, mtu=9000)
    peer.silent(since)


def test_an_error_about_no_connection_of_ours_is_dropped() -> None:
    world, peer, sock = connected()
    other = HandPeer(world, port=81)
    since = peer.mark()
    other.icmp(3, 3, seq=0)
    peer.silent(since)
    assert (peer.state, so_error(world, sock)) == (ESTABLISHED, 0)
