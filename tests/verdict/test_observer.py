"""What packets alone tell of a connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.trace import Lost, Reason, ResetIgnored, Sent
from lastack.verdict import First, Kind, evidence
from lastack.wire import Captured, Direction, Flow, IcmpMessage, Interface, Segment

from .observed import EXCHANGE, FLOW, GET, HANDSHAKE, MS, WEB, Bystander, segment

ACTIVE = "ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT"
PASSIVE = "ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED"


def ended(text: str) -> tuple[Kind, First, Reason | None, str]:
    (one,) = Bystander().script(text).over()
    end = one.ending
    return end.kind, end.first_closer, end.reason, end.by


def test_an_orderly_end() -> None:
    seen = Bystander().script(EXCHANGE + """
        web F. 8 6
        get . 6 9
        get F. 6 9
        web . 9 7
    """)  # fmt: skip
    (one,) = seen.over()
    assert (one.ending.kind, one.ending.first_closer) == (Kind.FIN, First.SERVER)
    assert seen.states() == (f"SYN-SENT {PASSIVE}", f"SYN-RECEIVED {ACTIVE}")
    account = one.ledger.client_to_server
    assert (account.accepted, account.read, account.unknown, account.queued) == (5, 0, 5, 0)


def test_fins_that_cross_are_a_simultaneous_close() -> None:
    seen = Bystander().script(EXCHANGE + """
        web F. 8 6
        get F. 6 8
        get . 7 9
        web . 9 7
    """)  # fmt: skip
    (one,) = seen.over()
    assert one.ending.first_closer is First.BOTH
    assert seen.states()[0] == "SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT"


@pytest.mark.parametrize(("text", "says"), [
    ("get S\nweb R. 0 1", (Kind.REFUSED, First.NONE, Reason.PORT_CLOSED, "web")),
    (EXCHANGE + "web R. 8 6", (Kind.RST, First.SERVER, Reason.ABORTED, "web")),
    (EXCHANGE + "web F. 8 6\nget . 6 9\nget . 6 9 50\nweb R 9",
     (Kind.RST, First.SERVER, Reason.DATA_AFTER_CLOSE, "web")),
    (EXCHANGE + "get . 6 8 50\nweb R 8", (Kind.RST, First.NONE, Reason.NO_CONNECTION, "web")),
    (EXCHANGE, (Kind.OPEN, First.NONE, None, "")),
    (EXCHANGE + "web F. 8 6", (Kind.OPEN, First.SERVER, None, "")),
])  # fmt: skip
def test_ends_and_their_reasons(text: str, says: tuple[Kind, First, Reason | None, str]) -> None:
    assert ended(text) == says


def test_a_late_reset_from_nowhere_changes_nothing() -> None:
    text = EXCHANGE + "web R. 8 6\nget . 6 8 50\nweb R 8"
    assert ended(text) == (Kind.RST, First.SERVER, Reason.ABORTED, "web")


def test_a_reset_that_is_survived_was_not_taken() -> None:
    seen = Bystander().script(EXCHANGE + "web R. 500 6\nget . 6 8\nweb . 8 6")
    (one,) = seen.over()
    assert seen.reasons(ResetIgnored) == [Reason.RESET_NOT_EXACT]
    assert one.story.client is not None
    assert not one.story.client.gone


def test_a_reset_beyond_what_was_captured_was_taken_when_nobody_survives_it() -> None:
    assert ended(EXCHANGE + "web R. 500 6") == (Kind.RST, First.SERVER, Reason.ABORTED, "web")
    (one,) = Bystander().script(EXCHANGE + "web R. 500 6").over()
    assert one.story.client is not None
    assert one.story.client.gone


def test_bytes_that_nobody_acknowledged_before_a_reset_are_lost() -> None:
    (one,) = Bystander().script(EXCHANGE + "get . 6 8 100\nweb R. 8 6").over()
    assert one.ledger.client_to_server.destroyed == 100
    assert "Lost: 100 of get's 105 bytes." in one.why


def test_a_capture_that_begins_in_the_middle() -> None:
    seen = Bystander().script("""
        web . 100 50 7
        get . 50 107
        get F. 50 107
        web F. 107 51
        get . 51 108
    """)  # fmt: skip
    (one,) = seen.over()
    assert (one.ending.kind, one.ending.first_closer) == (Kind.FIN, First.CLIENT)
    assert seen.states() == (ACTIVE, PASSIVE)
    assert one.ledger.server_to_client.accepted == 7
    assert seen.observer.pairs[0].midway


def test_a_handshake_whose_syn_is_missing() -> None:
    seen = Bystander().script("web S. 0 1\nget . 1 1\nget . 1 1 5\nweb . 1 6\nweb R. 1 6")
    (one,) = seen.over()
    assert (one.ending.kind, one.ending.by) == (Kind.RST, "web")
    assert seen.states()[0] == "SYN-SENT ESTABLISHED CLOSED"


def test_a_handshake_whose_answer_is_missing() -> None:
    seen = Bystander().script("get S\nget . 1 1\nget . 1 1 5\nweb . 1 6\nweb F. 1 6")
    seen.over()
    assert seen.states() == ("SYN-SENT ESTABLISHED", "SYN-RECEIVED ESTABLISHED FIN-WAIT-1")


def test_packets_that_were_not_captured_are_inferred_from_acknowledgments() -> None:
    seen = Bystander().script(EXCHANGE + """
        web . 8 6
        get . 1006 8 10
        web . 8 1016
        get . 1016 508
    """)  # fmt: skip
    seen.over()
    client, server = evidence(seen.observer.pairs[0])
    assert (client.captured, client.inferred, client.acknowledged) == (15, 1000, 1015)
    assert (server.captured, server.inferred, server.acknowledged) == (7, 500, 507)


def test_retransmissions_count_once() -> None:
    seen = Bystander().script(
        EXCHANGE + "get . 6 8 100\nget . 6 8 100\nget . 56 8 100\nweb . 8 156"
    )
    (one,) = seen.over()
    assert one.ledger.client_to_server.accepted == 155
    assert [one.again for one in seen.events if isinstance(one, Sent)][-4:] == [
        False, True, True, False,
    ]  # fmt: skip


def test_the_same_ports_again_are_another_connection() -> None:
    seen = Bystander().script(EXCHANGE + "web F. 8 6\nget F. 6 9\nweb . 9 7")
    seen.script(EXCHANGE + "get R. 6 8", iss=5_000_000)
    first, second = seen.over()
    assert (first.ending.kind, second.ending.kind) == (Kind.FIN, Kind.RST)
    assert second.ending.first_closer is First.CLIENT


def test_a_connection_of_a_socket_with_itself() -> None:
    flow = Flow(GET, 4000, GET, 4000)
    seen = Bystander()
    seen.see(Segment(flow, 99, 0, 2, 500))
    seen.see(Segment(flow, 99, 100, 0x12, 500))
    seen.see(Segment(flow, 100, 100, 0x10, 500, b"hello"))
    seen.see(Segment(flow, 105, 105, 0x11, 500))
    seen.see(Segment(flow, 106, 106, 0x10, 500))
    (one,) = seen.over()
    assert one.story.to_itself
    assert (one.ending.kind, one.ending.first_closer) == (Kind.FIN, First.BOTH)


# -- several sightings of one packet ----------------------------------------------------------

BOTH_ENDS = (Interface(101, "get", (GET,)), Interface(101, "web", (WEB,)))


def test_what_left_and_arrived_is_one_packet() -> None:
    seen = Bystander(*BOTH_ENDS)
    for text in ("get S", "web S. 0 1", "get . 1 1", "get . 1 1 5", "web . 1 6"):
        who, flags, *numbers = text.split()
        seg = segment(who, flags, *map(int, numbers))
        here, there = (0, 1) if who == "get" else (1, 0)
        seen.see(seg, face=here)
        seen.see(seg, face=there)
    seen.over()
    assert len([one for one in seen.events if isinstance(one, Sent)]) == 5
    assert seen.states() == ("SYN-SENT ESTABLISHED", "SYN-RECEIVED ESTABLISHED")
    assert not [one for one in seen.events if isinstance(one, Lost)]


def test_what_left_and_never_arrived_is_lost() -> None:
    seen = Bystander(*BOTH_ENDS)
    syn = segment("get", "S")
    seen.see(syn, face=0)
    seen.see(syn, face=1)
    seen.see(segment("web", "S.", 0, 1), face=1)
    seen.see(segment("web", "S.", 0, 1), face=0)
    seen.see(segment("get", ".", 1, 1), face=0)
    seen.over()
    assert seen.reasons(Lost) == [Reason.NOT_ARRIVED]
    assert seen.states() == ("SYN-SENT ESTABLISHED", "SYN-RECEIVED")


@pytest.mark.parametrize("ident", [0, 7])
def test_copies_on_another_interface_count_once(ident: int) -> None:
    seen = Bystander()
    for way in (Direction.IN, Direction.OUT):
        seen.see(segment("get", "S"), way=way, ident=ident)
    assert len([one for one in seen.events if isinstance(one, Sent)]) == 1
    assert seen.sightings.copies == 1


def test_a_retransmission_is_no_copy() -> None:
    seen = Bystander()
    seen.see(segment("get", "S"), ident=7)
    seen.see(segment("get", "S"), ident=8)  # a TCP that sends again counts on
    seen.see(segment("get", "S"), ident=8, after=2000 * MS)  # or waits
    assert [one.again for one in seen.events if isinstance(one, Sent)] == [False, True, True]


def test_other_packets_change_nothing() -> None:
    seen = Bystander()
    message = IcmpMessage(Flow(WEB, 0, GET, 0), 3, 3, FLOW, 0)
    seen.sightings.take(Captured(message, Direction.IN, 0, 0), 0, 0)
    assert not seen.events


# -- anything at all --------------------------------------------------------------------------

NUMBERS = st.sampled_from([0, 1, 2, 6, 100, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])


@given(st.lists(st.tuples(
    st.sampled_from(["get", "web"]), st.integers(0, 63), NUMBERS, NUMBERS, st.integers(0, 9),
    st.integers(0, 1),
), max_size=40), st.booleans(), st.sampled_from(["", HANDSHAKE, EXCHANGE]))  # fmt: skip
def test_any_packets_can_be_told(
    packets: list[tuple[str, int, int, int, int, int]], at_both_ends: bool, start: str
) -> None:
    seen = Bystander(*(BOTH_ENDS if at_both_ends else ()))
    if not at_both_ends:
        seen.script(start)
    for who, flags, first, ack, size, face in packets:
        like = segment(who, ".", first, ack, size)
        seg = Segment(like.flow, like.seq, like.ack, flags, 1, like.text)
        seen.see(seg, face=face if at_both_ends else 0)
    for one in seen.over():
        for account in (one.ledger.client_to_server, one.ledger.server_to_client):
            parts = (account.read, account.unread, account.queued, account.destroyed)
            assert account.accepted == sum(parts) + account.unknown
            assert min(parts) >= 0
