"""Closing without SO_LINGER: unread data, half-close, and what an orphan answers.

Measured on Linux 6.18 (docs/kernel-notes/unread-close.md, docs/kernel-notes/orphans.md).
"""

from __future__ import annotations

import errno
from typing import NamedTuple

import pytest

from lastack.profile import LINUX, ExactReset, Profile
from lastack.sockets import AGAIN, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    TIME_WAIT,
    State,
)
from lastack.trace import Reason, ResetSent, StateChanged
from lastack.wire import Segment

from .established import established
from .peer import HandPeer, K, World, tries

# -- unread data at close() ---------------------------------------------------------------------


class Unread(NamedTuple):
    name: str
    data: bytes
    fin: bool
    read: int
    peek: bool
    closes_with: str


@pytest.mark.parametrize(
    "case",
    [
        Unread("all read", b"abcdef", False, 6, False, "FIN|ACK"),
        Unread("1 of 6 read", b"abcdef", False, 1, False, "RST|ACK"),
        Unread("peeked", b"abcdef", False, 6, True, "RST|ACK"),
        Unread("only FIN", b"", True, 0, False, "FIN|ACK"),
        Unread("data read, FIN not", b"abc", True, 3, False, "FIN|ACK"),
        Unread("data and FIN", b"abc", True, 0, False, "RST|ACK"),
    ],
    ids=lambda case: case.name,
)
def test_unread_data_makes_close_a_reset(case: Unread) -> None:
    world, peer, sock = established()
    if case.data:
        peer.data(case.data)
    if case.fin:
        peer.fin()
    if case.read:
        flags = names.MSG_PEEK if case.peek else 0
        assert sock.recv(case.read, flags, world.now) == case.data[: case.read]
        world.flush()
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, case.closes_with, seq=1, ack=1 + len(case.data) + case.fin)


def test_out_of_order_data_alone_does_not_count_as_unread() -> None:
    world, peer, sock = established(mode="ack")
    peer.data(b"later", seq=51)
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "FIN|ACK", seq=1, ack=1)
    assert peer.state is FIN_WAIT_2


@pytest.mark.parametrize("linger", [None, (1, 0)])
@pytest.mark.parametrize("state", [CLOSE_WAIT, LAST_ACK, FIN_WAIT_1, FIN_WAIT_2, CLOSING])
def test_unread_data_resets_in_every_state(state: State, linger: tuple[int, int] | None) -> None:
    world, peer, sock = established()
    world.linger(sock, linger)
    peer.data(b"unread")
    if state in (CLOSE_WAIT, LAST_ACK):
        peer.fin()
    if state is not CLOSE_WAIT:
        sock.shutdown(names.SHUT_WR, world.now)
        world.flush()
    if state is FIN_WAIT_2:
        peer.ack()
    if state is CLOSING:
        peer.fin(ack=1)
    assert sock.state is state
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    ours = 1 if state is CLOSE_WAIT else 2
    theirs = 7 if state in (FIN_WAIT_1, FIN_WAIT_2) else 8
    peer.answers(mark, "RST|ACK", seq=ours, ack=theirs)
    assert peer.state is CLOSED


@pytest.mark.parametrize("linger", [None, (1, 0)])
def test_unread_data_does_not_end_a_time_wait(linger: tuple[int, int] | None) -> None:
    world, peer, sock = established()
    world.linger(sock, linger)
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.data(b"unread")
    peer.fin()
    assert peer.state is TIME_WAIT
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.silent(mark)
    assert peer.state is TIME_WAIT


# -- shutdown() ---------------------------------------------------------------------------------


def test_shut_rd_says_nothing_and_later_data_is_readable() -> None:
    world, peer, sock = established()
    mark = peer.mark()
    sock.shutdown(names.SHUT_RD, world.now)
    world.flush()
    peer.silent(mark)
    assert sock.state is ESTABLISHED
    assert tries(world, sock, "recv") == b""
    peer.data(b"after-rd")
    peer.answers(mark, "ACK", seq=1, ack=9)
    assert sock.recv(3, 0, world.now) == b"aft"
    assert sock.recv(10, 0, world.now) == b"er-rd"
    assert tries(world, sock, "recv") == b""
    peer.data(b"more")
    mark = peer.mark()
    assert world.close(sock) == (0, 0)
    peer.answers(mark, "RST|ACK", seq=1, ack=13)


