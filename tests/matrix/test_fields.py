"""Each field of a profile that shows in the matrix: flipped, it changes these rows and no other."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from lastack.matrix import Case, Pending, Row, rows
from lastack.profile import LINUX, MS, NonblockingLinger, Profile, Unread, WaitsFor

NEVER_DONE = {Pending.SILENT, Pending.ZERO_WINDOW_SILENT, Pending.ZERO_WINDOW_ANSWERING}

BASE = {row.case: row for row in rows([LINUX])}


def changed(profile: Profile) -> dict[Case, Row]:
    """Return the rows that differ from `linux`."""
    return {row.case: row for row in rows([profile]) if row != BASE[row.case]}


def lingers(case: Case) -> bool:
    """Tell whether close() looks at l_linger > 0 at all."""
    return (case.onoff, case.linger) == (1, 1) and not case.unread


def ends_by_itself(case: Case) -> bool:
    """Tell whether the connection is an orphan that nobody answers."""
    return not case.unread and (case.onoff, case.linger) != (1, 0)


FLIPS: list[tuple[str, Any, Callable[[Case], bool], Callable[[Row], bool]]] = [
    ("unit_ns", 10 * MS,
     lambda case: lingers(case) and case.pending in NEVER_DONE | {Pending.FIN_ONLY, Pending.SLOW},
     lambda row: row.waited == 10 * MS),
    ("waits_for", WaitsFor.DATA_ACKED,
     lambda case: lingers(case) and case.pending is Pending.FIN_ONLY,
     lambda row: row.waited == 0),
    ("waits_for", WaitsFor.DATA_SENT,
     lambda case: lingers(case) and case.pending in {Pending.FIN_ONLY, Pending.SLOW},
     lambda row: row.waited == (644 * MS if row.case.pending is Pending.SLOW else 0)),
    ("nonblocking", NonblockingLinger.RETURNS,
     lambda case: lingers(case) and not case.blocking
     and case.pending in NEVER_DONE | {Pending.FIN_ONLY, Pending.SLOW},
     lambda row: row.waited == 0 and not row.returned),
    ("nonblocking", NonblockingLinger.REFUSES,
     lambda case: lingers(case) and not case.blocking,
     lambda row: row.returned == "EWOULDBLOCK" and "F." not in row.wire),
    ("expiry_errno", errno.EWOULDBLOCK,
     lambda case: lingers(case) and case.pending in NEVER_DONE | {Pending.FIN_ONLY},
     lambda row: row.returned == "EWOULDBLOCK"),
    ("expiry_aborts", True,
     lambda case: lingers(case) and case.pending in NEVER_DONE | {Pending.FIN_ONLY},
     lambda row: row.wire[-1] == "R." and row.data.value in {"destroyed", "delivered"}),
    ("unread", Unread.FIN,
     lambda case: case.unread and (case.onoff, case.linger) != (1, 0),
     lambda row: "R." not in row.wire),
    ("orphan_retries", 3,
     # a peer that answers every probe is not given up by count
     lambda case: ends_by_itself(case)
     and case.pending in {Pending.SILENT, Pending.ZERO_WINDOW_SILENT, Pending.FIN_ONLY},
     lambda row: 2 <= len(row.wire) <= 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "touches", "then"), FLIPS, ids=[f"{f[0]}={f[1]}" for f in FLIPS]
)
def test_a_flipped_field_changes_these_rows(
    name: str, value: Any, touches: Callable[[Case], bool], then: Callable[[Row], bool]
) -> None:
    other = changed(LINUX.with_field(name, value))
    assert set(other) == {case for case in BASE if touches(case)}
    assert [row.to_json() for row in other.values() if not then(row)] == []


def test_a_tcp_without_the_option_says_so_and_closes_as_always() -> None:
    other = changed(LINUX.with_field("linger_supported", False))
    assert {row.returned for row in other.values()} == {"ENOPROTOOPT"}
    assert set(other) == {case for case in BASE if case.onoff}
    for case, row in other.items():
        as_off = BASE[Case(0, 0, case.blocking, case.pending, case.unread)]
        assert (row.wire, row.data, row.waited) == (as_off.wire, as_off.data, 0)
