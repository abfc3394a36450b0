"""The UDP ports of a host: who shares one, who gets a datagram, and how many wait."""

import errno
from dataclasses import replace
from typing import Any

import pytest

from lastack.host import BROADCAST, Binding, Host, Mailbox, PortError
from lastack.host.datagrams import charge
from lastack.profile import LINUX, Profile, S
from lastack.tcp import Buffers
from lastack.trace import Arrived, Dropped, ErrorSet, Event, Journal, Reason, Sent
from lastack.wire import ANY4, LOOPBACK4, Datagram, Flow, IcmpMessage, Packet, pack_address

HERE = pack_address("10.0.0.1")
OTHER = pack_address("10.0.0.9")
PEER = pack_address("10.0.0.2")
REUSE = ({}, {"reuseaddr": True}, {"reuseport": True}, {"reuseaddr": True, "reuseport": True})
SIZES = [
    (0, 832), (197, 832), (198, 1280), (645, 1280), (646, 2304), (1669, 2304), (1670, 4352),
    (3717, 4352), (3718, 8448), (7813, 8448), (7814, 16640), (16004, 16640), (16005, 16837),
    (65507, 66339),
]  # fmt: skip
"""What a kernel charged (docs/kernel-notes/datagrams.md)."""


class Lone:
    """One host with two addresses, and what it wrote down."""

    def __init__(self, profile: Profile = LINUX) -> None:
        journal = Journal()
        self.events: list[Event] = []
        journal.listeners.append(self.events.append)
        self.host = Host("here", profile, [HERE, OTHER], scribe=journal.scribe("here"))
        self._conn = 0

    def box(self, address: bytes = ANY4, port: int | None = None, **flags: Any) -> Mailbox:
        """A mailbox, bound when a port is given."""
        self._conn += 1
        box = Mailbox(self._conn, Binding(**flags), f"file {self._conn}", Buffers(LINUX.buffers))
        if port is not None:
            self.host.datagrams.bind(box, address, port)
        return box

    def refuses(self, number: int, *args: Any, **flags: Any) -> PortError:
        with pytest.raises(PortError) as caught:
            self.box(*args, **flags)
        assert caught.value.errno == number
        return caught.value

    def arrives(
        self, port: int, text: bytes = b"x", *, to: bytes = HERE, src: bytes = PEER,
        sport: int = 4000, now: int = 0,
    ) -> None:  # fmt: skip
        self.host.packet_arrives(Datagram(Flow(src, sport, to, port), text, number=7), now)

    def dropped(self) -> list[tuple[int, Reason]]:
        return [(one.conn, one.reason) for one in self.events if isinstance(one, Dropped)]


def read(box: Mailbox) -> list[bytes]:
    texts = []
    while box.first is not None:
        texts.append(box.first.text)
        box.take()
    return texts


@pytest.mark.parametrize("first", REUSE)
@pytest.mark.parametrize("second", REUSE)
def test_a_port_is_shared_when_both_say_so(first: dict[str, bool], second: dict[str, bool]) -> None:
    lone = Lone()
    lone.box(HERE, 53, **first)
    if first.keys() & second.keys():
        lone.box(HERE, 53, **second)
    else:
        error = lone.refuses(errno.EADDRINUSE, HERE, 53, **second)
        assert error.reason is Reason.PORT_TAKEN
        assert error.holders == ("bound 10.0.0.1:53",)


def test_other_addresses_and_tcp_do_not_conflict() -> None:
    lone = Lone()
    lone.box(HERE, 53)
    lone.box(OTHER, 53)
    lone.host.ports.bind(Binding(), HERE, 53, lone.host.addresses)
    lone.refuses(errno.EADDRINUSE, ANY4, 53)
    lone.refuses(errno.EADDRNOTAVAIL, PEER, 53)


def test_a_released_port_is_free_and_deaf() -> None:
    lone = Lone()
    box = lone.box(HERE, 53)
    lone.host.datagrams.release(box)
    lone.arrives(53)
    assert read(box) == []
    lone.box(HERE, 53)


def test_automatic_ports_differ_and_come_from_the_range() -> None:
    lone = Lone()
    ports = [lone.box(ANY4, 0, reuseaddr=True).binding.port for _ in range(500)]
    assert len(set(ports)) == 500
    assert all(32768 <= port <= 60999 for port in ports)
    assert {port % 2 for port in ports} == {0, 1}


