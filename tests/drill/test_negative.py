"""For each kind of check: a script that holds, and the same script with one thing changed, which
has to fail. A runner that lets one of them pass is worth nothing."""

import pytest

from lastack.drill import Result

from .helper import CLIENT, SERVER, play

DATA = "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n"
TWO = "+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1\n"
CLOSE = "+0 close(4) = 0\n+0 > F. 1:1(0) ack 1\n"
UNACKED = "+0 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1\n"
OUT_OF_ORDER = (
    "+0 < . 1001:2001(1000) ack 1 win 257\n+0 > . 1:1(0) ack 1 <nop,nop,sack 1001:2001>\n"
)
READ = "+0 < P. 1:4(3) ack 1 win 257\n+0 > . 1:1(0) ack 4\n+0 read(4, ..., 100) = 3\n"
LATE_ACCEPT = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0...0.2 accept(3, ..., ...) = 4
+.1 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 32792
"""
LINGER = "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}, 8) = 0\n"
EPOLL = """
+0 epoll_create(1) = 5
+0 epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLIN, fd=4}) = 0
+0 < P. 1:4(3) ack 1 win 257
+0 epoll_wait(5, {events=EPOLLIN, fd=4}, 1, 0) = 1
"""

INQ = """
+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0
+0 < P. 1:11(10) ack 1 win 257
+0 > . 1:1(0) ack 11
+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 4}], msg_flags=0,
               msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=6}]}, 0) = 4
