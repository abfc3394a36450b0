"""RFC 9293 section 3.10.7.2: what arrives at a listening socket."""

import pytest

from lastack.profile import LINUX, FullQueue, FullRequests
from lastack.sockets import AGAIN
from lastack.state import CLOSED, ESTABLISHED, LISTEN, SYN_RECEIVED
from tests.truth.peer import HandPeer, World

from .reach import Row, send

ROWS = [
    Row(LISTEN, "RST", "RST"),
    Row(LISTEN, "SYN|RST", "SYN|RST"),
    Row(LISTEN, "RST|ACK", "RST|ACK", ack=7000),
    Row(LISTEN, "ACK", "ACK", ack=7000, answer="RST"),
    Row(LISTEN, "ACK with text", "PSH|ACK", ack=7000, text=b"abc", answer="RST"),
    Row(LISTEN, "FIN|ACK", "FIN|ACK", ack=7000, answer="RST"),
    Row(LISTEN, "SYN|ACK", "SYN|ACK", ack=7000, answer="RST"),
    Row(LISTEN, "FIN", "FIN"),
    Row(LISTEN, "no flags", ""),
    Row(LISTEN, "SYN|FIN", "FIN|SYN"),
    Row(LISTEN, "SYN", "SYN", answer="SYN|ACK", then=SYN_RECEIVED),
    Row(LISTEN, "SYN with text", "SYN", text=b"abc", answer="SYN|ACK", then=SYN_RECEIVED),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_listen(row: Row) -> None:
    world = World()
    listener = world.listen()
    send(row, HandPeer(world))
    assert listener.state is LISTEN


def test_syn_with_fin_where_the_profile_takes_it() -> None:
    world = World(LINUX.with_field("syn_with_fin", True))
    world.listen()
    row = Row(LISTEN, "SYN|FIN", "FIN|SYN", answer="SYN|ACK", then=SYN_RECEIVED)
    send(row, HandPeer(world))


def full(world: World, backlog: int) -> list[HandPeer]:
    """Fill the accept queue; a peer too many has answered no SYN|ACK yet."""
    peers = [HandPeer(world, mode="manual", port=80 + n) for n in range(backlog + 2)]
    for peer in peers:
        peer.tx("SYN")
    for peer in peers[:-1]:
        peer.tx("ACK")
        assert peer.state is ESTABLISHED
    return peers


def test_the_accept_queue_holds_one_more_than_the_backlog() -> None:
    world = World()
    world.listen(backlog=2)
    full(world, 2)
    late = HandPeer(world, port=99)
    mark = late.mark()
    late.tx("SYN")
    late.silent(mark)
    assert late.state is CLOSED


def test_the_last_ack_waits_for_a_place_in_the_queue() -> None:
    world = World(LINUX.with_field("full_requests", FullRequests.KEPT))
    listener = world.listen(backlog=1)
    last = full(world, 1)[-1]
    mark = last.mark()
    last.tx("ACK")
    last.silent(mark)
    assert last.state is SYN_RECEIVED
    assert listener.accept(world.now) is not AGAIN
    world.run(1.5)  # SYN|ACK again, and the handshake completes
    last.answers(mark, "SYN|ACK", seq=0, ack=1)
    last.tx("ACK")
    assert last.state is ESTABLISHED


def test_a_full_queue_resets_where_the_profile_says_so() -> None:
    world = World(
        LINUX.with_field("full_queue", FullQueue.RESET).with_field(
            "full_requests", FullRequests.KEPT
        )
    )
    world.listen(backlog=1)
    last = full(world, 1)[-1]
    mark = last.mark()
    last.tx("ACK")
    last.answers(mark, "RST", seq=1, wnd=0)
    assert last.state is CLOSED


def test_a_request_whose_listener_is_gone_goes_at_its_timer() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    world.close(listener)
    mark = peer.mark()
    assert peer.state is SYN_RECEIVED
    world.run(1.1)
    assert peer.state is CLOSED
    world.run(10)
    peer.silent(mark)


@pytest.mark.parametrize(
    ("flags", "seq", "answer"),
    [("SYN", 0, ["RST|ACK"]), ("RST", 1, []), ("RST", 1_000_000, []), ("FIN|ACK", 1, ["RST"])],
)
def test_a_request_whose_listener_is_gone_goes_with_any_segment(
    flags: str, seq: int, answer: list[str]
) -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    world.close(listener)
    mark = peer.mark()
    peer.tx(flags, seq=seq)
    assert [got.flags for got in peer.since(mark)] == answer
    assert peer.state is CLOSED
