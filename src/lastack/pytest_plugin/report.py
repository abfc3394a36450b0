"""What a failing test shows of its network: the programs' output, ladders, verdicts, the ss table,
and how to play it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

from lastack.report import ending_lines, ladder, refusal_lines, socket_table, texts
from lastack.run import fixed_hashes
from lastack.verdict import threads

from .net import SECOND, Net

SHOWN: Final = 4
"""Ladders at most, of the connections that were opened last."""
_OUTPUT: Final = 40
_SEED: Final = re.compile(r"-?\bseed=\d+\b-?")


def replay(nodeid: str, seed: int) -> str:
    """Return the command that runs one test again as it was."""
    path, bracket, parameters = nodeid.partition("[")
    if bracket:
        rest = _SEED.sub(_between, parameters.removesuffix("]"), count=1)
        path += f"[{rest}]" if rest else ""
    fixed = fixed_hashes()
    before = f"PYTHONHASHSEED={fixed} " if fixed else ""
    return f"{before}pytest {shlex.quote(path)} --lastack-seed {seed}"


def _between(found: re.Match[str]) -> str:
    return "-" if found[0].startswith("-") and found[0].endswith("-") else ""


def network_text(net: Net) -> str:
    """Return everything about a network as it stands, 80 columns wide."""
    return "\n".join(_parts(net)).rstrip("\n") + "\n"


def _parts(net: Net) -> Iterator[str]:
    yield f"seed {net.seed}, {net.now:g} s of virtual time"
    rows = [
        (line.at, process.name, line.text)
        for process in net.world.processes
        for line in process.output.lines
    ]
    rows.sort(key=lambda row: row[0])
    if rows:
        yield ""
    for at, name, text in rows[-_OUTPUT:]:
        yield f"{at / SECOND:9.3f} s {name} {text}"
    stories = net.book.stories
    if len(stories) > SHOWN:
        yield f"\n{len(stories) - SHOWN} earlier connections are not shown (net.connections)"
    by_story = threads(net.events, net.book)
    names, standing = net.names, net.book.time_waits()
    for connection in net.connections[-SHOWN:]:
        story = connection.story
        yield "\n" + texts(ladder(story, by_story[story], names))
        yield texts(ending_lines(connection.verdict, names, standing)).rstrip("\n")
    for refused in net.book.refusals[-SHOWN:]:
        yield "\n" + texts(refusal_lines(refused)).rstrip("\n")
    for host in net.hosts.values():
        table = socket_table(host.sockets(), net.world.now)
        if len(table) > 1:
            yield f"\nsockets of {host.name} at {net.now:g} s\n" + texts(table).rstrip("\n")
