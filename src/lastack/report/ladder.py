"""The ladder of a connection: its two ends as columns, time downwards, 80 columns wide.

    time       client           what travels                            server

An arrow stands at the time when its segment was sent; what it does at the other end stands where
it arrives. All numbers are relative to the initial sequence numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lastack.trace import Event
from lastack.verdict import ConnectionStory, endpoints

from .fold import fold
from .item import LEFT, RIGHT, Item, Shape
from .line import UNICODE, WIDTH, Glyphs, Line, Span, fit, line
from .scene import Scene

_TIME: Final = 10
_CELL: Final = 15
_ARROW: Final = WIDTH - _TIME - 2 * _CELL - 3
_WIDE: Final = _CELL + 1 + _ARROW  # a call may run on through the middle


def ladder(
    story: ConnectionStory,
    events: Iterable[Event],
    names: Mapping[bytes, str],
    *,
    unfold: bool = False,
    glyphs: Glyphs = UNICODE,
) -> list[Line]:
    """Draw the events of one connection, as `verdict.threads` gives them; `names` tells addresses'
    hosts. Long transfers are folded unless `unfold`."""
    items = Scene(story).build(events)
    rows = [_Row()]
    for item in items if unfold else fold(items, glyphs):
        if not rows[-1].add(item):
            rows.append(_Row())
            rows[-1].add(item)
    lines = _head(story, names, glyphs)
    shown = ""
    for row in rows:
        if row.items:
            text = _time(row.items[0].at)
            lines.append(_draw(row, "" if text == shown else text, glyphs))
            shown = text
    return lines


class _Row:
    """Items that share a line: at most one in each of the three columns, or one wide one."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def add(self, item: Item) -> bool:
        """Take the item if it belongs on this line."""
        if not self.items or self._joins(item):
            self.items.append(item)
            return True
        return False

    def _joins(self, item: Item) -> bool:
        """A state or a short call and then its segment, or a segment and then the state."""
        last = self.items[-1]
        if len(self.items) > 1 or (item.at, item.side) != (last.at, last.side):
            return False
        if item.lost or last.lost:
            return False
        if item.shape is Shape.SEGMENT:
            return last.shape in (Shape.STATE, Shape.CALL) and len(last.text) <= _CELL
        return item.shape is Shape.STATE and last.shape is Shape.SEGMENT


@dataclass
class _Cells:
    left: Span = ("", "")
    middle: Span = ("", "")
    right: Span = ("", "")


def _draw(row: _Row, time: str, glyphs: Glyphs) -> Line:
    stamp = (time.rjust(_TIME) + " ", "time")
    only = row.items[0]
    if len(row.items) == 1 and only.shape is not Shape.SEGMENT:
        text = glyphs.clean(only.text)
        if only.shape is Shape.FOLD:
            return line(stamp, (text.center(WIDTH - _TIME - 1), only.style))
        if len(text) > _CELL or only.shape is Shape.NOTE:
            return _wide(stamp, text, only, glyphs)
    if only.lost:
        return _stray(stamp, only, glyphs)
    cells = _Cells()
    for item in row.items:
        if item.shape is Shape.SEGMENT:
            cells.middle = (_arrow(item, glyphs), item.style)
        elif item.side == LEFT:
            cells.left = (glyphs.clean(item.text), item.style)
        else:
            cells.right = (glyphs.clean(item.text), item.style)
    return line(
        stamp,
        (cells.left[0].ljust(_CELL + 1), cells.left[1]),
        (cells.middle[0].ljust(_ARROW + 1), cells.middle[1]),
        cells.right,
    )


def _wide(stamp: Span, text: str, item: Item, glyphs: Glyphs) -> Line:
    text = fit(text, _WIDE, glyphs)
    if item.side == LEFT:
        return line(stamp, (text, item.style))
    # A text that fits its column starts where the column starts, a longer one ends at the edge.
    blank = _WIDE + 1 if len(text) <= _CELL else _WIDE + 1 + _CELL - len(text)
    return line(stamp, (" " * blank, ""), (text, item.style))


def _arrow(item: Item, glyphs: Glyphs) -> str:
    text = fit(item.text, _ARROW - 4, glyphs)
    shaft = glyphs.shaft * (_ARROW - len(text) - 4)
    if item.side == RIGHT:
        return f"{glyphs.left}{shaft} {text} {glyphs.shaft}"
    return f"{glyphs.shaft} {text} {shaft}{glyphs.right}"


def _stray(stamp: Span, item: Item, glyphs: Glyphs) -> Line:
    """A lost segment: its arrow ends halfway, and why stands in the room that it leaves."""
    text = fit(item.text, _ARROW - 6, glyphs)
    why = fit(f"{item.lost}", _WIDE - len(text) - 7, glyphs)
    tail = glyphs.shaft * 2
    if item.side == LEFT:
        arrow = f"{glyphs.shaft} {text} {tail}{glyphs.lost}"
        return line(stamp, (" " * (_CELL + 1), ""), (arrow, item.style), (f" {why}", "lost"))
    arrow = f"{glyphs.lost}{tail} {text} {glyphs.shaft}"
    return line(stamp, (f"{why} ".rjust(_WIDE - len(arrow)), "lost"), (arrow, item.style))


def _head(story: ConnectionStory, names: Mapping[bytes, str], glyphs: Glyphs) -> list[Line]:
    client, server = endpoints(story, names)
    left, right = (fit(one, 33, glyphs) for one in (client, server))
    blank = " " * (WIDTH - _TIME - 1 - len(left) - len(right))
    return [
        line(("time/s".rjust(_TIME) + " ", "time"), (left, "host"), (blank, ""), (right, "host"))
    ]


def _time(at: int) -> str:
    """Return the time in seconds, to the microsecond while ten columns hold it."""
    whole, rest = divmod(at, 1_000_000_000)
    return (
        f"{whole}.{rest:09d}"[: max(_TIME, len(str(whole)) + 2)]
        if whole > 999
        else (f"{whole}.{rest // 1000:06d}")
    )
