"""The line about a packet."""

import pytest

from lastack.wire import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    Datagram,
    Flow,
    IcmpMessage,
    Packet,
    Segment,
    flags_text,
    options_text,
    show,
)

from .values import CLIENT, FLOW, FLOW6, SERVER

BACK = FLOW.reversed()
ROUTER = Flow(SERVER, 0, CLIENT, 0)
ROUTER6 = Flow(FLOW6.dst, 0, FLOW6.src, 0)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (SYN, "[S]"),
        (SYN | ACK, "[S.]"),
        (ACK, "[.]"),
        (PSH | ACK, "[P.]"),
        (FIN | ACK, "[F.]"),
        (FIN | PSH | ACK, "[FP.]"),
        (RST, "[R]"),
        (RST | ACK, "[R.]"),
        (SYN | ECE | CWR, "[SEW]"),
        (ACK | URG, "[.U]"),
        (0, "[none]"),
    ],
)
def test_flags(flags: int, text: str) -> None:
    assert flags_text(flags) == text


@pytest.mark.parametrize(
    ("packet", "line"),
    [
        (
            Segment(
                BACK, 0, 1, SYN | ACK, 64240, mss=1460, sack_ok=True, tsval=7, tsecr=3, wscale=7
            ),
            "10.0.0.2:80 > 10.0.0.1:40000: Flags [S.], seq 0, ack 1, win 64240, "
            "options [mss 1460,sackOK,TS val 7 ecr 3,wscale 7], length 0",
        ),
        (
            Segment(FLOW, 1, 1, PSH | ACK, 502, b"GET /"),
            "10.0.0.1:40000 > 10.0.0.2:80: Flags [P.], seq 1:6, ack 1, win 502, length 5",
        ),
        (
            Segment(FLOW, 9, 1, ACK, 502, sack=((5, 9), (20, 30))),
            "10.0.0.1:40000 > 10.0.0.2:80: Flags [.], ack 1, win 502, "
            "options [sack 2 {5:9}{20:30}], length 0",
        ),
        (
            Segment(FLOW6, 6, 0, RST, 0),
            "[fd00::1]:40000 > [fd00::2]:80: Flags [R], seq 6, win 0, length 0",
        ),
        (
            Segment(FLOW, 6, 1, ACK | URG, 10, b"x", up=1),
            "10.0.0.1:40000 > 10.0.0.2:80: Flags [.U], seq 6:7, ack 1, win 10, urg 1, length 1",
        ),
        (Datagram(FLOW, b"abc"), "10.0.0.1:40000 > 10.0.0.2:80: UDP, length 3"),
        (
            IcmpMessage(ROUTER, 3, 1, FLOW, 5),
            "10.0.0.2 > 10.0.0.1: ICMP host unreachable, "
            "about 10.0.0.1:40000 > 10.0.0.2:80 seq 5",
        ),
        (
            IcmpMessage(ROUTER, 3, 4, FLOW, 5, mtu=1400),
            "10.0.0.2 > 10.0.0.1: ICMP too big, mtu 1400, "
            "about 10.0.0.1:40000 > 10.0.0.2:80 seq 5",
        ),
        (
            IcmpMessage(ROUTER, 3, 13, FLOW, 5),
            "10.0.0.2 > 10.0.0.1: ICMP code 13 unreachable, "
            "about 10.0.0.1:40000 > 10.0.0.2:80 seq 5",
        ),
        (
            IcmpMessage(ROUTER, 3, 3, FLOW, 5),
            "10.0.0.2 > 10.0.0.1: ICMP tcp port unreachable, "
            "about 10.0.0.1:40000 > 10.0.0.2:80 seq 5",
        ),
        (
            IcmpMessage(ROUTER, 3, 3, FLOW, 5, protocol=17),
            "10.0.0.2 > 10.0.0.1: ICMP udp port unreachable, "
            "about 10.0.0.1:40000 > 10.0.0.2:80",
        ),
        (
            IcmpMessage(ROUTER6, 3, 1, FLOW6, 5),
            "fd00::2 > fd00::1: ICMP6 time exceeded code 1, "
            "about [fd00::1]:40000 > [fd00::2]:80 seq 5",
        ),
    ],
)  # fmt: skip
def test_lines(packet: Packet, line: str) -> None:
    assert show(packet) == line


def test_relative_numbers_wrap() -> None:
    isn, peer = 0xFFFF_FFF0, 100
    seg = Segment(FLOW, 0x10, 101, ACK, 9, b"text", sack=((110, 120),))
    assert show(seg, (isn, peer)) == (
        "10.0.0.1:40000 > 10.0.0.2:80: Flags [.], seq 32:36, ack 1, win 9, "
        "options [sack 1 {10:20}], length 4"
    )


def test_the_last_octet_before_zero() -> None:
    seg = Segment(FLOW, 0xFFFF_FFFF, 0, PSH, 9, b"text")
    assert "seq 4294967295:3," in show(seg)


def test_options_alone() -> None:
    assert options_text(Segment(FLOW, 0, 0, SYN, 1, mss=536)) == "mss 536"
