"""What an audit found: the log of its processes read as it grows, and added up."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from lastack.state import State

from .row import STATES

FINDINGS: Final = ("unread", "linger", "unacked", "reuseaddr", "queued")
"""What is told of an ending: bytes unread, SO_LINGER in force, bytes unacknowledged, bound without
SO_REUSEADDR, connections in the accept queue of a listening socket."""


class AuditEnding(NamedTuple):
    """One last close with a finding, or one listen() of a port that cannot be bound again.

    call: "close", "collected" (by the garbage collector), "exit" (open when the process ended) or
    "listen". file, line, function: the program's own frame; file is "" where there is none. via:
    the library's frame that made the call, "file:line", or "". unread, unacked: bytes. linger:
    seconds, None while SO_LINGER is off. waited: ns in close(), 0 without SO_LINGER. queued:
    connections. reset: Linux ends the connection with an RST.
    """

    pid: int
    call: str
    file: str
    line: int
    function: str
    via: str
    state: State
    local: str
    remote: str
    unread: int
    unacked: int
    linger: int | None
    waited: int
    queued: int
    reset: bool
    findings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object of docs/schema/audit.json."""
        return {**self._asdict(), "state": self.state.value, "findings": list(self.findings)}


class Spot(NamedTuple):
    """One finding at one place of the program."""

    file: str
    line: int
    function: str
    via: str
    finding: str


@dataclass
class AuditReport:
    """All that was found. times and amounts count every ending, `endings` has those in full."""

    processes: set[int] = field(default_factory=set)
    closed: int = 0
    endings: list[AuditEnding] = field(default_factory=list)
    times: dict[Spot, int] = field(default_factory=dict)
    amounts: dict[Spot, int] = field(default_factory=dict)

    def take(self, record: tuple[Any, ...]) -> AuditEnding | None:
        """Add one record of an audited process; return the ending if it is one."""
        kind, value = record[0], record[1]
        if kind == "ending":
            return self._ending(value)
        self.processes.add(value)
        if kind == "closed":
            self.closed += record[2]
        elif kind == "more":
            for key, (times, amount) in record[2].items():
                self._count(Spot(*key), times, amount)
        return None

    def spots(self) -> list[Spot]:
        """Return the places with a finding: the gravest kind first, then the most frequent."""
        return sorted(
            self.times, key=lambda spot: (FINDINGS.index(spot.finding), -self.times[spot], spot)
        )

    def to_json(self) -> dict[str, Any]:
        """Return `processes` and what follows of docs/schema/audit.json."""
        return {
            "processes": len(self.processes),
            "closed": self.closed,
            "endings": [ending.to_json() for ending in self.endings],
            "places": [
                {**spot._asdict(), "times": self.times[spot], "amount": self.amounts[spot]}
                for spot in self.spots()
            ],
        }

    def _ending(self, value: dict[str, Any]) -> AuditEnding:
        state, findings = STATES[value["state"]], tuple(value["findings"])
        ending = AuditEnding(**{**value, "state": state, "findings": findings})
        self.endings.append(ending)
        self.processes.add(ending.pid)
        at_stake = {"unread": ending.unread, "unacked": ending.unacked, "queued": ending.queued}
        for finding in findings:
            spot = Spot(ending.file, ending.line, ending.function, ending.via, finding)
            self._count(spot, 1, at_stake.get(finding, 0))
        return ending

    def _count(self, spot: Spot, times: int, amount: int) -> None:
        self.times[spot] = self.times.get(spot, 0) + times
        self.amounts[spot] = self.amounts.get(spot, 0) + (
            amount if spot.finding in ("unread", "unacked", "queued") else 0
        )


class AuditLog:
    """Reads a log while it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0

    def read(self) -> Iterable[tuple[Any, ...]]:
        """Yield the records that were completed since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._at += len(line)
                yield ast.literal_eval(line.decode("utf-8"))
