"""lastack claims: what the web says of SO_LINGER and TIME_WAIT, run and judged."""

from __future__ import annotations

import json
from textwrap import wrap

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
from lastack.profile import S
from lastack.report import WIDTH
from lastack.verdict import seconds

from .judged_claims import claims_on_kernel, claims_on_kernel_json
from .paint import Painter
from .values import Duration, chosen_profiles, from_documents, show_from_documents


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--profile", "names", multiple=True, metavar="NAME", help="All by default.")
@click.option("--profiles", "fields", is_flag=True, help="Every field, its value and its grade.")
@click.option("--on", "where", type=click.Choice(["lastack", "kernel"]), default="lastack",
              show_default=True, help="Simulated, or the machine's kernel (root).")  # fmt: skip
@click.option("--limit", type=Duration(), default=30 * S,
              help="On the kernel: no program that takes longer; 0 for all.  [30s]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--markdown", is_flag=True, help="Print docs/claims.md.")
def claims(
    ids: tuple[str, ...], names: tuple[str, ...], fields: bool, where: str, limit: int,
    as_json: bool, markdown: bool,
) -> int:  # fmt: skip
    """Claims about close(), SO_LINGER and TIME_WAIT, each a program that is run.

    For every profile: holds, or what happened instead. With one ID also the
    program and its ladder. With --on kernel the same programs run as processes
    in namespaces of this machine's kernel, beside profile linux: exit 1 when one
    holds on one and not on the other, and nobody knows why.
    """
    painter = Painter()
    profiles = chosen_profiles(names)
    if (fields or markdown) and (as_json or ids or where == "kernel"):
        option = "--profiles" if fields else "--markdown"
        raise click.UsageError(f"{option} goes with --profile, not with --json, --on or an ID")
    if fields:
        painter.lines(profile_lines(profiles))
        return 0
    if markdown:
        click.echo(claims_markdown(), nl=False)
        return 0
    chosen = [_find(name) for name in ids] or list(CLAIMS)
    if where == "kernel":
        if names:
            raise click.UsageError("--on kernel is beside profile linux; leave --profile out")
        return _on_kernel(chosen, limit, painter, as_json=as_json)
    unseen = from_documents(profiles)
    if as_json:
        told = claims_json(judge_all(chosen, profiles)) | {"from_documents": unseen}
        click.echo(json.dumps(told, indent=2))
    elif len(ids) == 1:
        rows = [judge(chosen[0], profile) for profile in profiles]
        painter.lines(claim_in_full(rows, painter.glyphs))
        show_from_documents(painter, unseen)
    else:
        painter.lines(claim_lines(judge_all(chosen, profiles)))
    return 0


def _on_kernel(chosen: list[Claim], limit: int, painter: Painter, *, as_json: bool) -> int:
    told = claims_on_kernel(chosen, limit)
    if as_json:
        click.echo(json.dumps(claims_on_kernel_json(told), indent=2))
        return int(any(one.differs and not one.explained for one in told))
    played = [one for one in told if one.kernel is not None]
    rows = [row for one in told for row in (one.simulated, one.kernel) if row is not None]
    one_alone = len(chosen) == 1
    painter.lines(claim_in_full(rows, painter.glyphs) if one_alone else claim_lines(rows))
    for one in told:
        if one.kernel is None:
            painter.line(f"skipped  {one.simulated.id}: takes {seconds(one.takes)}", "note")
        elif one.differs:
            why = f" Explained: {one.explained}." if one.explained else ""
            for line in wrap(f"{one.simulated.id} differs on the kernel.{why}", WIDTH):
                painter.line(line, "note" if why else "bad")
    differing = sum(one.differs for one in told)
    painter.line(f"{len(played)} claims on the kernel, {differing} differ from profile linux.")
    return int(any(one.differs and not one.explained for one in told))


def _find(name: str) -> Claim:
    for claim in CLAIMS:
        if claim.id == name.upper():
            return claim
    raise click.UsageError(f"no claim {name!r}; there are {CLAIMS[0].id} to {CLAIMS[-1].id}")
