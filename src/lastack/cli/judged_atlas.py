"""The atlas' cells of profile linux on this machine's kernel, and what differs."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from lastack.matrix import (
    AT_ONCE,
    CELLS,
    RECORD_FILE,
    BadRecord,
    CellPlay,
    KernelNotes,
    Name,
    Record,
    Seen,
    asks,
    cells_seen,
    differing,
    latest,
    read_record,
)
from lastack.oracle import KNOWN_IN_ATLAS, AtlasKernel, explanation
from lastack.profile import MS, S
from lastack.verdict import count, seconds

from .judged import need_namespaces

AT_A_TIME: Final = 8
"""Cells that reach their state together: what happens there must come before a timer does."""
ROUNDS: Final = 3
"""So often a cell that differs is played: a busy machine wakes nobody in time; what differs for a
reason differs again."""
_LOOK_EVERY: Final = 200 * MS
_SETTLE: Final = AT_ONCE + 5 * MS

_CELLS: Final = {Name.of(*cell): cell for cell in CELLS}


@dataclass(frozen=True)
class CellDiffers:
    """A part in which the kernel differs from the profile linux; explained may be ""."""

    name: Name
    part: str
    lastack: str
    kernel: str
    explained: str


@dataclass(frozen=True)
class AtlasPlayed:
    """What the kernel did, and what differs. cut: cells that were left before all that profile
    linux does there was due, and when it is over, ns."""

    record: Record
    differs: list[CellDiffers]
    cut: dict[Name, int]


def atlas_on_kernel(limit: int) -> AtlasPlayed:
    """Play every cell on the kernel, and look for at most `limit` ns (0: to the end) at what comes
    afterwards."""
    need_namespaces()
    ours = cells_seen()
    todo, found = list(ours), dict[Name, Seen]()
    with AtlasKernel() as kernel:
        for _ in range(ROUNDS):
            found |= _play(kernel, todo, ours, limit)
            todo = [name for name in todo if differing(ours[name], found[name])]
            if not todo:
                break
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    release = platform.release().partition("-")[0]
    record = Record(release, date, {name: found[name] for name in ours})
    return AtlasPlayed(record, differences_in(record, ours), cut_short(record, ours))


def differences_in(record: Record, ours: Mapping[Name, Seen]) -> list[CellDiffers]:
    """Compare what a kernel did with what profile linux does now."""
    return [
        CellDiffers(name, part, here, there, explanation(KNOWN_IN_ATLAS, name.text, part))
        for name, seen in record.cells.items() if name in ours
        for part, here, there in differing(ours[name], seen)
    ]  # fmt: skip


def cut_short(record: Record, ours: Mapping[Name, Seen]) -> dict[Name, int]:
    """Return the cells that were left too early, and when they are over."""
    return {
        name: ours[name].ends for name, seen in record.cells.items()
        if name in ours and seen.followed < ours[name].ends
    }  # fmt: skip


# -- playing --------------------------------------------------------------------------------------


def _play(
    kernel: AtlasKernel, names: Sequence[Name], ours: Mapping[Name, Seen], limit: int
) -> dict[Name, Seen]:
    """Play cells side by side; the program's next calls are made in plays of their own, as asking
    changes what comes later."""
    asked = [name for name in names if _asks_at_once(name)]
    at_once = [name for name in asked if not ours[name].took]
    told: dict[Name, tuple[str, ...] | None] = {}
    for some in _some(at_once, AT_A_TIME):
        for play in _begin(kernel, some):
            play.ask()
            told[play.name] = play.seen.told
    plays: list[CellPlay] = []
    for some in _some([name for name in names if not ours[name].took], AT_A_TIME):
        plays += _begin(kernel, some)
        for play in plays:
            play.look()
    plays += _begin(kernel, [name for name in names if ours[name].took], side_by_side=True)
    _follow(kernel, plays, ours, limit)
    for play in plays:
        if play.name.happening == "silence" and _over(play, ours[play.name]):
            play.ask()
            told[play.name] = play.seen.told
    return {play.name: play.seen.with_told(told.get(play.name)) for play in plays}


def _asks_at_once(name: Name) -> bool:
    return asks(*_CELLS[name]) and name.happening != "silence"


def _begin(
    kernel: AtlasKernel, names: Sequence[Name], *, side_by_side: bool = False
) -> list[CellPlay]:
    plays = [CellPlay(*_CELLS[name], kernel.ground()) for name in names]
    for play in plays:
        play.reach()
    _settle(kernel)
    for play in plays:
        play.check()
    if side_by_side and plays:
        with ThreadPoolExecutor(len(plays)) as pool:
            list(pool.map(CellPlay.act, plays))
    else:
        for play in plays:
            play.act()
    _settle(kernel)
    for play in plays:
        play.settle()
    return plays


def _settle(kernel: AtlasKernel) -> None:
    kernel.wait(time.monotonic_ns() + _SETTLE)
    kernel.read_table()


def _follow(
    kernel: AtlasKernel, plays: Sequence[CellPlay], ours: Mapping[Name, Seen], limit: int
) -> None:
    """Look until each cell had the time that it needs, or `limit` is over."""
    needs = {play.name: latest(ours[play.name].ends) for play in plays}
    if limit:
        needs = {name: min(limit, need) for name, need in needs.items()}
    while any(play.followed < needs[play.name] and not _over(play, ours[play.name])
              for play in plays):  # fmt: skip
        kernel.wait(time.monotonic_ns() + _LOOK_EVERY)
        kernel.read_table()
        for play in plays:
            play.look()


def _over(play: CellPlay, ours: Seen) -> bool:
    """Tell whether as much came as profile linux has, and the time for it has passed."""
    seen = play.seen
    return (
        seen.followed >= ours.ends
        and len(seen.later) >= len(ours.later) and len(seen.states) >= len(ours.states)
    )  # fmt: skip


def _some(names: Sequence[Name], size: int) -> Iterator[Sequence[Name]]:
    for first in range(0, len(names), size):
        yield names[first : first + size]


# -- telling --------------------------------------------------------------------------------------


def difference_text(one: CellDiffers) -> str:
    """Return a difference in one sentence."""
    why = f" Explained: {one.explained}." if one.explained else ""
    return f"{one.name.text}: {one.part} is {one.kernel}, in simulation {one.lastack}.{why}"


def atlas_json(played: AtlasPlayed) -> dict[str, Any]:
    """Return the documented shape."""
    record = played.record
    return {
        "schema": 1,
        "on": "kernel",
        "kernel": record.kernel,
        "date": record.date,
        "cells": len(record.cells),
        "cut": [
            {"cell": name.text, "seconds": ends / S, "followed": record.cells[name].followed / S}
            for name, ends in played.cut.items()
        ],
        "differences": [
            {
                "cell": one.name.text, "what": one.part, "lastack": one.lastack,
                "kernel": one.kernel, "explained": one.explained or None,
            }
            for one in played.differs
        ],
    }  # fmt: skip


def notes_beside(directory: Path) -> KernelNotes | None:
    """Return what the record in a directory of the atlas lets us say of the kernel, None without
    one. ClickException where it cannot be read."""
    path = directory / RECORD_FILE
    if not path.exists():
        return None
    try:
        return notes_of(read_record(path.read_text("utf-8")))
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from None
    except (BadRecord, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}") from None


def notes_of(record: Record) -> KernelNotes:
    """Say of each cell whether the kernel did what profile linux does now."""
    ours = cells_seen()
    differs, cut = differences_in(record, ours), cut_short(record, ours)
    where = f"Linux {record.kernel}, {record.date}"
    cells = {}
    for name in ours:
        mine = [one for one in differs if one.name == name]
        if name not in record.cells:
            cells[name] = "Not played on a kernel."
        elif mine:
            cells[name] = f"The kernel differs ({where}): {_told(mine)}."
        elif name in cut:
            followed = seconds(record.cells[name].followed // S * S)
            cells[name] = f"The kernel did the same for the {followed} that we looked ({where})."
        else:
            cells[name] = f"The kernel did the same ({where})."
    found = f"{len({one.name for one in differs})} differ" if differs else "none differs"
    short = f"; {count(len(cut), 'cell')} were left before all was over" if cut else ""
    return KernelNotes(
        f"The cells of profile linux were played on a real kernel, too ({where}; "
        f"`lastack matrix --atlas DIRECTORY --on kernel --limit 0`): of "
        f"{count(len(record.cells), 'cell')} {found}{short}.", cells,
    )  # fmt: skip


def _told(differs: Iterable[CellDiffers]) -> str:
    return "; ".join(
        f"{one.part} is {one.kernel}" + (f", {one.explained}" if one.explained else "")
        for one in differs
    )
