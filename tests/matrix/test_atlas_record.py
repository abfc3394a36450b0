"""What a kernel did in the cells of the atlas, as it is kept in docs/atlas-kernel.json."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from lastack.cli.judged_atlas import cut_short, differences_in, notes_beside, notes_of
from lastack.matrix import (
    CELLS,
    RECORD_FILE,
    BadRecord,
    Name,
    Record,
    Seen,
    cells_seen,
    differing,
    read_record,
)
from lastack.oracle import KNOWN_IN_ATLAS
from lastack.profile import LINUX, MS, S

from .test_atlas import FLIPS

FILE = Path(__file__).parents[2] / "docs" / RECORD_FILE
NAMES = [Name.of(*cell) for cell in CELLS]


@pytest.fixture(scope="module")
def kept() -> Record:
    return read_record(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def ours() -> dict[Name, Seen]:
    return cells_seen()


def test_the_kernel_did_what_profile_linux_does(kept: Record, ours: dict[Name, Seen]) -> None:
    again = "lastack matrix --atlas docs --on kernel --limit 0"
    assert list(kept.cells) == NAMES, again
    found = differences_in(kept, ours)
    assert [one for one in found if not one.explained] == [], again
    known = {(one.subject, part) for one in KNOWN_IN_ATLAS for part in one.fields}
    # an explanation that explains nothing any more has to go
    assert {(one.name.text, one.part) for one in found} == known


def test_every_cell_was_looked_at_to_its_end(kept: Record, ours: dict[Name, Seen]) -> None:
    assert cut_short(kept, ours) == {}
    asked = {name for name, seen in ours.items() if seen.told is not None}
    assert {name for name, seen in kept.cells.items() if seen.told is not None} == asked
    assert len(asked) > 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # by the last millisecond of 2MSL: no timer of a kernel tells so much
        *((name, value) for name, value, *_ in FLIPS if name != "restarted_by"),
        ("retries2", 9), ("synack_retries", 3), ("syn_linear", 0),
        ("syn_again_after_bad_ack", False),
    ],
    ids=str,
)  # fmt: skip
def test_the_record_knows_a_wrong_profile(kept: Record, name: str, value: Any) -> None:
    wrong = cells_seen(LINUX.with_field(name, value))
    assert differences_in(kept, wrong) != []


# -- how it is compared -----------------------------------------------------------------------

AGAIN, GONE = (("FIN|ACK", S),), (("CLOSED", 2 * S),)
SEEN = Seen("0", 0, "FIN-WAIT-1", ("FIN|ACK",), None, AGAIN, GONE, 9 * S)


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("returned", {"returned": "EAGAIN"}),
        ("took", {"took": S}),
        ("state", {"state": "CLOSED"}),
        ("sent", {"sent": ()}),
        ("later", {"later": ()}),
        ("later", {"later": (("ACK", S),)}),
        ("later", {"later": (("FIN|ACK", S), ("FIN|ACK", 2 * S))}),
        ("later", {"later": (("FIN|ACK", S // 2),)}),
        ("later", {"later": (("FIN|ACK", 2 * S),)}),
        ("states", {"states": (("CLOSED", 4 * S),)}),
        ("states", {"states": ()}),
    ],
)
def test_each_part_is_compared(part: str, change: dict[str, Any]) -> None:
    assert [one for one, _, _ in differing(SEEN, replace(SEEN, **change))] == [part]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"took": 100 * MS},
        {"later": (("FIN|ACK", S + 200 * MS),)},
        {"followed": S, "later": (), "states": ()},
        {"told": ("EOF", "EOF", "EPIPE")},  # nobody asked the other
    ],
)
def test_a_kernel_may_be_a_little_late_and_is_not_asked_for_what_was_not_due(
    change: dict[str, Any],
) -> None:
    assert differing(SEEN, replace(SEEN, **change)) == []


def test_what_the_program_is_told_is_compared() -> None:
    one, other = SEEN.with_told(("EOF", "EOF", "EPIPE")), SEEN.with_told(("EOF", "EOF", "0"))
    assert differing(one, other) == [("told", "EOF, EOF, EPIPE", "EOF, EOF, 0")]


# -- the file ---------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written(kept: Record) -> None:
    assert read_record(kept.to_text()) == kept
    assert kept.to_text() == FILE.read_text("utf-8")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "kernel": "6", "date": "x"}']
)
def test_another_file_is_no_record(text: str) -> None:
    with pytest.raises(BadRecord):
        read_record(text)


@pytest.mark.parametrize("data", [b"[]", b"\xff"])
def test_another_file_in_the_place_of_the_record_is_told_of(tmp_path: Path, data: bytes) -> None:
    (tmp_path / RECORD_FILE).write_bytes(data)
    with pytest.raises(click.ClickException, match=RECORD_FILE):
        notes_beside(tmp_path)


def test_each_cell_says_what_the_kernel_did(kept: Record) -> None:
    name, other, third = Name("established", "close"), Name("closed", "rst"), NAMES[0]
    cells = dict(kept.cells)
    cells[name] = replace(cells[name], sent=("RST|ACK",))
    cells[other] = replace(cells[other], followed=S)
    del cells[third]
    told = notes_of(Record("6.0", "2020-01-01", cells))
    assert told.cells[name] == "The kernel differs (Linux 6.0, 2020-01-01): sent is RST|ACK."
    assert told.cells[other] == "The kernel did the same (Linux 6.0, 2020-01-01)."
    assert told.cells[third] == "Not played on a kernel."
    assert "1 differ" in told.summary
