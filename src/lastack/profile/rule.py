"""How a profile field is written down: value, meaning, unit, source, grade."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final, TypeVar

T = TypeVar("T")

US: Final = 1_000
MS: Final = 1_000_000
S: Final = 1_000_000_000
MINUTE: Final = 60 * S

NEVER: Final = 1 << 62
"""A deadline that is never reached, and a duration that never ends."""

UNLIMITED: Final = 1 << 62
"""A count or a size without a limit."""

MEASURED: Final = "measured"
"""Seen on a running kernel; the source names the note in docs/kernel-notes."""
SOURCE: Final = "source"
"""Read in that system's source text."""
MANUAL: Final = "manual"
"""Stated by that system's manual, an RFC, or a book."""
CHOSEN: Final = "chosen"
"""Nothing says; taken after `linux` or the RFC."""


def rule(value: T, meaning: str, *, source: str, grade: str = MEASURED, unit: str = "") -> T:
    """Declare one field: its value on Linux, and where that value comes from.

    The result is a dataclass field; it is typed as the value so that the field reads like one.
    """
    metadata = {"meaning": meaning, "source": source, "grade": grade, "unit": unit}
    declared: Any = field(default=value, metadata=metadata)
    return declared  # type: ignore[no-any-return]  # dataclasses.field() hides its type likewise
