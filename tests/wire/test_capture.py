"""Captures: what is written is read, and what others write is, too."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastack.wire import (
    CaptureError,
    CaptureReader,
    Direction,
    Frame,
    Interface,
    Segment,
    WireError,
    interface_block,
    names_block,
    packet_block,
    read_frame,
    section_block,
)

from .captures import LINKS, PACKET, PACKET6, SEGMENT, SEGMENT6, A, B, block, pcap, pcapng

TIME = 1_700_000_000_123_456_789


def read(data: bytes) -> list[Frame]:
    reader = CaptureReader()
    frames = reader.feed(data)
    reader.finish()
    return frames


def segment_in(data: bytes, link: int, length: int = 0) -> Segment:
    seen = read_frame(Frame(0, 0, data, length or len(data)), Interface(link))
    assert seen is not None
    assert isinstance(seen.packet, Segment)
    return seen.packet


# -- files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [True, False])
def test_pcap_in_each_byte_order_and_resolution(order: str, nano: bool) -> None:
    frames = read(pcap([(TIME, PACKET), (TIME + 10**9, PACKET6)], order=order, nano=nano))
    lost = 0 if nano else 789
    assert [frame.at for frame in frames] == [TIME - lost, TIME + 10**9 - lost]
    assert [frame.data for frame in frames] == [PACKET, PACKET6]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("resolution", "ticks", "at"), [
    (b"\x06", 5_000_001, 5_000_001_000), (b"\x09", 77, 77), (b"\x8a", 1536, 1_500_000_000),
    (b"\x00", 3, 3_000_000_000),
])  # fmt: skip
def test_pcapng_in_each_byte_order_and_resolution(
    order: str, resolution: bytes, ticks: int, at: int
) -> None:
    data = pcapng([(ticks, PACKET)], order=order, resolution=resolution, offset=2)
    (frame,) = read(data)
    assert (frame.at, frame.data) == (at + 2_000_000_000, PACKET)


def test_a_second_section_counts_its_interfaces_anew() -> None:
    reader = CaptureReader()
    data = pcapng([(1, PACKET)], link=101) + pcapng([(2, PACKET6)], link=1, order=">")
    assert [frame.interface for frame in reader.feed(data)] == [0, 1]
    assert [face.link_type for face in reader.contents.interfaces] == [101, 1]


def test_simple_and_obsolete_packet_blocks() -> None:
    start = pcapng([])
    simple = block("<", 3, len(PACKET).to_bytes(4, "little") + PACKET)
    head = bytes(4) + bytes(8) + len(PACKET).to_bytes(4, "little") * 2
    unknown = block("<", 0x0BAD, b"whatever")
    frames = read(start + simple + unknown + block("<", 2, head + PACKET))
    assert [frame.data for frame in frames] == [PACKET, PACKET]


names = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1)


@given(names, names, st.binary(max_size=99), st.sampled_from(Direction), st.integers(0, 2**62))
def test_what_is_written_is_read(
    host: str, comment: str, data: bytes, direction: Direction, at: int
) -> None:
    frame = Frame(at, 1, data, len(data) + 7, direction, comment[:100])
    blocks = [
        section_block("test"), interface_block("a"), interface_block(host, (A, bytes(16))),
        names_block({A: host, bytes(15) + b"\1": "six"}), packet_block(frame),
    ]  # fmt: skip
    reader = CaptureReader()
    assert reader.feed(b"".join(blocks)) == [frame]
    assert reader.contents.names == {A: host, bytes(15) + b"\1": "six"}
    second = reader.contents.interfaces[1]
    assert (second.name, second.addresses, second.units) == (host, (A, bytes(16)), 10**9)


@given(st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_octets_may_come_in_any_portions(sizes: list[int], old: bool) -> None:
    packets = [(number * 1000, PACKET[: 20 + number]) for number in range(8)]
    data = pcap(packets) if old else pcapng(packets)
    reader, frames, rest = CaptureReader(), [], data
    for size in sizes:
        frames += reader.feed(rest[:size])
        rest = rest[size:]
    frames += reader.feed(rest)
    assert frames == read(data)
    assert not reader.cut_off


def test_a_file_that_ends_in_a_packet_gives_the_others() -> None:
    reader = CaptureReader()
    frames = reader.feed(pcap([(0, PACKET), (1, PACKET)])[:-3])
    reader.finish()
    assert (len(frames), reader.cut_off) == (1, True)


# -- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "says"), [
    (b"", "no capture: it is empty"),
    (b"\xd4\xc3", "no capture: it is neither pcap nor pcapng"),
    (b"GET / HTTP/1.0", "no capture: it is neither pcap nor pcapng"),
    (b"\x1f\x8b\x08\x00", "the capture is compressed: gunzip -c FILE | lastack read -"),
    (pcap([]) + b"\xff" * 16, "the capture is damaged near octet 24"),
    (pcapng([]) + b"\xff" * 16, "the capture is damaged near octet 72"),
    (b"\n\r\r\n" + b"\0" * 20, "the capture is damaged near octet 0"),
])  # fmt: skip
def test_what_is_no_capture_is_told_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(CaptureError) as error:
        read(data)
    assert str(error.value) == says


@given(st.binary(max_size=300))
def test_any_octets_give_packets_or_the_one_error(data: bytes) -> None:
    for start in (b"", pcap([]), pcapng([]), pcapng([], order=">"), b"\n\r\r\n"):
        with suppress(CaptureError):
            assert all(len(frame.data) <= frame.length for frame in read(start + data))


@given(st.data())
def test_a_damaged_capture_gives_packets_or_the_one_error(data: st.DataObject) -> None:
    link, head = data.draw(st.sampled_from(list(LINKS.values())))
    packets = [(TIME, head + PACKET), (TIME, head + PACKET6)]
    old = data.draw(st.booleans())
    octets = bytearray(pcap(packets, link=link) if old else pcapng(packets, link=link))
    for _ in range(data.draw(st.integers(1, 8))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    reader = CaptureReader()
    with suppress(CaptureError):
        for frame in reader.feed(bytes(octets)):
            assert frame.interface < len(reader.contents.interfaces)
            with suppress(WireError):
                read_frame(frame, reader.contents.interfaces[frame.interface])


# -- packets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LINKS)
def test_each_link_type(name: str) -> None:
    link, head = LINKS[name]
    for file in (pcap([(0, head + PACKET)], link=link), pcapng([(0, head + PACKET)], link=link)):
        reader = CaptureReader()
        (frame,) = reader.feed(file)
        seen = read_frame(frame, reader.contents.interfaces[0])
        assert seen is not None
        assert seen.packet == SEGMENT


def test_cooked_packets_tell_their_direction_and_interface() -> None:
    for name, index in (("cooked", 0), ("cooked 2", 3)):
        link, head = LINKS[name]
        seen = read_frame(Frame(0, 0, head + PACKET, 99), Interface(link))
        assert seen is not None
        assert (seen.direction, seen.interface) == (Direction.OUT, index)


def test_ipv6() -> None:
    assert segment_in(PACKET6, 229) == SEGMENT6
    assert segment_in(bytes(12) + b"\x86\xdd" + PACKET6, 1) == SEGMENT6


def test_octets_behind_the_packet_are_padding() -> None:
    assert segment_in(bytes(12) + b"\x08\x00" + PACKET + bytes(20), 1) == SEGMENT


def test_a_checksum_that_the_card_was_to_fill_in_does_not_matter() -> None:
    wrong = PACKET[:36] + b"\xbe\xef" + PACKET[38:]
    assert segment_in(wrong, 101) == SEGMENT


def test_a_text_that_was_not_kept_has_its_length() -> None:
    seg = segment_in(PACKET[:42], 101, len(PACKET))
    assert (seg.seq, seg.flags, len(seg.text)) == (SEGMENT.seq, SEGMENT.flags, 12)


def test_a_packet_that_the_card_was_to_cut_may_have_no_length() -> None:
    seg = segment_in(PACKET[:2] + b"\0\0" + PACKET[4:40], 101, 100_040)
    assert len(seg.text) == 100_000


@pytest.mark.parametrize(
    "data", [PACKET[:30], PACKET[:19], b"\x45", PACKET[:32] + b"\x10" + b"\0" * 7]
)
def test_headers_that_are_not_whole_are_an_error(data: bytes) -> None:
    with pytest.raises(WireError):
        read_frame(Frame(0, 0, data, len(PACKET)), Interface(101))


def test_other_protocols_are_left_out() -> None:
    udp = PACKET[:9] + b"\x11" + PACKET[10:]
    ping = PACKET[:9] + b"\x01" + PACKET[10:]
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    for data, link in ((udp, 101), (ping, 101), (arp, 1), (b"\0\0", 1)):
        assert read_frame(Frame(0, 0, data, len(data)), Interface(link)) is None


def test_an_unknown_link_type_is_an_error() -> None:
    with pytest.raises(WireError, match="link type 105 is not understood"):
        read_frame(Frame(0, 0, PACKET, len(PACKET)), Interface(105))


def test_addresses_are_packed() -> None:
    assert (SEGMENT.flow.src, SEGMENT.flow.dst) == (A, B)
