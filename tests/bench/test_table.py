"""The table of `make bench`: how it measures, not what it finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from bench.kernel import lifecycles as on_kernel
from bench.rows import ROWS
from bench.table import Aim, Measure, Result, Row, Skip, figure, lines, measure
from bench.world import Lifecycles, Machines

ROOT = Path(__file__).parents[2]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=ROOT, capture_output=True, text=True
    )


def sides(order: list[str]) -> Row:
    """A row whose sides say when they are asked: ours 2, 4, 6; theirs 4, 4, 2."""

    def side(name: str, figures: Iterator[float]) -> Measure:
        def ask() -> float:
            order.append(name)
            return next(figures)

        return ask

    return Row(
        "name", "what", "unit", lambda quick: side("ours", iter([2.0, 4.0, 6.0])), "it",
        lambda quick: side("theirs", iter([4.0, 4.0, 2.0])), Aim(0.5, True), rounds=3,
    )  # fmt: skip


def test_the_sides_take_turns_and_medians_count() -> None:
    order: list[str] = []
    result = measure(sides(order), quick=False)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert (result.ours, result.theirs, result.ratio) == (4.0, 4.0, 1.0)
    assert (result.low, result.high, result.met) == (0.5, 3.0, True)


@pytest.mark.parametrize(
    ("aim", "value", "met"),
    [(Aim(5, True), 4.9, False), (Aim(5, True), 5, True), (Aim(2, False), 2.1, False),
     (Aim(2, False), 2, True)],
)  # fmt: skip
def test_an_aim_is_met_on_its_side_only(aim: Aim, value: float, met: bool) -> None:
    assert aim.met(value) is met


def test_what_cannot_be_measured_says_why() -> None:
    def missing(quick: bool) -> Measure:
        raise Skip("no ns-3 here")

    result = measure(Row("name", "what", "unit", missing, aim=Aim(1, True)), quick=True)
    assert list(lines(result)) == [f"{'what':37} skipped", "  no ns-3 here"]
    assert (result.met, result.to_json()["ours"]) == (None, None)


def test_a_row_fits_80_columns() -> None:
    for row in ROWS:
        result = Result(row, 123_456.0, 43_210.0, 0.0123, 0.0123, 0.0123, 7)
        assert [line for line in lines(result) if len(line) > 80] == []


def test_figures_have_three_digits() -> None:
    assert [figure(x) for x in (0.11812, 63.73, 1950.4)] == ["0.118", "63.7", "1,950"]


def test_json_obeys_its_schema() -> None:
    run = bench("--quick", "--json", "bulk-loss")
    assert run.stderr == ""
    document = json.loads(run.stdout)
    rules = json.loads((ROOT / "docs/schema/bench.json").read_text())
    jsonschema.validate(document, rules, cls=jsonschema.Draft202012Validator)
    assert [row["name"] for row in document["rows"]] == ["bulk-loss"]


def test_a_row_that_does_not_exist_is_a_mistake() -> None:
    run = bench("no-such-row")
    assert run.returncode == 2
    assert "no row is called no-such-row" in run.stderr


def test_every_row_is_in_the_document() -> None:
    text = (ROOT / "docs/bench.md").read_text()
    assert [row.name for row in ROWS if f"`{row.name}`" not in text] == []


@pytest.mark.parametrize("together", [1, 7, 50])
def test_a_lifecycle_ends_on_both_sides(together: int) -> None:
    machines = Machines()
    Lifecycles(machines, together).run(100)
    assert machines.a.connections() == machines.b.connections() == []
    assert len(machines.a.waiting.table) == len(machines.b.waiting.table) == 0


def test_the_kernel_does_the_same() -> None:
    assert on_kernel(20, 10) > 0
