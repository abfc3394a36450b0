"""lastack claims: what the web says of SO_LINGER and TIME_WAIT, run and judged."""

from __future__ import annotations

import json

import click

from lastack.matrix import (
    CLAIMS,
    Claim,
    claim_in_full,
    claim_lines,
    claims_json,
    claims_markdown,
    judge,
    judge_all,
    profile_lines,
)

from .paint import Painter
from .values import chosen_profiles


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--profile", "names", multiple=True, metavar="NAME", help="All by default.")
@click.option("--profiles", "fields", is_flag=True, help="Every field, its value and its grade.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--markdown", is_flag=True, help="Print docs/claims.md.")
def claims(
    ids: tuple[str, ...], names: tuple[str, ...], fields: bool, as_json: bool, markdown: bool
) -> int:
    """Claims about close(), SO_LINGER and TIME_WAIT, each a program that is run.

    For every profile: holds, or what happened instead. With one ID also the
    program and its ladder.
    """
    painter = Painter()
    profiles = chosen_profiles(names)
    if fields:
        painter.lines(profile_lines(profiles))
        return 0
    if markdown:
        click.echo(claims_markdown(), nl=False)
        return 0
    chosen = [_find(name) for name in ids] or list(CLAIMS)
    if as_json:
        click.echo(json.dumps(claims_json(judge_all(chosen, profiles)), indent=2))
    elif len(ids) == 1:
        rows = [judge(chosen[0], profile) for profile in profiles]
        painter.lines(claim_in_full(rows, painter.glyphs))
    else:
        painter.lines(claim_lines(judge_all(chosen, profiles)))
    return 0


def _find(name: str) -> Claim:
    for claim in CLAIMS:
        if claim.id == name.upper():
            return claim
    raise click.UsageError(f"no claim {name!r}; there are {CLAIMS[0].id} to {CLAIMS[-1].id}")
