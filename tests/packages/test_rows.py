"""Every row of docs/compatibility.md: real packages, unmodified, in two fresh processes.

What the client prints is what it prints on the kernel's loopback (`python -m
tests.packages.table --kernel` compares the two); every event and every byte on the wire is the
same in both processes. With TLS and SSH the bytes are not, but times, flags, sequence numbers and
lengths are.
"""

from __future__ import annotations

import pytest

from tests.packages.processes import Results, in_fresh_processes
from tests.packages.rows import ROWS, Row

GREEN = [row for row in ROWS if not row.red]
RED = [row for row in ROWS if row.red]
PLAYED: list[list[Results]] = []


def results(row: Row) -> list[Results]:
    """Play all rows once for all tests; skip a row whose packages a person has not installed."""
    if row.missing:
        pytest.skip(f"not installed: {', '.join(row.missing)} (pip install '.[packages]')")
    if not PLAYED:
        PLAYED.append(in_fresh_processes([one.key for one in ROWS if not one.missing], 2))
    return PLAYED[0]


def key(row: Row) -> str:
    return row.key


@pytest.mark.parametrize("row", GREEN, ids=key)
def test_the_client_prints_what_it_prints_on_the_kernel(row: Row) -> None:
    first = results(row)[0]
    assert row.key in first, first[""]
    assert first[row.key]["troubles"] == []
    assert first[row.key]["lines"] == row.expected


@pytest.mark.parametrize("row", GREEN, ids=key)
def test_the_same_seed_gives_the_same_trace_in_a_fresh_process(row: Row) -> None:
    first, second = results(row)
    assert first[row.key]["digest"] == second[row.key]["digest"]


@pytest.mark.parametrize("row", RED, ids=key)
def test_a_red_row_says_why(row: Row) -> None:
    """When this fails because the row runs, it is red no more."""
    troubles = "\n".join(results(row)[0][row.key]["troubles"])
    assert row.complaint in troubles
    assert row.complaint
