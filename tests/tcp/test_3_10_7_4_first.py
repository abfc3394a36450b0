"""RFC 9293 section 3.10.7.4, first: check sequence number (table 6), with PAWS (RFC 7323)."""

import pytest

from lastack.profile import LINUX, RFC9293, MissingTimestamp, Profile, WindowCheck
from lastack.sockets import names
from lastack.state import CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, LAST_ACK, SYN_RECEIVED
from lastack.wire import ABSENT
from tests.truth.peer import HandPeer, World, tries

from .reach import SYNCHRONIZED, WINDOW, Row, Three, name, play, reach

DAY = 86_400
TABLE_6 = LINUX.with_field("window_check", WindowCheck.OVERLAP)


def rows() -> list[Row]:
    table = []
    for state in (SYN_RECEIVED, *SYNCHRONIZED):
        table += [
            Row(state, "text beyond the window", "PSH|ACK", 500_000, 0, b"zz", "ACK", state),
            Row(state, "text just beyond it", "PSH|ACK", WINDOW, 0, b"zz", "ACK", state),
            Row(state, "no text, beyond it", "ACK", 500_000, 0, b"", "ACK", state),
        ]
    for state in SYNCHRONIZED:
        table += [
            Row(state, "old text", "PSH|ACK", -2, 0, b"zz", "ACK", state),
            Row(state, "no text, old", "ACK", -2, 0, b"", "ACK", state),
        ]
    return table


@pytest.mark.parametrize("row", rows(), ids=name)
def test_not_acceptable(row: Row) -> None:
    _, peer, sock = play(row, TABLE_6)
    assert sock.state is not CLOSED
    assert peer.nxt <= 2


def test_text_that_begins_before_the_window_is_trimmed() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.data(b"abc")
    mark = peer.mark()
    peer.data(b"bcdef", seq=2)
    peer.answers(mark, "ACK", ack=7)
    assert tries(world, sock, "recv") == b"abcdef"


