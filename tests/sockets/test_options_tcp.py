"""TCP's options: limits, what is shown, what accept() inherits, and what cork and quickack do.

docs/kernel-notes/tcp-options.md.
"""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.profile import LINUX, S
from lastack.sockets import AGAIN, TcpSocket, names
from tests.truth.peer import HandPeer, World, tries

LIMITS = {
    "TCP_KEEPIDLE": (1, 32767), "TCP_KEEPINTVL": (1, 32767), "TCP_KEEPCNT": (1, 127),
    "TCP_SYNCNT": (1, 127), "TCP_USER_TIMEOUT": (0, 2**31 - 1), "TCP_MAXSEG": (88, 32767),
}  # fmt: skip
DEFAULTS = {
    "TCP_KEEPIDLE": 7200, "TCP_KEEPINTVL": 75, "TCP_KEEPCNT": 9, "TCP_SYNCNT": 6,
    "TCP_USER_TIMEOUT": 0, "TCP_MAXSEG": 536, "TCP_CORK": 0, "TCP_NODELAY": 0, "TCP_QUICKACK": 1,
}  # fmt: skip
INHERITED = {
    "TCP_KEEPIDLE": 11, "TCP_KEEPINTVL": 12, "TCP_KEEPCNT": 13, "TCP_SYNCNT": 14,
    "TCP_USER_TIMEOUT": 15, "TCP_CORK": 1, "TCP_NODELAY": 1,
}  # fmt: skip


def get(world: World, sock: TcpSocket, name: str) -> int:
    """Return an int option of level IPPROTO_TCP."""
    raw = sock.getsockopt(names.IPPROTO_TCP, getattr(names, name), 4, world.now)
    value: int = struct.unpack("i", raw)[0]
    return value


def outcome(world: World, sock: TcpSocket, name: str, value: int) -> int:
    """Set an option; return the errno, 0 for success."""
    try:
        world.set_tcp(sock, getattr(names, name), value)
    except OSError as error:
        return error.errno or -1
    return 0


def keepalive(world: World, sock: TcpSocket) -> int:
    """Return SO_KEEPALIVE."""
    raw = sock.getsockopt(names.SOL_SOCKET, names.SO_KEEPALIVE, 4, world.now)
    value: int = struct.unpack("i", raw)[0]
    return value


@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str) -> None:
    world = World()
    sock = world.socket()
    for value in LIMITS[name]:
        assert outcome(world, sock, name, value) == 0
        assert get(world, sock, name) == value
    low, high = LIMITS[name]
    for value in (low - 1, min(high + 1, 2**31 - 1), -1, -(2**31)):
        if not low <= value <= high:
            assert outcome(world, sock, name, value) == errno.EINVAL
    assert get(world, sock, name) == high


def test_an_mss_of_0_is_none() -> None:
    world = World()
    sock = world.socket()
    assert outcome(world, sock, "TCP_MAXSEG", 500) == 0
    assert outcome(world, sock, "TCP_MAXSEG", 0) == 0
    assert get(world, sock, "TCP_MAXSEG") == 536


@pytest.mark.parametrize("name", [*LIMITS, "TCP_CORK", "TCP_QUICKACK"])
def test_two_bytes_are_too_few(name: str) -> None:
    world = World()
    sock = world.socket()
    with pytest.raises(OSError) as told:
        sock.setsockopt(names.IPPROTO_TCP, getattr(names, name), b"\1\0", world.now)
    assert told.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults(name: str) -> None:
    world = World()
    assert get(world, world.socket(), name) == DEFAULTS[name]


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("keepalive_idle_ns", 4 * S, "TCP_KEEPIDLE"),
        ("keepalive_interval_ns", 4 * S, "TCP_KEEPINTVL"),
        ("keepalive_probes", 4, "TCP_KEEPCNT"),
        ("syn_retries", 4, "TCP_SYNCNT"),
    ],
)
def test_the_system_is_behind_the_defaults(field: str, value: int, name: str) -> None:
    world = World(LINUX.with_field(field, value))
    assert get(world, world.socket(), name) == 4


