"""Both dialects of the language, construct by construct."""

import pytest

from lastack.drill import Script, ScriptError, parse
from lastack.drill import syntax as s


def only(text: str) -> s.Event:
    """Return the event of a script that has one."""
    (event,) = parse(text).events
    return event


def tcp(text: str) -> s.TcpPacket:
    """Return the TCP packet of a script that has one event."""
    action = only(text).action
    assert isinstance(action, s.TcpPacket)
    return action


def call(text: str) -> s.Call:
    """Return the call of a script that has one event."""
    action = only(text).action
    assert isinstance(action, s.Call)
    return action


MS = 1_000_000


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("0", s.When(s.Anchor.START)),
        ("0.25", s.When(s.Anchor.START, 250 * MS, 250 * MS)),
        (".5", s.When(s.Anchor.START, 500 * MS, 500 * MS)),
        ("+0", s.When(s.Anchor.PREVIOUS)),
        ("+.01", s.When(s.Anchor.PREVIOUS, 10 * MS, 10 * MS)),
        ("+2", s.When(s.Anchor.PREVIOUS, 2000 * MS, 2000 * MS)),
        ("*", s.When(s.Anchor.NONE)),
        ("1.0~1.5", s.When(s.Anchor.START, 1000 * MS, 1500 * MS)),
        ("+.3~+.4", s.When(s.Anchor.PREVIOUS, 300 * MS, 400 * MS)),
    ],
)
def test_times(text: str, when: s.When) -> None:
    assert only(f"{text} > . 1:1(0) ack 1").when == when


def test_a_segment_with_everything() -> None:
    found = tcp(
        "0 < [ect0] 4000 > 80 FP. 1:11(10) ack 5 win 257 urg 3 "
        "<mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>"
    )
    assert found == s.TcpPacket(
        True, "FP.", s.Span(1, 11, 10), 5, 257, 3,
        (
            s.Option("mss", (1460,)), s.Option("sackOK"), s.Option("TS", (1, 2)),
            s.Option("nop"), s.Option("wscale", (7,)),
        ),
        (4000, 80), s.IpInfo(ecn=2),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "flags"),
    [("S", "S"), ("S.", "S."), (".", "."), ("-", ""), ("SEW", "SEW"), ("F .", "F.")],
)
def test_flags(text: str, flags: str) -> None:
    assert tcp(f"0 > {text} 0:0(0)").flags == flags


def test_what_is_not_written_is_told_from_what_is_zero() -> None:
    bare, zero = tcp("0 > . 1:1(0)"), tcp("0 > . 1:1(0) ack 0 win 0")
    assert (bare.ack, bare.window, bare.options) == (None, None, ())
    assert (zero.ack, zero.window) == (0, 0)
    assert tcp("0 > S 0:0(0) <...>").options is None


def test_sack_blocks_and_cookies() -> None:
    assert tcp("0 < . 1:1(0) ack 1 <nop,nop,sack 10:20 30:40>").options == (
        s.Option("nop"), s.Option("nop"), s.Option("sack", (10, 20, 30, 40)),
    )  # fmt: skip
    assert tcp("0 > S 0:0(0) <FO 2b3d1eeb, eol>").options == (
        s.Option("FO", ("2b3d1eeb",)), s.Option("eol"),
    )  # fmt: skip


def test_the_dialect_of_freebsd() -> None:
    assert tcp("0 > R. 0:0(0)! ack 3").span == s.Span(0, 0, 0, absolute=True)
    assert tcp("0 > S. ...(0) ack 1").span == s.Span(None, None, 0)
    assert tcp("0 < (ttl 64) . 1:1(0)/udp(9811 > 1)") == s.TcpPacket(
        True, ".", s.Span(1, 1, 0), ip=s.IpInfo(ttl=64), udp_ports=(9811, 1)
    )


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        (
            "icmp unreachable frag_needed mtu 1200 [1:1001(1000)]",
            s.IcmpPacket(
                True, "unreachable", "frag_needed", mtu=1200, about=s.Span(1, 1001, 1000)
            ),
        ),
        ("icmp echo_request id 7", s.IcmpPacket(True, "echo_request", identifier=7)),
        (
            "icmp unreachable port_unreachable [udp (8)]",
            s.IcmpPacket(
                True, "unreachable", "port_unreachable", about=s.Span(0, 0, 8),
                about_protocol="udp",
            ),
        ),
        ("udp (100)", s.UdpPacket(True, 100)),
        (
            "ipv4 10.0.0.1 > 10.0.0.2: udp (1)",
            s.UdpPacket(True, 1, headers=("ipv4 10.0.0.1 > 10.0.0.2:",)),
        ),
    ],
)  # fmt: skip
def test_other_packets(text: str, packet: s.Packet) -> None:
    assert only(f"0 < {text}").action == packet


