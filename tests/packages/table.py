"""Write docs/compatibility.md: `python -m tests.packages.table [--kernel [KEY...]]`.

Each row is played in two fresh processes. --kernel: also on the kernel's loopback (all rows, where
two of them wait a real minute, or those named); else that column keeps its last date.
"""

from __future__ import annotations

import platform
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from tests.packages.processes import PROJECT, Results, in_fresh_processes, on_kernel
from tests.packages.rows import ROWS, Row, installed

PAGE: Final = PROJECT / "docs" / "compatibility.md"
HEAD: Final = """\
# What runs on lastack

Real packages, unmodified, each a pair of programs on two simulated hosts. Written by
`python -m tests.packages.table --kernel` on {today}, Python {python}; the packages come with
`pip install '.[packages]'`.

*output*: the client printed what it must. *same trace*: two fresh processes with the same seed
had the same events at the same times and the same bytes on the wire; with TLS and SSH the same
times, flags, sequence numbers and lengths. *kernel*: the same two programs printed the same on
127.0.0.1 of a Linux kernel.

| what | versions | output | same trace | kernel | script |
|---|---|---|---|---|---|
"""
TAIL: Final = """
Red rows say why: {red}.

What brings sockets of its own in C cannot run (uvloop, grpcio, psycopg2, pycurl, ...): importing
it in a program fails with one sentence that names the way out. uvloop is hidden, so that
`loop="auto"` takes asyncio. Twisted, paramiko, waitress, pyftpdlib, asyncore, CherryPy, Bottle,
Sanic and Dask's distributed keep one loop, one application or one list of connections for the whole
process; every program gets its own copy of them.
"""


def line(row: Row, first: Results, second: Results, kernel: str) -> str:
    """Return a row of the table."""
    versions = ", ".join(f"{name} {installed(name) or 'missing'}" for name in row.packages)
    link = f"[{row.script}](../tests/packages/scripts/{row.script}.py)"
    if row.red or row.missing:
        why = row.red or "not installed"
        return f"| {row.title} | {versions} | **no**: {why} | | | {link} |\n"
    told, again = first.get(row.key), second.get(row.key)
    good = told is not None and told["lines"] == row.expected and not told["troubles"]
    same = told is not None and again is not None and told["digest"] == again["digest"]
    cells = ("yes" if good else "**no**", "yes" if same else "**no**", kernel)
    return f"| {row.title} | {versions} | {' | '.join(cells)} | {link} |\n"


def kernel_cell(row: Row, today: date) -> str:
    """Run a row on the kernel; return what to write."""
    if row.red or row.missing:
        return ""
    return f"{today}" if on_kernel(row) == row.expected else "**differs**"


def last_cells(page: Path) -> dict[str, str]:
    """Return the kernel column of the page as it is, by title."""
    if not page.exists():
        return {}
    rows = [text.split("|") for text in page.read_text().splitlines() if text.count("|") == 7]
    return {cells[1].strip(): cells[5].strip() for cells in rows}


def main(arguments: list[str]) -> None:
    """Write the page."""
    today = datetime.now(UTC).date()
    first, second = in_fresh_processes([row.key for row in ROWS if not row.missing], 2)
    last = last_cells(PAGE)
    text = HEAD.format(today=today, python=platform.python_version())
    for row in ROWS:
        fresh = "--kernel" in arguments and (arguments[1:] == [] or row.key in arguments)
        kernel = kernel_cell(row, today) if fresh else last.get(row.title, "")
        text += line(row, first, second, kernel)
    red = "; ".join(f"{row.title}: {row.red}" for row in ROWS if row.red)
    PAGE.write_text(text + TAIL.format(red=red))


if __name__ == "__main__":
    main(sys.argv[1:])
