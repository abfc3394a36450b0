"""One row for each Reason: what to say, what to do about it, and where both come from.

The rows stand in three files by what a reader meets: ends, packets, calls. A cause is a template
over the fields of `Figures`; it is filled here and nowhere else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from lastack.trace import Reason

from .row import Row
from .rows_calls import CALLS
from .rows_ends import ENDS
from .rows_packets import PACKETS
from .rows_states import STATES

SENTENCES: dict[Reason, Row] = {**ENDS, **STATES, **PACKETS, **CALLS}
"""All reasons; that none is missing and none stands twice is tested."""


@dataclass(frozen=True)
class Figures:
    """What a cause can mention, as text that reads well in the middle of a sentence.

    host did it, peer is the other end, call is the call that made it ("close()"), unread "127,972
    unread bytes", waited "1 s", tries "9 retransmissions", holders who holds what was asked for.
    """

    host: str = "this host"
    peer: str = "the peer"
    call: str = "close()"
    unread: str = "unread bytes"
    waited: str = "its time"
    tries: str = "all retransmissions"
    holders: str = "another socket"


def cause(reason: Reason, figures: Figures) -> str:
    """Return what happened, as a clause without a full stop."""
    return SENTENCES[reason].cause.format_map(asdict(figures))


def count(number: int, word: str) -> str:
    """Return "1 byte" or "127,972 bytes"."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def seconds(ns: int) -> str:
    """Return a time or a duration for people: "0.041 s", "60 s"; to the microsecond."""
    whole, micros = divmod((ns + 500) // 1000, 1_000_000)
    return f"{whole}.{micros:06d}".rstrip("0").rstrip(".") + " s"
