"""Two functions of one Python file, `server` and `client`, as processes on two hosts of the kernel.

The hosts are joined by a cable that may lose packets or hold them back, and something may be done
to a host meanwhile.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from lastack.profile import MS, S
from lastack.state import TIME_WAIT
from lastack.trace import Called, Event, Returned, Sent
from lastack.verdict import Book

from .cable import Addresses, Cable, Fate
from .played import Played, TimeWaitKilled, tell
from .running import Program, run
from .stage import Stage

_RUNNER: Final = Path(__file__).parent / "claim_runner.py"
_AT_ONCE: Final = 100 * MS
"""A call that took less did not wait: a busy machine is slow by as much."""


@dataclass(frozen=True)
class Performance:
    """What the functions returned, by name (or an errno's name); unended: those that still ran."""

    played: Played
    results: dict[str, Any]
    unended: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """lost: (sender, from, to) in seconds; late: the same, and how many seconds longer; admin:
    (when, host, what), what being "restart networking" or "ss -K"; delay: one way, in ns."""

    lost: tuple[str, float, float] | None = None
    late: tuple[str, float, float, float] | None = None
    admin: Sequence[tuple[float, str, str]] = ()
    delay: int = MS


def perform_on_kernel(
    program: str, functions: Sequence[str], around: Surroundings, limit: float
) -> Performance:
    """Run functions of a program's text, each on a host of its name, for `limit` seconds at most.
    Times of `around` count from the first packet."""
    hosts = list(functions) if len(functions) > 1 else [*functions, "nobody"]
    cables: list[Cable] = []

    def join(spaces: Any, addresses: Addresses) -> Cable:
        cables.append(Cable(spaces, addresses, fate=_fate(around, hosts)))
        return cables[0]

    disturbed = around.lost or around.late or around.admin
    with Stage(hosts, join=join if disturbed else None) as stage:
        file = stage.directory / "program.py"
        file.write_text(program, encoding="utf-8")
        results = [stage.directory / f"result-{name}" for name in functions]
        programs = [
            Program(name, [str(_RUNNER), str(file), name, str(result)], background=False)
            for name, result in zip(functions, results, strict=True)
        ]
        destroyed: list[TimeWaitKilled] = []
        acts = [
            (round(when * S), partial(_administer, stage, cables[0], host, what, destroyed))
            for when, host, what in around.admin
        ]
        raw = run(stage, programs, limit, acts, lambda: cables[0].began if cables else 0)
        told = {
            name: ast.literal_eval(result.read_text(encoding="utf-8"))
            for name, result in zip(functions, results, strict=True)
            if result.exists()
        }
        played = _calmed(tell(stage, programs, raw, destroyed))
    unended = tuple(one.host for one in played.programs if one.hung)
    return Performance(played, told, unended)


def _fate(around: Surroundings, hosts: list[str]) -> Fate:
    def fate(sender: int, _receiver: int, _length: int, at: int) -> int | None:
        if around.lost is not None:
            name, first, last = around.lost
            if hosts[sender] == name and first * S <= at < last * S:
                return None
        if around.late is not None:
            name, first, last, longer = around.late
            if hosts[sender] == name and first * S <= at < last * S:
                return around.delay + round(longer * S)
        return around.delay

    return fate


def _administer(
    stage: Stage, cable: Cable, host: str, what: str, destroyed: list[TimeWaitKilled]
) -> None:
    if what == "restart networking":
        cable.restart(stage.hosts.index(host))
    elif what == "ss -K":
        standing = {row.flow for row in stage.table(host) if row.state is TIME_WAIT}
        stage.space(host).kill("state", "time-wait")
        left = {row.flow for row in stage.table(host)}
        now = time.time_ns()
        destroyed += [TimeWaitKilled(now, host, flow) for flow in standing - left]
    else:
        raise ValueError(f"nobody knows how to do {what!r} on a kernel")


def _calmed(played: Played) -> Played:
    """Return the story with times from the first packet on, and calls that did not wait returning
    when they began: what a machine is slow by is no wait."""
    began = next((event.at for event in played.events if isinstance(event, Sent)), 0)
    begun: dict[tuple[str, int, str], int] = {}
    for event in played.events:
        event.at -= began
        if isinstance(event, Called):
            begun[event.host, event.conn, event.call] = event.at
        elif isinstance(event, Returned):
            start = begun.get((event.host, event.conn, event.call), event.at)
            if event.at - start < _AT_ONCE:
                event.at = start
    events: list[Event] = played.events
    return replace(played, book=Book().read(events))