def test_when_every_port_is_taken() -> None:
    ports = replace(LINUX.ports, ephemeral_low=40000, ephemeral_high=40003)
    lone = Lone(replace(LINUX, ports=ports))
    assert {lone.box(HERE, 0).binding.port for _ in range(4)} == set(range(40000, 40004))
    lone.refuses(errno.EADDRINUSE, HERE, 0)
    box = lone.box()
    box.binding.address = HERE
    with pytest.raises(PortError) as caught:
        lone.host.datagrams.send(box, b"x", PEER, 53, 0)
    assert caught.value.errno == errno.EAGAIN
    assert lone.host.take_packets() == []


def test_a_datagram_finds_its_port_and_wakes_its_file() -> None:
    lone = Lone()
    box, other = lone.box(ANY4, 53), lone.box(ANY4, 54)
    lone.arrives(53, b"question")
    assert lone.host.take_ready() == [("file 1", 0x001)]
    assert (read(box), read(other)) == ([b"question"], [])
    (event,) = lone.events
    assert isinstance(event, Arrived)
    assert (event.conn, event.packet) == (box.conn, 7)


def test_the_closest_socket_gets_it() -> None:
    """The exact address before the wildcard, a peer before none, then the last to bind."""
    lone = Lone()
    wide, early, late, paired = (
        lone.box(address, 53, reuseaddr=True) for address in (ANY4, HERE, HERE, HERE)
    )
    lone.host.datagrams.connect(paired, PEER, 4000)
    lone.arrives(53, b"to late", sport=4001)
    lone.arrives(53, b"to paired", sport=4000)
    lone.arrives(53, b"to wide", to=OTHER)
    assert [read(box) for box in (wide, early, late, paired)] == [
        [b"to wide"], [], [b"to late"], [b"to paired"],
    ]  # fmt: skip


