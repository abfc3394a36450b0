"""RFC 9293 section 3.10.7.3: what arrives in SYN-SENT."""

import errno

import pytest

from lastack.profile import LINUX, RFC9293, Profile
from lastack.sockets import HUP, IN, OUT, RDHUP, names
from lastack.state import CLOSED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT
from lastack.tcp.buffers import Buffers
from lastack.tcp.tcb import Tcb
from lastack.wire import Flow
from tests.truth.peer import HandPeer, World

from .reach import Row, name, play, reach

QUIET = LINUX.with_field("syn_again_after_bad_ack", False)

ROWS = [
    # first, check the ACK bit
    Row(SYN_SENT, "ACK of nothing sent", "ACK", ack=99, answer="RST", then=SYN_SENT),
    Row(SYN_SENT, "ACK of the ISS", "ACK", ack=-1, answer="RST", then=SYN_SENT),
    Row(SYN_SENT, "SYN|ACK of nothing sent", "SYN|ACK", ack=99, answer="RST", then=SYN_SENT),
    Row(SYN_SENT, "SYN|ACK of the ISS", "SYN|ACK", ack=-1, answer="RST", then=SYN_SENT),
    Row(SYN_SENT, "RST with bad ACK", "RST|ACK", ack=99, then=SYN_SENT),
    # second, check the RST bit
    Row(SYN_SENT, "RST without ACK", "RST", then=SYN_SENT),
    Row(SYN_SENT, "RST with good ACK", "RST|ACK", then=CLOSED),
    # fourth, check the SYN bit
    Row(SYN_SENT, "SYN|ACK", "SYN|ACK", answer="ACK", takes=1, then=ESTABLISHED),
    Row(SYN_SENT, "SYN", "SYN", answer="SYN|ACK", then=SYN_RECEIVED),
    # fifth, neither SYN nor RST
    Row(SYN_SENT, "good ACK alone", "ACK", then=SYN_SENT),
    Row(SYN_SENT, "text with good ACK", "PSH|ACK", text=b"abc", then=SYN_SENT),
    Row(SYN_SENT, "FIN with good ACK", "FIN|ACK", then=SYN_SENT),
    Row(SYN_SENT, "no flags", "", then=SYN_SENT),
]


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_syn_sent(row: Row) -> None:
    play(row, QUIET)


@pytest.mark.parametrize(
    ("flags", "answers"),
    [("ACK", ["RST", "SYN"]), ("SYN|ACK", ["RST", "SYN"]), ("RST|ACK", ["SYN"])],
)
def test_a_bad_ack_makes_linux_send_its_syn_again(flags: str, answers: list[str]) -> None:
    world, peer, _ = reach(SYN_SENT)
    mark = peer.mark()
    peer.tx(flags, ack=100)
    world.run(0.02)
    assert [got.flags for got in peer.since(mark)] == answers
    assert peer.state is SYN_SENT


def test_that_syn_is_the_first_of_the_repeats() -> None:
    world, peer, _ = reach(SYN_SENT)
    peer.tx("ACK", ack=100)
    world.run(0.02)
    mark = peer.mark()
    peer.tx("ACK", ack=100)
    world.run(0.02)
    assert [got.flags for got in peer.since(mark)] == ["RST"]  # no second one at once
    world.run(11)
    assert [round(at) for at in peer.times(mark, "SYN")] == [1, 2, 3, 4, 6, 10]


def test_a_reset_that_acknowledges_our_syn_refuses() -> None:
    world, peer, sock = reach(SYN_SENT)
    peer.tx("RST|ACK")
    with pytest.raises(ConnectionRefusedError):
        sock.connected(world.now)


def test_simultaneous_open() -> None:
    world, peer, sock = reach(SYN_SENT)
    mark = peer.mark()
    peer.tx("SYN")
    peer.answers(mark, "SYN|ACK", seq=0, ack=1)
    assert sock.state is SYN_RECEIVED
    assert not sock.mask(world.now) & OUT, "a program that polls would think it connected"
    mark = peer.mark()
    peer.tx("SYN|ACK", seq=0)
    peer.answers(mark, "ACK", seq=1, ack=1)
    assert sock.state is ESTABLISHED
    assert sock.mask(world.now) & OUT
    assert sock.connected(world.now) is None


