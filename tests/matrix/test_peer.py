"""The scripted peers, without any TCP at the other end."""

from __future__ import annotations

import pytest

from lastack.matrix import Peer, Pending
from lastack.profile import MS, NEVER, S
from lastack.wire import ACK, FIN, RST, SYN, Flow, Segment, flags_text

FLOW = Flow(bytes([10, 0, 0, 1]), 40000, bytes([10, 0, 0, 2]), 80)


def segment(number: int, flags: int, size: int = 0) -> Segment:
    return Segment(FLOW, number, 0, flags, 65535, bytes(size))


def connected(pending: Pending) -> Peer:
    peer = Peer(pending)
    (answer,) = peer.segment_arrives(segment(99, SYN), 0)
    assert (flags_text(answer.flags), answer.ack, answer.mss) == ("[S.]", 100, 1460)
    assert peer.segment_arrives(segment(100, ACK), 0) == []
    return peer


def test_an_acking_peer_takes_what_is_in_order_once() -> None:
    peer = connected(Pending.ACKED)
    assert [seg.ack for seg in peer.segment_arrives(segment(100, ACK, 10), 0)] == [110]
    assert [seg.ack for seg in peer.segment_arrives(segment(105, ACK, 10), 0)] == [115]
    assert [seg.ack for seg in peer.segment_arrives(segment(100, ACK, 10), 0)] == [115]
    assert [seg.ack for seg in peer.segment_arrives(segment(120, ACK, 10), 0)] == [115]
    assert peer.taken == 15


def test_it_closes_after_our_fin() -> None:
    peer = connected(Pending.ACKED)
    peer.segment_arrives(segment(100, FIN | ACK, 3), S)
    assert peer.taken == 3
    assert peer.next_timeout == S + 100 * MS
    (fin,) = peer.timeout(S + 100 * MS)
    assert (flags_text(fin.flags), fin.ack) == ("[F.]", 104)
    assert peer.next_timeout == NEVER


def test_it_does_not_close_after_a_reset() -> None:
    peer = connected(Pending.NONE)
    peer.segment_arrives(segment(100, FIN | ACK), 0)
    assert peer.segment_arrives(segment(101, RST | ACK), 0) == []
    assert peer.got_reset
    assert peer.next_timeout == NEVER


def test_it_challenges_a_reset_that_is_not_exact() -> None:
    (challenge,) = connected(Pending.SLOW).segment_arrives(segment(200, RST | ACK), 0)
    assert (flags_text(challenge.flags), challenge.ack) == ("[.]", 100)


def test_a_slow_peer_acknowledges_once_for_each_arrival_and_all_it_has() -> None:
    peer = connected(Pending.SLOW)
    assert peer.segment_arrives(segment(100, ACK, 10), 0) == []
    assert peer.segment_arrives(segment(110, ACK, 10), 0) == []
    assert peer.segment_arrives(segment(120, ACK, 10), 400 * MS) == []
    assert peer.timeout(499 * MS) == []
    assert [seg.ack for seg in peer.timeout(500 * MS)] == [130, 130]
    assert peer.next_timeout == 900 * MS


def test_finonly_hears_nothing_from_close_on() -> None:
    peer = connected(Pending.FIN_ONLY)
    assert peer.segment_arrives(segment(100, ACK, 10), 0)
    peer.before_close()
    assert peer.segment_arrives(segment(110, FIN | ACK), 0) == []
    assert not peer.got_fin


@pytest.mark.parametrize("pending", [Pending.SILENT, Pending.ZERO_WINDOW_SILENT])
def test_a_silent_peer_takes_nothing(pending: Pending) -> None:
    peer = connected(pending)
    assert peer.segment_arrives(segment(100, ACK, 10), 0) == []
    assert (peer.taken, peer.next_timeout) == (0, NEVER)


def test_an_answering_peer_repeats_that_its_window_is_shut() -> None:
    peer = connected(Pending.ZERO_WINDOW_ANSWERING)
    assert [seg.wnd for seg in peer.shut_window()] == [0]
    assert [seg.wnd for seg in peer.segment_arrives(segment(99, ACK), 0)] == [0]
    assert peer.taken == 0


def test_what_it_says_uses_up_sequence_numbers() -> None:
    peer = connected(Pending.NONE)
    first, second = peer.say(b"unread") + peer.say(b"!")
    assert second.seq == first.seq + 6