def test_sockets_with_reuseport_share_by_flow() -> None:
    lone = Lone()
    boxes = [lone.box(ANY4, 53, reuseport=True) for _ in range(4)]
    for _ in range(2):
        for sport in range(1000, 1200):
            lone.arrives(53, sport.to_bytes(2, "big"), sport=sport)
    shares = [read(box) for box in boxes]
    assert all(len(share) > 40 for share in shares)
    assert all(share[: len(share) // 2] == share[len(share) // 2 :] for share in shares)


def test_a_peer_shuts_out_everybody_else() -> None:
    lone = Lone()
    box = lone.box(ANY4, 53)
    lone.host.datagrams.connect(box, PEER, 4000)
    assert box.binding.address == HERE
    lone.arrives(53, b"no", sport=4001)
    lone.arrives(53, b"no", src=OTHER)
    lone.arrives(53, b"no", to=OTHER)
    lone.arrives(53, b"yes")
    assert read(box) == [b"yes"]
    lone.host.datagrams.connect(box, PEER, 4001)
    lone.arrives(53, b"now yes", sport=4001)
    assert read(box) == [b"now yes"]


@pytest.mark.parametrize(("size", "bytes_"), SIZES)
def test_what_a_datagram_takes_of_the_buffer(size: int, bytes_: int) -> None:
    assert charge(size) == bytes_


@pytest.mark.parametrize(
    ("limit", "size", "fit"),
    [(212992, 1, 256), (212992, 1000, 92), (4608, 1, 5), (4608, 1000, 2), (4608, 65507, 1),
     (20000, 32000, 1), (20000, 4000, 2)],
)  # fmt: skip
def test_how_many_fit(limit: int, size: int, fit: int) -> None:
    lone = Lone()
    box = lone.box(ANY4, 53)
    box.buffers.receive = limit
    for _ in range(fit + 2):
        lone.arrives(53, bytes(size))
    assert lone.dropped() == [(box.conn, Reason.RECEIVE_BUFFER_FULL)] * 2
    assert len(read(box)) == fit
    lone.arrives(53, bytes(size))
    assert len(read(box)) == 1


def test_sending_gives_a_port_and_the_right_address() -> None:
    lone = Lone()
    box = lone.box()
    lone.host.datagrams.send(box, b"hello", PEER, 53, 5)
    (sent,) = lone.host.take_packets()
    assert isinstance(sent, Datagram)
    assert sent.flow == Flow(HERE, box.binding.port, PEER, 53)
    assert (box.binding.address, sent.text) == (ANY4, b"hello")
    lone.host.datagrams.send(box, b"", ANY4, 53, 5)
    (sent,) = lone.host.take_packets()
    assert (sent.flow.src, sent.flow.dst) == (LOOPBACK4, LOOPBACK4)
    assert [(one.conn, one.packet) for one in lone.events if isinstance(one, Sent)] == [
        (box.conn, 1), (box.conn, 2),
    ]  # fmt: skip


def test_loopback_reaches_nobody_else() -> None:
    lone = Lone()
    box = lone.box(LOOPBACK4, 0)
    lone.host.datagrams.send(box, b"", HERE, 53, 0)
    with pytest.raises(PortError) as caught:
        lone.host.datagrams.send(box, b"", PEER, 53, 0)
    assert caught.value.errno == errno.EINVAL


def test_a_broadcast_reaches_every_socket_that_is_not_bound_to_an_address() -> None:
    lone = Lone()
    boxes = [lone.box(to, 53, reuseaddr=True) for to in (ANY4, ANY4, BROADCAST, HERE)]
    lone.arrives(53, to=BROADCAST)
    lone.arrives(54, to=BROADCAST)
    assert [len(read(box)) for box in boxes] == [1, 1, 1, 0]
    assert lone.dropped() == [(0, Reason.NOT_FOR_US)]
    assert lone.host.take_packets() == []


# -- nobody there ------------------------------------------------------------------------------


def errors(packets: list[Packet]) -> list[IcmpMessage]:
    return [packet for packet in packets if isinstance(packet, IcmpMessage)]


def test_a_closed_port_is_unreachable() -> None:
    lone = Lone()
    lone.arrives(53)
    assert lone.dropped() == [(0, Reason.PORT_CLOSED)]
    (said,) = errors(lone.host.take_packets())
    assert (said.kind, said.code, said.protocol) == (3, 3, 17)
    assert said.quoted == Flow(PEER, 4000, HERE, 53)
    assert said.flow == Flow(HERE, 0, PEER, 0)


def test_another_hosts_address_is_not_answered() -> None:
    lone = Lone()
    lone.box(ANY4, 53)
    lone.arrives(53, to=PEER)
    assert lone.dropped() == [(0, Reason.NOT_FOR_US)]
    assert lone.host.take_packets() == []


def test_a_host_is_told_six_times_then_once_a_second() -> None:
    lone = Lone()

    def told(at: int) -> int:
        for _ in range(10):
            lone.arrives(53, now=at)
        return len(errors(lone.host.take_packets()))

    assert [told(at) for at in (0, S - 1, S, 3 * S, 60 * S)] == [6, 0, 1, 2, 6]
    for _ in range(10):
        lone.arrives(53, src=HERE)
    assert len(errors(lone.host.take_packets())) == 10


def unreachable(code: int, box: Mailbox, *, port: int = 53) -> IcmpMessage:
    quoted = Flow(HERE, box.binding.port, PEER, port)
    return IcmpMessage(Flow(PEER, 0, HERE, 0), 3, code, quoted, 0, protocol=17)


def test_a_socket_with_a_peer_is_told_once() -> None:
    lone = Lone()
    box = lone.box(ANY4, 0)
    lone.host.datagrams.connect(box, PEER, 53)
    lone.host.packet_arrives(unreachable(3, box), 0)
    assert lone.host.take_ready() == [("file 1", 0x008)]
    assert [one.errno for one in lone.events if isinstance(one, ErrorSet)] == [errno.ECONNREFUSED]
    assert [box.take_error(), box.take_error()] == [errno.ECONNREFUSED, 0]


@pytest.mark.parametrize("case", ["no peer", "soft", "another peer", "nobody"])
def test_errors_that_no_socket_is_told(case: str) -> None:
    lone = Lone()
    box = lone.box(ANY4, 0)
    if case != "no peer":
        lone.host.datagrams.connect(box, PEER, 53)
    message = unreachable(1 if case == "soft" else 3, box, port=54 if "another" in case else 53)
    if case == "nobody":
        lone.host.datagrams.release(box)
    lone.host.packet_arrives(message, 0)
    assert box.take_error() == 0
    assert lone.host.take_ready() == []
    ignored = case in ("no peer", "soft")
    assert lone.dropped() == [(0, Reason.ICMP_IGNORED if ignored else Reason.NO_CONNECTION)]


def test_an_error_about_udp_leaves_tcp_alone() -> None:
    lone = Lone()
    flow = Flow(HERE, 40000, PEER, 80)
    lone.host.packet_arrives(IcmpMessage(Flow(PEER, 0, HERE, 0), 3, 4, flow, 0, mtu=68,
                                         protocol=17), 0)  # fmt: skip
    assert lone.dropped() == [(0, Reason.NO_CONNECTION)]
