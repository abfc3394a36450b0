"""lastack fuzz: random scripts on the kernel and on lastack, and where the two part."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Final

import click

from lastack.oracle import (
    FUZZ_JOBS,
    Batch,
    Fuzz,
    FuzzError,
    Recorded,
    compare_recorded,
    explore,
    found_after,
    in_namespace,
    judge,
    namespaces_work,
    read_fuzz,
    record,
    recorded_from_json,
    recorded_to_json,
    shrunk,
)
from lastack.profile import Profile

from .fuzz_told import difference_json, side_by_side
from .values import find_profile, given_options

_SCRIPTS: Final = 500
_SHRUNK: Final = 10
"""Kinds of difference of which one script each is made smaller."""
_MADE: Final = ("seed", "scripts", "seconds", "jobs")
_PASSED_OVER: Final = {"file": _MADE, "against": _MADE, "store": ("flips", "name", "as_json")}
"""What --play, --against and --record make no use of, by the names of the parameters."""


@click.command()
@click.option("--seed", type=click.IntRange(0), default=1, help="That of the first script; 1.")
@click.option("--scripts", type=click.IntRange(1), default=_SCRIPTS, help="How many; 500.")
@click.option("--seconds", type=click.FloatRange(0), default=math.inf,
              help="Begin no more after that time.")  # fmt: skip
@click.option("--profile", "name", default="linux", metavar="NAME", help="Whose TCP; linux.")
@click.option("--flip", "flips", multiple=True, metavar="FIELD=VALUE",
              help="Play lastack with a field that is wrong; may be repeated.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1), default=FUZZ_JOBS, help="Processes.")
@click.option("--play", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Play this script, and show both sides.")  # fmt: skip
@click.option("--record", "store", type=click.Path(dir_okay=False, path_type=Path),
              help="Store what the kernel does, and compare nothing.")  # fmt: skip
@click.option("--against", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Compare with what was stored; needs no kernel.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def fuzz(
    seed: int, scripts: int, seconds: float, name: str, flips: tuple[str, ...], jobs: int,
    file: Path | None, store: Path | None, against: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Play random scripts of calls and segments on the kernel and on lastack.

    Compared after each step: packets, results and errnos, readiness, state,
    bytes unread and unsent, TCP_INFO. A difference is played again, made smaller, and
    shown with both sides. Needs root, but for --against. Exit status 1 when
    there is a difference that is not explained. With --flip each wrong field
    is to be found: exit status 1 when one is not.
    """
    began = time.monotonic()
    _check(flips)
    profile = find_profile(name)
    wrong = [(text, _flipped(profile, text)) for text in flips]
    if against is None:
        why = namespaces_work()
        if why:
            raise click.ClickException(f"the kernel cannot be played on: {why}")
    if file is not None:
        return _play_one(_read(file), wrong[0][1] if wrong else profile, began, as_json=as_json)
    seeds = range(seed, seed + scripts)
    until = began + seconds
    if store is not None:
        return _store(store, _recorded(seeds, jobs, until))
    if against is not None or wrong:
        recordings = _stored(against) if against is not None else _recorded(seeds, jobs, until)
        if wrong:
            return _find(recordings, profile, wrong, as_json=as_json)
        return _tell(_compared(recordings, profile), began, 0, as_json=as_json)
    return _tell(_explored(seeds, profile, jobs, until), began, seed, as_json=as_json)


def _check(flips: Sequence[str]) -> None:
    """UsageError for options that would be passed over."""
    given = given_options()
    ways = [way for way in _PASSED_OVER if way in given]
    if len(ways) > 1:
        raise click.UsageError("--play, --record and --against: one of them")
    for way in ways:
        for other in _PASSED_OVER[way]:
            if other in given:
                raise click.UsageError(f"{given[way]} makes no use of {given[other]}; leave it out")
    if "file" in given and len(flips) > 1:
        raise click.UsageError("--play takes one --flip")


def _explored(seeds: range, profile: Profile, jobs: int, until: float) -> Batch:
    run = Batch()
    with closing(explore(seeds, profile, jobs, until)) as batches:
        for batch in batches:
            run.add(batch)
    kinds = {compared.kind: compared for _, compared in reversed(run.found)}
    small = shrunk(
        [(one.recorded.script, kind) for kind, one in list(kinds.items())[:_SHRUNK]], profile, jobs
    )
    for kind, compared in small:
        if compared.kind == kind:
            kinds[kind] = compared
    run.found = [(name, kinds[compared.kind]) for name, compared in run.found]
    return run


def _compared(recordings: Iterator[Recorded], profile: Profile) -> Batch:
    run = Batch()
    for recorded in recordings:
        run.note(compare_recorded(recorded, profile))
    return run


