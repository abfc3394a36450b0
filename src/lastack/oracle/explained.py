"""Differences between the simulation and the kernel that are known, each with its reason.

A test plays all of them: one that is missing here fails, and so does one that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Explained:
    """subject: the case of the matrix, the claim, or the cell of the atlas; fields: what differs;
    why: the reason."""

    subject: str
    fields: frozenset[str]
    why: str


KNOWN_IN_MATRIX: Final[tuple[Explained, ...]] = ()
"""Of `lastack matrix --on kernel`."""

KNOWN_IN_CLAIMS: Final[tuple[Explained, ...]] = ()
"""Of `lastack claims --on kernel`."""

KNOWN_IN_ATLAS: Final[tuple[Explained, ...]] = ()
"""Of `lastack matrix --atlas DIRECTORY --on kernel`; subjects are as "fin-wait-1/close"."""


def explanation(table: tuple[Explained, ...], subject: str, field: str) -> str:
    """Return why a subject differs in a field, "" if nobody knows."""
    for one in table:
        if one.subject == subject and field in one.fields:
            return one.why
    return ""
