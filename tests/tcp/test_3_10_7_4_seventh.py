"""RFC 9293 section 3.10.7.4, seventh: process the segment text."""

import pytest

from lastack.profile import LINUX, WindowCheck
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
from lastack.trace import Dropped, Reason
from tests.truth.peer import tries

from .reach import WINDOW, Row, name, play, reach

READING = (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2)

ROWS = [
    Row(SYN_RECEIVED, "text with the last ACK", "PSH|ACK", text=b"zz", answer="ACK", takes=2,
        then=ESTABLISHED),
    *(Row(state, "text", "PSH|ACK", text=b"zz", answer="ACK", takes=2, then=state)
      for state in (ESTABLISHED, FIN_WAIT_2)),
    Row(FIN_WAIT_1, "text", "PSH|ACK", ack=-1, text=b"zz", answer="ACK", takes=2,
        then=FIN_WAIT_1),
    Row(FIN_WAIT_1, "text that acknowledges FIN", "PSH|ACK", text=b"zz", answer="ACK", takes=2,
        then=FIN_WAIT_2),
    *(Row(state, "text beyond a gap", "PSH|ACK", 10, -1, b"zz", "ACK", state)
      for state in (ESTABLISHED, FIN_WAIT_1)),
    # a FIN has been received: this should not occur, and is ignored
    *(Row(state, "text after FIN", "PSH|ACK", ack=-1, text=b"zz", then=state)
      for state in (CLOSING, LAST_ACK)),
    Row(CLOSE_WAIT, "text after FIN", "PSH|ACK", text=b"zz", then=CLOSE_WAIT),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_text(row: Row) -> None:
    play(row)


@pytest.mark.parametrize("state", READING)
def test_a_gap_is_filled(state: State) -> None:
    world, peer, sock = reach(state)
    mark = peer.mark()
    peer.data(b"ef", seq=5)
    peer.data(b"cd", seq=3)
    assert [got.ack for got in peer.since(mark)] == [1, 1]
    assert tries(world, sock, "recv") == "AGAIN"
    mark = peer.mark()
    peer.data(b"ab", seq=1)
    peer.answers(mark, "ACK", ack=7)
    assert tries(world, sock, "recv") == b"abcdef"


def test_overlapping_pieces_are_put_together_once() -> None:
    world, peer, sock = reach(ESTABLISHED)
    for seq, text in ((4, b"def"), (2, b"bcd"), (6, b"fgh"), (1, b"abc")):
        peer.data(text, seq=seq)
    assert tries(world, sock, "recv") == b"abcdefgh"


def test_what_lies_beyond_the_window_is_cut_off() -> None:
    world, peer, sock = reach(ESTABLISHED, LINUX.with_field("window_check", WindowCheck.OVERLAP))
    mark = peer.mark()
    peer.data(b"x" * (WINDOW + 500))
    world.run(0.05)
    assert peer.since(mark)[-1].ack == 1 + WINDOW
    assert sock.ioctl(names.SIOCINQ) == WINDOW


def test_text_beyond_the_peers_fin_is_no_text() -> None:
    world, peer, sock = reach(ESTABLISHED, LINUX.with_field("window_check", WindowCheck.OVERLAP))
    peer.tx("FIN|ACK", b"ef", seq=5)
    peer.data(b"abcdefgh", seq=1)
    assert tries(world, sock, "recv") == b"abcdef"
    assert tries(world, sock, "recv") == b""
    assert sock.state is CLOSE_WAIT


def test_where_segments_count_as_a_whole_text_over_a_fin_takes_its_place() -> None:
    """docs/kernel-notes/found.md, text-over-a-fin."""
    world, peer, sock = reach(ESTABLISHED)
    peer.tx("FIN|ACK", b"ef", seq=5)
    peer.data(b"abcdefgh", seq=1)
    assert tries(world, sock, "recv") == b"abcdefgh"
    assert sock.state is ESTABLISHED
    peer.tx("FIN|ACK", b"", seq=9)
    assert sock.state is CLOSE_WAIT


def test_every_second_full_segment_is_acknowledged_and_a_lone_one_after_a_while() -> None:
    """SHLD-18, SHLD-19, MUST-58; a new connection acknowledges the first ones at once."""
    world, peer, sock = reach(ESTABLISHED)
    for _ in range(20):
        peer.data(b"x" * 1460)
        peer.data(b"x" * 1460)
        tries(world, sock, "recv")
    tries(world, sock, b"we talk as well")
    mark = peer.mark()
    peer.data(b"x" * 1460)
    peer.silent(mark)
    peer.data(b"x" * 1460)
    peer.silent(mark)  # its window would be smaller than the one before
    tries(world, sock, "recv")
    peer.answers(mark, "ACK", ack=peer.nxt)
    mark = peer.mark()
    peer.data(b"x" * 1460)
    peer.silent(mark)
    world.run(0.25)
    assert 0.04 <= peer.answers(mark, "ACK", ack=peer.nxt).t <= 0.2


def test_what_comes_again_draws_no_ack_at_once_while_half_of_the_buffer_is_unread() -> None:
    """docs/kernel-notes/acks.md; where the buffer is free, it does."""
    world, peer, _ = reach(ESTABLISHED, LINUX.with_field("receive_default", 40_000))
    peer.data(b"x" * 1460)
    mark = peer.mark()
    peer.data(b"x" * 1460, seq=1)
    peer.answers(mark, "ACK", ack=peer.nxt)
    for _ in range(15):
        peer.data(b"x" * 1460)
    world.run(0.1)
    mark = peer.mark()
    for _ in range(2):
        peer.data(b"x" * 1460)
    peer.data(b"x" * 1460, seq=peer.nxt - 1460)
    peer.silent(mark)
    world.run(0.05)
    assert peer.since(mark)[-1].ack == peer.nxt


def test_the_receive_buffer_does_not_grow_beyond_its_new_size() -> None:
    """SO_RCVBUF made smaller does not take the window back, but the memory is not there."""
    world, peer, sock = reach(ESTABLISHED)
    world.set(sock, names.SO_RCVBUF, 4096)
    for _ in range(40):
        peer.data(b"x" * 1460)
    queued = sock.ioctl(names.SIOCINQ)
    assert 4096 <= queued <= 2 * 4096 + 1460
    assert Reason.RECEIVE_BUFFER_FULL in [
        event.reason for event in world.events if isinstance(event, Dropped)
    ]
    assert len(tries(world, sock, "recv")) == queued  # type: ignore[arg-type]
    peer.data(b"y" * 1000, seq=1 + queued)
    assert tries(world, sock, "recv") == b"y" * 1000


def test_in_time_wait_no_text_is_read() -> None:
    world, peer, sock = reach(TIME_WAIT)
    peer.data(b"zz")
    assert sock.state is CLOSED
    assert tries(world, sock, "recv") == b""
