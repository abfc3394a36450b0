"""The neutral form: what it leaves out, and what it does not."""

import pytest

from lastack.drill import Result, parse
from lastack.drill.neutral import neutral
from lastack.profile import BSD44, FREEBSD, LINUX, MACOS, RFC9293, WINDOWS, Profile

from .helper import SERVER, play

LENIENT = """
 0 `sysctl -w net.inet.tcp.hostcache.purgenow=1`
+.1 `ls`
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 getsockopt(3, SOL_SOCKET, SO_RCVBUF, [65536], [4]) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,eol,eol>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,eol,eol>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+.1 `sockstat -4 -P tcp -s | grep packetdril | grep -c ESTABLISHED | grep 1`
+0 close(4) = 0
+0 > F. 1:1(0) ack 1 win 65535
#ifndef STANDARD
+0 > R. 1:1(0)
#endif
"""


@pytest.mark.parametrize("profile", [LINUX, FREEBSD, BSD44, MACOS, WINDOWS, RFC9293])
def test_every_profile_plays_it(profile: Profile) -> None:
    assert play(LENIENT, profile, neutral=True).result is Result.PASS


def test_it_does_not_hold_as_it_is() -> None:
    assert play(LENIENT).result is Result.UNSUPPORTED


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> F. 1:1(0)", "> R. 1:1(0)"),
        ("ESTABLISHED | grep 1", "ESTABLISHED | grep 2"),
        ("> S. 0:0(0) ack 1", "> S. 0:0(0) ack 2"),
    ],
)
def test_it_is_not_lenient_otherwise(right: str, wrong: str) -> None:
    assert play(LENIENT.replace(right, wrong, 1), neutral=True).result is Result.FAIL


def test_the_times_of_what_goes_stay() -> None:
    events = neutral(parse(LENIENT)).events
    assert events[0].source.startswith("+0 socket")
    assert events[0].when.first == 100_000_000
    assert events[1].source.startswith("+0 bind")


def test_options_of_other_segments_are_compared() -> None:
    script = (
        SERVER + "+0 < . 101:201(100) ack 1 win 257\n+0 > . 1:1(0) ack 1 <nop,nop,sack 101:{}>\n"
    )
    assert play(script.format(201), neutral=True).result is Result.PASS
    assert play(script.format(202), neutral=True).result is Result.FAIL
