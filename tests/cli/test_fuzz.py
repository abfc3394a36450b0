"""`lastack fuzz`: what it prints, as JSON too, and what it says to mistakes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from .conftest import ROOT, Run, valid

STORED = ROOT / "tests" / "oracle" / "recorded.jsonl.gz"
FOUND = ROOT / "docs" / "kernel-notes" / "scripts" / "found"


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Forty stored scripts."""
    path = tmp_path / "few.jsonl"
    with gzip.open(STORED, "rt", encoding="ascii") as file:
        path.write_text("".join(line for _, line in zip(range(40), file, strict=False)), "ascii")
    return path


def test_stored_scripts_need_no_kernel(lastack: Run, few: Path) -> None:
    done = lastack("fuzz", "--against", str(few))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("40 scripts")
    assert "0 differ" in done.stdout
    told = valid(lastack("fuzz", "--against", str(few), "--json").stdout, "fuzz")
    assert (told["played"], told["differences"]) == (40, [])


def test_a_profile_that_is_not_linux_differs(lastack: Run, few: Path) -> None:
    done = lastack("fuzz", "--against", str(few), "--profile", "textbook")
    assert done.returncode == 1
    assert "kernel   " in done.stdout
    told = valid(
        lastack("fuzz", "--against", str(few), "--profile", "textbook", "--json").stdout, "fuzz"
    )
    assert told["differences"][0]["text"].startswith("# seed")


def test_wrong_fields(lastack: Run, few: Path) -> None:
    asked = ["--flip", "unread=FIN", "--flip", "limit=3"]
    done = lastack("fuzz", "--against", str(few), *asked)
    assert done.returncode == 1
    found, other = done.stdout.splitlines()
    assert found.startswith("unread=FIN: found after")
    assert other == "limit=3: not found in 40"
    told = valid(lastack("fuzz", "--against", str(few), *asked, "--json").stdout, "fuzz")
    assert [one["scripts"] is None for one in told["flips"]] == [False, True]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--flip", "unread"], "FIELD=VALUE"),
        (["--flip", "nothing=1"], "FIELD=VALUE"),
        (["--flip", "unread=MAYBE"], "RESET, RESET_ALSO_OUT_OF_ORDER, FIN"),
        (["--profile", "amiga"], "amiga"),
        (["--against", str(ROOT / "README.md")], "line 1 is no recording"),
        (["--against", "/dev/null"], "no recording"),
        (["--record", "x"], "one of them"),
        (["--seed", "7"], "--against makes no use of --seed"),
    ],
)
def test_mistakes(lastack: Run, words: list[str], says: str) -> None:
    given = words if "--against" in words else [*words, "--against", str(ROOT / "README.md")]
    done = lastack("fuzz", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.root
def test_one_script_on_both(lastack: Run, tmp_path: Path) -> None:
    script = FOUND / "simultaneous-open.fuzz"
    done = lastack("fuzz", "--play", str(script))
    assert (done.returncode, done.stderr) == (0, "")
    assert "both     > SA 0:0(0) ack 1" in done.stdout
    assert "kernel" not in done.stdout
    done = lastack("fuzz", "--play", str(script), "--flip", "offers_again=False")
    assert done.returncode == 1
    assert "lastack  > SA 0:0(0) ack 1" in done.stdout
    bad = tmp_path / "bad.fuzz"
    for text, says in (("+0 < nonsense\n", "line 1"), ("# nothing\n", "no step")):
        bad.write_text(text)
        done = lastack("fuzz", "--play", str(bad))
        assert done.returncode == 2
        assert says in done.stderr


@pytest.mark.root
def test_recording(lastack: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    assert lastack("fuzz", "--scripts", "5", "--jobs", "1", "--record", str(path)).returncode == 0
    assert len(path.read_text("ascii").splitlines()) == 5
