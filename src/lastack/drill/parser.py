"""Parsing a script: options, then events, with commands that have no time before and behind.

The grammar is that of google/packetdrill's syntax.md, with what the nplab dialect adds to it.
"""

from __future__ import annotations

from collections.abc import Collection

from .cursor import Cursor
from .expressions import arguments, expression
from .lexer import Kind, Token, tokens
from .packets import packet
from .syntax import (
    Action,
    Anchor,
    Call,
    Code,
    Command,
    Event,
    Script,
    ScriptError,
    When,
)


def parse(text: str, path: str = "", defined: Collection[str] = ()) -> Script:
    """Return the script; ScriptError with its line when it cannot be read.

    `defined` are the names for which `#ifdef` holds.
    """
    cursor = Cursor(tokens(text, defined))
    options = []
    while cursor.token.kind is Kind.OPTION:
        name, _, value = cursor.take().text[2:].partition("=")
        options.append((name, value.strip('"')))
    before: list[Event] = []
    events: list[Event] = []
    after: list[Event] = []
    while cursor.token.kind is not Kind.END:
        if cursor.token.kind is Kind.COMMAND:
            token = cursor.take()
            command = Event(token.line, When(Anchor.PREVIOUS), Command(_strip(token)), token.text)
            (after if events else before).append(command)
        elif after:
            raise ScriptError(cursor.token.line, "an event behind the command that cleans up")
        else:
            events.append(_event(cursor, text))
    return Script(path, tuple(options), tuple(before), tuple(events), tuple(after))


def _event(cursor: Cursor, text: str) -> Event:
    first = cursor.token
    when = _when(cursor)
    action = _action(cursor, when)
    source = " ".join(text[first.begin : cursor.last.end].split())
    return Event(first.line, when, action, source)


def _when(cursor: Cursor) -> When:
    """Parse `t`, `+t`, `*`, `t~t2` or `+t~+t2`."""
    if cursor.accept("*"):
        return When(Anchor.NONE)
    anchor = Anchor.PREVIOUS if cursor.accept("+") else Anchor.START
    first = last = cursor.seconds()
    if cursor.accept("~"):
        if cursor.accept("+") is not (anchor is Anchor.PREVIOUS):
            raise cursor.error("both ends of a range with + or both without")
        last = cursor.seconds()
        if last < first:
            raise ScriptError(cursor.last.line, "the range of times is backward")
    return When(anchor, first, last)


def _action(cursor: Cursor, when: When) -> Action:
    kind = cursor.token.kind
    if kind is Kind.COMMAND:
        return Command(_strip(cursor.take()))
    if kind is Kind.CODE:
        return Code(cursor.take().text[2:-2])
    if cursor.at("<", ">"):
        return packet(cursor)
    return _call(cursor, when)


def _call(cursor: Cursor, when: When) -> Call:
    until = None
    if cursor.accept("..."):
        cursor.accept("+")
        until = cursor.seconds()
        if until < when.first:
            raise ScriptError(cursor.last.line, "the call ends before it begins")
    name = cursor.word("a packet, a call, a command or code")
    given = arguments(cursor)
    cursor.expect("=")
    result = expression(cursor)
    errno = ""
    if cursor.token.kind is Kind.WORD:
        errno = cursor.take().text
    if cursor.accept("("):
        _skip_note(cursor)
    return Call(name, given, result, errno, until)


def _skip_note(cursor: Cursor) -> None:
    depth = 1
    while depth:
        token = cursor.take()
        if token.kind is Kind.END:
            raise cursor.error('")"')
        if token.kind is Kind.MARK:
            depth += (token.text == "(") - (token.text == ")")


def _strip(token: Token) -> str:
    return token.text[1:-1].strip()
