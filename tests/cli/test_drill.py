"""`lastack drill`: verdicts for people and as JSON, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run, valid

GOOD = """
 0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
+0 close(4) = 0
+0 > F. 1:1(0) ack 1
"""
BAD = GOOD.replace("> F.", "> R.")
ODD = GOOD.replace("close(4)", "splice(4)")
BROKEN = GOOD.replace("listen(3", "listen 3")


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A directory with a script of each kind."""
    (tmp_path / "deep").mkdir()
    for name, text in (("good", GOOD), ("bad", BAD), ("odd", ODD), ("deep/broken", BROKEN)):
        (tmp_path / f"{name}.pkt").write_text(text)
    return tmp_path


def test_all_passed(lastack: Run, scripts: Path) -> None:
    done = lastack("drill", str(scripts / "good.pkt"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 pass, 0.1 s of virtual time\n"


def test_a_failure_tells_line_and_ladder(lastack: Run, scripts: Path) -> None:
    done = lastack("drill", str(scripts / "bad.pkt"))
    assert done.returncode == 1
    assert f"fail {scripts / 'bad.pkt'}:10\n    expected > R. 1:1(0) ack 1\n" in done.stdout
    assert "but got > F. 1:1(0) ack 1" in done.stdout
    assert "ESTABLISHED" in done.stdout
    assert "FIN" in done.stdout
    assert "ESTABLISHED" not in lastack("drill", str(scripts), "--ladders", "0").stdout


def test_a_directory_as_json(lastack: Run, scripts: Path) -> None:
    done = lastack("drill", str(scripts), "--json", "--jobs", "2")
    told = valid(done.stdout, "drill")
    assert done.returncode == 1
    assert told["summary"] == {"pass": 1, "fail": 1, "unsupported": 1, "error": 1}
    assert [Path(one["path"]).name for one in told["scripts"]] == [
        "bad.pkt", "broken.pkt", "good.pkt", "odd.pkt",
    ]  # fmt: skip
    by_name = {Path(one["path"]).stem: one for one in told["scripts"]}
    assert by_name["good"] == {
        "path": str(scripts / "good.pkt"), "verdict": "pass", "line": None, "expected": None,
        "actual": None, "virtual_seconds": 0.1,
    }  # fmt: skip
    assert by_name["bad"]["line"] == 10
    assert by_name["odd"]["actual"] == "the call splice()"
    assert by_name["broken"]["line"] == 4


@pytest.mark.parametrize("option", ["--neutral", "--exact", "--on=lastack", "-DWORD=1"])
def test_options(lastack: Run, scripts: Path, option: str) -> None:
    assert lastack("drill", option, str(scripts / "good.pkt")).returncode == 0


def test_a_profile_that_nobody_ran_says_so(lastack: Run, scripts: Path) -> None:
    done = lastack("drill", "--profile", "freebsd", str(scripts / "good.pkt"))
    assert "nobody ran it here" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "PATH"),
        (("missing.pkt",), "no such file"),
        ((".", "--profile", "plan9"), "no profile"),
        ((".", "-D", "=3"), "-D"),
        ((".", "--on", "mars"), "--on"),
        ((".", "--jobs", "0"), "--jobs"),
        ((".", "--limit", "5"), "--limit"),
        ((".", "--on", "kernel", "--limit", "-1"), "--limit"),
        ((".", "--on", "both", "--exact"), "--exact"),
        ((".", "--on", "kernel", "--profile", "freebsd"), "--on both"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(lastack: Run, words: tuple[str, ...], told: str) -> None:
    done = lastack("drill", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_directory_without_scripts_is_a_mistake(lastack: Run, tmp_path: Path) -> None:
    done = lastack("drill", str(tmp_path))
    assert done.returncode == 2
    assert "no scripts" in done.stderr


def test_text_fits_80_columns(lastack: Run, scripts: Path) -> None:
    text = lastack("drill", str(scripts)).stdout + lastack("drill", "--help").stdout
    long = [line for line in text.splitlines() if len(line) > 80 and str(scripts) not in line]
    assert not long


@pytest.mark.root
def test_on_the_kernel(lastack: Run, scripts: Path) -> None:
    done = lastack("drill", "--on", "kernel", "--tolerance", "100ms", str(scripts / "good.pkt"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1 pass, ")
    assert done.stdout.endswith(" s of real time\n")
    done = lastack("drill", "--on", "kernel", str(scripts), "--json")
    told = valid(done.stdout, "drill")
    assert (done.returncode, told["on"]) == (1, "kernel")
    assert told["summary"] == {"pass": 1, "fail": 1, "unsupported": 1, "error": 1, "skipped": 0}


@pytest.mark.root
def test_what_is_too_long_is_named_and_no_failure(lastack: Run, scripts: Path) -> None:
    where = str(scripts / "good.pkt")
    done = lastack("drill", "--on", "kernel", "--limit", "0.05", where)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"skipped {where}: it takes 0.1 s"
    assert done.stdout.splitlines()[1].startswith("1 skipped")


@pytest.mark.root
def test_both_beside_each_other(lastack: Run, scripts: Path) -> None:
    # the ECN bits of a SYN|ACK are a profile's, and textbook's TCP knows none
    (scripts / "apart.pkt").write_text(
        GOOD.replace("< S 0", "< SEW 0").replace("> S. 0", "> SE. 0")
    )
    words = ("drill", "--on", "both", "--tolerance", "100ms", "--profile", "textbook")
    done = lastack(*words, str(scripts / "apart.pkt"), str(scripts / "bad.pkt"))
    assert (done.returncode, done.stderr) == (1, "")
    assert f"differ {scripts / 'apart.pkt'}:6\n    script   > SE. 0:0(0)" in done.stdout
    assert "    lastack  > S. 0:0(0) ack 1" in done.stdout
    assert "    kernel   as the script says" in done.stdout
    assert f"fail {scripts / 'bad.pkt'}:10 on both" in done.stdout
    told = valid(lastack(*words, str(scripts / "apart.pkt"), "--json").stdout, "drill")
    assert (told["on"], told["differences"]) == ("both", 1)
    assert told["summary"]["fail"] == told["kernel_summary"]["pass"] == 1
    assert told["scripts"][0]["difference"]["line"] == 6


def test_a_directory_names_the_profile_of_its_scripts(lastack: Run, tmp_path: Path) -> None:
    """The peer's text is unread at close(): RST on Linux, FIN on FreeBSD."""
    script = GOOD.replace(
        "+0 close(4)", "+0 < P. 1:2(1) ack 1 win 257\n+0 > . 1:1(0) ack 2\n+0 close(4)"
    )
    for name, last in (("freebsd", "F."), ("plain", "R.")):
        (tmp_path / name).mkdir()
        text = script.replace("> F. 1:1(0) ack 1", f"> {last} 1:1(0) ack 2")
        (tmp_path / name / "unread.pkt").write_text(text)
    done = lastack("drill", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Profile freebsd is from documents" in done.stdout
    done = lastack("drill", "--profile", "linux", str(tmp_path))
    assert done.returncode == 1
    assert "freebsd/unread.pkt" in done.stdout
