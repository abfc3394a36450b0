"""What stands on a ladder: one value for each thing worth a row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

LEFT: Final = 0
RIGHT: Final = 1


class Shape(Enum):
    """How an item is drawn."""

    CALL = "call"
    STATE = "state"
    SEGMENT = "segment"
    NOTE = "note"
    FOLD = "fold"


@dataclass
class Item:
    """One thing that happened at `at` (ns) on one side; a segment on the side that sends it.

    dull: may be folded. size is the stream bytes that a segment carries for the first time. lost
    is why a segment did not arrive, "" if it did.
    """

    at: int
    side: int
    shape: Shape
    text: str
    style: str
    dull: bool = False
    size: int = 0
    again: bool = False
    lost: str = ""
