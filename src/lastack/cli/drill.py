"""lastack drill: packetdrill scripts, played on a simulated host in virtual time."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from lastack.drill import Result, Setup, Verdict, play_file, play_files, scripts_in
from lastack.profile import S
from lastack.report import ladder
from lastack.trace import Event
from lastack.verdict import Book, threads

from .paint import Painter
from .values import Duration, find_profile

_STYLES: Final = {
    Result.PASS: "good", Result.FAIL: "bad", Result.UNSUPPORTED: "again", Result.ERROR: "bad",
}  # fmt: skip


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--profile", "name", default="linux", metavar="NAME", help="Whose TCP; linux.")
@click.option("--neutral", is_flag=True, help="Only what every TCP has to do.")
@click.option("--exact", is_flag=True, help="Times without any tolerance.")
@click.option("--on", "target", type=click.Choice(["lastack"]), default="lastack", help="Where.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; one for each processor.")
@click.option("--tolerance", type=Duration(), metavar="TIME", help="How far times may be off.")
@click.option("--ladders", type=click.IntRange(0), default=3, metavar="N", help="Shown at most; 3.")
@click.option("-D", "defines", multiple=True, metavar="NAME=VALUE", help="A word, or a sysctl.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def drill(
    paths: tuple[str, ...], name: str, neutral: bool, exact: bool, target: str, jobs: int | None,
    tolerance: int | None, ladders: int, defines: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Play packetdrill scripts (*.pkt, or directories of them).

    Both dialects are read, google's and nplab's. A script passes, fails at a
    line, or asks for something that lastack does not have (unsupported, which
    counts as not passed). Code in a script, %{ }%, is run: play what you trust.
    """
    setup = Setup(find_profile(name), neutral, exact, _defines(defines), tolerance)
    files = _files(paths)
    verdicts = list(play_files(files, setup, jobs or os.cpu_count() or 1))
    if as_json:
        click.echo(json.dumps(to_json(verdicts), indent=2))
    else:
        _show(verdicts, setup, ladders)
    return 0 if all(one.result is Result.PASS for one in verdicts) else 1


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


def to_json(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the documented shape, schema 1."""
    counts = Counter(one.result for one in verdicts)
    return {
        "schema": 1,
        "summary": {result.value: counts[result] for result in Result},
        "scripts": [
            {
                "path": one.path, "verdict": one.result.value, "line": one.line or None,
                "expected": one.expected or None, "actual": one.actual or None,
                "virtual_seconds": one.virtual / S,
            }
            for one in verdicts
        ],
    }  # fmt: skip


def _show(verdicts: Sequence[Verdict], setup: Setup, ladders: int) -> None:
    painter = Painter()
    for one in verdicts:
        if one.result is Result.PASS:
            continue
        where = f"{one.path}:{one.line}" if one.line else one.path
        painter.lines([((one.result.value, _STYLES[one.result]), (f" {where}", ""))])
        if one.expected:
            painter.line(f"    expected {one.expected}")
        came = "     but got " if one.expected else "    "
        painter.line(f"{came}{one.actual}")
        if one.result is Result.FAIL and ladders:
            ladders -= 1
            _show_ladders(painter, one, setup)
    counts = Counter(one.result for one in verdicts)
    parts = [f"{counts[result]} {result.value}" for result in Result if counts[result]]
    virtual = sum(one.virtual for one in verdicts) / S
    good = "good" if counts[Result.PASS] == len(verdicts) else ""
    painter.line(f"{', '.join(parts)}, {virtual:,.1f} s of virtual time", good)
    if setup.profile.unproven:
        painter.line(f"Profile {setup.profile.name} is from documents: nobody ran it here.", "note")


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
