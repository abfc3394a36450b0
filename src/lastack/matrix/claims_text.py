"""Claims for people: lines of 80 columns, one claim in full, and docs/claims.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import Final

from lastack.profile import PROFILES
from lastack.report import UNICODE, WIDTH, Glyphs, Line, ladder, refusal_lines
from lastack.trace import Refused
from lastack.verdict import Book, threads

from .claims import CLAIMS, SOURCES, Judged, judge_all

_INDENT: Final = 5
_NAME: Final = 10


def claim_lines(rows: Iterable[Judged]) -> list[Line]:
    """Return each claim with its verdicts below it, and how many hold in each profile."""
    judged = list(rows)
    lines: list[Line] = []
    for group in _by_claim(judged):
        claim = group[0].claim
        lines += _wrapped(claim.text, f"{claim.id:<{_INDENT}}", "title")
        lines += _wrapped(f"({claim.source})", " " * _INDENT, "note")
        for row in group:
            lines += verdict_lines(row)
        lines.append(())
    return [*lines, *(_total(judged, name) for name in _profiles(judged))]


def verdict_lines(row: Judged) -> list[Line]:
    """Return "linux     differs: close() = 0 after 1 s; ..."."""
    head = " " * _INDENT + f"{row.profile:<{_NAME}}"
    return _wrapped(row.verdict, head, "good" if row.holds else "bad")


def claim_in_full(rows: Sequence[Judged], glyphs: Glyphs = UNICODE) -> list[Line]:
    """Return one claim with its program, and for each profile the verdict and the ladders.

    rows: the same claim under one or more profiles.
    """
    claim = rows[0].claim
    lines = _wrapped(claim.text, f"{claim.id:<{_INDENT}}", "title")
    lines += _wrapped(f"({claim.source})", " " * _INDENT, "note")
    lines.append(())
    lines += [((text, ""),) for text in rows[0].program_text.splitlines()]
    for row in rows:
        lines += [(), *verdict_lines(row)]
        book = Book().read(row.events)
        events = threads(row.events, book)
        for story in book.stories:
            lines += [(), *ladder(story, events[story], row.names, glyphs=glyphs)]
        lines += _refusals(book, glyphs)
    return lines


def _refusals(book: Book, glyphs: Glyphs) -> list[Line]:
    """Return the refused calls that stand on no ladder, those of one kind once."""
    kinds = {(one.call, one.errno, one.reason): one for one in reversed(book.refusals)}
    lines: list[Line] = []
    for one in sorted(kinds.values(), key=_number):
        lines += [(), *refusal_lines(one, glyphs=glyphs)]
    return lines


def _number(event: Refused) -> int:
    return event.n


def claims_markdown() -> str:
    """Return docs/claims.md: every claim under every profile, played now."""
    judged = judge_all(CLAIMS, PROFILES.values())
    names = list(PROFILES)
    parts = [_HEAD, *(f"- **{name}**: {what}." for name, what in SOURCES.items()), ""]
    parts += ["| | claim | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for group in _by_claim(judged):
        claim = group[0].claim
        cells = " | ".join("holds" if row.holds else "**differs**" for row in group)
        parts.append(f"| [{claim.id}](#{claim.id.lower()}) | {claim.text} | {cells} |")
    totals = " | ".join(f"{_holding(judged, name)} of {len(CLAIMS)} hold" for name in names)
    parts += [f"| | | {totals} |", ""]
    for group in _by_claim(judged):
        parts += _section(group)
    return "\n".join(parts)


_HEAD: Final = """\
# What the sources say of SO_LINGER and TIME_WAIT, and whether it holds

Four texts of the sort that a search finds first, sentence by sentence. Each sentence is a program
that was run; what is said about it is what happened. `textbook` is a TCP that does what the books
say, `linux` one that does what Linux 6.18 was measured to do, `rfc9293` the RFC alone, which knows
no SO_LINGER. `lastack claims S5` prints one of them with everything that was on the wire.

This file is written by `lastack.matrix.claims_markdown`; a test fails when it is stale.

The sources, by the names that are used here:
"""


def _section(group: Sequence[Judged]) -> list[str]:
    claim = group[0].claim
    rows = (
        f"| {row.profile} | {'holds' if row.holds else '**differs**'} | {_cell(row.observed)} |"
        for row in group
    )
    return [
        f"## {claim.id}", "", claim.text, "", f"Said by: {claim.source}.", "",
        "| profile | | what happened |", "|---|---|---|", *rows, "",
        "```python", group[0].program_text.rstrip("\n"), "```", "",
    ]  # fmt: skip


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _by_claim(rows: Iterable[Judged]) -> list[list[Judged]]:
    groups: dict[str, list[Judged]] = {}
    for row in rows:
        groups.setdefault(row.claim.id, []).append(row)
    return list(groups.values())


def _profiles(rows: Iterable[Judged]) -> list[str]:
    return list(dict.fromkeys(row.profile for row in rows))


def _holding(rows: Iterable[Judged], profile: str) -> int:
    return sum(row.holds for row in rows if row.profile == profile)


def _total(rows: Sequence[Judged], profile: str) -> Line:
    count = sum(row.profile == profile for row in rows)
    text = f"{profile:<{_NAME}}{_holding(rows, profile)} of {count} hold"
    return ((" " * _INDENT, ""), (text, "title"), (f" ({_origin(profile)})", "note"))


def _origin(profile: str) -> str:
    if profile not in PROFILES:
        return "run on this machine"
    measured = any(cell.grade == "measured" for cell in PROFILES[profile].cells())
    return "its rules were measured on a kernel" if measured else "its rules are from documents"


def _wrapped(text: str, head: str, style: str) -> list[Line]:
    rows = wrap(text, WIDTH - len(head), break_on_hyphens=False)
    heads = [head, *[" " * len(head)] * len(rows)]
    return [((start, ""), (row, style)) for start, row in zip(heads, rows, strict=False)]
