"""The public packetdrill suites for docs/conformance.md: ours, the kernel's, FreeBSD's."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.suites.kernel import COMMAND, Count, counts

from .requirements import ROOT

EXPECTED = ROOT / "tests" / "suites" / "expected.toml"


class Suite(NamedTuple):
    """A row: `profile` is the one that passes `passed` of `scripts`; `kernel` is None where that
    is not linux."""

    name: str
    scripts: int
    profile: str
    passed: int
    kernel: Count | None


def suites() -> list[Suite]:
    """Return the rows of expected.toml that are played, each with the kernel's count."""
    found = counts()
    return [_suite(row, found) for row in tomllib.loads(EXPECTED.read_text("utf-8"))["played"]]


def _suite(row: Mapping[str, Any], found: Mapping[str, Count]) -> Suite:
    kernel = found.get(row["name"])
    return Suite(row["name"], row["scripts"], row.get("profile", "linux"), row["pass"], kernel)


def lines(rows: Iterable[Suite]) -> list[str]:
    """Return the section."""
    table = [
        "| suite | scripts | profile | lastack | Linux, in our runner | |",
        "|---|---:|---|---:|---:|---|",
    ]
    for row in rows:
        count, when = "", ""
        if row.kernel is not None:
            count, when = str(row.kernel.passed), f"{row.kernel.kernel}, {row.kernel.date}"
            if row.kernel.skipped:
                when += f"; {row.kernel.skipped} take too long"
        table.append(
            f"| {row.name} | {row.scripts} | {row.profile} | {row.passed} | {count} | {when} |"
        )
    return [
        "## Public packetdrill suites",
        "",
        "How many scripts pass. Those of FreeBSD's suite say what FreeBSD does: the profile",
        "`freebsd` is measured by them, `linux` by the kernel beside it; the 406 of `consensus`",
        "are those in whose neutral form the two agree. lastack: `make suites`, which fails when",
        "fewer pass ([expected.toml](../tests/suites/expected.toml)). The kernel, as root:",
        f"`{COMMAND}` ([kernel.toml](../tests/suites/kernel.toml)).",
        "",
        *table,
        "",
    ]