def shut_window(profile: Profile = TABLE_6) -> Three:
    """RCV.WND is 0: the receive buffer is full."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set(sock, names.SO_RCVBUF, 4096)
    peer.accept_from_k(sock)
    peer.fill()
    return world, peer, sock


def test_with_a_zero_window_only_the_empty_segment_at_rcv_nxt_is_acceptable() -> None:
    world, peer, _ = shut_window()
    rcv_nxt = peer.arrived[-1][1].ack - peer.iss
    mark = peer.mark()
    peer.tx("ACK", seq=rcv_nxt)
    peer.silent(mark)
    peer.tx("PSH|ACK", b"x", seq=rcv_nxt)
    peer.answers(mark, "ACK", ack=rcv_nxt, wnd=0)
    world.run(1)
    mark = peer.mark()
    peer.tx("ACK", seq=rcv_nxt + 1)
    peer.answers(mark, "ACK", ack=rcv_nxt, wnd=0)


def test_with_a_zero_window_ack_and_rst_are_processed_all_the_same() -> None:
    """MUST-66, and the special allowance for valid ACKs."""
    world, peer, sock = shut_window()
    rcv_nxt = peer.arrived[-1][1].ack - peer.iss
    tries(world, sock, b"hello")
    assert sock.ioctl(names.SIOCOUTQ) == 5
    peer.tx("PSH|ACK", b"x", seq=rcv_nxt)
    assert sock.ioctl(names.SIOCOUTQ) == 0
    peer.rst(seq=rcv_nxt)
    assert sock.state is CLOSED


def test_with_a_zero_window_the_pointer_of_dropped_text_counts() -> None:
    """MUST-66, where the profile says so; the text comes again when there is room."""
    world, peer, sock = shut_window(RFC9293)
    rcv_nxt = peer.arrived[-1][1].ack - peer.iss
    queued = sock.ioctl(names.SIOCINQ)
    mark = peer.mark()
    peer.tx("PSH|ACK|URG", b"!", seq=rcv_nxt, up=1)
    peer.answers(mark, "ACK", ack=rcv_nxt, wnd=0)
    assert sock.recv(1, names.MSG_OOB, world.now) == b"!"
    assert sock.ioctl(names.SIOCINQ) == queued
    assert len(tries(world, sock, "recv")) == queued
    peer.tx("PSH|ACK|URG", b"!?", seq=rcv_nxt, up=1)
    assert tries(world, sock, "recv") == b"?"


# -- PAWS ---------------------------------------------------------------------------------------


def test_paws_answers_old_timestamps_and_drops() -> None:
    world, peer, sock = reach(ESTABLISHED, timestamps=True)
    mark = peer.mark()
    peer.tx("PSH|ACK", b"zz", seq=1, tsval=500)
    got = peer.answers(mark, "ACK", seq=1, ack=1)
    assert got.segment.tsval != ABSENT
    assert tries(world, sock, "recv") == "AGAIN"


@pytest.mark.parametrize(("flags", "text", "answers"), [
    ("PSH|ACK", b"zz", 5), ("FIN|ACK", b"", 5), ("ACK", b"", 1),
])  # fmt: skip
def test_paws_limits_the_answers_to_what_has_no_length(
    flags: str, text: bytes, answers: int
) -> None:
    _, peer, _ = reach(ESTABLISHED, timestamps=True)
    mark = peer.mark()
    for _ in range(5):
        peer.tx(flags, text, seq=1, tsval=500)
    assert [got.flags for got in peer.since(mark)] == ["ACK"] * answers


@pytest.mark.parametrize(
    ("profile", "older_ms", "answers"), [(LINUX, 200, 0), (LINUX, 5_000, 1), (RFC9293, 200, 1)]
)
def test_an_ack_that_others_have_overtaken(profile: Profile, older_ms: int, answers: int) -> None:
    """It says nothing new: on Linux it may be older by 1.2 RTO."""
    world, peer, _ = reach(ESTABLISHED, profile, timestamps=True)
    world.run(10)
    peer.tx("ACK")
    mark = peer.mark()
    peer.tx("ACK", tsval=peer.tsval + world.now // 1_000_000 - older_ms)
    assert [got.flags for got in peer.since(mark)] == ["ACK"] * answers


def test_an_overtaken_ack_with_another_window_is_no_such_ack() -> None:
    world, peer, _ = reach(ESTABLISHED, timestamps=True)
    world.run(10)
    peer.tx("ACK")
    mark = peer.mark()
    peer.tx("ACK", wnd=peer.wnd + 1, tsval=peer.tsval + world.now // 1_000_000 - 200)
    assert [got.flags for got in peer.since(mark)] == ["ACK"]


def test_paws_lets_an_old_timestamp_pass_after_24_days_of_silence() -> None:
    world, peer, sock = reach(ESTABLISHED, timestamps=True)
    world.run(25 * DAY)
    peer.tx("PSH|ACK", b"zz", tsval=500)
    assert tries(world, sock, "recv") == b"zz"


def test_paws_idle_time_is_the_profiles() -> None:
    profile = LINUX.with_field("paws_idle_ns", 10 * DAY * 10**9)
    world, peer, sock = reach(ESTABLISHED, profile, timestamps=True)
    world.run(11 * DAY)
    peer.tx("PSH|ACK", b"zz", tsval=500)
    assert tries(world, sock, "recv") == b"zz"


def test_paws_does_not_concern_a_reset() -> None:
    _, peer, sock = reach(ESTABLISHED, timestamps=True)
    peer.tx("RST|ACK", tsval=500)
    assert sock.state is CLOSED


@pytest.mark.parametrize("rule", MissingTimestamp)
def test_a_missing_timestamp_is_the_profiles_choice(rule: MissingTimestamp) -> None:
    profile = LINUX.with_field("missing_timestamp", rule)
    world, peer, sock = reach(ESTABLISHED, profile, timestamps=True)
    mark = peer.mark()
    peer.tx("PSH|ACK", b"zz", tsval=ABSENT)
    if rule is MissingTimestamp.ACCEPT:
        peer.answers(mark, "ACK", ack=3)
        assert tries(world, sock, "recv") == b"zz"
    else:
        peer.silent(mark)
        assert tries(world, sock, "recv") == "AGAIN"


@pytest.mark.parametrize("state", [CLOSE_WAIT, CLOSING, LAST_ACK])
def test_after_the_peers_fin_its_number_is_used(state: object) -> None:
    """RCV.NXT counts the FIN: the octet there is new, the FIN itself is old."""
    assert state in (CLOSE_WAIT, CLOSING, LAST_ACK)
    for seq, answered in ((0, False), (-1, True)):
        _, peer, sock = reach(state, TABLE_6)  # type: ignore[arg-type]
        mark = peer.mark()
        peer.tx("ACK", seq=peer.nxt + seq, ack=1)
        assert bool(peer.since(mark)) is answered
        assert sock.state is state


def test_old_text_does_not_open_what_a_listener_answered() -> None:
    """A request is no socket yet: its window has to be overlapped on Linux, too
    (docs/kernel-notes/resets.md)."""
    world = World()
    world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    mark = peer.mark()
    peer.tx("PSH|ACK", b"a", seq=0)
    peer.answers(mark, "ACK", seq=1, ack=1)
    assert peer.state is SYN_RECEIVED
