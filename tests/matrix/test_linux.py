"""The 66 measured rows against the rows played on profile `linux`."""

from __future__ import annotations

import pytest

from lastack.matrix import Case, Pending, Row, play, rows
from lastack.profile import LINUX

from .measured import MEASURED, Measured


@pytest.fixture(scope="module")
def played() -> dict[Case, Row]:
    return {row.case: row for row in rows([LINUX])}


def _case(measured: Measured) -> Case:
    return Case(
        measured.onoff, measured.linger, measured.blocking, Pending(measured.pending),
        measured.unread,
    )  # fmt: skip


def test_there_are_66_measured_rows_each_of_another_case() -> None:
    assert len({_case(measured) for measured in MEASURED}) == 66


def _name(measured: Measured) -> str:
    mode = "blocking" if measured.blocking else "nonblocking"
    unread = "-unread" if measured.unread else ""
    return f"{measured.onoff},{measured.linger}-{mode}-{measured.pending}{unread}"


@pytest.mark.parametrize("measured", MEASURED, ids=_name)
def test_as_measured(measured: Measured, played: dict[Case, Row]) -> None:
    row = played[_case(measured)]
    assert (row.returned or "0") == measured.returned
    assert abs(row.waited / 1e9 - measured.waited) <= max(0.05 * measured.waited, 0.030)
    assert (row.first_new or "-") == measured.first
    assert row.data.value == measured.data
    assert row.time_wait == measured.time_wait


def test_a_fin_that_nobody_acknowledges_is_sent_nine_times() -> None:
    row = play(Case(0, 0, True, Pending.FIN_ONLY, False), LINUX)
    assert row.wire == ("F.",) * 9


def test_every_late_ack_of_an_aborted_connection_draws_a_bare_reset() -> None:
    row = play(Case(1, 0, True, Pending.SLOW, False), LINUX)
    assert row.wire == ("R.",) + ("R",) * 10


def test_blocking_makes_no_difference(played: dict[Case, Row]) -> None:
    for case, row in played.items():
        twin = Case(case.onoff, case.linger, not case.blocking, case.pending, case.unread)
        assert played[twin].to_json() | {"blocking": case.blocking} == row.to_json()
