"""RFC 1071, and what a host can tell from a ChecksumError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.wire import ACK, ChecksumError, Datagram, IpFields, Segment, WireError, build, parse

from .craft import ip4, tcp, words_sum
from .values import FLOW, FLOW6


@given(st.binary(max_size=60))
def test_the_fields_are_those_of_rfc_1071(text: bytes) -> None:
    built = build(Segment(FLOW, 1, 2, ACK, 512, text))
    assert built[20:] == tcp(text=text)
    assert words_sum(built[:20]) == 0


@pytest.mark.parametrize("at", [8, 12, 20, 24, 35, 40])
def test_a_changed_octet_is_a_wrong_checksum(at: int) -> None:
    data = bytearray(build(Segment(FLOW, 1, 2, ACK, 512, b"text")))
    data[at] ^= 4
    with pytest.raises(ChecksumError, match="TCP" if at >= 20 else "IPv4"):
        parse(bytes(data))
    assert issubclass(ChecksumError, WireError)


def test_the_addresses_of_ipv6_are_under_the_checksum() -> None:
    data = bytearray(build(Segment(FLOW6, 1, 2, ACK, 512)))
    data[23] ^= 1
    with pytest.raises(ChecksumError):
        parse(bytes(data))


def test_the_time_to_live_of_ipv6_is_not() -> None:
    data = bytearray(build(Segment(FLOW6, 1, 2, ACK, 512)))
    data[7] -= 1
    assert parse(bytes(data)) == Segment(FLOW6, 1, 2, ACK, 512, ip=IpFields(0, 63))


def test_a_datagram_may_come_without_a_checksum_over_ipv4_only() -> None:
    for flow, at in ((FLOW, 26), (FLOW6, 46)):
        datagram = Datagram(flow, b"ping")
        data = bytearray(build(datagram))
        data[at : at + 2] = b"\0\0"
        if flow is FLOW:
            assert parse(bytes(data)) == datagram
        else:
            with pytest.raises(WireError, match="needs a checksum"):
                parse(bytes(data))


def test_a_datagram_whose_checksum_is_zero_says_so_with_all_ones() -> None:
    rest = build(Datagram(FLOW, b"\0\0"))[26:28]  # what two octets of text must add to reach zero
    built = build(Datagram(FLOW, rest))
    assert built[26:28] == b"\xff\xff"
    assert parse(built) == Datagram(FLOW, rest)


def test_a_message_is_under_a_checksum_too() -> None:
    with pytest.raises(ChecksumError, match="ICMP"):
        parse(ip4(1, b"\x03\x01" + bytes(6)))
