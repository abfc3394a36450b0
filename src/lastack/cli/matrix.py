"""lastack matrix: what close() does, every case, every profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from lastack.matrix import atlas_pages, rows, table

from .paint import Painter
from .values import chosen_profiles


@click.command()
@click.option("--profile", "names", multiple=True, metavar="NAME", help="All by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--atlas", metavar="DIRECTORY", type=click.Path(file_okay=False, path_type=Path),
              help="Write every state and event to DIRECTORY/atlas.md instead.")  # fmt: skip
def matrix(names: tuple[str, ...], as_json: bool, atlas: Path | None) -> int:
    """What close() returns, sends and loses in each of 84 cases, by profile.

    Every row is played to its end in simulation; nothing is looked up.
    """
    chosen = chosen_profiles(names)
    if atlas is not None:
        if as_json:
            raise click.UsageError("--atlas writes Markdown: take --json away.")
        _write_atlas(atlas, atlas_pages(chosen))
        return 0
    played = rows(chosen)
    if as_json:
        click.echo(json.dumps({"schema": 1, "rows": [row.to_json() for row in played]}, indent=2))
    else:
        painter = Painter()
        for line in table(played):
            painter.line(line)
        unseen = [profile.name for profile in chosen if profile.unproven]
        if unseen:
            painter.line(f"From documents, nobody ran it here: {', '.join(unseen)}.")
    return 0


def _write_atlas(directory: Path, pages: Mapping[str, str]) -> None:
    for name, text in pages.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.FileError(str(path), error.strerror or str(error)) from None
    click.echo(f"{directory / 'atlas.md'} and {len(pages) - 1} pages beside it")
