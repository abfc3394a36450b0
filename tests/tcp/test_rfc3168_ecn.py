"""RFC 3168: explicit congestion notification (docs/kernel-notes/ecn.md)."""

from __future__ import annotations

import pytest

from lastack.net import PASS, Fate, LinkRules, Mangle
from lastack.profile import LINUX, MS, Ecn
from lastack.sockets import TcpSocket
from lastack.tcp import marked
from lastack.wire import CWR, ECE, SYN, Packet, Segment
from tests.exchange import Lab
from tests.truth.peer import HandPeer, World, tries

MSS = 1460
NOT_ECT, ECT, CE = 0, 2, 3


def accepted(flags: str = "SYN|ECE|CWR", *, ecn: int = 0, sack: bool = True) -> tuple[
    World, HandPeer, TcpSocket
]:  # fmt: skip
    """The peer asks for ECN, and K accepts."""
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=sack)
    listener = world.listen()
    peer.tx(flags, ecn=ecn)
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    sock.hold()
    return world, peer, sock


def cwnd(sock: TcpSocket) -> int:
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


@pytest.mark.parametrize(
    ("flags", "ecn", "answer"),
    [("SYN|ECE|CWR", NOT_ECT, "SYN|ACK|ECE"), ("SYN|ECE", NOT_ECT, "SYN|ACK"),
     ("SYN|ECE|CWR", ECT, "SYN|ACK"), ("SYN", NOT_ECT, "SYN|ACK")],
)  # fmt: skip
def test_who_is_granted_it(flags: str, ecn: int, answer: str) -> None:
    _, peer, _ = accepted(flags, ecn=ecn)
    assert [got.flags for got in peer.since((0, 0))][:1] == [answer]


@pytest.mark.parametrize(
    ("answer", "works"),
    [("SYN|ACK|ECE", True), ("SYN|ACK", False), ("SYN|ACK|ECE|CWR", False)],
)
def test_what_the_syn_ack_settles(answer: str, works: bool) -> None:
    world = World(LINUX.with_field("ecn", Ecn.OFFERED))
    peer = HandPeer(world, mode="manual")
    mark = peer.mark()
    sock = peer.begin_from_k()
    peer.answers(mark, "SYN|ECE|CWR")
    peer.tx(answer)
    mark = peer.mark()
    tries(world, sock, b"x")
    (text,) = (got for got in peer.since(mark) if got.len)
    assert text.segment.ecn == (ECT if works else NOT_ECT)


def test_a_repeated_syn_does_without() -> None:
    world = World(LINUX.with_field("ecn", Ecn.OFFERED))
    peer = HandPeer(world, mode="manual")
    mark = peer.mark()
    peer.begin_from_k()
    world.run(1.5)
    assert [got.flags for got in peer.since(mark)] == ["SYN|ECE|CWR", "SYN"]


def test_simultaneous_open() -> None:
    world = World(LINUX.with_field("ecn", Ecn.OFFERED))
    peer = HandPeer(world, mode="manual")
    peer.begin_from_k()
    mark = peer.mark()
    peer.tx("SYN|ECE|CWR")
    peer.answers(mark, "SYN|ACK|ECE")


def test_a_mark_is_echoed_until_cwr() -> None:
    world, peer, sock = accepted()
    mark = peer.mark()
    peer.tx("ACK", b"x" * 100, ecn=CE)
    peer.tx("ACK", b"x" * 100, ecn=ECT)
    world.run(0.1)
    peer.tx("ACK|CWR", b"x" * 100, ecn=ECT)
    assert [(got.flags, got.ack) for got in peer.since(mark)] == [
        ("ACK|ECE", 101), ("ACK|ECE", 201), ("ACK", 301),
    ]  # fmt: skip
    mark = peer.mark()
    tries(world, sock, b"answer")
    assert [got.flags for got in peer.since(mark)] == ["ACK"]


def test_without_the_handshake_a_mark_says_nothing() -> None:
    _, peer, _ = accepted("SYN")
    mark = peer.mark()
    peer.tx("ACK", b"x" * 100, ecn=CE)
    peer.answers(mark, "ACK")


def test_only_new_text_is_ect() -> None:
    world, peer, sock = accepted()
    mark = peer.mark()
    tries(world, sock, bytes(2 * MSS))
    world.run(0.5)
    sent = [got for got in peer.since(mark) if got.len]
    assert [got.segment.ecn for got in sent[:2]] == [ECT, ECT]
    assert {got.segment.ecn for got in sent[2:]} == {NOT_ECT}


@pytest.mark.parametrize("sack", [True, False])
def test_an_echo_costs_the_window_once_in_a_round_trip(sack: bool) -> None:
    world, peer, sock = accepted(sack=sack)
    tries(world, sock, bytes(40 * MSS))
    for n in range(1, 11):
        peer.tx("ACK|ECE", ack=1 + n * MSS)
    assert cwnd(sock) == 7  # cubic: 0.7 of 10, and not of that again
    said = [got for got in peer.since((0, 0)) if got.segment.flags & CWR and got.flags != "SYN"]
    assert len(said) == 1
    assert said[0].len


def test_a_mark_instead_of_a_loss() -> None:
    """Two hosts, and a router that marks: nothing is lost, nothing is sent twice."""
    lab = Lab(LINUX.with_field("ecn", Ecn.OFFERED), link=LinkRules(delay_ns=10 * MS))
    client, server = lab.connection()
    seen = 0

    def mark_some(packet: Packet, now: int) -> Fate:
        nonlocal seen
        if not isinstance(packet, Segment) or not packet.text:
            return PASS
        seen += 1
        return Mangle(marked(packet)) if seen % 20 == 0 else PASS

    lab.network.add_rule(mark_some, link=("a", "b"))
    left, got = 500_000, 0
    while got < 500_000:
        count = client.send(bytes(left), 0, lab.now) if left else 0
        left -= count if isinstance(count, int) else 0
        text = server.recv(1 << 20, 0, lab.now)
        got += len(text) if isinstance(text, bytes) else 0
        lab.flush()
        lab.step()
    sent = [one for one in lab.sent("a") if isinstance(one, Segment)]
    assert len({one.seq for one in sent if one.text}) == sum(1 for one in sent if one.text)
    assert any(one.flags & CWR and not one.flags & SYN for one in sent)
    echoes = [one for one in lab.sent("b") if isinstance(one, Segment) and one.flags & ECE]
    assert echoes
    assert cwnd(client) < 60


def test_marked_leaves_what_is_not_ect_alone() -> None:
    lab = Lab()
    client, _ = lab.connection()
    client.send(b"x", 0, lab.now)
    lab.flush()
    plain = lab.sent("a")[-1]
    assert isinstance(plain, Segment)
    assert marked(plain) == plain