def test_after_shut_wr_send_is_epipe_and_shutdown_may_be_repeated() -> None:
    world, peer, sock = established(mode="ack")
    mark = peer.mark()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    assert tries(world, sock, b"x") == "EPIPE"
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.answers(mark, "FIN|ACK", seq=1)
    peer.fin()
    assert sock.state is CLOSED
    with pytest.raises(OSError, match="not connected"):
        sock.shutdown(names.SHUT_WR, world.now)


def test_a_half_closed_connection_carries_data_the_other_way() -> None:
    world, peer, sock = established(mode="ack")
    assert tries(world, sock, b"req") == 3
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    assert (sock.state, peer.got) == (FIN_WAIT_2, 5)
    mark = peer.mark()
    for _ in range(4):
        peer.data(b"r" * 1000)
    assert peer.since(mark)[-1].ack == 4001
    assert tries(world, sock, "recv") == b"r" * 4000
    mark = peer.mark()
    peer.fin()
    peer.answers(mark, "ACK", seq=5, ack=4002)
    assert (sock.state, peer.state) == (CLOSED, TIME_WAIT)
    assert tries(world, sock, "recv") == b""


@pytest.mark.parametrize("acked", [False, True])
def test_with_the_descriptor_open_data_after_shut_wr_is_taken(acked: bool) -> None:
    world, peer, sock = established()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    if acked:
        peer.ack()
    mark = peer.mark()
    peer.data(b"zz", ack=2 if acked else 1)
    peer.answers(mark, "ACK", seq=2, ack=3)
    assert sock.state is (FIN_WAIT_2 if acked else FIN_WAIT_1)
    assert tries(world, sock, "recv") == b"zz"


@pytest.mark.parametrize("first", [names.SHUT_RD, names.SHUT_WR])
def test_both_directions_shut_answer_data_with_a_reset(first: int) -> None:
    world, peer, sock = established(mode="ack")
    sock.shutdown(first, world.now)
    sock.shutdown(names.SHUT_WR if first == names.SHUT_RD else names.SHUT_RD, world.now)
    world.flush()
    assert sock.state is FIN_WAIT_2
    mark = peer.mark()
    peer.data(b"zz")
    peer.answers(mark, "RST", seq=2, wnd=0)
    assert sock.state is CLOSED
    assert sock.take_error(world.now) == errno.ECONNRESET
    assert reset_reasons(world) == [Reason.DATA_AFTER_SHUTDOWN]


# -- orphans in FIN-WAIT-1 ----------------------------------------------------------------------


class Sends(NamedTuple):
    """What the peer sends, and what the orphan answers: flags, seq, ack; then its state."""

    name: str
    flags: str
    text: bytes
    seq: int
    ack: int
    answer: str
    answer_seq: int
    answer_ack: int
    then: State


def orphan(state: State, profile: Profile = LINUX) -> tuple[World, HandPeer]:
    world, peer, sock = established(profile=profile)
    peer.data(b"before")
    assert tries(world, sock, "recv") == b"before"
    if state is LAST_ACK:
        peer.fin()
    assert world.close(sock) == (0, 0)
    if state is FIN_WAIT_2:
        peer.ack()
    assert peer.state is state
    return world, peer


def reset_reasons(world: World) -> list[Reason]:
    """Why K sent each RST."""
    return [event.reason for event in world.events if isinstance(event, ResetSent)]


def play(peer: HandPeer, case: Sends) -> None:
    mark = peer.mark()
    peer.tx(case.flags, case.text, seq=case.seq, ack=case.ack)
    if not case.answer:
        peer.silent(mark)
    elif case.answer == "RST":
        assert peer.answers(mark, "RST", seq=case.answer_seq, wnd=0).segment.ack == 0
    elif case.answer == "RST|ACK":
        got = peer.answers(mark, "RST|ACK", ack=case.answer_ack, wnd=0)
        assert got.segment.seq == 0
    else:
        peer.answers(mark, case.answer, seq=case.answer_seq, ack=case.answer_ack, len=0)
    assert peer.state is case.then


