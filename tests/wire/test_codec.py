"""Whole packets: what is read, what is refused and why."""

import pytest

from lastack.wire import (
    ACK,
    Datagram,
    Flow,
    IcmpMessage,
    IpFields,
    Packet,
    Segment,
    WireError,
    build,
    packet_length,
    parse,
)

from .craft import ip4, tcp
from .values import CLIENT, FLOW, FLOW6, SERVER

PLAIN = Segment(FLOW, 1, 2, ACK, 512)
ROUTER = Flow(SERVER, 0, CLIENT, 0)


def test_a_segment_without_text() -> None:
    assert packet_length(PLAIN) == 40
    assert packet_length(Segment(FLOW6, 1, 2, ACK, 512)) == 60


def test_options_of_ip_are_skipped() -> None:
    assert parse(ip4(6, tcp(), options=b"\x94\4\0\0")) == PLAIN


def test_fragments_are_not_supported() -> None:
    for fragment in (0x2000, 0x0001):
        with pytest.raises(WireError, match="fragments"):
            parse(ip4(6, tcp(), fragment=fragment))
    data = build(Segment(FLOW6, 1, 2, ACK, 512))
    with pytest.raises(WireError, match="fragments"):
        parse(behind(data, 44, bytes(8)))


def behind(data: bytes, kind: int, extension: bytes) -> bytes:
    """Put an extension header between the IPv6 header and what follows it."""
    length = int.from_bytes(data[4:6], "big") + len(extension)
    extension = data[6:7] + extension[1:]
    head = data[:4] + length.to_bytes(2, "big") + bytes((kind,)) + data[7:40]
    return head + extension + data[40:]


@pytest.mark.parametrize("kind", [0, 43, 60])
def test_extension_headers_are_skipped(kind: int) -> None:
    seg = Segment(FLOW6, 1, 2, ACK, 512, b"text")
    data = behind(behind(build(seg), kind, bytes(8)), 60, b"\0\1" + bytes(14))
    assert parse(data) == seg


def test_an_extension_header_that_ends_outside() -> None:
    for extension in (b"\0\xff" + bytes(6), bytes(4)):
        with pytest.raises(WireError, match="extension header"):
            parse(behind(build(Segment(FLOW6, 1, 2, ACK, 512))[:40], 60, extension))


def test_a_packet_that_has_nodes_to_visit() -> None:
    data = behind(build(Segment(FLOW6, 1, 2, ACK, 512)), 43, b"\0\0\0\1" + bytes(4))
    with pytest.raises(WireError, match="routing"):
        parse(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither"),
        (b"\x50" * 60, "neither"),
        (b"\x45" + bytes(10), "IPv4 header is cut off"),
        (b"\x60" + bytes(30), "IPv6 header is cut off"),
        (b"\x44\0\0\x28" + bytes(36), "contradict"),
        (b"\x4f\0\0\x28" + bytes(36), "contradict"),
        (b"\x45\0\0\x13" + bytes(36), "contradict"),
        (ip4(6, tcp()[:19]), "TCP header is cut off"),
        (ip4(6, tcp(offset=4)), "data offset"),
        (ip4(6, tcp(offset=6)), "data offset"),
        (ip4(17, bytes(7)), "UDP header is cut off"),
        (ip4(17, bytes(8)), "UDP length"),
        (ip4(1, bytes(4)), "ICMP header is cut off"),
        (ip4(58, bytes(40)), "neither TCP, UDP nor ICMP"),
        (ip4(1, b"\x08\0\xf7\xff" + bytes(4)), "type 8 is no error"),
    ],
)
def test_what_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        parse(data)


@pytest.mark.parametrize(
    "packet",
    [
        Segment(FLOW, 1 << 32, 2, ACK, 512),
        Segment(FLOW, -1, 2, ACK, 512),
        Segment(FLOW, 1, 2, ACK, 65536),
        Segment(FLOW, 1, 2, ACK, 512, ecn=4),
        Segment(FLOW, 1, 2, ACK, 512, ip=IpFields(1, 64)),
        Segment(FLOW, 1, 2, ACK, 512, ip=IpFields(256, 64)),
        Segment(FLOW, 1, 2, ACK, 512, ip=IpFields(0, 256)),
        Segment(FLOW, 1, 2, ACK, 512, mss=65536),
        Segment(FLOW, 1, 2, ACK, 512, bytes(65496)),
        Segment(FLOW6, 1, 2, ACK, 512, bytes(65516)),
        Segment(FLOW._replace(dst=FLOW6.dst), 1, 2, ACK, 512),
        Datagram(FLOW._replace(sport=65536), b""),
        Datagram(FLOW, bytes(65508)),
        IcmpMessage(ROUTER, 3, 1, FLOW, 1, mtu=1400),
        IcmpMessage(ROUTER, 3, 4, FLOW, 1, mtu=65536),
        IcmpMessage(ROUTER, 0, 0, FLOW, 1),
        IcmpMessage(ROUTER, 3, 1, FLOW6, 1),
        IcmpMessage(FLOW, 3, 1, FLOW, 1),
    ],
)
def test_what_cannot_be_written(packet: Packet) -> None:
    with pytest.raises(WireError):
        build(packet)


def test_the_largest_packets() -> None:
    assert len(build(Segment(FLOW, 1, 2, ACK, 512, bytes(65495)))) == 65535
    assert len(build(Segment(FLOW6, 1, 2, ACK, 512, bytes(65515)))) == 65575


def test_the_reserved_bits_are_ignored() -> None:
    data = bytearray(build(PLAIN))
    data[32] |= 0x0E
    data[36:38] = (int.from_bytes(data[36:38], "big") - 0x0E00).to_bytes(2, "big")
    assert parse(bytes(data)) == PLAIN


def test_an_error_about_a_datagram() -> None:
    message = IcmpMessage(ROUTER, 3, 3, FLOW, 0x0008_1234, protocol=17)
    data = build(message)
    quoted = build(Datagram(FLOW, b""))
    assert data[28:48] == quoted[:20]
    assert data[48:52] == quoted[20:24]
    assert parse(data) == message
    with pytest.raises(WireError, match="something else than TCP or UDP"):
        build(IcmpMessage(ROUTER, 3, 3, FLOW, 1, protocol=132))


def test_an_error_about_something_else_is_refused() -> None:
    message = bytearray(build(IcmpMessage(ROUTER, 3, 3, FLOW, 1)))
    message[28 + 9] = 132  # SCTP
    message[22:24] = b"\0\0"
    message[22:24] = (-int.from_bytes(message[20:], "big") % 0xFFFF).to_bytes(2, "big")
    with pytest.raises(WireError, match="something else than TCP"):
        parse(bytes(message))


def test_an_error_quotes_what_fits() -> None:
    message = IcmpMessage(ROUTER, 3, 3, FLOW, 77)
    data = build(message)
    assert len(data) == 20 + 8 + 20 + 8
    assert data[28:48] == build(Segment(FLOW, 77, 0, 0, 0))[:20]
