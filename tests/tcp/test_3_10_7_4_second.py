"""RFC 9293 section 3.10.7.4, second: check the RST bit, as RFC 5961 section 3 has it."""

import errno

import pytest

from lastack.profile import LINUX, WindowCheck
from lastack.sockets import AGAIN
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    State,
)
from tests.truth.peer import HandPeer, World, tries

from .reach import SYNCHRONIZED, WINDOW, Row, name, play, reach

AFTER_FIN = (CLOSE_WAIT, CLOSING, LAST_ACK)


def rows() -> list[Row]:
    table = []
    for state in (SYN_RECEIVED, *SYNCHRONIZED):
        edge = WINDOW - 2
        table += [
            Row(state, "exact", "RST"),
            Row(state, "exact, whatever it acknowledges", "RST|ACK", ack=100_000),
            Row(state, "one further", "RST", 1, answer="ACK", then=state),
            Row(state, "last of the window", "RST", edge, answer="ACK", then=state),
            Row(state, "outside", "RST", 500_000, then=state),
            Row(state, "one before", "RST", -1, then=CLOSED if state in AFTER_FIN else state),
            Row(state, "two before", "RST", -2, then=state),
        ]
    return table


@pytest.mark.parametrize("row", rows(), ids=name)
def test_reset(row: Row) -> None:
    play(row)


@pytest.mark.parametrize("state", AFTER_FIN)
def test_the_fins_own_number_where_the_profile_does_not_take_it(state: State) -> None:
    row = Row(state, "one before", "RST", -1, then=state)
    profile = LINUX.with_field("window_check", WindowCheck.OVERLAP)
    play(row, profile.with_field("reset_at_fin", False))


@pytest.mark.parametrize(
    ("state", "number"),
    [
        (ESTABLISHED, errno.ECONNRESET),
        (FIN_WAIT_1, errno.ECONNRESET),
        (FIN_WAIT_2, errno.ECONNRESET),
        (CLOSE_WAIT, errno.EPIPE),
        (CLOSING, errno.ECONNRESET),
        (LAST_ACK, errno.ECONNRESET),
    ],
)
def test_the_errno_of_a_reset(state: State, number: int) -> None:
    world, peer, sock = reach(state)
    peer.rst()
    assert sock.take_error(world.now) == number


def test_the_errno_in_close_wait_is_the_profiles() -> None:
    profile = LINUX.with_field("reset_in_close_wait", errno.ECONNRESET)
    world, peer, sock = reach(CLOSE_WAIT, profile)
    peer.rst()
    assert sock.take_error(world.now) == errno.ECONNRESET


def test_a_reset_with_text_is_a_reset() -> None:
    """SHLD-2: the text is nobody's."""
    world, peer, sock = reach(ESTABLISHED)
    peer.tx("RST", b"because")
    assert sock.state is CLOSED
    assert tries(world, sock, "recv") == "ECONNRESET"
    assert tries(world, sock, "recv") == b""


def test_a_reset_of_a_handshake_leaves_the_listener_alone() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world)
    peer.tx("SYN")
    peer.rst()
    assert listener.state is LISTEN
    assert listener.accept(world.now) is AGAIN
    assert HandPeer(world, port=81).connect_to_k(listener).state is ESTABLISHED
