"""How `why` and `fix` lay out what they say: the answer, the sockets, facts, advice last."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from lastack.report import WIDTH, Line

from .ls import Listed, table
from .paint import Painter

MOST_ROWS: Final = 12
_LABEL: Final = 13


def answer(text: str, style: str) -> list[Line]:
    """Return the answer's lines, as many as it takes."""
    return [((row, style),) for row in wrap(text, WIDTH, break_on_hyphens=False)]


def some_rows(listed: Sequence[Listed], more: str = "") -> list[Line]:
    """Return the table of the first few sockets; `more` tells how the others are seen."""
    if not listed:
        return []
    lines = table(list(listed[:MOST_ROWS]))
    if len(listed) > MOST_ROWS:
        left = f"and {len(listed) - MOST_ROWS:,} more"
        lines.append(((f"{left}: {more}" if more else left, "note"),))
    return lines


def fact(label: str, text: str) -> list[Line]:
    """Return "label   text", the text wrapped beside its label."""
    rows = wrap(text, WIDTH - _LABEL, break_on_hyphens=False) or [""]
    heads = [label.ljust(_LABEL), *([" " * _LABEL] * (len(rows) - 1))]
    return [((head, "note"), (row, "")) for head, row in zip(heads, rows, strict=True)]


def advice(texts: Sequence[str]) -> list[Line]:
    """Return each piece of advice wrapped, the first line of each marked."""
    lines: list[Line] = []
    for text in texts:
        rows = wrap(text, WIDTH - 2, break_on_hyphens=False, break_long_words=False)
        marks = ("- ", *(["  "] * (len(rows) - 1)))
        lines += [((mark + row, "remedy"),) for mark, row in zip(marks, rows, strict=True)]
    return lines


def show(*parts: list[Line]) -> None:
    """Print the parts, a blank line between them."""
    painter = Painter()
    for number, part in enumerate([part for part in parts if part]):
        if number:
            painter.line()
        painter.lines([tuple((painter.glyphs.clean(t), s) for t, s in one) for one in part])
