"""docs/conformance.md is what the tags say, and nothing of RFC 9293 is missing in it."""

from __future__ import annotations

import pytest

from tests.suites.kernel import FILE as KERNEL
from tests.suites.kernel import Count, counts, text

from .document import COMMAND, PAGE, render
from .requirements import FILE, ROOT, Requirement, Status, exists, gaps, read, requirements
from .suites import lines, suites
from .tags import Tag, named_in, tags_in, tags_of

ROWS = requirements()
TAGS = tags_in(ROOT)


def test_the_document_is_fresh() -> None:
    fresh = render(ROWS, TAGS, suites())
    assert PAGE.read_text("utf-8") == fresh, f"write it anew: {COMMAND}"


def test_the_kernels_counts_are_of_the_rows_of_profile_linux() -> None:
    rows = suites()
    counted = {row.name for row in rows if row.kernel is not None}
    assert counted == set(counts())
    assert counted <= {row.name for row in rows if row.profile == "linux"}
    for row in rows:
        assert row.kernel is None or 0 < row.kernel.passed <= row.scripts - row.kernel.skipped
    assert text(counts()) == KERNEL.read_text("utf-8")


def test_a_count_of_the_kernel_stands_beside_ours() -> None:
    row = suites()[0]._replace(name="some", scripts=9, passed=8, kernel=Count(7, 1, "6.1", "2020"))
    assert "| some | 9 | linux | 8 | 7 | 6.1, 2020; 1 take too long |" in lines([row])
    assert "| some | 9 | linux | 8 |  |  |" in lines([row._replace(kernel=None)])


def test_every_requirement_has_its_lines_and_a_test_or_a_reason() -> None:
    assert list(gaps(ROWS, TAGS)) == []


def test_nothing_names_a_requirement_that_the_rfc_has_not() -> None:
    """In any file, strings included; the tests of this folder name some on purpose."""
    wrong = [
        (one, path) for one, path in named_in(ROOT, "src", "tests", "docs", "examples")
        if not exists(one) and not path.startswith("tests/conformance/")
    ]  # fmt: skip
    assert wrong == []


# -- each check can fail --------------------------------------------------------------------------

ROW = next(row for row in ROWS if row.id == "MUST-13")


def owed(row: Requirement, *more: Tag, without: str = "") -> list[str]:
    """Return what the map owes with `row` in the place of MUST-13, and without the tags of one."""
    rows = [row if one.id == ROW.id else one for one in ROWS]
    return list(gaps(rows, [tag for tag in (*TAGS, *more) if tag.id != without]))


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (ROW._replace(tests=()), "MUST-13: no test"),
        (ROW._replace(tests=("tests/tcp/test_none.py::test_x",)), "MUST-13: there is no tests/tcp"),
        (ROW._replace(tests=(f"{ROW.tests[0]}_x",)), "MUST-13: there is no tests/tcp"),
        (ROW._replace(scripts=("tests/scripts/none.pkt",)), "MUST-13: there is no tests/scripts"),
        (ROW._replace(status=Status.PART), "MUST-13: a reason for what is not kept"),
        (ROW._replace(why="because"), "MUST-13: a reason for what is not kept"),
        (ROW._replace(status=Status.NO, why="because"), "MUST-13: has a test and is not kept"),
        (ROW._replace(linux="60 s"), "MUST-13: what linux does has no note"),
        (ROW._replace(linux="docs/kernel-notes/none.md"), "MUST-13: there is no docs/kernel"),
    ],
)
def test_a_gap_is_told(row: Requirement, line: str) -> None:
    first, *others = owed(row)
    assert first.startswith(line)
    assert others == []


def test_a_line_without_a_tag_is_told() -> None:
    assert owed(ROW, without="MUST-13") == ["MUST-13: no line in src/lastack is tagged with it"]


def test_a_number_that_there_is_not_is_told() -> None:
    assert owed(ROW, Tag("MUST-70", "x.py", 1)) == ["MUST-70: the RFC has none"]
    assert owed(ROW, Tag("MAY-17", "x.py", 1)) == ["MAY-17: not in requirements.toml"]
    assert not any(map(exists, ("MUST-0", "SHLD-32", "MAY-19", "REC-2")))


def test_a_requirement_that_is_missing_or_there_twice_is_told() -> None:
    rows = [row for row in ROWS if row.id != "SHLD-24"]
    assert list(gaps(rows, TAGS)) == ["SHLD-24 is not in requirements.toml"]
    assert list(gaps([*ROWS, ROW], TAGS)) == ["MUST-13 stands there twice"]


def test_a_tag_that_moved_makes_the_document_stale() -> None:
    moved = [tag._replace(line=tag.line + 1) if tag.id == "MUST-13" else tag for tag in TAGS]
    assert render(ROWS, moved) != render(ROWS, TAGS)


def test_tags_are_read_in_comments_and_docstrings_only() -> None:
    source = (
        '"""Keeps MUST-1,\nand SHLD-2 (MAY-3)."""\n'
        'x = "MUST-4"  # MUST-5: because\n'
        'def f():\n    """MUST-6."""\n    return "MUST-7"\n'
        'y = 1\n"""REC-1."""\n'
    )
    found = [(tag.id, tag.line) for tag in tags_of(source, "x.py")]
    assert found == [
        ("MUST-1", 1), ("MAY-3", 2), ("SHLD-2", 2), ("MUST-5", 3), ("MUST-6", 5), ("REC-1", 8),
    ]  # fmt: skip


def test_a_status_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError):
        read(FILE.read_text("utf-8").replace('kept = "no"', 'kept = "mostly"', 1))
