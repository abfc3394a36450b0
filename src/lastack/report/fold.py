"""Folding: the middle of a bulk transfer becomes one line that says what it holds."""

from __future__ import annotations

from collections.abc import Iterator

from lastack.verdict import count

from .item import LEFT, RIGHT, Item, Shape
from .line import Glyphs


def fold(items: list[Item], glyphs: Glyphs, *, limit: int = 5) -> list[Item]:
    """Fold each run of more than `limit` dull items, but for its first two and its last.

    What is not dull always stays: SYN, FIN, RST, states, failed calls, lost data and the first
    retransmission of a segment.
    """
    found: list[Item] = []
    for run in _runs(items):
        if len(run) <= limit or not run[0].dull:
            found += run
        else:
            found += [*run[:2], _folded(run[2:-1], glyphs), run[-1]]
    return found


def _runs(items: list[Item]) -> Iterator[list[Item]]:
    run: list[Item] = []
    for item in items:
        if run and item.dull != run[0].dull:
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _folded(run: list[Item], glyphs: Glyphs) -> Item:
    segments = [item for item in run if item.shape is Shape.SEGMENT]
    calls = sum(item.shape is Shape.CALL for item in run)
    parts = [count(len(segments), "segment")] if segments else []
    for side, head in ((LEFT, glyphs.right), (RIGHT, glyphs.left)):
        size = sum(item.size for item in segments if item.side == side)
        if size:
            parts.append(f"{count(size, 'byte')} {head}")
    for number, what in (
        (sum(item.again for item in segments), "sent again"),
        (sum(bool(item.lost) for item in segments), "lost"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    if calls:
        parts.append(count(calls, "call"))
    if not parts:
        parts = [count(len(run), "note")]
    text = f"{glyphs.fold} {', '.join(parts)} {glyphs.fold}"
    return Item(run[0].at, LEFT, Shape.FOLD, text, "fold")