def test_a_reset_in_the_syn_received_of_a_simultaneous_open() -> None:
    world, peer, sock = reach(SYN_SENT)
    peer.tx("SYN")
    peer.rst()
    assert sock.state is CLOSED
    with pytest.raises(OSError) as caught:
        sock.connected(world.now)
    assert caught.value.errno == errno.ECONNRESET


@pytest.mark.parametrize("profile", [LINUX, RFC9293], ids=["linux", "rfc9293"])
def test_close_in_the_syn_received_of_a_simultaneous_open(profile: Profile) -> None:
    """3.10.4: there is nothing to be sent, so the FIN goes at once."""
    world, peer, sock = reach(SYN_SENT, profile)
    peer.tx("SYN")
    mark = peer.mark()
    world.close(sock)
    peer.answers(mark, "FIN|ACK", seq=1, ack=1)
    assert peer.state is FIN_WAIT_1
    mark = peer.mark()
    world.run(20)
    repeats = [(got.flags, got.seq) for got in peer.since(mark)]
    assert ("SYN|ACK", 0) in repeats, "the SYN is the older of the two"
    assert {*repeats} <= {("SYN|ACK", 0), ("FIN|ACK", 1)}
    peer.tx("ACK", ack=2)
    assert peer.state is FIN_WAIT_2


def test_our_syn_stays_acknowledged_when_the_numbers_have_gone_round() -> None:
    flow = Flow(bytes(4), 1, bytes(4), 2)
    buffers = Buffers(LINUX.buffers)
    tcb = Tcb(LINUX, flow, conn=1, iss=7, mss=1460, buffers=buffers, scribe=None, ts_offset=0)
    assert not tcb.syn_acked()
    tcb.snd_una = 8
    assert tcb.syn_acked()
    tcb.snd_una, tcb.sendq.start = 7, (1 << 32) - 1
    assert tcb.syn_acked()


def test_shutdown_of_reading_in_that_syn_received_is_seen_by_poll() -> None:
    world, peer, sock = reach(SYN_SENT)
    peer.tx("SYN")
    assert sock.mask(world.now) == 0
    sock.shutdown(names.SHUT_RD, world.now)
    assert sock.mask(world.now) == IN | RDHUP
    sock.shutdown(names.SHUT_WR, world.now)
    assert sock.mask(world.now) == IN | RDHUP | HUP


def test_shutdown_in_that_syn_received_waits_for_established() -> None:
    world, peer, sock = reach(SYN_SENT)
    peer.tx("SYN")
    mark = peer.mark()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    assert not peer.since(mark)
    assert sock.state is SYN_RECEIVED
    peer.tx("ACK", ack=1)
    peer.answers(mark, "FIN|ACK", seq=1, ack=1)
    assert sock.state is FIN_WAIT_1


def test_the_errno_of_that_reset_is_the_profiles() -> None:
    profile = LINUX.with_field("reset_in_syn_received_active", errno.ECONNREFUSED)
    world, peer, sock = reach(SYN_SENT, profile)
    peer.tx("SYN")
    peer.rst()
    with pytest.raises(ConnectionRefusedError):
        sock.connected(world.now)


@pytest.mark.parametrize(
    ("count", "before", "times"),
    [
        (2, 0.5, [0, 0.5, 1, 3]),
        (3, 2.5, [0, 1, 2, 2.5, 3]),
        (0, 4.5, [0, 1, 2, 3, 4, 4.5, 5, 7]),
    ],
)
def test_repeats_of_a_simultaneous_open_count_together(
    count: int, before: float, times: list[float]
) -> None:
    """docs/kernel-notes/give-up.md."""
    world = World(LINUX)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    if count:
        world.set_tcp(sock, names.TCP_SYNCNT, count)
    mark = peer.mark()
    peer.begin_from_k(sock)
    world.run(before)
    peer.tx("SYN")
    world.run(9)
    assert [got.t for got in peer.since(mark)] == pytest.approx(times, abs=0.02)
    assert peer.state is CLOSED
    assert sock.take_error(world.now) == errno.ETIMEDOUT
