"""The requirements of RFC 9293 and what we say about each: requirements.toml as values."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .tags import Tag

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "requirements.toml"

HIGHEST = {"MUST": 69, "SHLD": 31, "MAY": 18, "REC": 1}
"""The numbers of appendix B go from 1 to these, without a gap."""
_NOTE = re.compile(r"docs/[\w./-]+\.md")


class Status(Enum):
    """What became of a requirement."""

    KEPT = "yes"
    PART = "in part"
    NOT_YET = "not yet"
    NO = "no"
    OTHER = "does not apply"


class Requirement(NamedTuple):
    """One of the RFC's requirements. `why` tells why it is not, or not wholly, kept; `linux` what
    the profile `linux` does against it on purpose, and which note of a measurement shows it."""

    id: str
    group: str
    section: str
    says: str
    status: Status
    why: str
    linux: str
    tests: tuple[str, ...]
    scripts: tuple[str, ...]


def read(text: str) -> list[Requirement]:
    """Return the requirements in the order of the file."""
    return [
        Requirement(
            one["id"], group["name"], one["section"], one["says"], Status(one.get("kept", "yes")),
            one.get("why", ""), one.get("linux", ""), tuple(one.get("test", "").split()),
            tuple(one.get("script", "").split()),
        )
        for group in tomllib.loads(text)["group"]
        for one in group["requirement"]
    ]  # fmt: skip


def requirements() -> list[Requirement]:
    """Return what requirements.toml says."""
    return read(FILE.read_text("utf-8"))


def exists(identifier: str) -> bool:
    """Tell whether the RFC has a requirement of this name."""
    word, _, number = identifier.partition("-")
    return 1 <= int(number) <= HIGHEST.get(word, 0)


def gaps(rows: Sequence[Requirement], tags: Iterable[Tag], root: Path = ROOT) -> Iterator[str]:
    """Yield a line for everything that the map owes: nothing where it is complete."""
    tagged = {tag.id for tag in tags}
    known = [row.id for row in rows]
    for word in ("MUST", "SHLD", "REC"):
        for number in range(1, HIGHEST[word] + 1):
            if f"{word}-{number}" not in known:
                yield f"{word}-{number} is not in requirements.toml"
    for one in sorted({one for one in known if known.count(one) > 1}):
        yield f"{one} stands there twice"
    for one in sorted((tagged | set(known)) - {one for one in known if exists(one)}):
        yield f"{one}: " + ("not in requirements.toml" if exists(one) else "the RFC has none")
    for row in rows:
        yield from _owes(row, tagged, root)


def _owes(row: Requirement, tagged: set[str], root: Path) -> Iterator[str]:
    if row.status in (Status.KEPT, Status.PART):
        if row.id not in tagged:
            yield f"{row.id}: no line in src/lastack is tagged with it"
        if not row.tests:
            yield f"{row.id}: no test"
    elif row.tests or row.scripts:
        yield f"{row.id}: has a test and is not kept"
    if (row.status is Status.KEPT) != (row.why == ""):
        yield f"{row.id}: a reason for what is not kept, and only for that"
    for test in row.tests:
        path, _, name = test.partition("::")
        if name not in _functions(root / path):
            yield f"{row.id}: there is no {test}"
    yield from (f"{row.id}: there is no {one}" for one in row.scripts if not (root / one).is_file())
    if row.linux and not _NOTE.findall(row.linux):
        yield f"{row.id}: what linux does has no note of a measurement"
    for note in _NOTE.findall(row.linux + row.why):
        if not (root / note).is_file():
            yield f"{row.id}: there is no {note}"


@cache
def _functions(file: Path) -> frozenset[str]:
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))
