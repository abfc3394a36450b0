"""What the results mean: a test passes or stands beside its reason, and nothing else is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from .records import Miss, Selected, reason_for
from .runner import Result


class Judgement(Enum):
    """What a result means beside expected.toml."""

    PASSED = "passed"
    MISSED = "missed, as expected.toml says"
    UNEXPECTED = "does not pass, and expected.toml has no reason"
    STALE = "passes, though expected.toml lists it"

    @property
    def wrong(self) -> bool:
        """Whether the harness fails for it."""
        return self in (Judgement.UNEXPECTED, Judgement.STALE)


@dataclass(frozen=True)
class Judged:
    """One selected test of one version, its result, and what that means."""

    module: str
    version: str
    tls: bool
    result: Result
    judgement: Judgement
    miss: Miss | None


def judge(
    module: str, version: str, rows: Iterable[Selected], results: Sequence[Result],
    misses: Sequence[Miss],
) -> list[Judged]:  # fmt: skip
    """Judge each selected test; one without a result is missing, which is no pass."""
    by_test = {result.test: result for result in results}
    judged = []
    for row in rows:
        result = by_test.get(row.test) or Result(row.test, "missing")
        miss = reason_for(misses, module, row.test, version)
        if result.status == "passed":
            what = Judgement.STALE if miss else Judgement.PASSED
        else:
            what = Judgement.MISSED if miss else Judgement.UNEXPECTED
        judged.append(Judged(module, version, row.tls, result, what, miss))
    return judged


def idle_entries(
    misses: Iterable[Miss], rows: Iterable[Selected], versions: Iterable[str]
) -> list[str]:
    """Return the patterns of expected.toml that cover no selected test of these versions."""
    versions = list(versions)
    rows = list(rows)
    return [
        pattern
        for miss in misses
        for pattern in miss.tests
        if not any(
            Miss(miss.reason, (pattern,), miss.versions).covers(row.module, row.test, version)
            for row in rows
            for version in row.versions
            if version in versions or miss.versions
        )
    ]
