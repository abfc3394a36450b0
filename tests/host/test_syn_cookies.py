"""SYN cookies (docs/kernel-notes/syn-cookies.md; RFC 4987 section 3.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.host import cookies
from lastack.profile import LINUX, FullRequests, Profile, S
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import ESTABLISHED, SYN_RECEIVED
from lastack.verdict import Book, ledger
from lastack.wire import ABSENT, ACK, SYN, Flow, Segment
from tests.exchange import B, Lab
from tests.truth.peer import HandPeer, World

FLOW = Flow(bytes((10, 0, 0, 1)), 80, bytes((10, 0, 0, 2)), 4000)


def dial(
    world: World, port: int, *, sack: bool = False, timestamps: bool = False, mss: int = 1460
) -> HandPeer:
    """A SYN from `port`."""
    peer = HandPeer(world, mode="manual", port=port, sack=sack, timestamps=timestamps, mss=mss)
    peer.tx("SYN")
    return peer


def crowd(backlog: int, profile: Profile = LINUX) -> tuple[World, TcpSocket]:
    """A listener, and as many SYNs as it keeps."""
    world = World(profile)
    listener = world.listen(backlog=backlog)
    for port in range(1000, 1001 + backlog):
        dial(world, port)
    return world, listener


def half_open(world: World) -> int:
    return sum(row.state is SYN_RECEIVED for row in world.k.snapshot())


@pytest.mark.parametrize(("backlog", "kept"), [(0, 1), (1, 2), (5, 6)])
def test_how_many_are_kept(backlog: int, kept: int) -> None:
    world = World(LINUX)
    world.listen(backlog=backlog)
    for port in range(1000, 1010):
        peer = dial(world, port)
        assert [got.flags for got in peer.since((0, 0))] == ["SYN|ACK"]
    assert half_open(world) == kept


@pytest.mark.parametrize(
    ("rule", "answered", "kept"),
    [(FullRequests.COOKIES, 10, 2), (FullRequests.DROPPED, 2, 2), (FullRequests.KEPT, 10, 10)],
)
def test_what_a_system_does_with_the_others(rule: FullRequests, answered: int, kept: int) -> None:
    world = World(LINUX.with_field("full_requests", rule))
    world.listen(backlog=1)
    peers = [dial(world, port) for port in range(1000, 1010)]
    assert sum(len(peer.since((0, 0))) for peer in peers) == answered
    assert half_open(world) == kept


def test_the_ack_of_a_cookie_opens_and_nothing_is_repeated_before() -> None:
    world, listener = crowd(0)
    peer = dial(world, 2000)
    mark = peer.mark()
    world.run(10)
    peer.silent(mark)
    peer.ack()
    assert peer.state is ESTABLISHED
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    mark = peer.mark()
    peer.data(b"question")
    assert sock.recv(99, 0, world.now) == b"question"
    assert sock.send(b"answer", 0, world.now) == 6
    world.flush()
    assert peer.since(mark)[-1].text == b"answer"


def test_text_with_the_ack_is_taken() -> None:
    world, listener = crowd(0)
    peer = dial(world, 2000)
    peer.data(b"at once")
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    assert sock.recv(99, 0, world.now) == b"at once"


@pytest.mark.parametrize("off", [1, 2, -4, 256, 1 << 24])
def test_an_ack_beside_the_cookie_draws_a_reset(off: int) -> None:
    """1,460 is the last of four sizes: one more, and four less, are no index."""
    world, _ = crowd(0)
    peer = dial(world, 2000)
    mark = peer.mark()
    peer.ack(1 + off)
    assert [got.flags for got in peer.since(mark)] == ["RST"]


def test_a_cookie_is_valid_for_two_minutes_at_most() -> None:
    world, _ = crowd(0)
    peer = dial(world, 2000)
    world.run(130)
    mark = peer.mark()
    peer.ack()
    assert [got.flags for got in peer.since(mark)] == ["RST"]


def test_an_ack_where_no_cookie_was_sent_draws_a_reset() -> None:
    world = World(LINUX)
    world.listen(backlog=5)
    peer = HandPeer(world, mode="manual", port=2000)
    peer.tx("ACK", seq=1, ack=1)
    assert [got.flags for got in peer.since((0, 0))] == ["RST"]


def test_a_full_accept_queue_drops_the_ack_until_there_is_room() -> None:
    world = World(LINUX)
    listener = world.listen(backlog=0)
    first, second = dial(world, 1000), dial(world, 1001)
    first.ack()
    mark = second.mark()
    second.ack()
    second.silent(mark)
    third = dial(world, 1002)
    third.silent((0, 0))
    assert listener.accept(world.now) is not AGAIN
    second.ack()
    assert second.state is ESTABLISHED


@pytest.mark.parametrize("timestamps", [False, True])
def test_what_a_cookie_remembers(timestamps: bool) -> None:
    world, listener = crowd(0)
    peer = dial(world, 2000, sack=True, timestamps=timestamps)
    (answer,) = peer.since((0, 0))
    assert answer.segment.sack_ok is timestamps
    assert answer.segment.wscale == ABSENT  # the peer offered none
    peer.ack()
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    assert sock.endpoint is not None
    info = sock.endpoint.connection.info()
    assert info.timestamps is timestamps
    assert sock.getsockopt(names.IPPROTO_TCP, names.TCP_MAXSEG, 4, world.now) == (
        (1448 if timestamps else 1460).to_bytes(4, "little")
    )


@given(
    irs=st.integers(0, (1 << 32) - 1), mss=st.integers(0, 65535), now=st.integers(0, 10**15),
    later=st.integers(0, 63),
)  # fmt: skip
def test_a_cookie_comes_back(irs: int, mss: int, now: int, later: int) -> None:
    cookie = cookies.make(FLOW, irs, mss, b"secret", now)
    ack = Segment(FLOW.reversed(), (irs + 1) % (1 << 32), (cookie + 1) % (1 << 32), ACK, 9)
    kept = cookies.check(FLOW, ack, b"secret", now + later * S)
    assert kept is not None
    assert kept.mss == max((size for size in cookies.SIZES if size <= mss), default=536)
    assert cookies.check(FLOW, ack, b"other", now) is None
    assert cookies.check(FLOW, ack, b"secret", now + 200 * S) is None


@given(
    tsval=st.integers(0, (1 << 32) - 1), wscale=st.integers(-1, 14), sack=st.booleans(),
    ecn=st.booleans(),
)  # fmt: skip
def test_a_timestamp_carries_the_other_options(
    tsval: int, wscale: int, sack: bool, ecn: bool
) -> None:
    syn = Segment(FLOW.reversed(), 5, 0, SYN, 9, mss=1460, wscale=wscale, sack_ok=sack, tsval=1)
    stamped = cookies.stamp(tsval, syn, ecn=ecn)
    assert (tsval - stamped) % (1 << 32) < 64
    cookie = cookies.make(FLOW, 5, 1460, b"secret", 0)
    ack = Segment(FLOW.reversed(), 6, (cookie + 1) % (1 << 32), ACK, 9, tsval=2, tsecr=stamped)
    assert cookies.check(FLOW, ack, b"secret", 0) == (1460, wscale, sack, ecn)


def test_two_hosts_and_a_cookie_between_them_are_one_story() -> None:
    """The ladder shows the SYN|ACK, though nobody kept anything of it."""
    lab = Lab()
    book = Book()
    lab.journal.listeners.append(book)
    listener = lab.listen(backlog=0)
    for port in (5000, 5001):
        lab.b.packet_arrives(Segment(Flow(bytes((9, 9, 9, 9)), port, B, 80), 1, 0, SYN, 99), 0)
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert isinstance(server, TcpSocket)
    client.send(b"hello", 0, lab.now)
    lab.run(S)
    assert server.recv(9, 0, lab.now) == b"hello"
    story = book.story_of(client.conn)
    assert story is not None
    assert story is book.story_of(server.conn)
    assert ledger(story).client_to_server.read == 5
