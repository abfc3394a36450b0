"""Scripts in tests: what they begin with, and how they are played."""

from pathlib import Path

from lastack.drill import Setup, Verdict, play_text
from lastack.profile import LINUX, Profile

SERVER = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,nop,sackOK,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 10>
+.01 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
"""
"""A connection that the script's peer has opened, on descriptor 4."""

CLIENT = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 10>
+.01 < S. 0:0(0) ack 1 win 32792 <mss 1000,sackOK,TS val 700 ecr 100,nop,wscale 7>
+0 > . 1:1(0) ack 1 <nop,nop,TS val 110 ecr 700>
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
"""
"""A connection that the program has opened, with timestamps, on descriptor 3."""


def play(
    text: str, profile: Profile = LINUX, *, neutral: bool = False, exact: bool = False,
    directory: Path = Path(), **defines: str,
) -> Verdict:  # fmt: skip
    """Play the text of a script."""
    setup = Setup(profile, neutral, exact, defines)
    return play_text(text, str(directory / "script.pkt"), setup)
