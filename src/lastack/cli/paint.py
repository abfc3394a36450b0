"""Styled lines on a terminal: colour where there is one, Unicode where it can be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from lastack.report import ASCII, UNICODE, Glyphs, Line

_STYLES: Final = {
    "title": "bold", "host": "bold cyan", "time": "dim", "call": "cyan", "state": "magenta",
    "note": "dim", "fold": "dim", "data": "", "ack": "dim", "syn": "green", "fin": "yellow",
    "rst": "bold red", "again": "yellow", "lost": "red", "good": "bold green", "bad": "bold red",
    "remedy": "green", "": "",
}  # fmt: skip


class Painter:
    """Prints lines to stdout."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
        utf8 = self.console.encoding.lower().startswith("utf")
        self.glyphs: Glyphs = UNICODE if utf8 else ASCII

    def lines(self, lines: Iterable[Line]) -> None:
        """Print styled lines."""
        for line in lines:
            text = Text()
            for part, style in line:
                text.append(part, _STYLES.get(style, ""))
            self.console.print(text)

    def line(self, text: str = "", style: str = "") -> None:
        """Print one line of one style."""
        self.lines([((text, style),)])
