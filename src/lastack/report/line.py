"""Styled text: what a report is made of. A front end paints it; plain text loses nothing.

Styles: "title", "host", "time", "call", "state", "note", "fold", "data", "ack", "syn", "fin",
"rst", "again", "lost", "good", "bad", "remedy", "" for plain text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

Span = tuple[str, str]
"""A text and the name of its style."""

Line = tuple[Span, ...]

WIDTH: Final = 80


@dataclass(frozen=True)
class Glyphs:
    """The characters that arrows and marks are drawn with."""

    shaft: str
    right: str
    left: str
    lost: str
    fold: str
    to: str
    cut: str
    ascii: bool = False

    def clean(self, text: str) -> str:
        """Return the text with what these glyphs' terminal cannot show as "?"."""
        shown = "".join(c if c.isprintable() else "?" for c in text)
        return shown.encode("ascii", "replace").decode() if self.ascii else shown


UNICODE: Final = Glyphs("─", "▶", "◀", "✗", "⋮", "→", "…")
ASCII: Final = Glyphs("-", ">", "<", "x", ":", "->", "~", ascii=True)


def plain(line: Line) -> str:
    """Return the text of a line without its styles."""
    return "".join(text for text, _ in line)


def line(*spans: Span) -> Line:
    """Join spans to a line without empty spans and without blanks at its end."""
    kept = [span for span in spans if span[0]]
    while kept and not kept[-1][0].rstrip():
        kept.pop()
    if kept:
        kept[-1] = (kept[-1][0].rstrip(), kept[-1][1])
    return tuple(kept)


def paragraph(text: str, style: str = "", *, indent: str = "", first: str = "") -> list[Line]:
    """Wrap a text at 80 columns; `first` stands before it, `indent` before the other lines."""
    rows = wrap(text, WIDTH - len(indent), break_long_words=True, break_on_hyphens=False)
    heads = [first.ljust(len(indent)), *([indent] * len(rows))]
    return [line((head, ""), (row, style)) for head, row in zip(heads, rows, strict=False)]


def fit(text: str, width: int, glyphs: Glyphs) -> str:
    """Cut a text to a width; the cut shows."""
    if len(text) <= width:
        return text
    return text[: width - len(glyphs.cut)] + glyphs.cut


def texts(lines: Iterable[Line]) -> str:
    """Return all lines as plain text, each with its newline."""
    return "".join(plain(one) + "\n" for one in lines)