# The peer's next number is 7, ours after the FIN is 2.
@pytest.mark.parametrize(
    "case",
    [
        Sends("new data", "PSH|ACK", b"x", 7, 1, "RST", 1, 0, CLOSED),
        Sends("new data acking FIN", "PSH|ACK", b"x", 7, 2, "RST", 2, 0, CLOSED),
        Sends("data behind a gap", "PSH|ACK", b"x", 17, 1, "RST", 1, 0, CLOSED),
        Sends("data and FIN", "FIN|PSH|ACK", b"x", 7, 2, "RST", 2, 0, CLOSED),
        Sends("FIN behind a gap", "FIN|ACK", b"", 17, 1, "RST", 1, 0, CLOSED),
        Sends("old data", "PSH|ACK", b"x", 6, 1, "ACK", 2, 7, FIN_WAIT_1),
        Sends("SYN in window", "SYN", b"", 17, 0, "ACK", 2, 7, FIN_WAIT_1),
    ],
    ids=lambda case: case.name,
)
def test_an_orphan_in_fin_wait_1(case: Sends) -> None:
    world, peer = orphan(FIN_WAIT_1)
    play(peer, case)
    assert reset_reasons(world) == ([Reason.DATA_AFTER_CLOSE] if case.answer == "RST" else [])


# -- orphans in FIN-WAIT-2 ----------------------------------------------------------------------

BEYOND = 7 + 500_000
IN_FIN_WAIT_2 = [
    Sends("data", "PSH|ACK", b"x", 7, 2, "RST", 2, 0, CLOSED),
    Sends("data and FIN", "FIN|PSH|ACK", b"x", 7, 2, "RST", 2, 0, CLOSED),
    Sends("FIN behind a gap", "FIN|ACK", b"", 17, 2, "RST", 2, 0, CLOSED),
    Sends("SYN at RCV.NXT", "SYN", b"", 7, 0, "RST|ACK", 0, 8, CLOSED),
    Sends("SYN beyond RCV.NXT", "SYN", b"", 17, 0, "RST|ACK", 0, 18, CLOSED),
    Sends("pure ACK", "ACK", b"", 7, 2, "", 0, 0, FIN_WAIT_2),
    Sends("old data", "PSH|ACK", b"x", 6, 2, "ACK", 2, 7, FIN_WAIT_2),
    Sends("SYN before RCV.NXT", "SYN", b"", 3, 0, "ACK", 2, 7, FIN_WAIT_2),
    Sends("data beyond the window", "PSH|ACK", b"x", BEYOND, 2, "ACK", 2, 7, FIN_WAIT_2),
    Sends("data without ACK", "PSH", b"x", 7, 0, "", 0, 0, FIN_WAIT_2),
    Sends("nothing set", "", b"", 7, 0, "", 0, 0, FIN_WAIT_2),
    Sends("FIN", "FIN|ACK", b"", 7, 2, "ACK", 2, 8, TIME_WAIT),
    Sends("RST exact", "RST", b"", 7, 0, "", 0, 0, CLOSED),
    Sends("RST in window", "RST", b"", 17, 0, "", 0, 0, CLOSED),
    Sends("RST beyond the window", "RST", b"", BEYOND, 0, "ACK", 2, 7, FIN_WAIT_2),
    Sends("RST before the window", "RST", b"", 3, 0, "ACK", 2, 7, FIN_WAIT_2),
]


@pytest.mark.parametrize("case", IN_FIN_WAIT_2, ids=lambda case: case.name)
def test_an_orphan_in_fin_wait_2(case: Sends) -> None:
    _, peer = orphan(FIN_WAIT_2)
    play(peer, case)


