"""A row of the matrix: what close() did in one case; and the rows as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby
from typing import Any, Final

from .cases import Case

WIDTH: Final = 80


class Fate(Enum):
    """What became of the bytes that were written before close()."""

    NONE = "none"
    """There were none."""
    DELIVERED = "delivered"
    """The peer had them all when close() returned."""
    BACKGROUND_DELIVERED = "background-delivered"
    """The peer got the rest after close() had returned."""
    BACKGROUND_LOST = "background-lost"
    """The connection lived on after close(), and gave up before the peer had them all."""
    DESTROYED = "destroyed"
    """The connection was gone when close() returned, and with it what the peer did not have."""


@dataclass(frozen=True)
class Row:
    """The outcome of one case.

    returned: 0 or the name of an errno. waited: ns from the call of close() to its return.
    wire: the flags of each segment the closer sent from the call on, as tcpdump(1) writes them
    without PSH; first_new: of them, the first that is no retransmission and no probe, "" for none.
    peer_recv, peer_send: what the peer's next calls say, None for a scripted peer. time_wait:
    "closer", "peer", "both" or "none".
    """

    profile: str
    case: Case
    returned: str
    waited: int
    wire: tuple[str, ...]
    first_new: str
    data: Fate
    time_wait: str
    peer_recv: str | None = None
    peer_send: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as `lastack matrix --json` prints it; `waited` in seconds."""
        case = self.case
        return {
            "profile": self.profile, "onoff": case.onoff, "linger": case.linger,
            "blocking": case.blocking, "pending": case.pending.value, "unread": case.unread,
            "returned": self.returned or 0, "waited": self.waited / 1e9,
            "wire": list(self.wire), "data": self.data.value,
            "peer_recv": self.peer_recv, "peer_send": self.peer_send,
            "time_wait": self.time_wait,
        }  # fmt: skip


_DATA: Final = {
    Fate.NONE: "-", Fate.DELIVERED: "delivered", Fate.BACKGROUND_DELIVERED: "delivered later",
    Fate.BACKGROUND_LOST: "lost later", Fate.DESTROYED: "destroyed",
}  # fmt: skip
_COLUMNS: Final = (
    ("pending", 21), ("unr", 3), ("blk", 3), ("close()", 11), (" wait", 5), ("wire", 9),
    ("data", 15), ("T-WAIT", 6),
)  # fmt: skip

LEGEND: Final = (
    "unr: received bytes were unread. blk: the socket blocks; * if it makes no",
    "difference. wait: seconds close() took. wire: flags sent from close() on.",
    "data: later means after close() returned. T-WAIT: who ends in TIME-WAIT.",
)


def table(rows: Iterable[Row]) -> list[str]:
    """Return the rows as lines of at most 80 columns, a part for each profile and SO_LINGER.

    Rows that differ only in whether the socket blocks stand on one line.
    """
    lines: list[str] = []
    for profile, of_profile in groupby(rows, lambda row: row.profile):
        for (onoff, linger), part in groupby(of_profile, lambda r: (r.case.onoff, r.case.linger)):
            lines += [f"{profile}: l_onoff {onoff}, l_linger {linger}", _line(_headings())]
            lines += [_line(_cells(row, blocking)) for row, blocking in _merged(list(part))]
            lines.append("")
    return [*lines, *LEGEND] if lines else []


def _merged(rows: list[Row]) -> Iterator[tuple[Row, str]]:
    """Yield each row with "yes" or "no" for blocking, "*" where both gave the same."""
    waiting = {row.case: row for row in rows}
    for row in rows:
        if row.case not in waiting:
            continue
        del waiting[row.case]
        twin = waiting.get(replace(row.case, blocking=not row.case.blocking))
        if twin is not None and replace(twin, case=row.case) == row:
            del waiting[twin.case]
            yield row, "*"
        else:
            yield row, "yes" if row.case.blocking else "no"


def _headings() -> list[str]:
    return [name for name, _ in _COLUMNS]


def _cells(row: Row, blocking: str) -> list[str]:
    case = row.case
    return [
        case.pending.value, "yes" if case.unread else "-", blocking, row.returned or "0",
        f"{row.waited / 1e9:5.2f}", show_wire(row.wire, 9), _DATA[row.data],
        "-" if row.time_wait == "none" else row.time_wait,
    ]  # fmt: skip


def _line(cells: list[str]) -> str:
    padded = (cell.ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    return " ".join(padded).rstrip()


def show_wire(wire: Iterable[str], width: int = WIDTH) -> str:
    """Return the flags with repetitions counted, "F.x9", cut with ".." to `width`."""
    runs = ((flags, len(list(same))) for flags, same in groupby(wire))
    text = " ".join(flags if count == 1 else f"{flags}x{count}" for flags, count in runs)
    return (text or "-") if len(text) <= width else text[: width - 2] + ".."
