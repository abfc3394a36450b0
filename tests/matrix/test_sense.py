"""Rows of `textbook` and `rfc9293`: what books and the RFC say of close(), found by playing."""

from __future__ import annotations

import pytest

from lastack.matrix import Case, Fate, Pending, Row, rows
from lastack.profile import LINUX, MS, RFC9293, TEXTBOOK, S

STUCK = [Pending.SILENT, Pending.ZERO_WINDOW_SILENT, Pending.ZERO_WINDOW_ANSWERING]
ROWS = {(row.profile, row.case): row for row in rows([TEXTBOOK, RFC9293, LINUX])}


def textbook(
    onoff: int, linger: int, pending: Pending, *, blocking: bool = True, unread: bool = False
) -> Row:
    return ROWS["textbook", Case(onoff, linger, blocking, pending, unread)]


def of(profile: str) -> list[Row]:
    return [row for (name, _), row in ROWS.items() if name == profile]


def test_without_linger_close_returns_at_once_and_the_system_goes_on_sending() -> None:
    row = textbook(0, 0, Pending.SLOW)
    assert (row.returned, row.waited) == ("", 0)
    assert row.data is Fate.BACKGROUND_DELIVERED
    assert row.time_wait == "closer"


def test_l_linger_0_sends_one_reset_and_leaves_no_time_wait() -> None:
    for pending in Pending:
        row = textbook(1, 0, pending)
        assert (row.returned, row.waited) == ("", 0)
        assert row.wire.count("R.") == 1
        assert "F." not in row.wire
        assert row.time_wait == "none"


@pytest.mark.parametrize("pending", [Pending.SLOW, *STUCK], ids=lambda pending: pending.value)
def test_l_linger_0_destroys_what_the_peer_does_not_have(pending: Pending) -> None:
    assert textbook(1, 0, pending).data is Fate.DESTROYED


def test_lingering_succeeds_when_the_data_is_acknowledged() -> None:
    row = textbook(1, 1, Pending.SLOW)
    assert row.returned == ""
    assert 0 < row.waited < S
    assert row.data is Fate.DELIVERED
    assert row.time_wait == "closer"


def test_lingering_does_not_wait_for_the_fin() -> None:
    assert textbook(1, 1, Pending.FIN_ONLY).waited == 0


@pytest.mark.parametrize("pending", STUCK, ids=lambda pending: pending.value)
def test_at_the_limit_the_rest_is_lost_and_the_error_says_so(pending: Pending) -> None:
    row = textbook(1, 1, pending)
    assert (row.returned, row.waited) == ("EWOULDBLOCK", S)
    assert row.data is Fate.DESTROYED
    assert row.first_new == "R."
    assert row.time_wait == "none"


def test_a_nonblocking_socket_never_waits() -> None:
    for row in of("textbook"):
        if not row.case.blocking:
            assert (row.returned, row.waited) == ("", 0)


def test_a_lingering_nonblocking_socket_is_as_one_without_linger() -> None:
    for pending in Pending:
        lingering = textbook(1, 1, pending, blocking=False)
        off = textbook(0, 0, pending, blocking=False)
        assert lingering.to_json() | {"onoff": 0, "linger": 0} == off.to_json()


def test_books_know_nothing_of_unread_data() -> None:
    for row in of("textbook"):
        case = row.case
        twin = textbook(case.onoff, case.linger, case.pending, blocking=case.blocking)
        assert row.to_json() | {"unread": False} == twin.to_json()


def test_the_rfc_has_no_so_linger() -> None:
    for row in of("rfc9293"):
        assert row.returned == ("ENOPROTOOPT" if row.case.onoff else "")
        assert row.waited == 0


def test_the_rfc_resets_for_unread_data_and_else_sends_a_fin() -> None:
    for row in of("rfc9293"):
        if row.case.unread:
            assert row.wire[0] == "R."
            assert row.time_wait == "none"
        else:
            assert "R." not in row.wire


@pytest.mark.parametrize("profile", ["textbook", "rfc9293", "linux"])
def test_whoever_sent_a_fin_that_was_answered_is_in_time_wait(profile: str) -> None:
    answering = {Pending.NONE, Pending.ACKED, Pending.SLOW}
    for row in of(profile):
        graceful = "F." in row.wire and row.case.pending in answering
        assert row.time_wait == ("closer" if graceful else "none")


@pytest.mark.parametrize("profile", ["textbook", "rfc9293", "linux"])
def test_no_bytes_are_lost_where_none_are_pending(profile: str) -> None:
    for row in of(profile):
        if row.case.pending in {Pending.ACKED, Pending.FIN_ONLY}:
            assert row.data is Fate.DELIVERED
        assert (row.data is Fate.NONE) == (row.case.pending is Pending.NONE)


def test_no_close_takes_longer_than_l_linger_says() -> None:
    for row in ROWS.values():
        assert row.waited <= row.case.linger * S + MS
