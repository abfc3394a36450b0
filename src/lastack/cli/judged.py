"""The matrix on this machine's kernel, row by row beside the simulated one."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import click

from lastack.matrix import Case, Row, Simulated, cases, play_on
from lastack.oracle import KNOWN_IN_MATRIX, KernelCloser, explanation, namespaces_work
from lastack.profile import LINUX, MS, S
from lastack.verdict import seconds

AT_A_TIME: Final = 12
"""Cases that are played side by side: they mostly wait."""
LATE: Final = 200 * MS
"""A call on a busy machine may return this much later than its time, ns; never earlier."""
EARLY: Final = 0.05
"""The share by which the timer wheel and the clock may disagree."""


@dataclass(frozen=True)
class Skipped:
    """A case that would take longer than the limit, ns."""

    case: Case
    takes: int


@dataclass(frozen=True)
class Departure:
    """A field in which the kernel differs from the profile linux; explained may be ""."""

    case: Case
    field: str
    lastack: object
    kernel: object
    explained: str


@dataclass(frozen=True)
class Matrix:
    """What the kernel did, what was not played, and what differs."""

    rows: list[Row]
    skipped: list[Skipped]
    departures: list[Departure]


def matrix_on_kernel(limit: int) -> Matrix:
    """Play the cases on the kernel that take no longer than `limit` ns (0: all)."""
    need_namespaces()
    simulated = {case: _simulate(case) for case in cases()}
    short = [case for case, (_, took) in simulated.items() if not limit or took <= limit]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        played = list(pool.map(_on_kernel, short))
    found = [
        one for case, row in zip(short, played, strict=True)
        for one in compare_rows(simulated[case][0], row)
    ]  # fmt: skip
    skipped = [Skipped(case, took) for case, (_, took) in simulated.items() if case not in {*short}]
    return Matrix(played, skipped, found)


def need_namespaces() -> None:
    """ClickException where the kernel lets us have no namespace."""
    why = namespaces_work()
    if why:
        raise click.ClickException(f"--on kernel: {why}")


def _simulate(case: Case) -> tuple[Row, int]:
    target = Simulated(LINUX)
    row = play_on(case, target)
    return row, target.now


def _on_kernel(case: Case) -> Row:
    with KernelCloser() as closer:
        return play_on(case, closer)


def compare_rows(lastack: Row, kernel: Row) -> Iterable[Departure]:
    """Compare all but the time exactly; the kernel's wait may be late, never early."""
    case = kernel.case
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(lastack, name), getattr(kernel, name))
        for name in ("returned", "wire", "first_new", "data", "time_wait")
    }
    least = lastack.waited * (1 - EARLY)
    if not least <= kernel.waited <= lastack.waited + LATE:
        pairs["waited"] = (seconds(lastack.waited), seconds(kernel.waited))
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            why = explanation(KNOWN_IN_MATRIX, case_text(case), name)
            yield Departure(case, name, ours, theirs, why)


def case_text(case: Case) -> str:
    """Return a case in words: "l_onoff 1, l_linger 1, blocking, slow, unread"."""
    words = [
        f"l_onoff {case.onoff}", f"l_linger {case.linger}",
        "blocking" if case.blocking else "non-blocking", case.pending.value,
        *(["unread"] if case.unread else []),
    ]  # fmt: skip
    return ", ".join(words)


def matrix_json(told: Matrix) -> dict[str, Any]:
    """Return the documented shape: rows of profile "kernel", what was skipped, what differs."""
    return {
        "schema": 1,
        "on": "kernel",
        "rows": [row.to_json() for row in told.rows],
        "skipped": [
            {"case": case_text(one.case), "seconds": one.takes / S} for one in told.skipped
        ],
        "differences": [
            {
                "case": case_text(one.case), "what": one.field, "lastack": _plain(one.lastack),
                "kernel": _plain(one.kernel), "explained": one.explained or None,
            }
            for one in told.departures
        ],
    }  # fmt: skip


def _plain(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return str(getattr(value, "value", value))


def departure_text(one: Departure) -> str:
    """Return a difference in one sentence."""
    ours, theirs = _plain(one.lastack) or "nothing", _plain(one.kernel) or "nothing"
    why = f" Explained: {one.explained}." if one.explained else ""
    return f"{case_text(one.case)}: {one.field} is {theirs}, in simulation {ours}.{why}"
