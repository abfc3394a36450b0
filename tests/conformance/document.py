"""docs/conformance.md, from requirements.toml and the tags in the code."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from .requirements import ROOT, Requirement, Status
from .suites import Suite
from .suites import lines as lines_of
from .tags import Tag

PAGE = ROOT / "docs" / "conformance.md"
COMMAND = "python -m tests.conformance"
_HEAD = f"""\
# RFC 9293, requirement by requirement

Every MUST and SHLD of RFC 9293 (appendix B) and each MAY that is taken: the lines that keep it, a
test that shows it, and a packetdrill script where one does. Written by `{COMMAND}`
from the tags in the code (`MUST-13` in a comment or docstring, at what keeps it) and from
[requirements.toml](../tests/conformance/requirements.toml). `tests/conformance` fails when this
page is stale, and when a requirement has neither line and test nor a reason.

*in part*, *no*, *not yet* and *does not apply* have their reason below the table of their group.
The answers are those of the profile `rfc9293`; what `linux` does otherwise, because it was measured
so, stands [at the end](#what-the-profile-linux-does-against-it-on-purpose). *in part* and *no* hold
for every profile. Behind that stands how many scripts of the public suites
[pass](#public-packetdrill-suites), here and on a Linux kernel.
"""


def render(rows: Sequence[Requirement], tags: Iterable[Tag], played: Iterable[Suite] = ()) -> str:
    """Return the page; `played` are the rows of its table of suites."""
    lines: dict[str, list[Tag]] = defaultdict(list)
    for tag in tags:
        lines[tag.id].append(tag)
    parts = [_HEAD, _summary(rows)]
    for group in dict.fromkeys(row.group for row in rows):
        mine = [row for row in rows if row.group == group]
        parts.append(f"## {group}\n\n" + _table(mine, lines) + _reasons(mine))
    parts.append("## What the profile `linux` does against it, on purpose\n\n" + _linux(rows))
    parts.append("\n".join(lines_of(played)))
    return "\n".join(parts)


def _summary(rows: Sequence[Requirement]) -> str:
    count = Counter((row.id.partition("-")[0], row.status) for row in rows)
    lines = ["| | " + " | ".join(s.value for s in Status) + " |", "|---|" + "---:|" * len(Status)]
    for word, title in (
        ("MUST", "MUST"),
        ("SHLD", "SHOULD"),
        ("REC", "RECOMMENDED"),
        ("MAY", "MAY"),
    ):
        cells = [str(count[word, status] or "") for status in Status]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Requirement], lines: dict[str, list[Tag]]) -> str:
    table = ["| | section | what | kept | lines | shown by |", "|---|---|---|---|---|---|"]
    for row in rows:
        where = ", ".join(_line(tag) for tag in lines[row.id])
        shown = ", ".join([*map(_test, row.tests), *map(_script, row.scripts)])
        table.append(
            f"| {row.id} | {row.section} | {row.says} | {row.status.value} | {where} | {shown} |"
        )
    return "\n".join(table) + "\n"


def _line(tag: Tag) -> str:
    short = tag.path.removeprefix("src/lastack/")
    return f"[{short}:{tag.line}](../{tag.path}#L{tag.line})"


def _test(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_')}](../{path})"


def _script(path: str) -> str:
    return f"[{PurePosixPath(path).name}](../{path})"


def _reasons(rows: Sequence[Requirement]) -> str:
    told = [f"- {row.id}, {row.status.value}: {_linked(row.why)}" for row in rows if row.why]
    return "\n" + "\n".join(told) + "\n" if told else ""


def _linux(rows: Sequence[Requirement]) -> str:
    return "\n".join(f"- {row.id}: {_linked(row.linux)}" for row in rows if row.linux) + "\n"


def _linked(text: str) -> str:
    return re.sub(r"docs/([\w./-]+)\.md", r"[\1](\1.md)", text)
