"""TIME-WAIT of a whole host against a hand-made peer (docs/kernel-notes/time-wait.md).

K's FIN was first: its SND.NXT and RCV.NXT are 2, both relative.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from lastack.profile import LINUX, MS, ExactReset, Profile, Reuse, S
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, TIME_WAIT
from lastack.wire import ABSENT, LOOPBACK4
from tests.exchange import Lab

from .peer import HandPeer, P, World, tries

AGE = 20
"""How old the TIME-WAIT is, in s, when something arrives."""
LENGTH = 60


def time_wait(
    profile: Profile = LINUX, *, timestamps: bool = False, listening: bool = False
) -> tuple[World, HandPeer]:
    """Return a K that closed first and is in TIME-WAIT for its 4-tuple since now."""
    world = World(profile)
    peer = HandPeer(world, timestamps=timestamps)
    sock = peer.connect_to_k(world.listen()) if listening else peer.accept_from_k(reusing(world))
    world.close(sock)
    peer.fin()
    assert peer.state is TIME_WAIT
    return world, peer


def reusing(world: World) -> TcpSocket:
    """Return a socket with SO_REUSEADDR."""
    sock = world.socket()
    world.set(sock, names.SO_REUSEADDR, 1)
    return sock


def expiry(peer: HandPeer) -> float | None:
    """Return when K's TIME-WAIT ends, in s; None when there is none."""
    row = peer.row
    return None if row is None or row.state is not TIME_WAIT else row.expires_at / S


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


# -- opening it again from outside --------------------------------------------------------------


def syn_to(
    world: World, peer: HandPeer, *, seq: int, timestamps: bool, tsval: int | None = None
) -> HandPeer:
    """The same remote port sends a SYN `seq` after its old ISN; return that new connection."""
    again = HandPeer(world, timestamps=timestamps)
    again.iss = peer.iss + seq
    again.tx("SYN", tsval=tsval)
    return again


@pytest.mark.parametrize(
    ("was", "seq", "stamped"),
    [
        (False, 3, False),
        (False, 3, True),
        (True, 3, True),
        (True, -5000, True),  # a newer timestamp is enough
        (True, 3, False),  # without one the number has to be beyond
    ],
)
def test_syn_opens_it_again(was: bool, seq: int, stamped: bool) -> None:
    world, peer = time_wait(timestamps=was, listening=True)
    world.run(1)
    again = syn_to(world, peer, seq=seq, timestamps=stamped)
    answer = again.answers((0, 0), "SYN|ACK", ack=1)
    assert answer.segment.seq == (peer.irs + 2 + 65537) % 2**32
    again.tx("ACK")
    assert again.state is ESTABLISHED
    rows = [row for row in world.k.snapshot() if row.state is TIME_WAIT]
    assert not rows


@pytest.mark.parametrize(
    ("was", "seq", "tsval", "ends"),
    [
        (False, 2, ABSENT, KEPT),
        (False, 2, 999_999, KEPT),  # the connection had no timestamps, so only numbers count
        (False, -5000, ABSENT, KEPT),
        (True, 2, ABSENT, KEPT),
        (True, 3, 1, RESTARTED),  # PAWS
        (True, -5000, 1, RESTARTED),
    ],
)
def test_syn_that_is_answered_although_somebody_listens(
    was: bool, seq: int, tsval: int, ends: str
) -> None:
    world, peer = time_wait(timestamps=was, listening=True)
    entered = world.now / S
    world.run(AGE)
    again = syn_to(world, peer, seq=seq, timestamps=False, tsval=tsval)
    answer = again.since((0, 0))
    assert [got.flags for got in answer] == ["ACK"]
    assert answer[0].segment.seq == (peer.irs + 2) % 2**32
    assert answer[0].segment.ack == (peer.iss + 2) % 2**32
    begin = entered if ends == KEPT else entered + AGE
    assert expiry(again) == pytest.approx(begin + LENGTH, abs=0.001)


# -- opening it again from here -----------------------------------------------------------------


def connect_again(
    sock: TcpSocket, world: World | Lab, port: int = 80, address: bytes = P
) -> int:
    """connect() to the peer; return its errno, 0 when the SYN has left."""
    try:
        assert sock.connect(address, port, world.now) is AGAIN
    except OSError as error:
        return error.errno or 0
    finally:
        world.flush()
    return 0


@pytest.mark.parametrize("reuse", list(Reuse))
@pytest.mark.parametrize("age", [0, 30])
@pytest.mark.parametrize("timestamps", [True, False])
def test_bound_connect(reuse: Reuse, age: float, timestamps: bool) -> None:
    """A socket bound with SO_REUSEADDR: timestamps alone decide, whatever tcp_tw_reuse says."""
    world, peer = time_wait(LINUX.with_field("reuse", reuse), timestamps=timestamps)
    world.run(age)
    sock = reusing(world)
    sock.bind(bytes(4), 40000, world.now)
    since = peer.mark()
    refused = connect_again(sock, world)
    if not timestamps:
        assert refused == errno.EADDRNOTAVAIL
        assert peer.state is TIME_WAIT
        peer.silent(since)
        return
    assert refused == 0
    assert [got.flags for got in peer.since(since)] == ["SYN"]


