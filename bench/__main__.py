"""Print the table: python -m bench [--quick] [--json] [--list] [ROW ...]."""

from __future__ import annotations

import argparse
import json
import sys

from .rows import ROWS
from .table import Result, Row, heading, lines, machine, measure


def main() -> int:
    """Measure the rows that were asked for; 2 for a row that does not exist."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="What lastack costs: ratios of two sides that were measured in turns, in one "
        "run. What each row is stands in docs/bench.md.",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="names of rows; all without")
    parser.add_argument("--quick", action="store_true", help="smaller, fewer rounds: a look only")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    options = parser.parse_args()
    if options.list:
        for row in ROWS:
            print(f"{row.name:13} {row.what}")
        return 0
    unknown = set(options.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no row is called {', '.join(sorted(unknown))}; --list names them")
    chosen = [row for row in ROWS if not options.rows or row.name in options.rows]
    if options.json:
        results = [measure(row, quick=options.quick) for row in chosen]
        print(json.dumps(_document(results, quick=options.quick), indent=2))
    else:
        _print(chosen, quick=options.quick)
    return 0


def _document(results: list[Result], *, quick: bool) -> dict[str, object]:
    rows = [result.to_json() for result in results]
    return {"schema": 1, "machine": machine(), "quick": quick, "rows": rows}


def _print(rows: list[Row], *, quick: bool) -> None:
    about = machine()
    print(f"Python {about['python']}, {about['system']}, {about['processors']} processors"
          + (", quick: a look only" if quick else ""))  # fmt: skip
    print(heading())
    for row in rows:
        for line in lines(measure(row, quick=quick)):
            print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
