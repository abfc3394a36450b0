"""TIME-WAIT of a whole host against a hand-made peer (docs/kernel-notes/time-wait.md).

K's FIN was first: its SND.NXT and RCV.NXT are 2, both relative.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from lastack.profile import LINUX, ExactReset, S
from lastack.sockets import TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, TIME_WAIT, State
from lastack.wire import ABSENT

from .peer import HandPeer, World, tries
from .waiting import LENGTH, expiry, time_wait

AGE = 20
"""How old the TIME-WAIT is, in s, when something arrives."""

# -- what it answers ----------------------------------------------------------------------------

Send = Callable[[HandPeer], None]
KEPT, RESTARTED, GONE = "kept", "restarted", "gone"


def older(flags: str, seq: int = 2, text: bytes = b"") -> Send:
    """A segment whose timestamp is older than the last one that was accepted."""
    return lambda peer: peer.tx(flags, text, seq=seq, tsval=1)


BOTH: dict[str, tuple[Send, str, str]] = {
    "the FIN again": (lambda p: p.fin(seq=1), "ACK", RESTARTED),
    "a new FIN": (lambda p: p.fin(seq=2), "ACK", RESTARTED),
    "data": (lambda p: p.data(b"xyz", seq=2), "ACK", RESTARTED),
    "data behind a gap": (lambda p: p.data(b"xyz", seq=102), "ACK", RESTARTED),
    "old data": (lambda p: p.data(b"xyz", seq=-49998), "ACK", RESTARTED),
    "data beyond the window": (lambda p: p.data(b"xyz", seq=200_000), "ACK", RESTARTED),
    "SYN|ACK": (lambda p: p.tx("SYN|ACK", seq=1000), "ACK", RESTARTED),
    "the SYN|ACK again": (lambda p: p.tx("SYN|ACK", seq=0), "ACK", RESTARTED),
    "ACK": (lambda p: p.tx("ACK", seq=2), "", RESTARTED),
    "ACK of something old": (lambda p: p.tx("ACK", seq=2, ack=1), "", RESTARTED),
    "ACK of something unsent": (lambda p: p.tx("ACK", seq=2, ack=999), "", RESTARTED),
    "old ACK": (lambda p: p.tx("ACK", seq=1), "ACK", RESTARTED),
    "ACK ahead": (lambda p: p.tx("ACK", seq=3), "ACK", RESTARTED),
    "RST at RCV.NXT": (lambda p: p.rst(seq=2), "", GONE),
    "RST in the window": (lambda p: p.rst(seq=3), "", KEPT),
    "RST before": (lambda p: p.rst(seq=1), "", KEPT),
    "RST far away": (lambda p: p.rst(seq=200_000), "", KEPT),
    "SYN beyond, nobody listens": (lambda p: p.tx("SYN", seq=1000), "ACK", KEPT),
    "no flags": (lambda p: p.tx("", seq=2), "", RESTARTED),
    "no flags, old": (lambda p: p.tx("", seq=1), "ACK", KEPT),
    "no flags, ahead": (lambda p: p.tx("", seq=3), "ACK", KEPT),
    "data without ACK": (lambda p: p.tx("PSH", b"xyz", seq=2), "ACK", KEPT),
    "FIN without ACK": (lambda p: p.tx("FIN", seq=2), "ACK", KEPT),
}
PLAIN: dict[str, tuple[Send, str, str]] = {
    "old SYN": (lambda p: p.tx("SYN", seq=0), "ACK", KEPT),
    "SYN at RCV.NXT": (lambda p: p.tx("SYN", seq=2), "ACK", KEPT),
}
STAMPED: dict[str, tuple[Send, str, str]] = {
    "RST with an older timestamp": (older("RST"), "", KEPT),
    "SYN with an older timestamp": (older("SYN", 1000), "ACK", RESTARTED),
    "old SYN with an older timestamp": (older("SYN", 0), "ACK", RESTARTED),
    "ACK with an older timestamp": (older("ACK"), "ACK", RESTARTED),
    "FIN with an older timestamp": (older("FIN|ACK", 1), "ACK", RESTARTED),
    "data with an older timestamp": (older("PSH|ACK", 2, b"xyz"), "ACK", RESTARTED),
    "FIN without timestamp": (
        lambda p: p.tx("FIN|ACK", seq=1, tsval=ABSENT), "ACK", RESTARTED,
    ),
    "RST without timestamp": (lambda p: p.tx("RST", seq=2, tsval=ABSENT), "", GONE),
}  # fmt: skip
ROWS = [
    *((f"{name}{' (timestamps)' * ts}", row, ts) for ts in (False, True)
      for name, row in BOTH.items()),
    *((name, row, False) for name, row in PLAIN.items()),
    *((name, row, True) for name, row in STAMPED.items()),
]  # fmt: skip


def check(world: World, peer: HandPeer, send: Send, reply: str, timer: str) -> None:
    """Send to a TIME-WAIT that is `AGE` s old, and compare the answer and what is left of it."""
    entered = world.now / S
    world.run(AGE)
    since = peer.mark()
    send(peer)
    if reply:
        got = peer.answers(since, reply, seq=2, ack=2, len=0, wnd=64240)
        assert (got.segment.tsval != ABSENT) is peer.timestamps
    else:
        peer.silent(since)
    ends = {KEPT: entered + LENGTH, RESTARTED: world.now / S + LENGTH, GONE: None}[timer]
    assert expiry(peer) == (None if ends is None else pytest.approx(ends, abs=0.001))


@pytest.mark.parametrize(
    ("row", "timestamps"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)  # fmt: skip
def test_answer(row: tuple[Send, str, str], timestamps: bool) -> None:
    world, peer = time_wait(timestamps=timestamps)
    check(world, peer, *row)


@pytest.mark.parametrize("timestamps", [False, True])
def test_rfc1337(timestamps: bool) -> None:
    profile = LINUX.with_field("exact_reset", ExactReset.IGNORED)
    world, peer = time_wait(profile, timestamps=timestamps)
    check(world, peer, lambda p: p.rst(seq=2), "", KEPT)


def test_length() -> None:
    """60 s, whatever tcp_fin_timeout is, and no program owns it."""
    world, peer = time_wait(LINUX.with_field("fin_wait_2_orphan_ns", 5 * S))
    row = peer.row
    assert row is not None
    assert (row.timer, row.orphan) == ("time-wait", True)
    begun = world.now
    world.until(lambda: peer.state is CLOSED)
    assert (world.now - begun) / S == pytest.approx(61.95, rel=0.1)


def test_each_answer_but_those_without_length_is_given_at_once() -> None:
    """tcp_invalid_ratelimit: 500 ms between answers to segments without text, SYN or FIN."""
    sends: list[tuple[Send, int]] = [
        (lambda p: p.fin(seq=1), 5),
        (lambda p: p.data(b"xyz", seq=2), 5),
        (lambda p: p.tx("ACK", seq=1), 1),
    ]
    for send, answers in [*sends, (lambda p: p.tx("SYN", seq=0), 1)]:
        world, peer = time_wait()
        since = peer.mark()
        for _ in range(5):
            send(peer)
            world.run(0.02)
        assert len(peer.since(since)) == answers
        world.run(0.5)
        since = peer.mark()
        send(peer)
        assert len(peer.since(since)) == 1


# -- who has it, and what may prevent it --------------------------------------------------------


def test_no_place_in_the_table() -> None:
    """tcp_max_tw_buckets: the connection is simply over."""
    world = World(LINUX.with_field("limit", 1))
    first, second = HandPeer(world), HandPeer(world, port=81, kport=40001)
    socks = [first.accept_from_k(), second.accept_from_k()]
    for peer, sock in zip((first, second), socks, strict=True):
        sock.shutdown(names.SHUT_WR, world.now)
        world.flush()
        peer.fin()
    assert (first.state, second.state) == (TIME_WAIT, CLOSED)
    since = second.mark()
    second.fin(seq=1)
    second.answers(since, "RST", seq=2)


def test_no_place_for_an_orphan_in_fin_wait_2() -> None:
    world = World(LINUX.with_field("limit", 0))
    peer = HandPeer(world)
    world.close(peer.accept_from_k())
    assert peer.state is CLOSED
    since = peer.mark()
    peer.fin()
    peer.answers(since, "RST", seq=2)


def test_no_place_for_a_socket_that_is_open() -> None:
    world = World(LINUX.with_field("limit", 0))
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    since = peer.mark()
    peer.fin()
    peer.answers(since, "ACK", seq=2, ack=2)
    assert sock.state is CLOSED
    assert peer.state is CLOSED
    since = peer.mark()
    peer.fin(seq=1)
    peer.answers(since, "RST", seq=2)


def test_network_restart_changes_nothing() -> None:
    """Neither a device that goes down nor an address that is deleted ends a connection."""
    world, peer = time_wait()
    open_one = HandPeer(world, port=81, kport=40001)
    open_one.accept_from_k()
    world.k.restart_network(world.now)
    assert (peer.state, open_one.state) == (TIME_WAIT, ESTABLISHED)


def test_calls_on_a_socket_whose_connection_is_in_time_wait() -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.data(b"last words")
    peer.fin()
    assert peer.state is TIME_WAIT
    assert [tries(world, sock, what) for what in ("recv", "recv", b"x")] == [
        b"last words", b"", "EPIPE",
    ]  # fmt: skip
    with pytest.raises(OSError) as refused:
        sock.getpeername()
    assert refused.value.errno == errno.ENOTCONN
    with pytest.raises(OSError) as refused:
        sock.shutdown(names.SHUT_RD, world.now)
    assert refused.value.errno == errno.ENOTCONN
    assert sock.take_error(world.now) == 0
    assert sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, 1, world.now) == b"\x07"
    world.close(sock)
    assert peer.state is TIME_WAIT


Close = Callable[[World, HandPeer, TcpSocket], None]


def we_first(world: World, peer: HandPeer, sock: TcpSocket) -> None:
    world.close(sock)
    peer.fin()


def both_first(world: World, peer: HandPeer, sock: TcpSocket) -> None:
    peer.mode = "manual"
    world.close(sock)
    peer.fin(ack=1)
    peer.ack(2)


def the_peer_first(world: World, peer: HandPeer, sock: TcpSocket) -> None:
    peer.fin()
    world.close(sock)


def reset_by_us(world: World, peer: HandPeer, sock: TcpSocket) -> None:
    world.linger(sock, (1, 0))
    world.close(sock)


def reset_by_the_peer(world: World, peer: HandPeer, sock: TcpSocket) -> None:
    peer.rst()
    world.close(sock)


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        (we_first, TIME_WAIT),
        (both_first, TIME_WAIT),
        (the_peer_first, CLOSED),
        (reset_by_us, CLOSED),
        (reset_by_the_peer, CLOSED),
    ],
)
def test_who_has_it(close: Close, expected: State) -> None:
    """Whose FIN was first; both when both were; the passive closer never; nobody after a RST."""
    world = World()
    peer = HandPeer(world)
    close(world, peer, peer.accept_from_k())
    assert peer.state is expected
