"""The form of a row in the tables of sentences, and the notes that rows refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Row:
    """cause is a template over `sentences.Figures`; remedy one or two whole sentences; source the
    RFC section or manual page; measured the note that shows it on a kernel, "" where the RFC
    alone decides."""

    cause: str
    remedy: str
    source: str
    measured: str = ""


_NOTES: Final = "docs/kernel-notes/"
CLOSE: Final = _NOTES + "close.md"
RESETS: Final = _NOTES + "resets.md"
RETRANSMISSION: Final = _NOTES + "give-up.md"
TIME_WAIT: Final = _NOTES + "time-wait.md"
PORTS: Final = _NOTES + "ports.md"
LISTEN: Final = _NOTES + "listen.md"
COOKIES: Final = _NOTES + "syn-cookies.md"
DEFER: Final = _NOTES + "defer-accept.md"
URGENT: Final = _NOTES + "urgent.md"