def test_keepalive_is_0_or_1() -> None:
    world = World()
    sock = world.socket()
    seen = [keepalive(world, sock)]
    for value in (2, -1, 0):
        world.set(sock, names.SO_KEEPALIVE, value)
        seen.append(keepalive(world, sock))
    assert seen == [0, 1, 1, 0]


def test_an_accepted_connection_inherits_the_options_as_of_the_handshake() -> None:
    world = World()
    listener = world.listen()
    world.set(listener, names.SO_KEEPALIVE, 1)
    for name, value in INHERITED.items():
        world.set_tcp(listener, getattr(names, name), value)
    HandPeer(world, mode="manual").handshake()
    world.set_tcp(listener, names.TCP_KEEPIDLE, 99)
    child = listener.accept(world.now)
    assert child is not AGAIN
    assert {name: get(world, child, name) for name in INHERITED} == INHERITED
    assert keepalive(world, child) == 1
    world.set_tcp(child, names.TCP_KEEPCNT, 5)
    assert get(world, listener, "TCP_KEEPCNT") == 13


@pytest.mark.parametrize("name", INHERITED)
def test_an_option_of_one_socket_is_no_other_s(name: str) -> None:
    world = World()
    one, other = world.socket(), world.socket()
    before = get(world, other, name)
    world.set_tcp(one, getattr(names, name), INHERITED[name])
    assert get(world, one, name) == INHERITED[name] != before
    assert [get(world, sock, name) for sock in (other, world.socket())] == [before, before]


# -- TCP_CORK -----------------------------------------------------------------------------------


def corked(*, nodelay: bool = False) -> tuple[World, HandPeer, TcpSocket]:
    """Return an open connection with TCP_CORK."""
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    if nodelay:
        world.set_tcp(sock, names.TCP_NODELAY, 1)
    world.set_tcp(sock, names.TCP_CORK, 1)
    return world, peer, peer.accept_from_k(sock)


def sent_after(world: World, peer: HandPeer, since: tuple[int, int]) -> list[tuple[float, int]]:
    """Let half a second pass; return (s since the mark, length) of the new segments."""
    world.run(0.5)
    fresh = {got.seq: got for got in reversed(peer.since(since))}  # the first of each
    return [(round(got.t, 2), got.len) for got in sorted(fresh.values(), key=lambda got: got.seq)]


@pytest.mark.parametrize("nodelay", [False, True])
def test_a_corked_part_of_a_segment_waits_200_ms(nodelay: bool) -> None:
    world, peer, sock = corked(nodelay=nodelay)
    since = peer.mark()
    assert tries(world, sock, bytes(100)) == 100
    assert sent_after(world, peer, since) == [(0.2, 100)]


def test_full_segments_do_not_wait_and_the_rest_waits_from_their_ack_on() -> None:
    world, peer, sock = corked()
    since = peer.mark()
    assert tries(world, sock, bytes(1560)) == 1560
    world.run(0.05)
    assert [(got.t, got.len) for got in peer.since(since)] == [(0, 1460)]
    since = peer.mark()
    peer.ack()
    assert sent_after(world, peer, since) == [(pytest.approx(0.2, abs=0.03), 100)]


@pytest.mark.parametrize("how", ["cork 0", "nodelay", "shutdown", "close", "full"])
def test_what_takes_the_cork_out(how: str) -> None:
    world, peer, sock = corked()
    since = peer.mark()
    assert tries(world, sock, bytes(100)) == 100
    peer.silent(since)
    if how == "cork 0":
        world.set_tcp(sock, names.TCP_CORK, 0)
    elif how == "nodelay":
        world.set_tcp(sock, names.TCP_NODELAY, 1)
    elif how == "shutdown":
        sock.shutdown(names.SHUT_WR, world.now)
    elif how == "close":
        world.drop(sock)
    else:
        assert tries(world, sock, bytes(1360)) == 1360
    world.flush()
    fin = how in ("shutdown", "close")
    size = 1460 if how == "full" else 100
    peer.answers(since, "FIN|ACK" if fin else "ACK", seq=1, len=size)


