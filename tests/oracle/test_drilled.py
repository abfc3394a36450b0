"""packetdrill scripts on the kernel: our own hold there, and what is wrong fails there too."""

from __future__ import annotations

import os
import threading
import tomllib
from pathlib import Path

import pytest

from lastack.drill import Result, Setup, Verdict
from lastack.oracle import LIMIT, Parting, difference, drill_on_both, drill_on_kernel
from lastack.profile import LINUX

from ..cli.conftest import ROOT, valid
from ..drill.helper import CLIENT, SERVER
from .test_judged import lastack

EXPLAINED = {
    one["name"]: one
    for one in tomllib.loads((Path(__file__).parent / "drill.toml").read_text()).get("script", [])
}
ENOUGH = 110
"""Scripts that take less than ten seconds on the kernel."""


def kernel(directory: Path, text: str, limit: float = LIMIT) -> Verdict:
    """Play a text on the kernel. What is tested is order and content: a machine may be late."""
    path = directory / "script.pkt"
    path.write_text(text)
    return drill_on_kernel(path, Setup(LINUX, tolerance=100_000_000), limit)


@pytest.mark.root
def test_our_scripts_hold_on_the_kernel() -> None:
    ran = lastack("drill", "--on", "both", "--tolerance", "100ms", "--json", "tests/scripts")
    told = valid(ran.stdout, "drill")
    assert told["summary"]["fail"] == told["summary"]["error"] == 0
    assert told["kernel_summary"]["pass"] >= ENOUGH
    parted = {Path(one["path"]).name: one["difference"] for one in told["scripts"]}
    parted = {name: found for name, found in parted.items() if found is not None}
    assert parted.keys() == EXPLAINED.keys(), parted
    for name, found in parted.items():
        assert found["line"] == EXPLAINED[name]["line"]
        assert found["lastack"] == "as the script says"
        assert found["kernel"].startswith(EXPLAINED[name]["kernel"])


def test_each_explanation_is_about_a_script() -> None:
    for name, one in EXPLAINED.items():
        assert (ROOT / "tests" / "scripts" / name).is_file()
        assert len(one["why"]) > 20


GOOD = (
    SERVER
    + """
+0 fcntl(4, F_GETFL) = 0x2 (flags O_RDWR)
+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [0], [4]) = 0
+0 `sockstat -4 -P tcp -s | grep -c ESTABLISHED | grep 1`
+0 %{ assert tcpi_state == 1 }%
+0...0.3 read(4, ..., 100) = 50
+.3 < P. 1:51(50) ack 1 win 257
+0 > . 1:1(0) ack 51
+0 poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 51
+.01 < . 51:51(0) ack 11 win 257
+0 read(9, ..., 10) = -1 EBADF (Bad file descriptor)
+0 close(4) = 0
+0 > F. 11:11(0) ack 51
+.01 < F. 51:51(0) ack 12 win 257
+0 > . 12:12(0) ack 52
+0 `sockstat -4 -P tcp -s | grep -c TIME_WAIT | grep 1`
"""
)
WRONG = {
    "flags": ("> F. 11:11", "> R. 11:11"),
    "sequence number": ("> P. 1:11(10) ack 51", "> P. 2:12(10) ack 51"),
    "length": ("> P. 1:11(10)", "> P. 1:10(9)"),
    "acknowledgment": ("> . 1:1(0) ack 51", "> . 1:1(0) ack 50"),
    "option": ("<mss 1460,nop,nop,sackOK", "<mss 1400,nop,nop,sackOK"),
    "order of options": ("<mss 1460,nop,nop,sackOK", "<nop,nop,sackOK,mss 1460"),
    "a packet that is none": ("+0 poll", "+0 > . 1:1(0) ack 51\n+0 poll"),
    "time": ("+0 > F. 11", "+.5 > F. 11"),
    "time of a call": ("+0...0.3 read", "+0...0.9 read"),
    "a call that waits": ("+0...0.3 read(4, ..., 100) = 50\n", "+0 read(4, ..., 100) = 50\n"),
    "return value": ("write(4, ..., 10) = 10", "write(4, ..., 10) = 9"),
    "errno": ("-1 EBADF", "-1 EINVAL"),
    "value of an option": ("SO_ERROR, [0]", "SO_ERROR, [EPIPE]"),
    "flags of a descriptor": ("= 0x2 ", "= 0x802 "),
    "readiness": ("revents=POLLOUT", "revents=POLLIN"),
    "number of states": ("TIME_WAIT | grep 1", "TIME_WAIT | grep 2"),
    "code": ("tcpi_state == 1", "tcpi_state == 2"),
}  # fmt: skip


