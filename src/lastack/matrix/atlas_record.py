"""What a kernel did in the cells of the atlas, as a file that is kept: JSON, a line for a cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from lastack.profile import MS, S

from .atlas_seen import Moments, Name, Seen

RECORD_FILE: Final = "atlas-kernel.json"
"""Its name, beside atlas.md."""
_SCHEMA: Final = 1


class BadRecord(ValueError):
    """The text is no such file; the message is one line."""


@dataclass(frozen=True)
class Record:
    """kernel: its release. date: of the run, YYYY-MM-DD."""

    kernel: str
    date: str
    cells: Mapping[Name, Seen]

    def to_text(self) -> str:
        """Return the file."""
        head = {"schema": _SCHEMA, "kernel": self.kernel, "date": self.date}
        lines = [f"{json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        cells = ",\n".join(
            f"{json.dumps(name.text)}: {json.dumps(_row(seen))}"
            for name, seen in self.cells.items()
        )
        return "{\n" + "\n".join(lines) + '\n"cells": {\n' + cells + "\n}\n}\n"


def read_record(text: str) -> Record:
    """Read the file; BadRecord when it is none."""
    try:
        told = json.loads(text)
        if told["schema"] != _SCHEMA:
            raise BadRecord(f"schema {told['schema']}: this version reads {_SCHEMA}")
        cells = {_name(name): _seen(row) for name, row in told["cells"].items()}
        return Record(str(told["kernel"]), str(told["date"]), cells)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise BadRecord(f"no record of a kernel: {type(error).__name__} {error}") from None


def _name(text: str) -> Name:
    position, _, happening = text.partition("/")
    return Name(position, happening)


def _row(seen: Seen) -> dict[str, Any]:
    """Return what there is to tell; what is empty is left out."""
    row: dict[str, Any] = {
        "returned": seen.returned, "took": _seconds(seen.took), "state": seen.state,
        "sent": list(seen.sent), "told": None if seen.told is None else list(seen.told),
        "later": _runs(seen.later), "states": _runs(seen.states),
        "followed": seen.followed // S,
    }  # fmt: skip
    return {key: value for key, value in row.items() if value or key in ("state", "followed")}


def _seen(row: Mapping[str, Any]) -> Seen:
    told = row.get("told")
    return Seen(
        row.get("returned", ""), round(row.get("took", 0) * S), row["state"],
        tuple(row.get("sent", ())), None if told is None else tuple(told),
        _moments(row.get("later", ())), _moments(row.get("states", ())), row["followed"] * S,
    )  # fmt: skip


def _runs(moments: Moments) -> list[list[str | float]]:
    """Return each run of the same name: the name, then its times, s."""
    return [
        [name, *(_seconds(at) for _, at in run)]
        for name, run in groupby(moments, key=lambda moment: moment[0])
    ]


def _moments(runs: Iterable[Iterable[Any]]) -> Moments:
    return tuple((name, round(at * S)) for name, *times in runs for at in times)


def _seconds(ns: int) -> float:
    return round(ns / MS) / 1000
