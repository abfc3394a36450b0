"""What a profile consists of, field by field: value, meaning, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from textwrap import wrap
from typing import Any, Final

from lastack.profile import NEVER, UNLIMITED, Cell, Profile
from lastack.report import WIDTH, Line
from lastack.verdict import seconds

from .claims_stage import error_name

NOTE: Final = (
    "SACK (RFC 2018, 6675) is there since this release; tail loss probes (RFC 8985) are not: a "
    "lost tail waits for the retransmission timer."
)

_GRADES: Final = (
    "measured: seen on a running kernel; source: read in that system's source text; manual: stated "
    "by a manual, an RFC or a book; chosen: nothing says, taken after linux or the RFC."
)


def profile_lines(profiles: Iterable[Profile]) -> list[Line]:
    """Return every field of each profile: value with unit, meaning, grade and source."""
    lines: list[Line] = []
    for profile in profiles:
        lines.append(((profile.name, "title"), (f": {profile.summary}", "")))
        group = ""
        for cell in profile.cells():
            if cell.group != group:
                group = cell.group
                lines += [(), ((f"  {group}", "host"),)]
            lines += _cell_lines(cell)
        lines.append(())
    for text in (_GRADES, NOTE):
        lines += [((row, "note"),) for row in wrap(text, WIDTH)]
    return lines


def _cell_lines(cell: Cell) -> list[Line]:
    value = wrap(f"{cell.name} = {value_text(cell)}", WIDTH - 4, subsequent_indent="    ")
    about = f"{cell.meaning} [{cell.grade}: {cell.source}]"
    rows = wrap(about, WIDTH - 8, break_on_hyphens=False)
    style = "" if cell.grade == "measured" else "note"
    return [
        *((("    " + row, "call"),) for row in value),
        *((("        " + row, style),) for row in rows),
    ]


def value_text(cell: Cell) -> str:
    """Return a value for people: "60 s", "EWOULDBLOCK", "131,072 bytes", "never"."""
    value: Any = cell.value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if cell.unit == "ns":
        return "never" if value >= NEVER else seconds(value)
    if cell.meaning.startswith("errno"):
        return error_name(value) if value else "0"
    if isinstance(value, int):
        number = "unlimited" if value >= UNLIMITED else f"{value:,}"
        return f"{number} {cell.unit}".rstrip()
    if isinstance(value, float):
        return f"{value:.4g} {cell.unit}".rstrip()
    return f"{value} {cell.unit}".rstrip()
