"""The harness: what it says of each way in which a test can end, and when it fails itself."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.cpython.__main__ import main
from tests.cpython.document import PAGE, render, stamp_of
from tests.cpython.judge import Judgement, idle_entries, judge
from tests.cpython.records import (
    Miss,
    Selected,
    merged,
    read_expected,
    read_selected,
    write_selected,
)
from tests.cpython.runner import CannotLoad, Result, run_module

CONTROLS = "tests.cpython.controls"


def test_every_way_to_end_is_told() -> None:
    results = {r.test: r for r in run_module(sys.executable, CONTROLS, "world", limit=4)}
    told = {name.partition(".test_")[2]: result.status for name, result in results.items()}
    assert told == {
        "passes": "passed",
        "fails": "failed",
        "fails_in_a_subtest": "failed",
        "raises": "error",
        "is_skipped": "skipped",
        "passes_unexpectedly": "failed",
        "fails_as_it_should": "passed",
        "waits_for_ever": "hung",
        "serves_for_ever": "died",
        "leaves_a_thread": "hung",
        "exits": "error",
        "computes_for_ever": "hung",
        "takes_the_process_along": "crashed",
        "and_one_after_them_passes": "passed",
    }
    failed = results["Controls.test_fails"]
    assert "1 != 2" in failed.text
    assert "what it printed" in failed.output
    assert any("Ending" in line for line in failed.verdict)


def test_a_test_that_is_not_there_is_missing() -> None:
    (result,) = run_module(sys.executable, CONTROLS, "world", ["Controls.test_gone"])
    assert result.status == "missing"


def test_a_module_that_is_not_there_is_an_error() -> None:
    with pytest.raises(CannotLoad, match=r"No module named 'tests\.cpython\.gone'"):
        run_module(sys.executable, "tests.cpython.gone", "world")


PASSED, FAILED = Result("C.test", "passed"), Result("C.test", "failed")
LISTED = Miss("because", ("m.C.*",))


@pytest.mark.parametrize(
    ("results", "misses", "judgement", "wrong"),
    [
        ([PASSED], [], Judgement.PASSED, False),
        ([FAILED], [LISTED], Judgement.MISSED, False),
        ([FAILED], [], Judgement.UNEXPECTED, True),
        ([PASSED], [LISTED], Judgement.STALE, True),
        ([], [], Judgement.UNEXPECTED, True),
        ([Result("C.test", "skipped")], [], Judgement.UNEXPECTED, True),
        ([FAILED], [Miss("because", ("m.C.test",), ("3.12",))], Judgement.UNEXPECTED, True),
        ([FAILED], [Miss("because", ("m.D.test",))], Judgement.UNEXPECTED, True),
    ],
)
def test_a_miss_needs_a_reason_and_a_reason_a_miss(
    results: list[Result], misses: list[Miss], judgement: Judgement, wrong: bool
) -> None:
    row = Selected("m", "C.test", ("3.11",), False)
    (judged,) = judge("m", "3.11", [row], results, misses)
    assert (judged.judgement, judged.judgement.wrong) == (judgement, wrong)


def test_an_entry_for_nothing_is_found() -> None:
    row = Selected("m", "C.test", ("3.11",), False)
    misses = [LISTED, Miss("because", ("m.C.gone",)), Miss("because", ("m.C.test",), ("3.13",))]
    assert idle_entries(misses, [row], ["3.11"]) == ["m.C.gone", "m.C.test"]


def test_selected_txt_is_merged_by_module_and_version(tmp_path: Path) -> None:
    path = tmp_path / "selected.txt"
    old = [Selected("m", "C.old", ("3.11", "3.12"), False), Selected("n", "C.n", ("3.11",), True)]
    rows = merged(old, "m", "3.11", {"C.new": True})
    write_selected(rows, path)
    assert read_selected(path) == [
        Selected("m", "C.new", ("3.11",), True),
        Selected("m", "C.old", ("3.12",), False),
        Selected("n", "C.n", ("3.11",), True),
    ]


def test_the_page_is_what_the_two_files_say() -> None:
    page = PAGE.read_text()
    stamp = stamp_of(page)
    assert page == render(stamp, read_selected(), read_expected())
    assert idle_entries(read_expected(), read_selected(), stamp.short) == []


def command(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["run", *words])
    return done.exit_code, done.output


@pytest.mark.root
def test_a_module_that_is_not_in_the_list_runs_on_the_kernel_first() -> None:
    code, text = command("tests.cpython.two_controls")
    assert code == 1
    assert "tests.cpython.two_controls on the kernel: 2 tests, 2 count, 0 do not pass" in text
    assert "test_leaves_a_thread: hung, does not pass, and expected.toml has no reason" in text
    assert "1 of 2 tests are not as tests/cpython/expected.toml says" in text
    code, text = command("tests.cpython.two_controls", "--test", "*_passes")
    assert code == 0
    assert "1 selected    1 passed" in text


def test_a_mistake_is_told_in_a_line() -> None:
    code, text = command("--python", "/nowhere/python", CONTROLS)
    assert code == 2
    assert "/nowhere/python" in text
    code, text = command("test_nonsense")
    assert code == 2
    assert text.splitlines()[-1].endswith(" has no test.test_nonsense to import")
    code, text = command("test_timeout", "--document")
    assert code == 2
    assert "--document needs --python for" in text
