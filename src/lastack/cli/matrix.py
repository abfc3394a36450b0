"""lastack matrix: what close() does, every case, every profile."""

from __future__ import annotations

import json

import click

from lastack.matrix import rows, table

from .paint import Painter
from .values import chosen_profiles


@click.command()
@click.option("--profile", "names", multiple=True, metavar="NAME", help="All by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def matrix(names: tuple[str, ...], as_json: bool) -> int:
    """What close() returns, sends and loses in each of 84 cases, by profile.

    Every row is played to its end in simulation; nothing is looked up.
    """
    chosen = chosen_profiles(names)
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
