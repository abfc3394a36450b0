"""Rows of the table: two sides measured in turns, or one figure; the aim; and whether it is met."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Final

_WHAT: Final = 37

Measure = Callable[[], float]
"""One measurement, in the row's unit."""
Prepare = Callable[[bool], Measure]
"""Called once with `quick`; returns what is measured in every round."""


class Skip(Exception):
    """What a row needs is not on this machine; the text says what."""


@dataclass(frozen=True)
class Aim:
    """`of` names what is compared: "ratio" or "ours"."""

    bound: float
    at_least: bool
    of: str = "ratio"

    def met(self, value: float) -> bool:
        """Tell whether the value is on the right side."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        return f"{sign} {figure(self.bound)}{'x' if self.of == 'ratio' else ''}"


@dataclass(frozen=True)
class Row:
    """What is measured: `ours` in `unit`, and the other side, if there is one, in the same."""

    name: str
    what: str
    unit: str
    ours: Prepare
    beside: str = ""
    theirs: Prepare | None = None
    aim: Aim | None = None
    rounds: int = 7


@dataclass
class Result:
    """Medians; `low` and `high` are the smallest and the largest ratio of a round, or of `ours`
    where there is no other side."""

    row: Row
    ours: float = 0.0
    theirs: float | None = None
    ratio: float | None = None
    low: float = 0.0
    high: float = 0.0
    rounds: int = 0
    skipped: str = ""
    load: tuple[float, float] = field(default=(0.0, 0.0))

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim, or when nothing was measured."""
        aim = self.row.aim
        value = self.ratio if aim is not None and aim.of == "ratio" else self.ours
        return None if aim is None or self.skipped or value is None else aim.met(value)

    def to_json(self) -> dict[str, Any]:
        """Return the row as `--json` prints it (docs/schema/bench.json)."""
        row = self.row
        return {
            "name": row.name, "what": row.what, "unit": row.unit, "beside": row.beside or None,
            "ours": None if self.skipped else self.ours, "theirs": self.theirs,
            "ratio": self.ratio, "low": self.low, "high": self.high, "rounds": self.rounds,
            "aim": None if row.aim is None else str(row.aim), "met": self.met,
            "load": list(self.load), "skipped": self.skipped or None,
        }  # fmt: skip


def measure(row: Row, *, quick: bool) -> Result:
    """Measure a row: both sides in each round, the one that begins changes with every round."""
    result = Result(row)
    before = os.getloadavg()[0]
    try:
        ours = row.ours(quick)
        theirs = row.theirs(quick) if row.theirs is not None else None
    except Skip as why:
        result.skipped = str(why)
        return result
    result.rounds = min(row.rounds, 3) if quick else row.rounds
    pairs = [_round(ours, theirs, number) for number in range(result.rounds)]
    spread = [our for our, _ in pairs]
    result.ours = statistics.median(spread)
    if theirs is not None:
        result.theirs = statistics.median(their for _, their in pairs)
        spread = [our / their for our, their in pairs]
        result.ratio = statistics.median(spread)
    result.low, result.high = min(spread), max(spread)
    result.load = (before, os.getloadavg()[0])
    return result


def _round(ours: Measure, theirs: Measure | None, number: int) -> tuple[float, float]:
    if theirs is None:
        return ours(), 0.0
    if number % 2:
        their = theirs()
        return ours(), their
    return ours(), theirs()


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
        "processors": len(os.sched_getaffinity(0)),
    }


def figure(value: float) -> str:
    """Return three digits that count: 0.118, 1.72, 64.1, 1,950."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def heading() -> str:
    """Return the first line of the table."""
    return f"{'':{_WHAT}} {'lastack':>8} {'beside':>7} {'ratio':>7} {'aim':>10}"


def lines(result: Result) -> Iterable[str]:
    """Yield the lines of one row, of 80 columns: the figures, and below them what they are."""
    row = result.row
    if result.skipped:
        yield f"{row.what:{_WHAT}} skipped"
        yield from _small(result.skipped)
        return
    ratio = "" if result.ratio is None else f"{figure(result.ratio)}x"
    theirs = "" if result.theirs is None else figure(result.theirs)
    aim = "" if row.aim is None else str(row.aim)
    met = {None: "", True: " met", False: " missed"}[result.met]
    line = f"{row.what:{_WHAT}} {figure(result.ours):>8} {theirs:>7} {ratio:>7} {aim:>10}{met}"
    yield line.rstrip()
    beside = f", beside {row.beside}" if row.beside else ""
    spread = f"{figure(result.low)} to {figure(result.high)} in {result.rounds} rounds"
    load = f"load {result.load[0]:.1f} to {result.load[1]:.1f}"
    yield from _small(f"{row.name}: {row.unit}{beside}; {spread}; {load}")


def _small(text: str) -> list[str]:
    return wrap(text, 80, initial_indent="  ", subsequent_indent="  ")
