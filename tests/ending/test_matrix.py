"""Every front end against every behaviour of the peer: what close() and aclose() say, and do."""

from __future__ import annotations

import errno

import pytest

from lastack.ending import Kind, NotDelivered

from .front_ends import FRONT_ENDS, FrontEnd
from .peers import (
    PATIENCE,
    UPLOAD,
    Peer,
    answers_the_fin,
    closes_first,
    never_closes,
    never_reads,
    reads_all,
    resets,
    uploads,
)

PAYLOAD = bytes(100_000)
LITTLE = bytes(12_000)
"""Fits between a program and a peer that does not read; more would stop trio's send_all()."""
SHORT = 0.2
"""Seconds; the limit of those that will run into it."""

front_ends = pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)


@front_ends
def test_a_peer_that_reads_and_closes_confirms(front_end: FrontEnd) -> None:
    with Peer(reads_all) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE)
    assert ending.kind is Kind.CONFIRMED
    assert ending
    assert (ending.delivered, ending.unacked, ending.unsent) == (True, 0, 0)
    assert (ending.errno, ending.peer_closed_first) == (None, False)
    assert ending.check() is ending
    assert (peer.received, peer.eof) == (len(PAYLOAD), True)


@front_ends
def test_a_peer_that_is_sending_gets_everything(front_end: FrontEnd) -> None:
    with Peer(uploads) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE)
    assert ending.kind is Kind.CONFIRMED
    assert (peer.received, peer.eof, peer.error) == (len(PAYLOAD), True, None)


@front_ends
def test_what_comes_after_our_fin_is_drained_and_counted(front_end: FrontEnd) -> None:
    with Peer(answers_the_fin) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE)
    assert ending.kind is Kind.CONFIRMED
    assert ending.drained == UPLOAD
    assert peer.error is None


@front_ends
def test_a_peer_that_closed_first_only_acknowledges(front_end: FrontEnd) -> None:
    with Peer(closes_first) as peer:
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE)
    assert ending.kind is Kind.ACKED
    assert not ending
    assert (ending.delivered, ending.unacked, ending.peer_closed_first) == (True, 0, True)
    assert ending.check() is ending
    assert (peer.received, peer.eof) == (len(PAYLOAD), True)


@front_ends
def test_a_peer_that_never_closes_stays_open_and_keeps_what_it_has(front_end: FrontEnd) -> None:
    with Peer(never_closes) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE, idle=SHORT)
    assert ending.kind is Kind.OPEN
    assert (ending.delivered, ending.unacked, ending.drained) == (True, 0, 0)
    assert SHORT <= ending.elapsed < PATIENCE
    assert ending.check() is ending
    # Our reset came behind our FIN: it takes nothing away from a program that only reads.
    assert (peer.received, peer.eof) == (len(PAYLOAD), True)


@front_ends
def test_a_peer_that_never_reads_times_out_and_is_reset(front_end: FrontEnd) -> None:
    with Peer(never_reads, receive_buffer=4096) as peer:
        peer.ready.set()
        ending = front_end(peer, LITTLE, timeout=SHORT)
    assert ending.kind is Kind.TIMED_OUT
    assert ending.delivered is False
    assert ending.elapsed >= SHORT
    assert ending.unacked is not None
    assert ending.unsent is not None
    assert 0 < ending.unsent <= ending.unacked
    assert peer.received == len(LITTLE) - ending.unacked
    assert peer.error is not None
    assert peer.error.errno == errno.ECONNRESET
    with pytest.raises(NotDelivered) as raised:
        ending.check()
    assert raised.value.ending is ending


@front_ends
def test_a_reset_is_told_and_not_raised(front_end: FrontEnd) -> None:
    with Peer(resets, receive_buffer=4096) as peer:
        peer.ready.set()
        ending = front_end(peer, LITTLE, timeout=PATIENCE)
    assert ending.kind is Kind.RESET
    assert not ending.delivered
    assert ending.errno == errno.ECONNRESET
    with pytest.raises(NotDelivered):
        ending.check()


@front_ends
def test_left_to_the_kernel_the_bytes_still_arrive(front_end: FrontEnd) -> None:
    with Peer(never_reads, receive_buffer=4096) as peer:
        peer.ready.set()
        ending = front_end(peer, LITTLE, timeout=SHORT, on_timeout="leave")
    assert ending.kind is Kind.TIMED_OUT
    assert ending.delivered is False
    assert (peer.received, peer.eof) == (len(LITTLE), True)


@front_ends
def test_without_half_close_nothing_is_waited_for_but_acknowledgments(front_end: FrontEnd) -> None:
    with Peer(never_closes) as peer:
        peer.ready.set()
        ending = front_end(peer, PAYLOAD, timeout=PATIENCE, half_close=False)
        assert ending.kind is Kind.OPEN
        assert (ending.delivered, ending.state) == (True, "ESTAB")
    assert (peer.received, peer.eof) == (len(PAYLOAD), True)


@front_ends
def test_drain_limit_ends_the_reading(front_end: FrontEnd) -> None:
    with Peer(answers_the_fin) as peer:
        peer.ready.set()
        ending = front_end(peer, b"", timeout=PATIENCE, drain_limit=100_000)
    assert ending.kind is Kind.OPEN
    assert ending.drained == 100_000
