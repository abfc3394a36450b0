"""What a script may do besides expecting packets, and what a verdict says."""

from pathlib import Path

import pytest

from lastack.drill import Result, Setup, play_file, play_files
from lastack.drill.sysctls import BSD_SETTINGS, LINUX_SETTINGS, set_sysctl
from lastack.profile import FREEBSD, LINUX, S

from .helper import CLIENT, SERVER, play

HOLDS = {
    "blocking read": SERVER
    + "+0...0.1 read(4, ..., 10) = 3\n+.1 < P. 1:4(3) ack 1 win 257\n+0 > . 1:1(0) ack 4\n",
    "MSG_WAITALL": SERVER
    + "+0...0.2 recv(4, ..., 6, MSG_WAITALL) = 6\n+.1 < P. 1:4(3) ack 1 win 257\n"
    "+0 > . 1:1(0) ack 4\n+.1 < P. 4:7(3) ack 1 win 257\n+0 > . 1:1(0) ack 7\n",
    "MSG_PEEK": SERVER
    + "+0 < P. 1:4(3) ack 1 win 257\n+0 recv(4, ..., 9, MSG_PEEK) = 3\n+0 recv(4, ..., 9, 0) = 3\n",
    "MSG_DONTWAIT": SERVER + "+0 recv(4, ..., 9, MSG_DONTWAIT) = -1 EAGAIN\n",
    "a lingering close": SERVER
    + "+0 setsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0\n"
    "+0...0.1 close(4) = 0\n+0 > F. 1:1(0) ack 1\n+.1 < . 1:1(0) ack 2 win 257\n",
    "a blocking write": SERVER
    + "+0 setsockopt(4, SOL_SOCKET, SO_SNDBUF, [5000], 4) = 0\n"
    "+0...0.02 write(4, ..., 40000) = 40000\n+0 > P. 1:10001(10000) ack 1\n"
    "+.01 < . 1:1(0) ack 10001 win 257\n+0 > P. 10001:26001(16000) ack 1\n"
    "+.01 < . 1:1(0) ack 26001 win 257\n",
    "a NULL pointer": SERVER
    + "+0 write(4, NULL, 1) = -1 EFAULT\n+0 read(4, NULL, 1) = -1 EFAULT\n",
    "a closed descriptor": SERVER + "+0 close(4) = 0\n+0 read(4, ..., 1) = -1 EBADF\n",
    "vectors": SERVER
    + "+0 writev(4, [{..., 5}, {..., 7}], 2) = 12\n+0 > P. 1:13(12) ack 1\n"
    "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 3}], msg_flags=0}, 0) = 3\n",
    "SO_RCVTIMEO": SERVER
    + "+0 setsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=0, tv_usec=200000}, 16) = 0\n"
    "+0...0.2 read(4, ..., 10) = -1 EAGAIN\n"
    "+0 getsockopt(4, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=0, tv_usec=200000}, [16]) = 0\n",
    "SO_SNDTIMEO": SERVER
    + "+0 setsockopt(4, SOL_SOCKET, SO_SNDTIMEO, {tv_sec=0, tv_usec=200000}, 16) = 0\n"
    "+0 < . 1:1(0) ack 1 win 0\n+0...0.2 write(4, ..., 9000000) = ...\n",
    "dup": SERVER + "+0 dup(4) = 5\n+0 close(4) = 0\n+0 write(5, ..., 1) = 1\n",
    "poll that waits": SERVER
    + "+0...0.1 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 1000) = 1\n"
    "+.1 < P. 1:4(3) ack 1 win 257\n",
    "poll that times out": SERVER
    + "+0...0.05 poll([{fd=4, events=POLLIN, revents=0}], 1, 50) = 0\n",
    "names": SERVER
    + '+0 getpeername(4, {sa_family=AF_INET, sin_port=htons(40000), '
    'sin_addr=inet_addr("192.0.2.1")}, [16]) = 0\n',
    "any time": SERVER + "+0 write(4, ..., 9) = 9\n* > P. 1:10(9) ack 1\n* > P. 1:10(9) ack 1\n",
    "a pause": SERVER + "+0 `sleep 2`\n+0 %{ assert True }%\n",
    "ICMP": CLIENT.split("+.01")[0]
    + "+.1 < icmp unreachable port_unreachable [0:0(0)]\n"
    "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n",
    "path MTU": SERVER
    + "+0 write(4, ..., 1000) = 1000\n+0 > P. 1:1001(1000) ack 1\n"
    "+.01 < icmp unreachable frag_needed mtu 800 [1:1001(1000)]\n"
    "+0 > . 1:761(760) ack 1\n+0 > P. 761:1001(240) ack 1\n",
    "two connections by their ports": "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    "+0 bind(3, ..., ...) = 0\n+0 listen(3, 2) = 0\n"
    "+0 < 7 > 8080 S 0:0(0) win 9 <mss 1000>\n+0 > 8080 > 7 S. 0:0(0) ack 1 <...>\n"
    "+0 < 8 > 8080 S 5:5(0) win 9 <mss 1000>\n+0 > 8080 > 8 S. 0:0(0) ack 6 <...>\n"
    "+0 < 7 > 8080 . 1:1(0) ack 1 win 9\n+0 accept(3, ..., ...) = 4\n"
    "+0 close(4) = 0\n+0 > 8080 > 7 F. 1:1(0) ack 1\n",
    "IPv6": "--ip_version=ipv6\n" + SERVER.replace("mss 1460", "mss 1440"),
    "an option of packetdrill": "--mtu=1400\n" + SERVER.replace("mss 1460", "mss 1360"),
    "a sysctl first": "0 `sysctl -q net.ipv4.tcp_retries2=8`\n+0" + SERVER.strip()[1:],
}  # fmt: skip


