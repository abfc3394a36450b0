"""Where the code says that it keeps a requirement of RFC 9293: `MUST-13`, `SHLD-3`, `MAY-2`.

A tag counts in comments and docstrings of `src/lastack`, where it stands at what keeps the
requirement. In other strings it is text that some reader is shown, and counts for nothing.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ID = re.compile(r"\b(?:MUST|SHLD|MAY|REC)-[0-9]+\b")


class Tag(NamedTuple):
    """`id` stands in line `line` of the file `path`, seen from the root of the project."""

    id: str
    path: str
    line: int


def tags_of(source: str, path: str) -> list[Tag]:
    """Return the tags in comments and docstrings of a Python file, by line."""
    found = {*_in_comments(source, path), *_in_docstrings(source, path)}
    return sorted(found, key=lambda tag: (tag.line, tag.id))


def _in_comments(source: str, path: str) -> Iterator[Tag]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            for one in ID.findall(token.string):
                yield Tag(one, path, token.start[0])


def _in_docstrings(source: str, path: str) -> Iterator[Tag]:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        # A string that is a statement of its own: a docstring, or the one below a constant.
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            continue
        if not isinstance(node.value.value, str):
            continue
        assert node.end_lineno is not None
        for number in range(node.lineno, node.end_lineno + 1):
            for one in ID.findall(lines[number - 1]):
                yield Tag(one, path, number)


def tags_in(root: Path) -> list[Tag]:
    """Return every tag of `src/lastack` below the root of the project, by file and line."""
    found: list[Tag] = []
    for file in sorted((root / "src" / "lastack").rglob("*.py")):
        found += tags_of(file.read_text("utf-8"), file.relative_to(root).as_posix())
    return found


def named_in(root: Path, *places: str) -> Iterator[tuple[str, str]]:
    """Yield (id, path) for everything that reads like a tag in text files of these folders."""
    for place in places:
        for file in sorted((root / place).rglob("*")):
            if file.suffix in {".py", ".pkt", ".md", ".toml", ".txt"}:
                path = file.relative_to(root).as_posix()
                for one in sorted(set(ID.findall(file.read_text("utf-8")))):
                    yield one, path
