"""RFC 9293 section 3.10.7.4, eighth: check the FIN bit."""

import pytest

from lastack.state import (
    CLOSE_WAIT,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    TIME_WAIT,
)
from tests.truth.peer import tries

from .reach import Row, name, play, reach

ROWS = [
    Row(SYN_RECEIVED, "FIN", "FIN|ACK", answer="ACK", takes=1, then=CLOSE_WAIT),
    Row(ESTABLISHED, "FIN", "FIN|ACK", answer="ACK", takes=1, then=CLOSE_WAIT),
    Row(ESTABLISHED, "FIN behind a gap", "FIN|ACK", 10, answer="ACK", then=ESTABLISHED),
    Row(FIN_WAIT_1, "FIN", "FIN|ACK", ack=-1, answer="ACK", takes=1, then=CLOSING),
    Row(FIN_WAIT_1, "FIN that acknowledges ours", "FIN|ACK", answer="ACK", takes=1,
        then=TIME_WAIT),
    Row(FIN_WAIT_2, "FIN", "FIN|ACK", answer="ACK", takes=1, then=TIME_WAIT),
    # a FIN again stays before the window: an ACK, and no state changes
    Row(CLOSE_WAIT, "FIN again", "FIN|ACK", -1, answer="ACK", then=CLOSE_WAIT),
    Row(CLOSING, "FIN again", "FIN|ACK", -1, -1, answer="ACK", then=CLOSING),
    Row(LAST_ACK, "FIN again", "FIN|ACK", -1, -1, answer="ACK", then=LAST_ACK),
    Row(TIME_WAIT, "FIN again", "FIN|ACK", -1, answer="ACK", then=TIME_WAIT),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_fin(row: Row) -> None:
    play(row)


def test_a_fin_behind_a_gap_waits_until_it_is_filled() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.fin(seq=4)
    assert sock.state is ESTABLISHED
    mark = peer.mark()
    peer.data(b"abc", seq=1)
    assert peer.since(mark)[-1].ack == 5
    assert sock.state is CLOSE_WAIT
    assert tries(world, sock, "recv") == b"abc"
    assert tries(world, sock, "recv") == b""


def test_our_own_fin_carries_the_ack_of_a_lone_fin() -> None:
    world, peer, sock = reach(ESTABLISHED)
    mark = peer.mark()
    peer.fin()
    world.close(sock)
    world.run(0.1)
    assert [(got.flags, got.ack) for got in peer.since(mark)] == [("FIN|ACK", 2)]


def test_a_bare_fin_is_acknowledged_at_once_and_one_behind_text_after_the_delay() -> None:
    world, peer, _ = reach(ESTABLISHED)
    mark = peer.mark()
    peer.tx("FIN|ACK", b"abc")
    peer.silent(mark)
    world.run(0.3)
    assert peer.answers(mark, "ACK", ack=5).t == pytest.approx(0.041, abs=0.005)