def test_isn_of_a_bound_connect() -> None:
    world, peer = time_wait(timestamps=True)
    sock = reusing(world)
    sock.bind(bytes(4), 40000, world.now)
    old = peer.irs
    assert connect_again(sock, world) == 0
    assert peer.irs == (old + 2 + 65537) % 2**32


def one_port(profile: Profile) -> Profile:
    """net.ipv4.ip_local_port_range = "40000 40000"."""
    return profile.with_field("ephemeral_low", 40000).with_field("ephemeral_high", 40000)


def auto_time_wait(profile: Profile, *, timestamps: bool) -> tuple[World, HandPeer]:
    """Return a TIME-WAIT of an automatically bound connection, on the only port there is."""
    world = World(one_port(profile))
    peer = HandPeer(world, timestamps=timestamps)
    sock = peer.begin_from_k(bind=False)
    peer.tx("SYN|ACK")
    world.close(sock)
    peer.fin()
    assert peer.state is TIME_WAIT
    return world, peer


@pytest.mark.parametrize(
    ("reuse", "delay_ms", "age", "timestamps", "expected"),
    [
        (Reuse.ON, 1000, 1.1, True, 0),
        (Reuse.ON, 1000, 0.9, True, errno.EADDRNOTAVAIL),
        (Reuse.ON, 100, 0.3, True, 0),
        (Reuse.ON, 1000, 30, False, errno.EADDRNOTAVAIL),
        (Reuse.LOOPBACK, 1000, 30, True, errno.EADDRNOTAVAIL),
        (Reuse.OFF, 1000, 30, True, errno.EADDRNOTAVAIL),
    ],
)
def test_automatic_connect(
    reuse: Reuse, delay_ms: int, age: float, timestamps: bool, expected: int
) -> None:
    profile = LINUX.with_field("reuse", reuse).with_field("reuse_delay_ns", delay_ms * MS)
    world, peer = auto_time_wait(profile, timestamps=timestamps)
    world.run(age)
    old = peer.irs
    assert connect_again(world.socket(), world) == expected
    if expected:
        assert peer.state is TIME_WAIT
    else:
        assert peer.irs == (old + 2 + 65537) % 2**32


@pytest.mark.parametrize(
    ("reuse", "age", "expected"),
    [
        (Reuse.ON, 1.1, 0),
        (Reuse.LOOPBACK, 1.1, 0),
        (Reuse.LOOPBACK, 0.9, errno.EADDRNOTAVAIL),
        (Reuse.OFF, 30, errno.EADDRNOTAVAIL),
    ],
)
def test_automatic_connect_on_loopback(reuse: Reuse, age: float, expected: int) -> None:
    lab = Lab(one_port(LINUX.with_field("reuse", reuse)))
    listener = lab.listen("a")
    sock = lab.socket("a")
    assert sock.connect(LOOPBACK4, 80, lab.now) is AGAIN
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert server is not AGAIN
    server.hold()
    assert lab.close(sock) is None
    lab.run(MS)
    assert lab.close(server) is None
    lab.run(int(age * S))
    assert [row.state for row in lab.a.snapshot()].count(TIME_WAIT) == 1
    assert connect_again(lab.socket("a"), lab, address=LOOPBACK4) == expected


def test_another_destination_may_share_the_port() -> None:
    world, _ = auto_time_wait(LINUX.with_field("reuse", Reuse.OFF), timestamps=False)
    other = HandPeer(world, port=81)
    sock = world.socket()
    assert connect_again(sock, world, 81) == 0
    other.tx("SYN|ACK")
    assert other.state is ESTABLISHED
    assert sock.getsockname()[1] == 40000


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


def test_the_passive_closer_never_has_it() -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    peer.fin()
    world.close(sock)
    assert peer.state is CLOSED
    assert not world.k.snapshot()


@pytest.mark.parametrize("acks_our_fin", [True, False])
def test_both_have_it_when_both_close_first(acks_our_fin: bool) -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    world.close(sock)
    peer.fin(ack=2 if acks_our_fin else 1)
    peer.ack(2)
    assert peer.state is TIME_WAIT


@pytest.mark.parametrize("ours", [True, False])
def test_nobody_has_it_after_a_reset(ours: bool) -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    if ours:
        world.linger(sock, (1, 0))
    else:
        peer.rst()
    world.close(sock)
    assert not world.k.snapshot()
