"""RFC 9293 section 3.10.7.4, fifth: check the ACK field, with RFC 5961 section 5."""

import pytest

from lastack.profile import LINUX, BeyondSndNxt, OldAck
from lastack.sockets import names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    TIME_WAIT,
    State,
)
from tests.truth.peer import tries

from .reach import SYNCHRONIZED, Row, name, play, reach


def rows() -> list[Row]:
    table = [
        # SYN-RECEIVED
        Row(SYN_RECEIVED, "good ACK", "ACK", then=ESTABLISHED),
        Row(SYN_RECEIVED, "ACK beyond", "ACK", ack=7, answer="RST", then=SYN_RECEIVED),
        Row(SYN_RECEIVED, "ACK of the ISS", "ACK", ack=-1, answer="RST", then=SYN_RECEIVED),
        Row(SYN_RECEIVED, "no flags", "", then=SYN_RECEIVED),
        # the states in which our FIN waits for its ACK
        Row(FIN_WAIT_1, "ACK of FIN", "ACK", then=FIN_WAIT_2),
        Row(FIN_WAIT_1, "ACK before FIN", "ACK", ack=-1, then=FIN_WAIT_1),
        Row(CLOSING, "ACK of FIN", "ACK", then=TIME_WAIT),
        Row(CLOSING, "ACK before FIN", "ACK", ack=-1, then=CLOSING),
        Row(LAST_ACK, "ACK of FIN", "ACK", then=CLOSED),
        Row(LAST_ACK, "ACK before FIN", "ACK", ack=-1, then=LAST_ACK),
    ]
    for state in SYNCHRONIZED:
        table += [
            Row(state, "no ACK flag, text", "PSH", text=b"zz", then=state),
            Row(state, "no ACK flag, FIN", "FIN", then=state),
            Row(state, "no flags", "", then=state),
            Row(state, "ACK of what was not sent", "ACK", ack=100_000, answer="ACK", then=state),
            Row(state, "ACK of long ago", "ACK", ack=-100_000, answer="ACK", then=state),
            Row(state, "ACK a little old", "ACK", ack=-2, then=state),
        ]
    return table


@pytest.mark.parametrize("row", rows(), ids=name)
def test_ack(row: Row) -> None:
    play(row, LINUX.with_field("old_ack", OldAck.MAX_WINDOW))


@pytest.mark.parametrize(("rule", "answers"), [(BeyondSndNxt.CHALLENGE, 1), (BeyondSndNxt.ACK, 5)])
def test_acks_of_what_was_not_sent_are_answered_as_the_profile_says(
    rule: BeyondSndNxt, answers: int
) -> None:
    _, peer, _ = reach(ESTABLISHED, LINUX.with_field("beyond_snd_nxt", rule))
    mark = peer.mark()
    for _ in range(5):
        peer.ack(100_000)
    assert [got.flags for got in peer.since(mark)] == ["ACK"] * answers


@pytest.mark.parametrize("state", [ESTABLISHED, CLOSE_WAIT])
def test_an_ack_may_cover_a_part_one_segment_or_many(state: State) -> None:
    world, peer, sock = reach(state)
    tries(world, sock, b"x" * 5000)
    for acked, left in ((101, 4900), (1461, 3540), (5001, 0), (2000, 0)):
        peer.ack(acked)
        assert sock.ioctl(names.SIOCOUTQ) == left


def test_the_window_comes_from_the_newest_acknowledgment_only() -> None:
    """SND.WL1 and SND.WL2: an old ACK does not bring an old window back."""
    world, peer, sock = reach(ESTABLISHED)
    tries(world, sock, b"x" * 2000)
    peer.ack(2001, wnd=100)
    peer.ack(1461, wnd=64_240)
    mark = peer.mark()
    tries(world, sock, b"x" * 1000)
    world.run(0.3)  # a tenth of a segment goes when the persist timer says so (SWS avoidance)
    assert sum(got.len for got in peer.since(mark)) == 100


def test_a_window_that_opens_lets_text_go() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.ack(wnd=0)
    mark = peer.mark()
    tries(world, sock, b"x" * 1000)
    peer.silent(mark)
    peer.ack(wnd=64_240)
    peer.answers(mark, "ACK", seq=1, len=1000)


def test_the_fin_of_a_connection_with_data_in_flight_needs_its_own_ack() -> None:
    world, peer, sock = reach(ESTABLISHED)
    tries(world, sock, b"x" * 100)
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.ack(101)
    assert sock.state is FIN_WAIT_1
    peer.ack(102)
    assert sock.state is FIN_WAIT_2
