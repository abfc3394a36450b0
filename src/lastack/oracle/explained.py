"""Differences between the simulation and the kernel that are known, each with its reason.

A test plays all of them: one that is missing here fails, and so does one that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Explained:
    """subject: the case of the matrix or the claim; fields: what differs; why: the reason."""

    subject: str
    fields: frozenset[str]
    why: str


_WINDOW_AFTER_TIMEOUT: Final = (
    "after a retransmission timeout the kernel's slow start stops at ssthresh (7 of 10 segments "
    "with CUBIC); the engine's goes on by all that the first ACK covers, so its second flight is "
    "larger and is acknowledged 0.3 s earlier (docs/kernel-notes/slow-start.md)"
)

KNOWN_IN_MATRIX: Final = (
    *(
        Explained(
            f"l_onoff {onoff}, l_linger {linger}, {blocking}, slow",
            frozenset({"wire", "waited"} if onoff else {"wire"}), _WINDOW_AFTER_TIMEOUT,
        )
        for onoff, linger in ((0, 0), (1, 1)) for blocking in ("blocking", "non-blocking")
    ),
)  # fmt: skip
"""Of `lastack matrix --on kernel`."""

KNOWN_IN_CLAIMS: Final[tuple[Explained, ...]] = ()
"""Of `lastack claims --on kernel`."""


def explanation(table: tuple[Explained, ...], subject: str, field: str) -> str:
    """Return why a subject differs in a field, "" if nobody knows."""
    for one in table:
        if one.subject == subject and field in one.fields:
            return one.why
    return ""
