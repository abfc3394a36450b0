"""The MSS option and the size of segments: RFC 9293 section 3.7.1."""

from __future__ import annotations

import pytest

from lastack.net import LinkRules
from lastack.sockets import TcpSocket
from lastack.trace import Sent
from lastack.wire import SYN, Segment
from tests.exchange import Lab, ms
from tests.truth.peer import HandPeer, World, tries


def sent(lab: Lab, host: str) -> list[Segment]:
    return [
        event.what for event in lab.events if isinstance(event, Sent) and event.host == host
        and isinstance(event.what, Segment)
    ]  # fmt: skip


def exchange(mtu: int) -> tuple[Lab, TcpSocket, TcpSocket]:
    lab = Lab(link=LinkRules(mtu=mtu))
    client, server = lab.connection()
    client.send(bytes(3000), 0, lab.now)
    lab.run(ms(100))
    return lab, client, server


@pytest.mark.parametrize("mtu", [1500, 9000, 576])
def test_every_syn_offers_what_the_link_takes_without_two_headers(mtu: int) -> None:
    """MUST-14, MUST-67, SHLD-5, MAY-3; MUST-65: and no other segment does."""
    lab, _, _ = exchange(mtu)
    segments = sent(lab, "a") + sent(lab, "b")
    assert {seg.mss for seg in segments if seg.flags & SYN} == {mtu - 40}
    assert {seg.mss for seg in segments if not seg.flags & SYN} == {0}


def test_text_leaves_room_for_the_options_of_its_segment() -> None:
    """MUST-16: the timestamp's 12 octets count."""
    lab, _, _ = exchange(1500)
    assert [len(seg.text) for seg in sent(lab, "a") if seg.text] == [1448, 1448, 104]


@pytest.mark.parametrize(("mss", "size"), [(500, 500), (0, 536), (9000, 1460)])
def test_the_peer_says_how_much_it_takes(mss: int, size: int) -> None:
    """MUST-14, MUST-16; MUST-15: 536 when it says nothing."""
    world = World()
    peer = HandPeer(world, mode="manual", mss=mss)
    sock = peer.accept_from_k()
    mark = peer.mark()
    tries(world, sock, bytes(5000))
    assert peer.since(mark)[0].len == size