def test_nodelay_pushes_once_and_the_cork_stays() -> None:
    world, peer, sock = corked()
    assert tries(world, sock, bytes(100)) == 100
    world.set_tcp(sock, names.TCP_NODELAY, 1)
    world.flush()
    peer.ack()
    since = peer.mark()
    assert tries(world, sock, bytes(100)) == 100
    assert sent_after(world, peer, since) == [(0.2, 100)]


# -- TCP_QUICKACK -------------------------------------------------------------------------------


def open_pair() -> tuple[World, HandPeer, TcpSocket]:
    """Return an open connection; the peer does nothing by itself."""
    world = World()
    peer = HandPeer(world, mode="manual")
    return world, peer, peer.accept_from_k()


def ack_time(world: World, peer: HandPeer, sock: TcpSocket, *, read: bool = False) -> float:
    """Return how long the ACK of a small segment takes, in s; it is read afterwards, or before."""
    since = peer.mark()
    peer.data(b"x")
    if read:
        assert tries(world, sock, "recv") == b"x"
    world.until(lambda: bool(peer.since(since)))
    if not read:
        assert tries(world, sock, "recv") == b"x"
    return round(peer.since(since)[0].t, 3)


def owed_time(world: World, peer: HandPeer, sock: TcpSocket, *, read: bool) -> float:
    """Return how long an ACK that is owed takes from TCP_QUICKACK = 1 on, in s."""
    world.set_tcp(sock, names.TCP_QUICKACK, 0)
    since = peer.mark()
    peer.data(b"x")
    world.run(0.005)
    if read:
        assert tries(world, sock, "recv") == b"x"
    peer.silent(since)
    since = peer.mark()
    world.set_tcp(sock, names.TCP_QUICKACK, 1)
    world.flush()
    world.until(lambda: bool(peer.since(since)))
    if not read:
        assert tries(world, sock, "recv") == b"x"
    return round(peer.since(since)[0].t, 3)


def test_quickack_0_delays_the_next_ack() -> None:
    world, peer, sock = open_pair()
    assert ack_time(world, peer, sock) == 0
    world.set_tcp(sock, names.TCP_QUICKACK, 0)
    assert get(world, sock, "TCP_QUICKACK") == 0
    assert ack_time(world, peer, sock) == pytest.approx(0.04, abs=0.01)
    assert get(world, sock, "TCP_QUICKACK") == 1  # the delay was in vain
    assert ack_time(world, peer, sock) == 0


def test_quickack_1_sends_an_ack_that_is_owed_for_what_was_read() -> None:
    world, peer, sock = open_pair()
    assert owed_time(world, peer, sock, read=True) == 0
    assert owed_time(world, peer, sock, read=False) == pytest.approx(0.035, abs=0.01)


def exhausted() -> tuple[World, HandPeer, TcpSocket]:
    """Return a connection that has used its first quick ACKs up."""
    world, peer, sock = open_pair()
    for _ in range(30):
        ack_time(world, peer, sock)
    assert ack_time(world, peer, sock) == pytest.approx(0.04, abs=0.01)
    return world, peer, sock


def test_quickack_1_gives_no_new_quick_acks() -> None:
    world, peer, sock = exhausted()
    world.set_tcp(sock, names.TCP_QUICKACK, 1)
    assert ack_time(world, peer, sock) == pytest.approx(0.04, abs=0.01)


def test_reading_everything_sends_an_ack_that_is_owed() -> None:
    world, peer, sock = exhausted()
    assert ack_time(world, peer, sock, read=True) == 0
    since = peer.mark()
    peer.data(b"xy")
    assert sock.recv(1, 0, world.now) == b"x"
    world.flush()
    peer.silent(since)


@pytest.mark.parametrize(("again", "delay"), [(False, 0.04), (True, 0)])
def test_a_conversation(again: bool, delay: float) -> None:
    """An answer makes one, which delays; TCP_QUICKACK = 1 ends it."""
    world, peer, sock = open_pair()
    peer.data(b"question")
    assert tries(world, sock, "recv") == b"question"
    assert tries(world, sock, b"answer") == 6
    peer.ack()
    assert get(world, sock, "TCP_QUICKACK") == 0
    if again:
        world.set_tcp(sock, names.TCP_QUICKACK, 1)
    assert ack_time(world, peer, sock) == pytest.approx(delay, abs=0.01)
