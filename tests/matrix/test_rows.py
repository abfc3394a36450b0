"""Cases, rows, their JSON and their table."""

from __future__ import annotations

import json
from dataclasses import replace

from lastack.matrix import Case, Fate, Pending, Row, cases, play, rows, table
from lastack.matrix.play import fate, first_new
from lastack.matrix.rows import show_wire
from lastack.profile import LINUX, PROFILES
from lastack.trace import Event, Sent
from lastack.wire import ACK, FIN, PSH, RST, Flow, Segment

FLOW = Flow(bytes(4), 1, bytes(4), 2)
CASE = Case(1, 1, True, Pending.SILENT, False)


def test_84_cases_and_no_two_alike() -> None:
    assert len(cases()) == len(set(cases())) == 84


def test_two_runs_are_equal() -> None:
    everything = [*PROFILES.values()]
    assert rows(everything) == rows(everything)
    assert len(rows(everything)) == 84 * len(everything)


def test_json_shape() -> None:
    row = play(CASE, LINUX).to_json()
    assert json.loads(json.dumps(row)) == row
    assert row == {
        "profile": "linux", "onoff": 1, "linger": 1, "blocking": True, "pending": "silent",
        "unread": False, "returned": 0, "waited": 1.0, "wire": ["."] * 8,
        "data": "background-lost", "peer_recv": None, "peer_send": None, "time_wait": "none",
    }  # fmt: skip


def test_an_errno_is_shown_by_name() -> None:
    assert play(CASE, PROFILES["textbook"]).to_json()["returned"] == "EWOULDBLOCK"


def test_listeners_see_the_trace_and_change_nothing() -> None:
    events: list[Event] = []
    assert play(CASE, LINUX, engine_hooks=[events.append]) == play(CASE, LINUX)
    assert sum(isinstance(event, Sent) for event in events) > 10


def test_fate() -> None:
    assert fate(0, 0, 0, alive=True) is Fate.NONE
    assert fate(5, 5, 5, alive=True) is Fate.DELIVERED
    assert fate(5, 4, 5, alive=True) is Fate.BACKGROUND_DELIVERED
    assert fate(5, 4, 4, alive=True) is Fate.BACKGROUND_LOST
    assert fate(5, 4, 4, alive=False) is Fate.DESTROYED


def segment(number: int, flags: int, size: int = 0) -> Segment:
    return Segment(FLOW, number, 0, flags, 0, bytes(size))


def test_retransmissions_and_probes_are_nothing_new() -> None:
    sent = [segment(100, ACK, 10), segment(100, ACK, 10), segment(109, ACK)]
    assert first_new(sent, 0) == "."
    assert first_new(sent, 1) == ""
    assert first_new([*sent, segment(110, FIN | PSH | ACK)], 1) == "F."
    assert first_new([*sent, segment(105, RST | ACK)], 1) == "R."


def test_a_retransmission_is_told_across_the_end_of_the_sequence_space() -> None:
    sent = [segment(0xFFFF_FFF0, ACK, 32), segment(0xFFFF_FFF0, ACK, 32)]
    assert first_new(sent, 1) == ""
    assert first_new([*sent, segment(16, FIN | ACK)], 1) == "F."


def test_the_table_fits_80_columns() -> None:
    lines = table(rows(PROFILES.values()))
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_the_table_has_a_line_for_each_row_or_pair_of_equal_rows() -> None:
    row = play(CASE, LINUX)
    twin = replace(row, case=replace(CASE, blocking=False))
    other = replace(twin, waited=0)
    assert _marks([row, twin]) == ["*"]
    assert _marks([row, other]) == ["yes", "no"]
    assert table([]) == []


def _marks(some: list[Row]) -> list[str]:
    lines = [line.split() for line in table(some)]
    return [words[2] for words in lines if words and words[0] == "silent"]


def test_the_wire_counts_repetitions() -> None:
    assert show_wire([]) == "-"
    assert show_wire(["F.", ".", ".", "F."]) == "F. .x2 F."
    assert show_wire(["F.", "R.", "F.", "R."], 9) == "F. R. F.."
