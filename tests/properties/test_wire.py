"""Bytes and values: nothing is lost on the way, and no bytes break the reader."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lastack.wire import (
    IcmpMessage,
    Packet,
    Segment,
    WireError,
    build,
    packet_length,
    parse,
    show,
)
from tests.wire.craft import ip4, tcp
from tests.wire.values import FLOW, FLOW6, packets


@given(packets())
@example(IcmpMessage(FLOW.reversed()._replace(sport=0, dport=0), 3, 4, FLOW, 7, mtu=1400))
@example(IcmpMessage(FLOW6.reversed()._replace(sport=0, dport=0), 2, 0, FLOW6, 7, mtu=1280))
def test_what_is_built_is_parsed_again(packet: Packet) -> None:
    data = build(packet)
    assert parse(data) == packet
    assert packet_length(packet) == len(data)


def parses_or_refuses(data: bytes) -> None:
    try:
        packet = parse(data)
    except WireError:
        return
    assert parse(build(packet)) == packet
    assert show(packet)


@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_a_packet_or_a_wire_error(data: bytes) -> None:
    parses_or_refuses(data)


@given(packets(), st.lists(st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=4))
def test_a_damaged_packet_is_a_packet_or_a_wire_error(
    packet: Packet, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(build(packet))
    for at, octet in damage:
        data[at % len(data)] = octet
    parses_or_refuses(bytes(data))


# octets that mean something in an option, so that many of the lists get far
OPTION_OCTETS = st.sampled_from((0, 1, 2, 3, 4, 5, 8, 10, 18, 254)) | st.integers(0, 255)


@given(st.lists(OPTION_OCTETS, max_size=40).map(lambda octets: octets[: len(octets) & ~3]))
def test_arbitrary_options_are_read(options: list[int]) -> None:
    packet = parse(ip4(6, tcp(bytes(options), text=b"text")))
    assert isinstance(packet, Segment)
    assert packet.text == b"text"


@given(packets(), st.integers(1, 60))
def test_a_packet_that_was_cut_off_is_refused(packet: Packet, missing: int) -> None:
    data = build(packet)
    with pytest.raises(WireError):
        parse(data[: max(len(data) - missing, 0)])


@given(packets(), st.binary(max_size=40))
def test_the_padding_of_a_link_is_no_text(packet: Packet, padding: bytes) -> None:
    assert parse(build(packet) + padding) == packet
