"""Everything that is wrong, or soon will be, with the ends of this machine's connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from lastack.state import State

from .addresses import endpoint
from .counters import KernelCounter, counters
from .forecast import SECOND, PortUse, port_use
from .namespaces import Namespace
from .settings import Setting, settings
from .stuck import Stuck, stuck

SECTIONS: Final = ("ports", "stuck", "counters", "settings")
CROWDED: Final = 0.8
"""The share of used ports that is worth a word although the forecast sees no end."""
PATIENCE: Final = 5 * SECOND
"""Closing takes a moment; what has been so for less is not called stuck."""


@dataclass(frozen=True)
class Checkup:
    """What was found; a section that was not asked for, or could not be had, is None.

    refused: section -> one line that says why it could not be had. problems: clauses for the first
    line. advice: whole sentences, the most urgent first.
    """

    ports: PortUse | None = None
    stuck: list[Stuck] | None = None
    counters: list[KernelCounter] | None = None
    settings: list[Setting] | None = None
    refused: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def check_up(
    sections: Collection[str] = SECTIONS, *, older: int = PATIENCE,
    namespace: Namespace | None = None,
) -> Checkup:  # fmt: skip
    """Look once at the sections. Raises Unsupported, and OSError when no section can be had."""
    refused: dict[str, str] = {}
    uses: PortUse | None = None
    held: list[Stuck] | None = None
    counted: list[KernelCounter] | None = None
    chosen: list[Setting] | None = None
    for section in sections:
        try:
            if section == "ports":
                uses = port_use(namespace)
            elif section == "stuck":
                held = stuck(older=older, namespace=namespace)
            elif section == "counters":
                counted = counters(namespace)
            else:
                chosen = settings(namespace)
        except PermissionError as error:
            refused[section] = error.strerror or str(error)
            if len(refused) == len(sections):
                raise
    found = Checkup(uses, held, counted, chosen, refused)
    _judge_ports(found)
    _judge_stuck(found)
    _judge_counters(found)
    _judge_settings(found)
    return found


def _judge_ports(found: Checkup) -> None:
    if found.ports is None:
        return
    for use in found.ports.pairs:
        towards = endpoint(*use.destination)
        if use.exhausted_in is not None:
            at = f"in {_round(use.exhausted_in)}" if use.exhausted_in else "now"
            found.problems.append(f"ports towards {towards} run out {at}")
        elif use.used - use.reusable > CROWDED * use.total:
            found.problems.append(f"{use.used} of {use.total} ports towards {towards} in use")
        else:
            continue
        found.advice.append(
            f"To {towards}: keep connections open and use them again, or let the other side close "
            "first (TIME-WAIT is then there). net.ipv4.tcp_tw_reuse=1 helps connect(), more "
            "addresses or a wider net.ipv4.ip_local_port_range help both."
        )
    for source in found.ports.sources:
        if source.used >= source.total:
            where = endpoint(source.source, 0).removesuffix(":*")
            found.problems.append(f"no port left for bind() to {where}")
            found.advice.append(
                f"Programs that bind() to {where} and port 0 before connect(): set "
                "IP_BIND_ADDRESS_NO_PORT, then ports count per destination."
            )


def _judge_stuck(found: Checkup) -> None:
    groups: Counter[tuple[State, str]] = Counter()
    for one in found.stuck or ():
        who = f" ({one.owner.name}[{one.owner.pid}])" if one.owner else ""
        # one piece of advice is enough for all the connections that a program holds so
        if not groups[one.row.state, who] and one.advice not in found.advice:
            found.advice.append(one.advice)
        groups[one.row.state, who] += 1
    for (state, who), number in groups.most_common():
        found.problems.append(f"{number} in {state.value}{who}")


def _judge_counters(found: Checkup) -> None:
    """Counters are history, since the namespace was made: advice, but no problem of now."""
    for one in found.counters or ():
        if one.value and one.meaning.remedy:
            found.advice.append(f"{one.name} {one.value:,}: {one.meaning.remedy}")


def _judge_settings(found: Checkup) -> None:
    for one in found.settings or ():
        if one.changed and one.meaning.when_changed:
            found.problems.append(f"{one.name} is {one.value}")
            found.advice.append(f"{one.name}: {one.meaning.when_changed}")


def _round(ns: int) -> str:
    return f"{max(1, round(ns / SECOND))} s"
