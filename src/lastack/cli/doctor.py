"""lastack doctor: what is wrong with the ends of this machine's connections, or soon will be."""

from __future__ import annotations

import json
from typing import Any, Final

import click

from lastack.live import (
    MYTHS,
    PATIENCE,
    SECTIONS,
    Checkup,
    KernelCounter,
    PortUse,
    Setting,
    Stuck,
    check_up,
    endpoint,
)
from lastack.report import Line
from lastack.verdict import count

from .here import elsewhere, in_one_line, namespace
from .ls import Listed
from .saying import advice, answer, fact, show
from .values import Duration

_MOST: Final = 10
SECOND: Final = 1_000_000_000


@click.command()
@click.argument("sections", nargs=-1, type=click.Choice(SECTIONS), metavar="[SECTION]...")
@click.option("--older", type=Duration(), default=PATIENCE, metavar="TIME",
              help="stuck: leave out what has been so for less (5s).")  # fmt: skip
@elsewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(
    sections: tuple[str, ...], older: int, netns: str | None, pid: int | None, as_json: bool
) -> None:
    """Look for what is wrong with the ends of connections: problems, then advice.

    SECTION, all by default:

    \b
    ports     automatic ports in use by source and destination, and when
              they run out
    stuck     CLOSE-WAIT, FIN-WAIT-2 with an owner, FIN-WAIT-1, LAST-ACK,
              CLOSING: age, owner, bytes at stake
    counters  the kernel's counters that name causes
    settings  sysctls, what they do, and fifteen myths about them

    Needs no root; owners of other users' sockets do.
    """
    with in_one_line():
        found = check_up(sections or SECTIONS, older=older, namespace=namespace(netns, pid))
    if as_json:
        click.echo(json.dumps(to_json(found), indent=2))
        return
    whole = not sections
    show(
        _answer(found, sections),
        *([] if found.ports is None else [_ports(found.ports)]),
        *([] if found.stuck is None else [_stuck(found.stuck)]),
        *([] if found.counters is None else [_counters(found.counters)]),
        *([] if found.settings is None else [_settings(found.settings, whole)]),
        [] if whole or found.settings is None else _myths(),
        advice(found.advice),
    )
    for section, reason in found.refused.items():
        click.echo(f"lastack: {section}: {reason}", err=True)


def _answer(found: Checkup, sections: tuple[str, ...]) -> list[Line]:
    if found.problems:
        number = count(len(found.problems), "problem")
        shown = "; ".join(found.problems[:4]) + ("; ..." if len(found.problems) > 4 else "")
        return answer(f"{number}: {shown}.", "bad")
    looked = " and ".join(section for section in sections or SECTIONS[:2])
    return answer(f"Nothing wrong in sight ({looked}).", "good")


def _title(text: str) -> Line:
    return ((text, "title"),)


def _row(text: str) -> Line:
    return ((text, ""),)


def _ports(uses: PortUse) -> list[Line]:
    chosen = uses.settings
    lines = [_title(f"Ports {chosen.low}-{chosen.high}, {chosen.total:,} automatic ones")]
    if not uses.pairs:
        return [*lines, _row("no connection uses one")]
    lines.append(_row(f"{'used':>7} {'waiting':>7} {'rate':>7}  forecast          from, to"))
    for use in uses.pairs[:_MOST]:
        if use.exhausted_in is None:
            future = f"levels at {use.levels_off:,}" if use.rate else "none taken now"
        else:
            future = f"out in {seconds_(use.exhausted_in)}" if use.exhausted_in else "none left"
        head = f"{use.used:>7} {use.time_waits:>7} {use.rate:>5.1f}/s  {future:<17} "
        source = endpoint(use.source, 0).removesuffix(":*")
        lines += _beside(head, f"{source} ", endpoint(*use.destination))
    if len(uses.pairs) > _MOST:
        lines.append((((f"and {len(uses.pairs) - _MOST} destinations more"), "note"),))
    fullest = uses.sources[0]
    where = endpoint(fullest.source, 0).removesuffix(":*")
    lines += fact("bind() first", f"{where} holds {fullest.used:,} of {fullest.total:,} ports "
                  "towards all destinations together")  # fmt: skip
    return lines


def seconds_(ns: int) -> str:
    """Return a forecast or an age, in whole units."""
    whole = round(ns / SECOND)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"


def _beside(head: str, first: str, second: str) -> list[Line]:
    """Put two addresses behind a head, each on a line of its own if they do not fit."""
    if len(head + first + second) <= 80:
        return [_row(head + first + second)]
    return [_row(f"{head}".rstrip()), _row(f"    {first.rstrip()}"), _row(f"    {second}")]


def _stuck(found: list[Stuck]) -> list[Line]:
    if not found:
        return [_title("Stuck"), _row("no connection")]
    lines = [_title("Stuck: state, for at least, bytes unread / unacknowledged, ends, owner")]
    for one in found[:_MOST]:
        age = "?" if one.at_least is None else seconds_(one.at_least)
        queues = f"{one.unread:,} / {one.unacknowledged:,}"
        head = f"{one.row.state.value:<10} {age:>7}  {queues:<17} "
        lines += _beside(head, f"{endpoint(*one.row.local)} ", endpoint(*one.row.remote))
        lines.append((("    " + _owner(one), "note"),))
        if one.holder is not None:
            text = one.holder.place or f"line not known: {one.holder.why_not}"
            lines += [((f"    {part}", "note"),) for part in _wrapped(text)]
    if len(found) > _MOST:
        lines.append(((f"and {len(found) - _MOST:,} more (lastack doctor stuck --json)", "note"),))
    return lines


