"""lastack ls: every TCP socket of this machine, with its timer and its owner."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import click

from lastack.live import (
    Filter,
    Namespace,
    Owner,
    Owners,
    Row,
    SocketOptions,
    count,
    endpoint,
    lent_options,
    owners,
    parse_filter,
    sockets,
)
from lastack.report import Line
from lastack.state import State
from lastack.verdict import seconds

from .here import elsewhere, in_one_line, namespace
from .paint import Painter

WIDTH: Final = 80
_INDENT: Final = " " * 4
_KERNEL_ONLY: Final = ("time-wait", "fin-wait-2")


class Listed(NamedTuple):
    """A socket with what the kernel's table does not tell: its owner, and two of its options."""

    row: Row
    owner: Owner | None = None
    options: SocketOptions | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row of docs/schema/ls.json; times in seconds."""
        row, chosen = self.row, self.options
        linger: int | bool | None = None
        if chosen is not None:
            linger = False if chosen.linger is None else chosen.linger
        return {
            "state": row.state.value,
            "local": endpoint(*row.local),
            "remote": endpoint(*row.remote),
            "timer": row.timer or None,
            "expires_in": row.expires_in / 1e9 if row.timer else None,
            "recv_queue": row.recv_queue,
            "send_queue": row.send_queue,
            "owner": None if self.owner is None else self.owner._asdict(),
            "reuseaddr": None if chosen is None else chosen.reuseaddr,
            "linger": linger,
            "inode": row.inode,
            "cookie": row.cookie,
        }


@click.command()
@click.argument("filter", nargs=-1)
@click.option("--options", "with_options", is_flag=True,
              help="Borrow each descriptor: SO_REUSEADDR, SO_LINGER.")  # fmt: skip
@click.option("--count", "only_count", is_flag=True, help="Only how many are in each state.")
@elsewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def ls(
    filter: tuple[str, ...], with_options: bool, only_count: bool, netns: str | None,
    pid: int | None, as_json: bool,
) -> None:  # fmt: skip
    """List every TCP socket: also orphans, TIME-WAITs, and ports only bound.

    FILTER is ss(8)'s language: [state NAME] [exclude NAME] [EXPRESSION], with
    sport, dport, src, dst, and, or, not and parentheses; docs/live.md.

    \b
    lastack ls state time-wait sport = :8080
    lastack ls 'dst 10.0.0.0/8 and not dport < 1024'

    Needs no root; owners and options of other users' sockets do.
    """
    with in_one_line():
        wanted, there = parse_filter(" ".join(filter)), namespace(netns, pid)
        if only_count:
            _show_count(count(wanted, namespace=there), as_json)
        else:
            _list(wanted, there, with_options, as_json)


def _list(wanted: Filter, there: Namespace | None, with_options: bool, as_json: bool) -> None:
    rows = sockets(wanted, namespace=there)
    whose = owners({row.inode for row in rows})
    listed, refused = _listed(rows, whose, with_options)
    if as_json:
        found = [one.to_json() for one in listed]
        click.echo(json.dumps({"schema": 1, "sockets": found, "hidden": whose.hidden}, indent=2))
        return
    _print(table(listed))
    for note in _notes(listed, whose, refused):
        click.echo(f"lastack: {note}", err=True)


def _listed(rows: list[Row], whose: Owners, with_options: bool) -> tuple[list[Listed], str]:
    """Return the rows with their owners, and the first refusal to lend a descriptor, or ""."""
    listed: list[Listed] = []
    refused = ""
    for row in rows:
        found = whose.get(row.inode, ())
        chosen: SocketOptions | None = None
        if with_options and found:
            chosen, why = lent_options(found[0].pid, found[0].fd)
            refused = refused or why
        listed.append(Listed(row, found[0] if found else None, chosen))
    return listed, refused


def _notes(listed: list[Listed], whose: Owners, refused: str) -> Iterable[str]:
    unknown = sum(one.owner is None and one.row.inode != 0 for one in listed)
    if unknown:
        why = f": {whose.hidden} processes do not show theirs to this user" if whose.hidden else ""
        yield f"no owner found for {unknown} of {len(listed)} sockets{why}"
    if refused:
        yield f"options not read everywhere: {refused}"


def table(listed: list[Listed]) -> list[Line]:
    """Return the table, no line wider than 80 columns; what does not fit stands below its row."""
    head = ("State", "Recv-Q", "Send-Q", "Local", "Peer")
    cells = [
        (
            one.row.state.value, str(one.row.recv_queue), str(one.row.send_queue),
            endpoint(*one.row.local), endpoint(*one.row.remote),
        )
        for one in listed
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    # "255.255.255.255:65535"; longer addresses push the rest of their row aside
    widths[3:] = [min(width, 21) for width in widths[3:]]
    aligned = "{{:<{}}} {{:>{}}} {{:>{}}} {{:<{}}} {{:<{}}}".format(*widths).format
    title = aligned(*head)
    title += "  Timer, owner" if len(title) + 14 <= WIDTH else "  Timer"
    lines: list[Line] = [((title, "title"),)]
    for one, row in zip(listed, cells, strict=True):
        first, *rest = _fitted(aligned(*row), row[4], _details(one))
        lines.append(((row[0], "state"), (first[len(row[0]) :], "")))
        lines += [((text, ""),) for text in rest]
    return lines


def _fitted(whole: str, peer: str, details: list[str]) -> list[str]:
    """Break a row into lines of at most 80 columns."""
    text = f"{whole}  {', '.join(details)}".rstrip()
    if len(text) <= WIDTH:
        return [text]
    lines = [whole]
    if len(whole.rstrip()) > WIDTH:
        # two IPv6 addresses
        lines = [whole.rstrip().removesuffix(peer).rstrip(), f"{_INDENT}{peer}"]
    fresh = True  # the last line holds none of the details yet
    for detail in details:
        joined = f"{lines[-1]}{'  ' if fresh else ', '}{detail}"
        if len(joined) <= WIDTH:
            lines[-1] = joined
        else:
            lines.append(f"{_INDENT}{detail}"[:WIDTH])
        fresh = False
    return [part.rstrip() for part in lines]


def _details(one: Listed) -> list[str]:
    row = one.row
    found: list[str] = []
    if row.timer in _KERNEL_ONLY:
        found.append(f"{_rounded(row.expires_in)} left")
    elif row.timer:
        found.append(f"{row.timer} in {_rounded(row.expires_in)}")
    if one.owner is not None:
        found.append(f"{one.owner.name}[{one.owner.pid}] fd {one.owner.fd}")
    elif row.in_accept_queue:
        found.append("not accepted")
    elif row.orphan and row.state is not State.TIME_WAIT:
        found.append("orphan")
    elif row.inode:
        found.append(f"of uid {row.uid}")
    if one.options is not None:
        linger = one.options.linger
        found.append(f"SO_REUSEADDR {'on' if one.options.reuseaddr else 'off'}")
        found.append("SO_LINGER off" if linger is None else f"SO_LINGER {linger} s")
    return found


def _rounded(ns: int) -> str:
    """Return a time for people: to 0.1 s from one second on, to 1 ms below."""
    return seconds(round(ns, -8) if ns >= 1_000_000_000 else round(ns, -6))


def _show_count(counted: Counter[State], as_json: bool) -> None:
    by_state = {state.value: counted[state] for state in State if counted[state]}
    if as_json:
        total = sum(by_state.values())
        click.echo(json.dumps({"schema": 1, "count": by_state, "total": total}, indent=2))
        return
    width = max((len(f"{number}") for number in by_state.values()), default=1)
    _print([((name.ljust(12), "state"), (f" {n:{width}}", "")) for name, n in by_state.items()])


def _print(lines: list[Line]) -> None:
    painter = Painter()
    if painter.console.is_terminal:
        painter.lines(lines)
    else:
        # a hundred thousand rows for grep(1): nothing to paint
        sys.stdout.writelines("".join(part for part, _ in text) + "\n" for text in lines)
