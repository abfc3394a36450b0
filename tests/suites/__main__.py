"""Write kernel.toml: how many scripts of the public suites pass on this machine's kernel (root).

    LASTACK_SUITES=DIRECTORY python -m tests.suites [NAME]...

A NAME is one of a row of expected.toml; the counts of other rows stay as they are.
"""

from __future__ import annotations

import datetime
import os
import platform
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from lastack.drill import Result, in_processes
from lastack.oracle import drill_on_kernel, namespaces_work
from lastack.profile import LINUX

from .kernel import FILE, LIMIT, Count, counts, text
from .test_suites import EXPECTED, SUITES, files, profile_of, setup_of

MACHINE = frozenset({"net.core.rmem_max"})
"""Settings of the whole machine, which nothing here changes."""


def main() -> None:
    """Play the rows of profile linux."""
    if why := namespaces_work() or ("" if SUITES else "LASTACK_SUITES names no directory"):
        sys.exit(f"tests.suites: {why}")
    rows = {row["name"]: row for row in EXPECTED["played"] if profile_of(row) is LINUX}
    wrong = [name for name in sys.argv[1:] if name not in rows]
    if wrong:
        sys.exit(f"tests.suites: no row {wrong[0]!r}; there are: {', '.join(rows)}")
    found = {name: count for name, count in counts().items() if name in rows}
    for name in sys.argv[1:] or rows:
        found[name] = _played(rows[name])
        FILE.write_text(text(found), encoding="utf-8")
        print(f"{name}: {found[name].passed} of {rows[name]['scripts']}", flush=True)  # noqa: T201


def _played(row: dict[str, Any]) -> Count:
    setup, instead = setup_of(row), row.get("on_kernel", {})
    if instead:
        kept = {name: value for name, value in setup.defines.items() if name not in MACHINE}
        setup = replace(setup, defines=kept)
    play = partial(drill_on_kernel, setup=setup, limit=LIMIT)
    with tempfile.TemporaryDirectory(prefix="lastack-suites-") as directory:
        paths = [_with(path, instead, Path(directory) / str(number))
                 for number, path in enumerate(files(row))]  # fmt: skip
        verdicts = in_processes(play, paths, 2 * (os.cpu_count() or 1))
        told = Counter(one.result for one in verdicts)
    return Count(
        told[Result.PASS], told[Result.SKIPPED], platform.release().partition("-")[0],
        datetime.datetime.now(datetime.UTC).date().isoformat(),
    )  # fmt: skip


def _with(path: Path, instead: dict[str, str], directory: Path) -> Path:
    """Return the script, or a copy in which other words stand: where it asks for a setting that no
    namespace has of its own, for what this machine's setting leads to."""
    if not instead:
        return path
    text = path.read_text(encoding="utf-8", errors="replace")
    for old, new in instead.items():
        text = text.replace(old, new)
    directory.mkdir()
    copy = directory / path.name
    copy.write_text(text, encoding="utf-8")
    return copy


if __name__ == "__main__":
    main()
