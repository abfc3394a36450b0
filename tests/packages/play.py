"""Run rows in worlds of this process: `python -m tests.packages.play [KEY...]`, a JSON line each.

Under a fixed PYTHONHASHSEED a second process must print the same.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from lastack.cli.scene import Played, Setting
from lastack.cli.values import ProgramSpec
from lastack.profile import S
from lastack.run import install
from lastack.trace import Event, Sent, segment_of

from .rows import ROWS, Row


@dataclass(frozen=True)
class Told:
    """What a run left: the last role's output, the troubles of all, a digest of every event."""

    key: str
    lines: list[str]
    troubles: list[str]
    digest: str


def play(row: Row, seed: int = 0) -> Told:
    """Run a row in a world of this process."""
    specs = [
        ProgramSpec(role, command, None, False)
        for role, command in zip(row.roles, row.commands(), strict=True)
    ]
    played = Played(Setting(specs, seed, until=600 * S))
    programs = played.outcome.programs
    troubles = [
        "\n".join([f"{one.name}: exit {one.exit} {one.hung}", *(x.text for x in one.output)])
        for one in programs
        if one.failed
    ]
    troubles += [text for text in (played.outcome.deadlock, played.outcome.livelock) if text]
    lines = [line.text for line in programs[-1].output if line.stream == "stdout"]
    return Told(row.key, lines, troubles, digest(played.events, text=not row.secret))


def digest(events: Iterable[Event], *, text: bool) -> str:
    """Return a hash of every event with its time and host, and of all text on the wire if asked."""
    told = hashlib.sha256()
    for event in events:
        told.update(f"{event.at} {event.host} {event!r}\n".encode())
        if text and isinstance(event, Sent):
            segment = segment_of(event.what)
            told.update(b"" if segment is None else bytes(segment.text))
    return told.hexdigest()[:16]


def main(keys: list[str]) -> None:
    """Print what the rows with these keys leave."""
    install()  # once, instead of for each world
    for row in ROWS:
        if row.key in keys:
            print(json.dumps(asdict(play(row))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
