"""Which addresses a connection may have: RFC 9293 sections 3.9.1.1 and 3.9.2.3."""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import ESTABLISHED, LISTEN, SYN_SENT
from lastack.trace import Dropped, Reason
from lastack.wire import ACK, SYN, Flow, Segment, pack_address
from tests.exchange import A, B, Lab, ms, s

NOT_ONE_HOST = ["224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1"]


def syn(src: str, dst: bytes = B, flags: int = SYN) -> Segment:
    return Segment(Flow(pack_address(src), 999, dst, 80), 0, 0, flags, 1000)


def dropped(lab: Lab) -> list[Reason]:
    return [event.reason for event in lab.events if isinstance(event, Dropped)]


@pytest.mark.parametrize("address", NOT_ONE_HOST)
def test_connect_to_what_is_not_one_host_fails(address: str) -> None:
    """MUST-46."""
    lab = Lab()
    sock = lab.socket("a", names.AF_INET6 if ":" in address else names.AF_INET)
    with pytest.raises(OSError) as told:
        sock.connect(pack_address(address), 80, lab.now, scope=2)
    assert told.value.errno == errno.ENETUNREACH
    lab.run(s(10))
    assert lab.lines() == ""


@pytest.mark.parametrize("address", ["240.0.0.1", "223.255.255.255", "10.0.0.2"])
def test_connect_to_one_host_sends_a_syn(address: str) -> None:
    lab = Lab()
    sock = lab.socket("a")
    assert sock.connect(pack_address(address), 80, lab.now) is AGAIN
    assert sock.state is SYN_SENT


@pytest.mark.parametrize("source", [*NOT_ONE_HOST[:3], "0.0.0.0"])
@pytest.mark.parametrize("flags", [SYN, ACK], ids=["SYN", "ACK"])
def test_a_segment_from_what_is_not_one_host_is_ignored(source: str, flags: int) -> None:
    """MUST-63; and no RST goes to everybody."""
    lab = Lab()
    lab.listen("b")
    lab.b.packet_arrives(syn(source, flags=flags), lab.now)
    assert lab.b.take_packets() == []
    assert dropped(lab) == [Reason.SOURCE_IMPOSSIBLE]
    lab.b.packet_arrives(syn("10.0.0.1", flags=flags), lab.now)
    assert len(lab.b.take_packets()) == 1


@pytest.mark.parametrize("address", NOT_ONE_HOST[:3])
def test_a_syn_to_what_is_not_one_host_is_ignored(address: str) -> None:
    """MUST-57."""
    lab = Lab()
    lab.listen("b")
    lab.b.packet_arrives(syn("10.0.0.1", pack_address(address)), lab.now)
    assert lab.b.take_packets() == []
    assert dropped(lab) == [Reason.NOT_FOR_US]


def test_a_connection_keeps_the_address_that_it_began_with() -> None:
    """MUST-44: the host chooses one; MUST-45: the listener answers from the one that was asked."""
    lab = Lab()
    client, server = lab.connection()
    assert (client.getsockname()[0], server.getsockname()[0]) == (A, B)
    here = lab.socket("b")
    lab.listen("b", 81)
    other = pack_address("127.0.0.2")
    assert here.connect(other, 81, lab.now) is AGAIN
    lab.run(ms(1))
    assert here.state is ESTABLISHED
    assert (here.getsockname()[0], here.getpeername()[0]) == (other, other)


def reusing(lab: Lab) -> TcpSocket:
    sock = lab.socket("a")
    sock.binding.reuseaddr = True
    sock.bind(bytes(4), 80, lab.now)
    return sock


def test_a_port_may_listen_while_a_connection_from_it_is_being_opened() -> None:
    """MUST-42; MUST-41: and the connection does not notice."""
    lab = Lab()
    lab.listen("b")
    opening, listener = reusing(lab), reusing(lab)
    assert opening.connect(B, 80, lab.now) is AGAIN
    assert opening.state is SYN_SENT
    listener.listen(5, lab.now)
    assert (opening.state, listener.state) == (SYN_SENT, LISTEN)
    lab.run(ms(5))
    assert opening.state is ESTABLISHED
    third = lab.socket("b")
    assert third.connect(A, 80, lab.now) is AGAIN
    lab.run(ms(5))
    assert third.state is ESTABLISHED
    assert opening.state is ESTABLISHED