def test_a_call_that_fails() -> None:
    assert call("+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)") == s.Call(
        "connect", (s.Number(3), s.Dots(), s.Dots()), s.Number(-1), "EINPROGRESS"
    )


def test_a_call_that_blocks() -> None:
    assert call("+0...0.200 accept(3, ..., ...) = 4").until == 200 * MS
    assert call(".1....3 read(4, ..., 10) = 0").until == 300 * MS


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x02", s.Number(2)),
        ("-1", s.Number(-1)),
        ("[1]", s.Array((s.Number(1),))),
        ("O_RDWR|O_NONBLOCK", s.Union((s.Word("O_RDWR"), s.Word("O_NONBLOCK")))),
        ('"ab\\n"...', s.Text(b"ab\n")),
        ("{onoff=1, linger=0}", s.Struct((
            s.Member("onoff", s.Number(1)), s.Member("linger", s.Number(0)),
        ))),
        ("{..., 10}", s.Struct((s.Dots(), s.Number(10)))),
        ("{msg_iov(1)=[]}", s.Struct((s.Member("msg_iov", s.Array(()), s.Number(1)),))),
        ("htons(80)", s.Applied("htons", (s.Number(80),))),
    ],
)  # fmt: skip
def test_arguments(text: str, value: s.Expression) -> None:
    assert call(f"0 f({text}) = 0").arguments == (value,)


def test_commands_without_a_time_stand_before_or_behind() -> None:
    script = parse("--mtu=1400\n`setup`\n0 `now`\n+0 %{ assert True }%\n`cleanup`")
    assert script.options == (("mtu", "1400"),)
    assert [event.action for event in script.before] == [s.Command("setup")]
    assert [event.action for event in script.events] == [
        s.Command("now"), s.Code(" assert True "),
    ]  # fmt: skip
    assert [event.action for event in script.after] == [s.Command("cleanup")]


def test_lines_are_those_of_the_file() -> None:
    text = "// one\n\n0 close(3) = 0\n/* four\nfive */ +0 close(\n 4) = 0\n"
    assert [event.line for event in parse(text).events] == [3, 5]


def test_conditions() -> None:
    text = "#ifdef A\n0 a() = 0\n#else\n0 b() = 0\n#endif\n#ifndef A\n0 c() = 0\n#endif\n"

    def names(script: Script) -> list[str]:
        return [event.action.name for event in script.events if isinstance(event.action, s.Call)]

    assert names(parse(text)) == ["b", "c"]
    assert names(parse(text, defined={"A"})) == ["a"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("0 >", 1, "TCP flags"),
        ("\n0 > S 0:0", 2, '"("'),
        ("0 close(3)", 1, '"="'),
        ("0 close(3 4) = 0", 1, '","'),
        ("0 close(3 = 0) = 0", 1, "only a name"),
        ("0 close(3) = 0 (never closed", 1, '")"'),
        ("close(3) = 0", 1, "a time"),
        ("1~0.5 > . 1:1(0)", 1, "backward"),
        ("1...0.5 close(3) = 0", 1, "ends before"),
        ("0 > . 1:1(0) <mss>", 1, "an integer"),
        ("0 close(3) = 0\n`x`\n0 close(4) = 0", 3, "behind the command"),
        ("#ifdef A\n0 close(3) = 0", 1, "without #endif"),
        ("\n#endif", 2, "without #ifdef"),
    ],
)
def test_mistakes_tell_their_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse(text)
    assert caught.value.line == line
    assert words in caught.value.text