def _play_one(script: Fuzz, profile: Profile, began: float, *, as_json: bool) -> int:
    compared = in_namespace(lambda player: judge(script, player.play, profile))
    if as_json:
        run = Batch()
        run.note(compared)
        return _tell(run, began, 0, as_json=True)
    for line in side_by_side(compared, whole=True):
        click.echo(line)
    return 1 if compared.counts else 0


def _tell(run: Batch, began: float, seed: int, *, as_json: bool) -> int:
    seconds = time.monotonic() - began
    if as_json:
        click.echo(json.dumps({
            "schema": 1, "seed": seed, "played": run.played, "seconds": round(seconds, 1),
            "differences": [difference_json(name, one) for name, one in run.found],
            "explained": [{"script": name, "why": why} for name, why in run.explained],
            "races": [{"script": name, "why": why} for name, why in run.races],
        }, indent=2))  # fmt: skip
        return 1 if run.found else 0
    shown: set[str] = set()
    for name, compared in run.found:
        if compared.kind in shown:
            continue
        shown.add(compared.kind)
        alike = [other for other, one in run.found if one.kind == compared.kind]
        click.echo(f"differ {name}" + (f" and {len(alike) - 1} more" if alike[1:] else ""))
        for line in side_by_side(compared):
            click.echo(line)
    click.echo(
        f"{run.played:,} scripts from seed {seed} in {seconds:,.0f} s: "
        f"{len(run.found):,} differ, {len(run.explained):,} explained, {len(run.races):,} races"
    )
    return 1 if run.found else 0


# -- wrong fields -------------------------------------------------------------------------------


def _flipped(profile: Profile, text: str) -> Profile:
    name, equals, value = text.partition("=")
    cells = {cell.name: cell.value for cell in profile.cells()}
    if not equals or name not in cells:
        raise click.UsageError(f"--flip {text}: FIELD=VALUE, fields: lastack claims --profiles")
    was = cells[name]
    if isinstance(was, bool) and value in ("True", "False"):
        return profile.with_field(name, value == "True")
    if isinstance(was, Enum) and value in type(was).__members__:
        return profile.with_field(name, type(was)[value])
    if isinstance(was, int) and not isinstance(was, bool) and value.lstrip("-").isdigit():
        return profile.with_field(name, int(value))
    kinds = ", ".join(type(was).__members__) if isinstance(was, Enum) else type(was).__name__
    raise click.UsageError(f"--flip {text}: {name} is one of {kinds}")


def _find(
    recordings: Iterator[Recorded], profile: Profile, wrong: list[tuple[str, Profile]], *,
    as_json: bool,
) -> int:  # fmt: skip
    kept = list(recordings)
    told = []
    for text, other in wrong:
        found = found_after(kept, profile, other)
        told.append((text, found))
        if not as_json:
            where = f"found after {found[0]} scripts" if found else f"not found in {len(kept)}"
            click.echo(f"{text}: {where}")
    if as_json:
        flips = [
            {"flip": text, "scripts": found[0] if found else None,
             "difference": difference_json(found[1].recorded.script.name, found[1])
             if found else None}
            for text, found in told
        ]  # fmt: skip
        click.echo(json.dumps({"schema": 1, "played": len(kept), "flips": flips}, indent=2))
    return 0 if all(found for _, found in told) else 1


# -- scripts and recordings ---------------------------------------------------------------------


def _read(path: Path) -> Fuzz:
    try:
        script = read_fuzz(path.read_text(encoding="utf-8"), path.stem)
    except (FuzzError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path}: {error}") from None
    if not script.steps:
        raise click.UsageError(f"{path}: there is no step in it")
    return script


def _recorded(seeds: range, jobs: int, until: float) -> Iterator[Recorded]:
    with closing(record(seeds, jobs, until)) as batches:
        for batch in batches:
            yield from batch


def _store(path: Path, recordings: Iterable[Recorded]) -> int:
    count = 0
    try:
        file = path.open("w", encoding="ascii")
    except OSError as error:
        raise click.UsageError(f"--record {path}: {error.strerror}") from None
    with file:
        for recorded in recordings:
            file.write(json.dumps(recorded_to_json(recorded), separators=(",", ":")) + "\n")
            count += 1
    click.echo(f"{count:,} scripts stored in {path}")
    return 0


def _stored(path: Path) -> Iterator[Recorded]:
    done = 0
    try:
        with path.open(encoding="ascii") as file:
            for line in file:
                yield recorded_from_json(json.loads(line))
                done += 1
    except (ValueError, KeyError, TypeError):
        raise click.UsageError(f"{path}: line {done + 1} is no recording") from None
    if not done:
        raise click.UsageError(f"{path}: there is no recording in it")
