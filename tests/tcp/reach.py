"""A host brought into each state, and the table row that the tests of 3.10.7 share.

The peer is made by hand: its ISN and ours count as 0. `play` sends one segment and compares the
answer with the row; sequence and acknowledgment numbers of a row are distances from RCV.NXT and
SND.NXT, so 0 is what an orderly peer would send.
"""

from __future__ import annotations

from typing import NamedTuple

from lastack.profile import LINUX, Profile
from lastack.sockets import TcpSocket, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from tests.truth.peer import HandPeer, World

SYNCHRONIZED = (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK)
WINDOW = 64_240
"""What the host advertises at first: half of its receive buffer in whole segments."""

Three = tuple[World, HandPeer, TcpSocket]


class Row(NamedTuple):
    """In `state` a segment arrives; `answer` leaves, and `then` is the state.

    answer: "" nothing; "ACK" <SEQ=SND.NXT><ACK=RCV.NXT>; "RST" <SEQ=SEG.ACK><CTL=RST>;
    "RST|ACK" <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; "SYN|ACK" ours again.
    takes: how far RCV.NXT moves.
    """

    state: State
    what: str
    flags: str
    seq: int = 0
    ack: int = 0
    text: bytes = b""
    answer: str = ""
    then: State = CLOSED
    takes: int = 0


def reach(
    state: State, profile: Profile = LINUX, *, timestamps: bool = False, window: int = 64_240
) -> Three:
    """Bring a socket into `state`; the descriptor is open. Nothing is acknowledged by itself.

    In SYN-RECEIVED the socket is the listener.
    """
    world = World(profile)
    peer = HandPeer(world, mode="manual", timestamps=timestamps, wnd=window)
    if state is SYN_RECEIVED:
        listener = world.listen()
        peer.tx("SYN")
        return world, peer, listener
    if state is SYN_SENT:
        return world, peer, peer.begin_from_k()
    sock = peer.accept_from_k()
    if state in (CLOSE_WAIT, LAST_ACK):
        peer.fin()
        world.run(0.005)  # its ACK waits for a tick of the clock
    if state not in (ESTABLISHED, CLOSE_WAIT):
        sock.shutdown(names.SHUT_WR, world.now)
        world.flush()
    if state is CLOSING:
        peer.fin(ack=1)
    if state in (FIN_WAIT_2, TIME_WAIT):
        peer.ack()
    if state is TIME_WAIT:
        peer.fin()
    assert peer.state is state
    return world, peer, sock


def play(row: Row, profile: Profile = LINUX, *, timestamps: bool = False) -> Three:
    """Let the segment of a row arrive, and assert its outcome."""
    three = reach(row.state, profile, timestamps=timestamps)
    send(row, three[1])
    return three


def send(row: Row, peer: HandPeer) -> None:
    """Let the segment of a row arrive where its state has been reached, and assert its outcome."""
    theirs, ours = peer.nxt, peer.got
    mark = peer.mark()
    peer.tx(row.flags, row.text, seq=theirs + row.seq, ack=ours + row.ack)
    peer.world.run(0.005)  # the ACK of a lone FIN waits for a tick of the clock
    if not row.answer:
        peer.silent(mark)
    elif row.answer == "RST":
        got = peer.answers(mark, "RST", seq=ours + row.ack, wnd=0, len=0)
        assert got.segment.ack == 0
    elif row.answer == "RST|ACK":
        length = len(row.text) + ("SYN" in row.flags) + ("FIN" in row.flags)
        got = peer.answers(mark, "RST|ACK", ack=theirs + row.seq + length, wnd=0, len=0)
        assert got.segment.seq == 0
    elif row.answer == "SYN|ACK":
        peer.answers(mark, "SYN|ACK", seq=0, ack=1, len=0)
    else:
        peer.answers(mark, row.answer, seq=ours, ack=theirs + row.takes, len=0)
    assert peer.state is row.then


def name(row: Row) -> str:
    """The name of a row in the test report."""
    return f"{row.state.value}, {row.what}"
