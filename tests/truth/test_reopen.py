"""The 4-tuple of a TIME-WAIT opened again, by a SYN from outside or by connect() from here
(docs/kernel-notes/time-wait.md; RFC 6191 for the idea)."""

from __future__ import annotations

import errno

import pytest

from lastack.profile import LINUX, MS, Profile, Reuse, S
from lastack.sockets import AGAIN
from lastack.state import ESTABLISHED, TIME_WAIT
from lastack.wire import ABSENT, LOOPBACK4
from tests.exchange import Lab

from .peer import HandPeer, World
from .waiting import LENGTH, connect_again, expiry, one_port, reusing, time_wait

AGE = 20
KEPT, RESTARTED = "kept", "restarted"


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


def test_a_syn_that_the_listener_does_not_take_ends_it_all_the_same() -> None:
    """SYN with FIN: the TIME-WAIT makes way for it, and the listener drops it."""
    world, peer = time_wait(listening=True)
    again = HandPeer(world)
    again.iss = peer.iss + 500
    mark = again.mark()
    again.tx("SYN|FIN")
    assert not again.since(mark)
    assert not [row for row in world.k.snapshot() if row.state is TIME_WAIT]


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


def test_an_ack_in_time_wait_updates_ts_recent() -> None:
    """RFC 7323 section 4.3: what is between the FIN's timestamp and the ACK's is old now."""
    world, peer = time_wait(timestamps=True, listening=True)
    world.run(10)
    peer.ack()
    again = syn_to(world, peer, seq=3, timestamps=False, tsval=peer.tsval + 5000)
    assert [got.flags for got in again.since((0, 0))] == ["ACK"]
