"""Options: the bytes of Linux, and RFC 9293 section 3.1 about those that are odd."""

import pytest

from lastack.wire import ABSENT, ACK, SYN, Segment, WireError, build, parse

from .craft import ip4, tcp
from .values import FLOW


def options_of(seg: Segment) -> bytes:
    return build(seg)[40:]


def read(options: bytes, flags: int = ACK) -> Segment:
    seg = parse(ip4(6, tcp(options, flags=flags, text=b"text")))
    assert isinstance(seg, Segment)
    assert seg.text == b"text"
    return seg


def test_a_syn_of_linux() -> None:
    seg = Segment(FLOW, 0, 0, SYN, 64240, mss=1460, sack_ok=True, tsval=1, tsecr=0, wscale=7)
    assert options_of(seg).hex(" ") == (
        "02 04 05 b4 04 02 08 0a 00 00 00 01 00 00 00 00 01 03 03 07"
    )


def test_a_syn_without_timestamps() -> None:
    seg = Segment(FLOW, 0, 0, SYN, 64240, mss=1460, sack_ok=True, wscale=7)
    assert options_of(seg).hex(" ") == "02 04 05 b4 01 01 04 02 01 03 03 07"


def test_an_ack_with_sack() -> None:
    seg = Segment(FLOW, 0, 0, ACK, 512, tsval=2, tsecr=1, sack=((16, 32),))
    assert options_of(seg).hex(" ") == (
        "01 01 08 0a 00 00 00 02 00 00 00 01 01 01 05 0a 00 00 00 10 00 00 00 20"
    )


def test_an_option_in_any_segment_must_5() -> None:
    assert read(b"\2\4\5\xb4").mss == 1460


def test_an_unknown_option_is_skipped_must_6() -> None:
    seg = read(b"\xfd\6\0\0\0\0\3\3\7\1\1\1")
    assert seg.wscale == 7


def test_a_known_option_of_another_length_is_skipped() -> None:
    seg = read(b"\2\3\7\3\4\7\7\5\2\5\4\0\0\4\2\1")
    assert (seg.mss, seg.wscale, seg.sack, seg.sack_ok) == (0, ABSENT, (), True)


@pytest.mark.parametrize("bad", [b"\xfd\0", b"\xfd\1", b"\xfd\xff", b"\2\x0c"])
def test_reading_stops_at_an_illegal_length_must_7(bad: bytes) -> None:
    seg = read(b"\2\4\5\xb4" + bad + b"\3\3\7" + b"\1\1\1")
    assert (seg.mss, seg.wscale) == (1460, ABSENT)


@pytest.mark.parametrize(
    "cut", [b"\1\2\4\2", b"\1\1\3\3", b"\1\x08\x0a\0", b"\1\5\x0a\0", b"\1\xfd\4\0"]
)
def test_an_option_that_ends_outside_of_the_header(cut: bytes) -> None:
    seg = read(b"\2\4\5\xb4" + cut)
    assert (seg.mss, seg.wscale, seg.tsval, seg.sack) == (1460, ABSENT, ABSENT, ())


def test_a_kind_without_room_for_its_length() -> None:
    assert read(b"\2\4\5\xb4\1\1\1\3").mss == 1460


def test_nothing_counts_behind_the_end_of_the_list() -> None:
    seg = read(b"\2\4\5\xb4\0\3\3\7")
    assert (seg.mss, seg.wscale) == (1460, ABSENT)


def test_the_last_of_two_counts() -> None:
    assert read(b"\2\4\5\xb4\2\4\2\0").mss == 512


def test_four_blocks_of_sack() -> None:
    sack = tuple((n, n + 1) for n in range(0, 80, 20))
    back = parse(build(Segment(FLOW, 0, 0, ACK, 512, sack=sack)))
    assert isinstance(back, Segment)
    assert back.sack == sack


def test_more_than_forty_octets_are_refused() -> None:
    sack = tuple((n, n + 1) for n in range(0, 80, 20))
    with pytest.raises(WireError, match="48 octets of options"):
        build(Segment(FLOW, 0, 0, ACK, 512, sack=sack, tsval=1))