@pytest.mark.parametrize("script", HOLDS.values(), ids=HOLDS)
def test_it_holds(script: str) -> None:
    verdict = play(script)
    assert verdict.result is Result.PASS, verdict


UNSUPPORTED = {
    "a UDP socket": ("+0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 5\n", "not TCP"),
    "a call": ("+0 splice(4, NULL, 3, NULL, 1, 0) = 0\n", "splice"),
    "a flag": ("+0 send(4, ..., 1, MSG_FASTOPEN) = 1\n", "MSG_FASTOPEN"),
    "an option": ("+0 setsockopt(4, SOL_TCP, TCP_MD5SIG, [1], 4) = 0\n", "TCP_MD5SIG"),
    "an option of the segment": ("+0 < . 1:1(0) ack 1 win 1 <FO 12ab>\n", "FO"),
    "a command": ("+0 `iptables -F`\n", "iptables"),
    "a sysctl": ("+0 `sysctl -q net.ipv4.tcp_nothing=1`\n+0 > . 1:1(0)\n", "tcp_nothing"),
    "a sysctl while the host runs": (
        "+0 `sysctl -q net.ipv4.tcp_sack=0`\n+0 > . 1:1(0)\n", "while the host runs"
    ),
    "UDP": ("+0 < udp (10)\n", "UDP"),
    "a tunnel": ("+0 < ipv4 10.0.0.1 > 10.0.0.2: . 1:1(0) ack 1\n", "header"),
    "TCP over UDP": ("+0 < . 1:1(0) ack 1 win 1/udp(1 > 2)\n", "over UDP"),
    "a flow label": ("+0 > (flowlabel 0x1) . 1:1(0) ack 1\n", "flow label"),
    "TCP_INFO": ("+0 %{ assert tcpi_no_such_thing }%\n", "tcpi_no_such_thing"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "word"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_is_not_there_is_a_verdict_of_its_own(line: str, word: str) -> None:
    verdict = play(SERVER + line)
    assert verdict.result is Result.UNSUPPORTED, verdict
    assert verdict.line == 9
    assert word in verdict.actual


def test_an_unknown_option_of_packetdrill_is_not_passed_over() -> None:
    verdict = play("--mss=1000\n" + SERVER)
    assert verdict.result is Result.UNSUPPORTED
    assert "--mss=1000" in verdict.actual


def test_a_verdict_tells_line_expectation_and_what_came() -> None:
    verdict = play(SERVER + "\n+.5 close(4) = 0\n+0 > R. 1:1(0) ack 1\n")
    assert (verdict.result, verdict.line) == (Result.FAIL, 11)
    assert verdict.expected == "> R. 1:1(0) ack 1"
    assert verdict.actual.startswith("> F. 1:1(0) ack 1")
    assert verdict.virtual == 510 * S // 1000


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    assert play("0 > S").result is Result.ERROR
    missing = play_file(tmp_path / "missing.pkt", Setup(LINUX))
    assert (missing.result, missing.line) == (Result.ERROR, 0)


def test_exact_times() -> None:
    again = SERVER + "+0 write(4, ..., 9) = 9\n+0 > P. 1:10(9) ack 1\n{} > P. 1:10(9) ack 1\n"
    assert play(again.format("+.209")).result is Result.PASS
    assert play(again.format("+.209"), exact=True).result is Result.FAIL
    assert play(again.format("+.2~+.3"), exact=True).result is Result.PASS


def test_with_exact_times_no_packet_is_passed_over() -> None:
    quiet = SERVER + "+0 write(4, ..., 9) = 9\n+1 read(4, ..., 9) = -1 EAGAIN\n"
    quiet = quiet.replace("+0 write", "+0 fcntl(4, F_SETFL, O_NONBLOCK) = 0\n+0 write")
    assert play(quiet).result is Result.PASS
    assert play(quiet, exact=True).result is Result.FAIL


def test_non_fatal_calls() -> None:
    script = SERVER + "+0 write(4, ..., 9) = 8\n"
    assert play(script).result is Result.FAIL
    assert play("--non_fatal=syscall\n" + script).result is Result.PASS


def test_strict_segments() -> None:
    script = SERVER + "+0 write(4, ..., 2000) = 2000\n+0 > P. 1:2001(2000) ack 1\n"
    assert play(script).result is Result.PASS
    assert play("--strict_segments\n" + script).result is Result.FAIL


def test_words_and_sysctls_of_the_command_line() -> None:
    script = SERVER + "#ifdef WIDE\n+0 write(4, ..., WIDTH) = 9\n#endif\n"
    assert play(script).result is Result.PASS
    assert play(script, WIDE="").result is Result.UNSUPPORTED
    assert play(script, WIDE="", WIDTH="9").result is Result.PASS
    narrow = {"net.ipv4.tcp_window_scaling": "0"}
    assert play(SERVER, **narrow).result is Result.FAIL
    plain = SERVER.replace(",nop,wscale 10>", ">")
    assert play(plain, **narrow).result is Result.PASS


def test_a_script_beside_the_script_makes_settings(tmp_path: Path) -> None:
    (tmp_path / "plain.sh").write_text(
        "#!/bin/sh\n# no options\nsysctl -q net.ipv4.tcp_sack=0 \\\n  net.ipv4.tcp_timestamps=0\n"
        'sysctl -q net.ipv4.tcp_rmem="4096 87380 $((4*1024*1024))" > /dev/null 2>&1\n'
    )
    connect = "+0 connect(3, ..., ...) = -1 EINPROGRESS\n+0 > S 0:0(0) <mss 1460,nop,wscale 7>\n"
    head = "`./plain.sh`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
    script = head + "+0 fcntl(3, F_SETFL, O_NONBLOCK) = 0\n" + connect
    assert play(script, directory=tmp_path).result is Result.PASS
    missing = play(script, directory=tmp_path / "elsewhere")
    assert missing.result is Result.UNSUPPORTED


def test_sysctls_of_another_system_are_refused() -> None:
    script = "0 `sysctl -w net.inet.tcp.sack.enable=0`\n+0" + SERVER.strip().removeprefix("0")
    assert play(script).result is Result.UNSUPPORTED
    assert play(
        script.replace("net.inet.tcp.sack.enable", "net.ipv4.tcp_sack"), FREEBSD
    ).result is (Result.UNSUPPORTED)


def test_many_scripts_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:02}.pkt" for number in range(50)]
    for number, path in enumerate(paths):
        path.write_text(SERVER if number % 2 else SERVER.replace("mss 1460", "mss 1"))
    for jobs in (1, 2):
        verdicts = list(play_files(paths, Setup(LINUX), jobs))
        assert [one.path for one in verdicts] == [str(path) for path in paths]
        assert [one.result is Result.PASS for one in verdicts] == [False, True] * 25


def test_every_sysctl_is_a_field_that_there_is() -> None:
    """Each setter is called with a value that it takes."""
    values = {"tcp_rmem": "4096 87380 6291456", "tcp_wmem": "4096 16384 4194304",
              "tcp_congestion_control": "reno"}  # fmt: skip
    for profile, names in ((LINUX, LINUX_SETTINGS), (FREEBSD, BSD_SETTINGS)):
        for name in names:
            full = name if "." in name else f"net.ipv4.{name}"
            for value in (values.get(name, "1"), values.get(name, "0")):
                changed = set_sysctl(profile, full, value)
                assert changed.name == profile.name
