"""Public packetdrill suites, where LASTACK_SUITES says that they are: `make suites`."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lastack.drill import (
    Result,
    ScriptError,
    Setup,
    Verdict,
    in_processes,
    parse,
    play_files,
    scripts_in,
)
from lastack.oracle import drill_on_both, namespaces_work
from lastack.profile import PROFILES, Profile

AT_ONCE = 4
"""Scripts on a kernel mostly wait."""
HERE = Path(__file__).parent
EXPECTED = tomllib.loads((HERE / "expected.toml").read_text())
SUITES = os.environ.get("LASTACK_SUITES", "")

needs_suites = pytest.mark.skipif(
    not SUITES, reason="LASTACK_SUITES names no directory with the public suites"
)


def files(row: dict[str, Any]) -> list[Path]:
    """Return the scripts of a row."""
    root = Path(SUITES)
    found: list[Path] = []
    for pattern in row["paths"]:
        places = sorted(root.glob(pattern))
        assert places, f"there is no {root / pattern}"
        if "list" in row:
            named = (HERE / row["list"]).read_text().split()
            found += [place / name for place in places for name in named]
        else:
            found += [script for place in places for script in scripts_in(place)]
    leave_out = row.get("without", [])
    return [
        path for path in found
        if not any(part in str(path.relative_to(root)) for part in leave_out)
    ]  # fmt: skip


def profile_of(row: dict[str, Any]) -> Profile:
    return PROFILES[row.get("profile", "linux")]


def setup_of(row: dict[str, Any]) -> Setup:
    """Return how the scripts of a row are to be played."""
    tolerance = row.get("tolerance_ms", 0) * 1_000_000 or None
    return Setup(
        profile_of(row), row.get("neutral", False), False, row.get("define", {}), tolerance
    )


def told(verdicts: list[Verdict]) -> str:
    """Return what did not pass, a line each."""
    return "\n".join(
        f"{one.result.value} {one.path}:{one.line}: {one.expected} | {one.actual}"
        for one in verdicts if one.result is not Result.PASS
    )  # fmt: skip


@needs_suites
@pytest.mark.parametrize("row", EXPECTED["parsed"], ids=lambda row: row["name"])
def test_the_language_is_read(row: dict[str, Any]) -> None:
    paths = files(row)
    assert len(paths) == row["scripts"]
    wrong = []
    for path in paths:
        try:
            parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
        except ScriptError as error:
            wrong.append(f"{path}: {error}")
    assert len(paths) - len(wrong) >= row["read"], "\n".join(wrong)


@needs_suites
@pytest.mark.parametrize("row", EXPECTED["played"], ids=lambda row: row["name"])
def test_as_many_pass_as_before(row: dict[str, Any]) -> None:
    paths = files(row)
    assert len(paths) == row["scripts"]
    verdicts = list(play_files(paths, setup_of(row), jobs=2))
    counts = Counter(one.result for one in verdicts)
    print(f"{row['name']}: {counts[Result.PASS]} of {len(paths)}")  # noqa: T201 - shown by -s
    assert counts[Result.PASS] >= row["pass"], told(verdicts)


@needs_suites
@pytest.mark.parametrize("row", EXPECTED["judged"], ids=lambda row: row["name"])
def test_where_the_kernel_departs_lastack_does_too(row: dict[str, Any]) -> None:
    """Of the scripts that do not hold on the kernel: how often our first packet (or answer) that
    is not the script's is the kernel's."""
    # Not marked `root`: such a test may not be skipped in CI, and this one is, for the suites.
    if why := namespaces_work():
        pytest.skip(why)
    paths = files(row)
    assert len(paths) == row["scripts"]
    play = partial(drill_on_both, setup=setup_of(row), limit=0)
    both = list(in_processes(play, paths, AT_ONCE))
    departing = [one for one in both if one.kernel.result is Result.FAIL]
    same = sum(one.difference is None for one in departing)
    print(f"{row['name']}: {same} of {len(departing)}")  # noqa: T201 - shown by -s
    parted = "\n".join(
        f"{one.kernel.path}:{one.difference.line}: {one.difference.lastack} | "
        f"{one.difference.kernel}"
        for one in both if one.difference is not None
    )  # fmt: skip
    assert abs(len(departing) - row["departs"]) <= row.get("give", 0), parted
    assert same >= row["same"], parted


def test_the_rows_are_whole() -> None:
    names = [row["name"] for row in EXPECTED["played"]]
    assert len(names) == len(set(names))
    for row in EXPECTED["played"]:
        assert profile_of(row)
        assert 0 < row["pass"] <= row["scripts"]
        assert "list" not in row or (HERE / row["list"]).is_file()