@pytest.mark.root
def test_a_script_that_holds(tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd"), threading.active_count()
    verdict = kernel(tmp_path, GOOD)
    assert verdict.result is Result.PASS, verdict
    assert (os.listdir("/proc/self/fd"), threading.active_count()) == before


@pytest.mark.root
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_fails(wrong: str, tmp_path: Path) -> None:
    right, changed = WRONG[wrong]
    assert GOOD.count(right) == 1
    verdict = kernel(tmp_path, GOOD.replace(right, changed))
    assert verdict.result is Result.FAIL, verdict


@pytest.mark.root
def test_a_client_with_timestamps_and_icmp_over_ipv6(tmp_path: Path) -> None:
    assert kernel(tmp_path, CLIENT).result is Result.PASS
    refused = "+.01 < icmp unreachable port_unreachable [0:1(0)]\n"
    text = "--ip_version=ipv6\n" + CLIENT.split("+.01 <")[0].replace("mss 1460", "mss 1440")
    error = "+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0\n"
    verdict = kernel(tmp_path, text + refused + error)
    assert verdict.result is Result.PASS, verdict


@pytest.mark.root
def test_settings_are_those_of_the_namespace(tmp_path: Path) -> None:
    here = Path("/proc/sys/net/ipv4/tcp_sack").read_text()
    text = "0 `sysctl -q net.ipv4.tcp_sack=0`\n" + SERVER.replace(" 0 socket", "+0 socket")
    verdict = kernel(tmp_path, text.replace("<mss 1460,nop,nop,sackOK,", "<mss 1460,"))
    assert verdict.result is Result.PASS, verdict
    assert Path("/proc/sys/net/ipv4/tcp_sack").read_text() == here
    for setting, why in (
        ("net.ipv4.tcp_nonsense=1", "no such setting"), ("vm.swappiness=1", "not a setting"),
        ("net.core.rmem_max=4711", "whole machine"), ("net.ipv4.tcp_sack=many", "Invalid"),
        ("net.ipv4.tcp_congestion_control=nobodys", "not loaded"),
    ):  # fmt: skip
        verdict = kernel(tmp_path, f"0 `sysctl -q {setting}`\n")
        assert verdict.result is Result.UNSUPPORTED
        assert why in verdict.actual


@pytest.mark.root
def test_what_takes_too_long_is_skipped_and_leaves_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    text = SERVER + "+0...9 read(4, ..., 10) = 10\n+9 < P. 1:11(10) ack 1 win 257\n"
    foreseen = kernel(tmp_path, text, limit=0.2)
    assert (foreseen.result, foreseen.actual) == (Result.SKIPPED, "it takes 9.0 s")
    # lastack does not follow it, so nobody knows how long it takes
    text = SERVER + "+0 fcntl(4, F_GETFL) = 7\n"
    text = "0 `sysctl -q net.ipv4.tcp_plb_enabled=0`\n" + text.replace(" 0 socket", "+0 socket")
    text = text.replace("+0 fcntl(4, F_GETFL) = 7\n", "+0...9 read(4, ..., 10) = 10\n")
    surprised = kernel(tmp_path, text + "+9 < P. 1:11(10) ack 1 win 257\n", limit=0.2)
    assert surprised.result is Result.SKIPPED
    assert "more than 0.2 s of real time" in surprised.actual
    assert threading.active_count() == before


@pytest.mark.root
def test_a_script_of_another_profile_is_told_so() -> None:
    path = ROOT / "tests" / "scripts" / "freebsd" / "unread-close.pkt"
    both = drill_on_both(path, Setup(LINUX))
    assert both.lastack == both.kernel
    assert (both.kernel.result, both.kernel.actual) == (Result.SKIPPED, "for the profile freebsd")


FINE = Verdict("x", Result.PASS, virtual=5)
EARLY = Verdict("x", Result.FAIL, 4, "> F.", "it at 0.013 s")
LATE = Verdict("x", Result.FAIL, 9, "> R.", "nothing by 2.000 s")


def test_where_two_verdicts_part() -> None:
    says = "as the script says"
    assert difference(FINE, FINE) is None
    assert difference(LATE, Verdict("x", Result.FAIL, 9, "> R.", "nothing by 2.024 s")) is None
    assert difference(FINE, LATE) == Parting(9, "> R.", says, "nothing by 2.000 s")
    assert difference(EARLY, LATE) == Parting(4, "> F.", "it at 0.013 s", says)
    assert difference(LATE, EARLY) == Parting(4, "> F.", says, "it at 0.013 s")
    other = Verdict("x", Result.FAIL, 9, "> R.", "> F.")
    assert difference(LATE, other) == Parting(9, "> R.", "nothing by 2.000 s", "> F.")
    assert difference(LATE, Verdict("x", Result.SKIPPED)) is None


def test_a_window_counts_where_the_script_asks_for_it() -> None:
    for expected, same in (("> R.", True), ("> R. win 5", False)):
        one, two = (
            Verdict("x", Result.FAIL, 9, expected, f"> F. win {window} <TS val {window} ecr 1>")
            for window in (60, 65)
        )
        assert (difference(one, two) is None) is same
