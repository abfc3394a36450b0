"""lastack drill: packetdrill scripts, played on a simulated host in virtual time."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from lastack.drill import Result, Setup, Verdict, play_file, play_files, profile_of, scripts_in
from lastack.oracle import LIMIT, Both
from lastack.profile import PROFILES, S
from lastack.report import ladder
from lastack.trace import Event
from lastack.verdict import Book, threads

from . import drill_kernel
from .on_kernel import WHERE
from .paint import Painter
from .values import Duration, find_profile

_STYLES: Final = {
    Result.PASS: "good", Result.FAIL: "bad", Result.UNSUPPORTED: "again", Result.ERROR: "bad",
    Result.SKIPPED: "note",
}  # fmt: skip


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--profile", "name", metavar="NAME",
              help="Whose TCP; that of the directory's name, else linux.")  # fmt: skip
@click.option("--neutral", is_flag=True, help="Only what every TCP has to do.")
@click.option("--exact", is_flag=True, help="Times without any tolerance.")
@click.option("--on", "target", type=click.Choice(WHERE), default="lastack", help="Where.")
@click.option("--limit", type=click.FloatRange(0), metavar="SECONDS", help="On the kernel; 10.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; one for each processor.")
@click.option("--tolerance", type=Duration(), metavar="TIME", help="How far times may be off.")
@click.option("--ladders", type=click.IntRange(0), default=3, metavar="N", help="Shown at most; 3.")
@click.option("-D", "defines", multiple=True, metavar="NAME=VALUE", help="A word, or a sysctl.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def drill(
    paths: tuple[str, ...], name: str | None, neutral: bool, exact: bool, target: str,
    limit: float | None, jobs: int | None, tolerance: int | None, ladders: int,
    defines: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Play packetdrill scripts (*.pkt, or directories of them).

    Both dialects are read, google's and nplab's. A script passes, fails at a
    line, or asks for something that lastack does not have (unsupported, which
    counts as not passed). Code in a script, %{ }%, is run: play what you trust.
    Without --profile a script in a directory named after a profile (windows,
    freebsd ...) is played in that one. On the kernel (root) scripts take real
    time; those longer than the limit are skipped, 0 plays them all.
    """
    _check(target, name, limit, exact=exact)
    setup = Setup(find_profile(name or "linux"), neutral, exact, _defines(defines), tolerance)
    files = _files(paths)
    if target == "lastack":
        verdicts: list[Verdict] = []
        for one, theirs in _by_profile(files, setup, named=name is not None):
            verdicts += play_files(theirs, one, jobs or os.cpu_count() or 1)
        good = all(one.result is Result.PASS for one in verdicts)
    else:
        both = drill_kernel.play(files, setup, LIMIT if limit is None else limit, jobs)
        if target == "both":
            return _tell_both(both, as_json=as_json)
        verdicts = [one.kernel for one in both]
        good = all(one.result in drill_kernel.GOOD for one in verdicts)
    if as_json:
        click.echo(json.dumps(to_json(verdicts, target), indent=2))
    else:
        setups = _by_profile(files, setup, named=name is not None)
        _show(verdicts, setups, ladders if target == "lastack" else 0, target)
    return 0 if good else 1


def _by_profile(
    files: Sequence[Path], setup: Setup, *, named: bool
) -> list[tuple[Setup, list[Path]]]:
    """Return the scripts by the profile they are for; `named`: the user has named one for all."""
    if named:
        return [(setup, list(files))]
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(profile_of(path, setup.profile).name, []).append(path)
    return [
        (setup if name == setup.profile.name else replace(setup, profile=PROFILES[name]), theirs)
        for name, theirs in found.items()
    ]


def _check(target: str, name: str | None, limit: float | None, *, exact: bool) -> None:
    if target == "lastack" and limit is not None:
        raise click.UsageError("--limit is for --on kernel and --on both")
    if target == "kernel" and name not in (None, "linux"):
        raise click.UsageError(f"--on kernel has no profile {name}; try --on both")
    if target != "lastack" and exact:
        raise click.UsageError("--exact is for virtual time; leave it out, or --on")


def _tell_both(both: Sequence[Both], *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(drill_kernel.to_json(both), indent=2))
    else:
        drill_kernel.show(Painter(), both)
    differ = any(one.difference for one in both)
    return 1 if differ or any(one.lastack.result not in drill_kernel.GOOD for one in both) else 0


def _files(paths: Sequence[str]) -> list[Path]:
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        if not path.exists():
            raise click.UsageError(f"no such file or directory: {text}")
        found = scripts_in(path)
        if not found:
            raise click.UsageError(f"no scripts (*.pkt) in {text}")
        files += found
    return files


def _defines(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or ("." in name and not equals):
            raise click.UsageError(f"-D {text}: write NAME, NAME=VALUE or a.sysctl=VALUE")
        found[name] = value
    return found


def to_json(verdicts: Sequence[Verdict], target: str = "lastack") -> dict[str, Any]:
    """Return the documented shape, schema 1."""
    return {
        "schema": 1,
        "on": target,
        "summary": drill_kernel.summary_json(verdicts, kernel=target == "kernel"),
        "scripts": [drill_kernel.verdict_json(one) for one in verdicts],
    }


def _show(
    verdicts: Sequence[Verdict], setups: Sequence[tuple[Setup, list[Path]]], ladders: int,
    target: str,
) -> None:  # fmt: skip
    painter = Painter()
    setup_of = {str(path): setup for setup, theirs in setups for path in theirs}
    for one in verdicts:
        if one.result is Result.PASS:
            continue
        where = f"{one.path}:{one.line}" if one.line else one.path
        if one.result is Result.SKIPPED:
            where = f"{one.path}: {one.actual}"
        painter.lines([((one.result.value, _STYLES[one.result]), (f" {where}", ""))])
        if one.result is Result.SKIPPED:
            continue
        if one.expected:
            painter.line(f"    expected {one.expected}")
        came = "     but got " if one.expected else "    "
        painter.line(f"{came}{one.actual}")
        if one.result is Result.FAIL and ladders:
            ladders -= 1
            _show_ladders(painter, one, setup_of[one.path])
    took = sum(one.virtual for one in verdicts if one.result is not Result.SKIPPED) / S
    good = "good" if all(one.result in drill_kernel.GOOD for one in verdicts) else ""
    kind = "virtual" if target == "lastack" else "real"
    painter.line(f"{drill_kernel.counted(verdicts)}, {took:,.1f} s of {kind} time", good)
    for setup, _ in setups:
        if setup.profile.unproven:
            told = f"Profile {setup.profile.name} is from documents: nobody ran it here."
            painter.line(told, "note")


def _show_ladders(painter: Painter, verdict: Verdict, setup: Setup) -> None:
    """Play a script once more, and draw what happened on every connection."""
    events: list[Event] = []
    played = play_file(Path(verdict.path), setup, [events.append])
    assert replace(played, path="") == replace(verdict, path=""), "a script played twice differs"
    book = Book().read(events)
    by_story = threads(events, book)
    for story in book.stories:
        painter.line()
        flow = story.ends[0].flow
        names = {flow.src: "lastack", flow.dst: "script"}
        painter.lines(ladder(story, by_story[story], names, glyphs=painter.glyphs))
    painter.line()
