"""A script as tokens. `#ifdef` is resolved here, comments are gone, lines are counted."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from typing import Final, NamedTuple

from .syntax import ScriptError


class Kind(Enum):
    """What a token is."""

    OPTION = "an option"
    COMMAND = "a command in back quotes"
    CODE = "Python code"
    STRING = "a string"
    NUMBER = "a number"
    FRACTION = "a number with a decimal point"
    WORD = "a word"
    DOTS = "..."
    HEADER = "an IP address pair"
    MARK = "a mark"
    END = "the end of the script"


class Token(NamedTuple):
    """A token, its line, and where it begins and ends in the text."""

    kind: Kind
    text: str
    line: int
    begin: int
    end: int


_PATTERN: Final = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<conditional>^[ \t]*\#(?:ifdef|ifndef|else|endif)\b[^\n]*)
  | (?P<COMMAND>`[^`]*`)
  | (?P<CODE>%\{.*?\}%)
  | (?P<OPTION>--[A-Za-z_]\w*(?:=(?:"[^"\n]*"|\S+))?)
  | (?P<STRING>"(?:[^"\\\n]|\\.)*")
  | (?P<HEADER>(?:ipv4|ipv6)\s+[0-9A-Fa-f:.]+\s*>\s*[0-9A-Fa-f:.]+\s*:)
  | (?P<DOTS>\.\.\.)
  | (?P<FRACTION>\d+\.\d+|\.\d+|\d+\.(?=[\s+]))
  | (?P<NUMBER>0[xX][0-9A-Fa-f]+\b|\d+\b)
  | (?P<WORD>\w+)
  | (?P<MARK>.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)

_KINDS: Final = {kind.name: kind for kind in Kind}


def tokens(text: str, defined: Collection[str] = ()) -> list[Token]:
    """Return the tokens of a script, an END last; ScriptError for an unbalanced #ifdef.

    `defined` are the names for which `#ifdef` is true.
    """
    found: list[Token] = []
    conditions: list[tuple[bool, int]] = []
    line, counted = 1, 0
    for match in _PATTERN.finditer(text):
        name = match.lastgroup
        if name == "space":
            continue
        line += text.count("\n", counted, match.start())
        counted = match.start()
        if name == "conditional":
            _condition(match.group(), defined, conditions, line)
        elif all(holds for holds, _ in conditions):
            assert name is not None
            found.append(Token(_KINDS[name], match.group(), line, match.start(), match.end()))
    if conditions:
        raise ScriptError(conditions[-1][1], "#ifdef without #endif")
    found.append(Token(Kind.END, "", line, len(text), len(text)))
    return found


def _condition(
    text: str, defined: Collection[str], conditions: list[tuple[bool, int]], line: int
) -> None:
    word, _, name = text.strip().removeprefix("#").partition(" ")
    name = name.split("//")[0].strip()
    if word in ("ifdef", "ifndef"):
        if not name:
            raise ScriptError(line, f"#{word} without a name")
        conditions.append(((name in defined) is (word == "ifdef"), line))
    elif not conditions:
        raise ScriptError(line, f"#{word} without #ifdef")
    elif word == "else":
        holds, begun = conditions.pop()
        conditions.append((not holds, begun))
    else:
        conditions.pop()
