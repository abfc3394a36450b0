"""lastack drill --on kernel and --on both: what they print."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from lastack.drill import Result, Setup, Verdict, in_processes
from lastack.oracle import Both, Parting, drill_on_both, namespaces_work
from lastack.profile import S

from .paint import Painter

GOOD: Final = frozenset({Result.PASS, Result.SKIPPED})
"""A script that is too long for the kernel says nothing about it."""
_PER_PROCESSOR: Final = 2
"""Scripts on a kernel mostly wait."""


def play(files: Sequence[Path], setup: Setup, limit: float, jobs: int | None) -> list[Both]:
    """Play scripts on lastack and on the kernel."""
    why = namespaces_work()
    if why:
        raise click.ClickException(f"--on kernel: {why}")
    jobs = min(jobs or _PER_PROCESSOR * (os.cpu_count() or 1), len(files))
    return list(in_processes(partial(drill_on_both, setup=setup, limit=limit), files, jobs))


def verdict_json(one: Verdict) -> dict[str, Any]:
    """Return a verdict in the documented shape."""
    return {
        "path": one.path, "verdict": one.result.value, "line": one.line or None,
        "expected": one.expected or None, "actual": one.actual or None,
        "virtual_seconds": one.virtual / S,
    }  # fmt: skip


def summary_json(verdicts: Sequence[Verdict], *, kernel: bool = False) -> dict[str, int]:
    """Return how many scripts got each verdict; on a kernel some are skipped."""
    counts = Counter(one.result for one in verdicts)
    return {r.value: counts[r] for r in Result if kernel or r is not Result.SKIPPED}


def to_json(both: Sequence[Both]) -> dict[str, Any]:
    """Return the documented shape of --on both, schema 1."""
    scripts = []
    for one in both:
        kernel = verdict_json(one.kernel)
        del kernel["path"]
        told = {"kernel": kernel, "difference": _part(one.difference)}
        scripts.append(verdict_json(one.lastack) | told)
    return {
        "schema": 1, "on": "both",
        "summary": summary_json([one.lastack for one in both], kernel=True),
        "kernel_summary": summary_json([one.kernel for one in both], kernel=True),
        "differences": sum(bool(one.difference) for one in both),
        "scripts": scripts,
    }  # fmt: skip


def show(painter: Painter, both: Sequence[Both]) -> None:
    """Print where the two differ, what fails on both, what was skipped, and the counts."""
    for one in both:
        if one.difference:
            _show_difference(painter, one)
        elif one.kernel.result is Result.SKIPPED:
            _head(painter, "skipped", "note", f"{one.kernel.path}: {one.kernel.actual}")
        if not one.difference and one.lastack.result not in GOOD:
            where = "on both" if one.kernel.result is not Result.SKIPPED else "on lastack"
            line = f":{one.lastack.line}" if one.lastack.line else ""
            _head(painter, one.lastack.result.value, "bad", f"{one.lastack.path}{line} {where}")
            painter.line(f"    {one.lastack.actual}")
    for name, verdicts in (
        ("lastack", [one.lastack for one in both]), ("kernel", [one.kernel for one in both]),
    ):  # fmt: skip
        painter.line(f"{name:8} {counted(verdicts)}")
    number = sum(bool(one.difference) for one in both)
    text = f"{number} {'differs' if number == 1 else 'differ'}, Linux {platform.release()}"
    painter.line(text, "bad" if number else "good")


def counted(verdicts: Sequence[Verdict]) -> str:
    """Return "3 pass, 1 fail"."""
    counts = Counter(one.result for one in verdicts)
    return ", ".join(f"{counts[result]} {result.value}" for result in Result if counts[result])


def _show_difference(painter: Painter, one: Both) -> None:
    parts = one.difference
    assert parts is not None
    where = f":{parts.line}" if parts.line else ""
    _head(painter, "differ", "bad", f"{one.lastack.path}{where}")
    for name, text in (
        ("script", parts.expected), ("lastack", parts.lastack), ("kernel", parts.kernel),
    ):  # fmt: skip
        if text:
            painter.line(f"    {name:8} {text}")


def _head(painter: Painter, word: str, style: str, rest: str) -> None:
    painter.lines([((word, style), (f" {rest}", ""))])


def _part(difference: Parting | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {
        "line": difference.line or None, "expected": difference.expected or None,
        "lastack": difference.lastack, "kernel": difference.kernel,
    }  # fmt: skip