@pytest.mark.parametrize("number", [7, 17])
def test_rfc1337_does_not_protect_an_orphan_in_fin_wait_2(number: int) -> None:
    _, peer = orphan(FIN_WAIT_2, LINUX.with_field("exact_reset", ExactReset.IGNORED))
    play(peer, Sends("RST", "RST", b"", number, 0, "", 0, 0, CLOSED))


@pytest.mark.parametrize("case", [IN_FIN_WAIT_2[5], IN_FIN_WAIT_2[6]], ids=lambda case: case.name)
def test_what_an_orphan_in_fin_wait_2_ignores_does_not_prolong_it(case: Sends) -> None:
    world, peer = orphan(FIN_WAIT_2)
    row = peer.row
    assert row is not None
    world.run(30)
    play(peer, case)
    after = peer.row
    assert after is not None
    assert after.expires_at == row.expires_at
    world.run(34)
    assert peer.state is CLOSED


def test_a_fin_gives_an_orphan_in_fin_wait_2_a_fresh_time_wait() -> None:
    world, peer = orphan(FIN_WAIT_2)
    world.run(50)
    peer.fin()
    world.run(59)
    assert peer.state is TIME_WAIT
    world.run(4)
    assert peer.state is CLOSED


# -- LAST-ACK -----------------------------------------------------------------------------------


# The peer's next number is 8, ours after the FIN is 2.
@pytest.mark.parametrize(
    "case",
    [
        Sends("data after FIN", "PSH|ACK", b"x", 8, 1, "", 0, 0, LAST_ACK),
        Sends("FIN again", "FIN|ACK", b"", 7, 1, "ACK", 2, 8, LAST_ACK),
        Sends("SYN", "SYN", b"", 1008, 0, "ACK", 2, 8, LAST_ACK),
        Sends("ACK of our FIN", "ACK", b"", 8, 2, "", 0, 0, CLOSED),
    ],
    ids=lambda case: case.name,
)
def test_an_orphan_in_last_ack(case: Sends) -> None:
    _, peer = orphan(LAST_ACK)
    play(peer, case)


def test_the_passive_closer_has_no_time_wait() -> None:
    world, peer = orphan(LAST_ACK)
    peer.ack()
    assert world.k.snapshot() == []
    play(peer, Sends("FIN again", "FIN|ACK", b"", 7, 2, "RST", 2, 0, CLOSED))


# -- simultaneous closing and opening -----------------------------------------------------------


def test_simultaneous_close_passes_closing() -> None:
    _, peer = orphan(FIN_WAIT_1)
    play(peer, Sends("FIN", "FIN|ACK", b"", 7, 1, "ACK", 2, 8, CLOSING))
    play(peer, Sends("ACK", "ACK", b"", 8, 2, "", 0, 0, TIME_WAIT))


def test_a_fin_that_acknowledges_ours_goes_straight_to_time_wait() -> None:
    world, peer = orphan(FIN_WAIT_1)
    play(peer, Sends("FIN", "FIN|ACK", b"", 7, 2, "ACK", 2, 8, TIME_WAIT))
    states = [event.new for event in world.events if isinstance(event, StateChanged)]
    assert CLOSING not in states


def test_a_socket_connected_to_itself() -> None:
    world = World()
    sock = world.socket()
    sock.bind(K, 40000, world.now)
    assert sock.connect(K, 40000, world.now) is AGAIN
    mirror(world)
    assert sock.state is ESTABLISHED
    assert sock.connected(world.now) is None
    assert sock.send(b"hello", 0, world.now) == 5
    mirror(world)
    assert sock.recv(10, 0, world.now) == b"hello"
    assert sock.drop(world.now) is None
    mirror(world)
    assert [row.state for row in world.k.snapshot()] == [TIME_WAIT]
    assert mirror(world) == 0


def mirror(world: World) -> int:
    """Carry what K sends to K itself; return how many segments that were."""
    count = 0
    while packets := world.k.take_packets():
        for packet in packets:
            assert isinstance(packet, Segment)
            count += 1
            assert count < 50, world.lines()
            world.k.packet_arrives(packet, world.now)
    return count