def _wrapped(text: str) -> list[str]:
    return [text[at : at + 76] for at in range(0, len(text), 76)]


def _owner(one: Stuck) -> str:
    if one.owner is not None:
        return f"{one.owner.name}[{one.owner.pid}] fd {one.owner.fd}"
    if one.hidden:
        return f"of uid {one.row.uid}: its process is not shown to this user"
    return "not accepted yet" if one.row.in_accept_queue else "orphan: its program has closed it"


def _counters(found: list[KernelCounter]) -> list[Line]:
    lines = [_title("Counters since boot, or since the network namespace was made")]
    told = [one for one in found if one.value]
    if not told:
        lines.append(_row("all zero"))
    for one in told:
        style = "bad" if one.meaning.bytes_lost else ""
        head = f"{one.value:>9,}  {one.name.partition('.')[2]:<23}"
        lines += _with_text(head, one.meaning.cause, style)
    return lines


def _with_text(head: str, text: str, style: str = "") -> list[Line]:
    """Put a text behind a head, wrapped below itself."""
    room = 80 - len(head) - 1
    rows: list[str] = [""]
    for word in text.split():
        if rows[-1] and len(rows[-1]) + 1 + len(word) > room:
            rows.append("")
        rows[-1] += f" {word}" if rows[-1] else word
    heads = [head, *([" " * len(head)] * (len(rows) - 1))]
    return [((f"{h} {row}".rstrip(), style),) for h, row in zip(heads, rows, strict=True)]


def _settings(found: list[Setting], whole: bool) -> list[Line]:
    told = [one for one in found if one.value is not None and (one.changed or not whole)]
    lines = [_title("Settings that are not the kernel's own" if whole else "Settings")]
    if not told:
        lines.append(_row("all are as the kernel has them (lastack doctor settings tells all)"))
    for one in told:
        head = f"{one.name.removeprefix('net.'):<28} {one.value or '-':<11}"
        default = one.meaning.default
        note = f" (kernel: {default or 'none'})" if one.changed else ""
        lines += _with_text(head, one.meaning.does + note, "again" if one.changed else "")
    return lines


def _myths() -> list[Line]:
    lines = [_title("Said, and so")]
    for myth in MYTHS:
        lines += _with_text("said", myth.said, "note")
        lines += _with_text("  so", myth.truth)
    return lines


def to_json(found: Checkup) -> dict[str, Any]:
    """Return the object of docs/schema/doctor.json; times in seconds."""
    result: dict[str, Any] = {"schema": 1, "problems": found.problems}
    if found.ports is not None:
        result["ports"] = _ports_json(found.ports)
    if found.stuck is not None:
        result["stuck"] = [_stuck_json(one) for one in found.stuck]
    if found.counters is not None:
        result["counters"] = [
            {"name": one.name, "value": one.value, "cause": one.meaning.cause,
             "bytes_lost": one.meaning.bytes_lost}
            for one in found.counters
        ]  # fmt: skip
    if found.settings is not None:
        result["settings"] = [
            {"name": one.name, "value": one.value, "default": one.meaning.default,
             "changed": one.changed, "does": one.meaning.does}
            for one in found.settings
        ]  # fmt: skip
        result["myths"] = [myth._asdict() for myth in MYTHS]
    return {**result, "refused": found.refused, "advice": found.advice}


def _ports_json(uses: PortUse) -> dict[str, Any]:
    return {
        "low": uses.settings.low,
        "high": uses.settings.high,
        "reserved": uses.settings.reserved_text,
        "total": uses.settings.total,
        "tw_reuse": uses.reuse.mode,
        "pairs": [
            {
                "source": endpoint(use.source, 0).removesuffix(":*"),
                "destination": endpoint(*use.destination),
                "used": use.used,
                "time_waits": use.time_waits,
                "reusable": use.reusable,
                "rate": use.rate,
                "levels_off": use.levels_off,
                "exhausted_in": None if use.exhausted_in is None else use.exhausted_in / SECOND,
            }
            for use in uses.pairs
        ],
        "sources": [
            {"source": endpoint(one.source, 0).removesuffix(":*"), "used": one.used}
            for one in uses.sources
        ],
    }


def _stuck_json(one: Stuck) -> dict[str, Any]:
    held = one.holder
    return {
        **Listed(one.row, one.owner).to_json(),
        "at_least": None if one.at_least is None else one.at_least / SECOND,
        "unread": one.unread,
        "unacknowledged": one.unacknowledged,
        "not_accepted": one.row.in_accept_queue,
        "holder": None if held is None or not held.place else held.place,
        "holder_unknown": None if held is None or held.place else held.why_not,
        "advice": one.advice,
    }
