"""The atlas as Markdown: an index, and a page for each position."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lastack.profile import LINUX, Profile, S
from lastack.verdict import seconds

from .atlas import Cell, Outcome, Variant, cells
from .atlas_happenings import HAPPENINGS
from .atlas_rfc import paragraph
from .atlas_seen import Name
from .atlas_stage import MOMENT, POSITIONS, WRITTEN, Position

INDEX: Final = "atlas.md"
FOLDER: Final = "atlas"
_MARKUP: Final = re.compile(r"<[A-Z][A-Z=.,]*>(<[A-Z=.,]*>)*|\S+ =?[<>] \S+")  # no HTML, no quote


@dataclass(frozen=True)
class KernelNotes:
    """What a run on a kernel lets us say: of all, and of each cell."""

    summary: str
    cells: Mapping[Name, str]


def atlas_pages(profiles: Sequence[Profile], notes: KernelNotes | None = None) -> Mapping[str, str]:
    """Play everything; return the files of the atlas by name, "atlas.md" and "atlas/*.md"."""
    played = cells(profiles)
    pages = {INDEX: _index(played, profiles, notes)}
    for position in POSITIONS:
        mine = [cell for cell in played if cell.position == position]
        pages[f"{FOLDER}/{position.slug}.md"] = _page(position, mine, profiles, notes)
    return pages


_HEAD: Final = f"""\
# The atlas of closing

Every state of RFC 9293 section 3.3.2, everything that can happen to a connection there, and what
comes of it. Each cell was played: a simulated host was brought into the state, the thing happened,
and then nothing more came from the peer. Choose a cell: it leads to the segments, the state, what
the program is told, the fate of the bytes, and the paragraph of RFC 9293.

- The host has written {WRITTEN} bytes, and the peer has acknowledged none of them, except where
  the state says that our FIN is acknowledged: there nothing was written.
- An arriving segment stands at RCV.NXT and acknowledges nothing new, unless it is said.
- "after close()": no program has the connection any more. "after shutdown(SHUT_WR)": it has, and
  reads. In SYN-RECEIVED a program has the listening socket only; in TIME-WAIT somebody still
  listens on the port.
- A cell names the state that follows at once. **Bold**: profiles differ, and the states of all of
  them stand there, each once. *Italic*: they differ only in what comes later, when the connection
  is left alone.
"""
_TAIL: Final = f"""

Written by `lastack matrix --atlas DIRECTORY`; a test compares it with a new play. The time of the
happening is {MOMENT / S:.3f} s on every ladder, and everything before it is left out. The
profiles and where each of their rules comes from: `lastack claims --profiles`.
"""


def _index(played: Sequence[Cell], profiles: Sequence[Profile], notes: KernelNotes | None) -> str:
    by_place = {(cell.position, cell.happening): cell for cell in played}
    parts = [_HEAD]
    for call, title in ((True, "The program calls"), (False, "From outside")):
        parts += [f"## {title}\n"]
        for group in (POSITIONS[:5], POSITIONS[5:10], POSITIONS[10:]):
            heads = (f"[{one.title}]({FOLDER}/{one.slug}.md)" for one in group)
            parts += ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(group)]
            for happening in HAPPENINGS:
                there = [by_place.get((position, happening)) for position in group]
                if happening.call is call and any(there):
                    title = happening.title.replace("|", "\\|")
                    parts.append(f"| {title} | {' | '.join(map(_link, there))} |")
            parts.append("")
    unseen = ", ".join(profile.name for profile in profiles if profile.unproven)
    differ = sum(len(cell.variants) > 1 for cell in played)
    outcomes = sum(len(cell.variants) for cell in played)
    parts.append(
        f"{len(played)} cells, {outcomes} outcomes; in {differ} cells profiles differ. Profiles: "
        f"{', '.join(profile.name for profile in profiles)}. Nobody ran these systems for it, "
        f"they follow their documents: {unseen}."
    )
    if notes is not None:
        parts += ["", notes.summary]
    return "\n".join(parts) + _TAIL


def _link(cell: Cell | None) -> str:
    if cell is None:
        return ""
    states = dict.fromkeys(variant.outcome.state for variant in cell.variants)
    text = " / ".join(states)
    if len({_at_once(variant.outcome) for variant in cell.variants}) > 1:
        text = f"**{text}**"
    elif len(cell.variants) > 1:
        text = f"*{text}*"
    return f"[{text}]({FOLDER}/{cell.position.slug}.md#{cell.happening.slug})"


def _at_once(outcome: Outcome) -> Outcome:
    """Leave out what comes later, and the ladder, which may tell until when a state will last."""
    return replace(outcome, later=(), ladder=())


def _page(
    position: Position, mine: Iterable[Cell], profiles: Sequence[Profile],
    notes: KernelNotes | None,
) -> str:  # fmt: skip
    kept = list(mine)
    parts = [f"# {position.title}\n", "[The atlas](../atlas.md). In this state:\n"]
    parts += [f"- [{cell.happening.title}](#{cell.happening.slug})" for cell in kept]
    for cell in kept:
        where, what = paragraph(position, cell.happening)
        parts += ["", f'<a id="{cell.happening.slug}"></a>', f"## {cell.happening.title}\n"]
        text = _MARKUP.sub(r"`\g<0>`", what)
        parts.append(f"RFC 9293, {where}: {text}" if where != "none" else text)
        name = Name.of(position, cell.happening)
        note = f" {notes.cells[name]}" if notes is not None and name in notes.cells else ""
        for alike in _by_ladder(cell):
            parts += _drawn(alike, len(profiles), note)
    return "\n".join(parts) + "\n"


def _by_ladder(cell: Cell) -> list[list[Variant]]:
    """Group what differs only in what comes later: the ladder is the same."""
    groups: dict[tuple[str, ...], list[Variant]] = {}
    for variant in cell.variants:
        groups.setdefault(variant.outcome.ladder, []).append(variant)
    return list(groups.values())


def _drawn(alike: Sequence[Variant], profiles: int, note: str) -> list[str]:
    lines = []
    for variant in alike:
        everybody = len(variant.profiles) == profiles
        names = "All profiles" if everybody else ", ".join(variant.profiles)
        kernel = note if LINUX.name in variant.profiles else ""
        lines += ["", f"**{names}**: {_summary(variant.outcome)}{kernel}"]
    drawn = alike[0].outcome.ladder
    return [*lines, "", "```", *drawn, "```"] if drawn else lines


def _summary(outcome: Outcome) -> str:
    """Return one paragraph: what is told, sent and kept."""
    said = []
    if outcome.returned.startswith("setsockopt"):
        said.append(f"{outcome.returned}, and nothing is closed")
    elif outcome.returned:
        said.append(f"returns {outcome.returned} {_after(outcome.took)}")
    said.append(f"state {outcome.state}")
    said.append(f"sent: {', '.join(outcome.sent) or 'nothing'}")
    if outcome.told:
        first, again, send = outcome.told
        reads = first if first == again else f"{first}, then {again}"
        said.append(f"the next calls: recv() = {reads}, send() = {send}")
    if outcome.ours:
        said.append(f"ours: {outcome.ours}")
    if outcome.theirs:
        said.append(f"the peer's: {outcome.theirs}")
    text = "; ".join(said) + "."
    return f"{text} Left alone: {'; '.join(outcome.later)}." if outcome.later else text


def _after(took: int) -> str:
    return f"after {seconds(took)}" if took else "at once"
