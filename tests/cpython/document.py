"""docs/cpython.md: what was selected, what passes, what does not and why.

The page follows from selected.txt and expected.toml alone, because a run in which anything else
comes out is a failure; a run only adds its date and the exact versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .records import MODULES, Miss, Selected, reason_for
from .runner import ROOT

PAGE = ROOT / "docs" / "cpython.md"
_HEAD = """\
# CPython's own tests

{stamp}

CPython brings its tests of `socket`, `asyncio`, `http` and the like with it. Here they run
unmodified, each in a world of its own: one simulated host, loopback, virtual time, 60 s of real
time at most. Nothing of them is copied into this project; the interpreter's installed package
`test` is used.

    make cpython                              # this Python, compared with expected.toml
    make cpython MODULE=test_socket           # one module, also one that is not in the list
    make cpython INTERPRETER='python3.11 python3.12 python3.13' ARGS=--document

A test is *selected* when it opens a stream socket of AF_INET or AF_INET6 and passes on the Linux
kernel: an audit hook watched each run there, in a network namespace with nothing but loopback
(`python -m tests.cpython select`, [selected.txt](../tests/cpython/selected.txt)). A selected test
that does not pass stands beside its reason in [expected.toml](../tests/cpython/expected.toml). The
harness fails for one without a reason, and for one that passes though it is listed. This page is
generated from the two files.
"""
_STAMP = re.compile(
    r"^Python (?P<versions>[\d., ]+); (?P<system>.+); (?P<date>\d{4}-\d\d-\d\d)\.$", re.M
)


@dataclass(frozen=True)
class Stamp:
    """When and with what the last complete run was: Python versions like 3.11.7."""

    versions: tuple[str, ...]
    system: str
    date: str

    def __str__(self) -> str:
        return f"Python {', '.join(self.versions)}; {self.system}; {self.date}."

    @property
    def short(self) -> list[str]:
        """The versions as selected.txt has them."""
        return [version.rpartition(".")[0] for version in self.versions]


def stamp_of(page: str) -> Stamp:
    """Return the stamp of a page. ValueError when there is none."""
    found = _STAMP.search(page)
    if found is None:
        raise ValueError("docs/cpython.md does not say when and with what it was made")
    return Stamp(tuple(found["versions"].split(", ")), found["system"], found["date"])


def render(stamp: Stamp, rows: Sequence[Selected], misses: Sequence[Miss]) -> str:
    """Return the page."""
    parts = [_HEAD.format(stamp=stamp)]
    for title, tls in (("Without TLS", False), ("With TLS", True)):
        mine = [row for row in rows if row.tls is tls]
        parts.append(f"## {title}\n\n" + _table(stamp, mine, misses))
    parts.append("## What does not pass\n\n" + _reasons(stamp, rows, misses))
    return "\n".join(parts)


def _table(stamp: Stamp, rows: Sequence[Selected], misses: Sequence[Miss]) -> str:
    lines = [
        "| passed of selected | " + " | ".join(stamp.short) + " |",
        "|---|" + "---:|" * len(stamp.short),
    ]
    for module in (*MODULES, None):
        mine = [row for row in rows if module in (None, row.module)]
        if mine:
            cells = [_cell(mine, misses, version, module is None) for version in stamp.short]
            lines.append(f"| {module or '**all**'} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(rows: Iterable[Selected], misses: Sequence[Miss], version: str, share: bool) -> str:
    mine = [row for row in rows if version in row.versions]
    if not mine:
        return ""
    passed = sum(reason_for(misses, row.module, row.test, version) is None for row in mine)
    text = f"{passed} of {len(mine)}"
    return f"**{text}, {100 * passed / len(mine):.1f} %**" if share else text


def _reasons(stamp: Stamp, rows: Sequence[Selected], misses: Sequence[Miss]) -> str:
    lines = ["| tests | versions | reason |", "|---|---|---|"]
    for miss in misses:
        of_test: dict[str, list[str]] = {}
        for row in rows:
            for version in row.versions:
                if version in stamp.short and miss.covers(row.module, row.test, version):
                    of_test.setdefault(f"{row.module}.{row.test}", []).append(version)
        names = ", ".join(f"`{test}`" for test in sorted(of_test))
        versions = sorted({v for found in of_test.values() for v in found}, key=stamp.short.index)
        waiting = f" Waits for: {miss.waiting}." if miss.waiting else ""
        if names:
            lines.append(f"| {names} | {', '.join(versions)} | {miss.reason}{waiting} |")
    return "\n".join(lines) + "\n"
