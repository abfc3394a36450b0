"""lastack matrix: what close() does, every case, every profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

import click

from lastack.matrix import POSITIONS, RECORD_FILE, atlas_pages, rows, table
from lastack.profile import S
from lastack.report import WIDTH
from lastack.verdict import seconds

from .judged import case_text, departure_text, matrix_json, matrix_on_kernel
from .judged_atlas import atlas_json, atlas_on_kernel, difference_text, notes_beside, notes_of
from .paint import Painter
from .values import Duration, chosen_profiles, from_documents, show_from_documents


@click.command()
@click.option("--profile", "names", multiple=True, metavar="NAME", help="All by default.")
@click.option("--on", "where", type=click.Choice(["lastack", "kernel"]), default="lastack",
              show_default=True, help="Simulated, or this machine's kernel (root).")  # fmt: skip
@click.option("--limit", type=Duration(), default=30 * S,
              help="On the kernel: no row that takes longer; 0 for all.  [30s]")  # fmt: skip
@click.option("--atlas", metavar="DIRECTORY", type=click.Path(file_okay=False, path_type=Path),
              help="Write every state and event to DIRECTORY/atlas.md instead.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def matrix(
    names: tuple[str, ...], where: str, limit: int, atlas: Path | None, as_json: bool
) -> int:
    """What close() returns, sends and loses in each of 84 cases, by profile.

    Every row is played to its end in simulation; nothing is looked up. With
    --on kernel the same peer talks to this machine's kernel through a TUN device
    in a namespace of its own, and each row is compared with profile linux: exit
    1 when one differs and nobody knows why. With --atlas too the cells of the
    atlas are played there, and DIRECTORY/atlas-kernel.json keeps what was seen.
    """
    if atlas is not None:
        if not atlas.parent.is_dir():
            raise click.UsageError(f"--atlas {atlas}: there is no directory {atlas.parent}")
        if where == "kernel":
            return _atlas_on_kernel(atlas, names, limit, as_json=as_json)
        if as_json:
            raise click.UsageError("--atlas writes Markdown; --json is for --on kernel")
        _write_atlas(atlas, atlas_pages(chosen_profiles(names), notes_beside(atlas)))
        click.echo(_written(atlas))
        return 0
    if where == "kernel":
        return _on_kernel(names, limit, as_json=as_json)
    chosen = chosen_profiles(names)
    played = rows(chosen)
    unseen = from_documents(chosen)
    if as_json:
        told = [row.to_json() for row in played]
        click.echo(json.dumps({"schema": 1, "from_documents": unseen, "rows": told}, indent=2))
    else:
        painter = Painter()
        for line in table(played):
            painter.line(line)
        show_from_documents(painter, unseen)
    return 0


def _write_atlas(directory: Path, pages: Mapping[str, str]) -> None:
    try:
        directory.mkdir(exist_ok=True)
        for name, text in pages.items():
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        place = error.filename or directory
        raise click.FileError(str(place), error.strerror or str(error)) from None


def _written(directory: Path) -> str:
    return f"{directory / 'atlas.md'} and {len(POSITIONS)} pages beside it"


def _atlas_on_kernel(directory: Path, names: tuple[str, ...], limit: int, *, as_json: bool) -> int:
    if names:
        raise click.UsageError("--on kernel is beside profile linux; leave --profile out")
    told = atlas_on_kernel(limit)
    record = {RECORD_FILE: told.record.to_text()}
    pages = atlas_pages(chosen_profiles(()), notes_of(told.record))
    _write_atlas(directory, {**pages, **record})
    if as_json:
        click.echo(json.dumps(atlas_json(told), indent=2))
    else:
        painter = Painter()
        for name, ends in told.cut.items():
            painter.line(f"cut short  {name.text}: takes {seconds(ends)}", "note")
        for one in told.differs:
            for line in wrap(difference_text(one), WIDTH, break_on_hyphens=False):
                painter.line(line, "note" if one.explained else "bad")
        longer = f" (--limit 0 looks to the end of the {len(told.cut)} longer ones)"
        found = f"{len(told.differs)} differences" if told.differs else "no difference"
        painter.line(
            f"{len(told.record.cells)} cells on the kernel{longer if told.cut else ''}: {found} "
            "from profile linux."
        )
        painter.line(_written(directory))
    return int(any(not one.explained for one in told.differs))


def _on_kernel(names: tuple[str, ...], limit: int, *, as_json: bool) -> int:
    if names:
        raise click.UsageError("--on kernel is beside profile linux; leave --profile out")
    told = matrix_on_kernel(limit)
    if as_json:
        click.echo(json.dumps(matrix_json(told), indent=2))
    else:
        painter = Painter()
        for line in table(told.rows):
            painter.line(line)
        painter.line()
        for skipped in told.skipped:
            takes = f"{case_text(skipped.case)}: takes {seconds(skipped.takes)}"
            painter.line(f"skipped  {takes}", "note")
        for one in told.departures:
            for line in wrap(departure_text(one), WIDTH, break_on_hyphens=False):
                painter.line(line, "note" if one.explained else "bad")
        painter.line(_total(len(told.rows), len(told.skipped), len(told.departures)))
    return int(any(not one.explained for one in told.departures))


def _total(played: int, skipped: int, differences: int) -> str:
    longer = f" (--limit 0 plays the {skipped} longer ones, too)" if skipped else ""
    found = f"{differences} differences" if differences else "no difference"
    return f"{played} rows on the kernel{longer}: {found} from profile linux."