"""

CHECKS = {
    "control data": (SERVER + INQ, "cmsg_data=6", "cmsg_data=5"),
    "the kind of control data": (SERVER + INQ, "type=TCP_CM_INQ", "type=TCP_INFO"),
    "control data that does not come": (SERVER + INQ, "TCP_INQ, [1]", "TCP_INQ, [0]"),
    "the first sequence number": (SERVER + DATA, "1:1001(1000)", "2:1002(1000)"),
    "the length": (SERVER + DATA, "1:1001(1000)", "1:1000(999)"),
    "more than was sent": (SERVER + DATA, "1:1001(1000)", "1:1002(1001)"),
    "several segments as one": (SERVER + TWO, "1:2001(2000)", "1:2501(2500)"),
    "the acknowledgment": (SERVER + DATA, "(1000) ack 1", "(1000) ack 2"),
    "PSH": (SERVER + DATA, "> P. 1:", "> . 1:"),
    "FIN": (SERVER + CLOSE, "> F. 1:1(0)", "> . 1:1(0)"),
    "RST": (SERVER + CLOSE, "> F. 1:1(0)", "> R. 1:1(0)"),
    "ECE and CWR": (SERVER + CLOSE, "> F. 1:1(0)", "> FE. 1:1(0)"),
    "the window": (
        SERVER + "+0 write(4, ..., 10) = 10\n+0 > P. 1:11(10) ack 1 win 63\n", "win 63", "win 62"
    ),
    "an option's value": (SERVER, "<mss 1460,", "<mss 1461,"),
    "an option that is missing": (SERVER, "sackOK,nop,wscale 10>", "sackOK>"),
    "an option too many": (SERVER + DATA, "(1000) ack 1\n", "(1000) ack 1 <nop,nop>\n"),
    "the order of options": (
        SERVER, "<mss 1460,nop,nop,sackOK,nop,wscale 10>", "<nop,nop,sackOK,mss 1460,nop,wscale 10>"
    ),
    "SACK blocks": (SERVER + OUT_OF_ORDER, "sack 1001:2001>", "sack 1001:2000>"),
    "the echoed timestamp": (CLIENT, "TS val 110 ecr 700", "TS val 110 ecr 701"),
    "the value of a timestamp": (
        "--tcp_ts_tick_usecs=1000\n" + CLIENT, "TS val 110 ecr 700", "TS val 130 ecr 700"
    ),
    "a packet that does not come": (SERVER + DATA, "+0 write(4, ..., 1000) = 1000\n", ""),
    "a packet nobody expected": (SERVER + DATA, "+0 > P. 1:1001(1000) ack 1\n", CLOSE),
    "too late": (SERVER + UNACKED + "+.21 > P. 1:101(100) ack 1\n", "+.21 ", "+.1 "),
    "too early": (SERVER + UNACKED + "+.21 > P. 1:101(100) ack 1\n", "+.21 ", "+.4 "),
    "an absolute time": (SERVER + UNACKED + "0.22 > P. 1:101(100) ack 1\n", "0.22 ", "0.3 "),
    "a range of times": (
        SERVER + UNACKED + "+.2~+.3 > P. 1:101(100) ack 1\n", "+.2~+.3 ", "+.3~+.4 "
    ),
    "an absolute range": (
        SERVER + UNACKED + "0.2~0.3 > P. 1:101(100) ack 1\n", "0.2~0.3 ", "0.4~0.5 "
    ),
    "what a call returns": (SERVER + READ, "read(4, ..., 100) = 3", "read(4, ..., 100) = 2"),
    "what is read": (
        SERVER + READ.replace("...", '"\\x00"', 1), 'read(4, "\\x00"', 'read(4, "\\x01"'
    ),
    "that a call fails": (SERVER + READ, "100) = 3", "100) = -1 ECONNRESET"),
    "the errno": (
        SERVER + "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n+0 read(4, ..., 1) = -1 EAGAIN\n",
        "EAGAIN", "EINTR",
    ),
    "that a call does not wait": (
        SERVER + "+0 < P. 1:4(3) ack 1 win 257\n+0 read(4, ..., 1) = 1\n",
        "+0 < P. 1:4(3) ack 1 win 257\n", "",
    ),
    "when a call that waits returns": (LATE_ACCEPT, "+0...0.2 ", "+0...0.1 "),
    "that it returns at all": (LATE_ACCEPT, "+.1 < . 1:1(0) ack 1 win 32792\n", ""),
    "that it waits": (LATE_ACCEPT, "+0...0.2 ", "+0...0.4 "),
    "a socket option": (
        SERVER + "+0 getsockopt(4, SOL_SOCKET, SO_REUSEADDR, [0], [4]) = 0\n", "[0]", "[1]"
    ),
    "SO_ERROR": (CLIENT, "SO_ERROR, [0]", "SO_ERROR, [ECONNREFUSED]"),
    "struct linger": (
        SERVER + LINGER + LINGER.replace("set", "get").replace(", 8)", ", [8])"),
        "getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}",
        "getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=8}",
    ),
    "an option that is text": (
        SERVER + '+0 getsockopt(4, SOL_TCP, TCP_CONGESTION, "cubic", [16]) = 0\n', "cubic", "reno"
    ),
    "ioctl": (SERVER + "+0 ioctl(4, SIOCINQ, [0]) = 0\n", "[0]", "[1]"),
    "fcntl": (SERVER + "+0 fcntl(4, F_GETFL) = 2\n", "= 2", "= 0"),
    "poll": (
        SERVER + "+0 poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1\n",
        "revents=POLLOUT", "revents=POLLIN",
    ),
    "poll, how many": (
        SERVER + "+0 poll([{fd=4, events=POLLIN, revents=0}], 1, 0) = 0\n", "= 0\n", "= 1\n"
    ),
    "epoll, the events": (SERVER + EPOLL, "{events=EPOLLIN, fd=4}, 1", "{events=0, fd=4}, 1"),
    "epoll, the data": (SERVER + EPOLL, "{events=EPOLLIN, fd=4}, 1", "{events=EPOLLIN, fd=3}, 1"),
    "code": (SERVER + "+0 %{ assert tcpi_snd_mss == 1000 }%\n", "== 1000", "== 1001"),
    "code with variables": (
        SERVER + "+0 %{ x = 1 }%\n+0 %{ assert x == 1 }%\n", "assert x == 1", "assert x == 2"
    ),
    "states": (
        SERVER + "+0 `sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep 1`\n",
        "grep 1`", "grep 2`",
    ),
    "a RST that is a number on the wire": (
        SERVER + "+0 < S 0:0(0) win 1\n+0 > . 1:1(0) ack 1\n", "> . 1:1(0) ack", "> . 1:1(0)! ack"
    ),
    "the ports": (
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 < 7 > 8 S 0:0(0) win 9\n"
        "+0 > 8 > 7 R. 0:0(0) ack 1\n", "> 8 > 7", "> 9 > 7",
    ),
    "that a SYN is repeated as it was": (
        CLIENT.split("+.01")[0] + "+1 > S 0:0(0) <...>\n", "+1 > S 0:0(0)", "+1 > S 1:1(0)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
def test_it_holds_as_it_is_and_fails_when_changed(check: str) -> None:
    script, right, wrong = CHECKS[check]
    assert right in script
    held = play(script)
    assert held.result is Result.PASS, held
    failed = play(script.replace(right, wrong, 1))
    assert failed.result is Result.FAIL, failed
    assert failed.line
    assert failed.expected != failed.actual
