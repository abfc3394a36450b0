"""Parsing the arguments and results of system calls."""

from __future__ import annotations

import codecs

from .cursor import Cursor
from .lexer import Kind
from .syntax import (
    Applied,
    Array,
    Dots,
    Expression,
    Member,
    Number,
    ScriptError,
    Struct,
    Text,
    Union,
    Word,
)


def expression(cursor: Cursor) -> Expression:
    """Parse `a`, or `a | b | c`."""
    first = _term(cursor)
    if not cursor.at("|"):
        return first
    parts = [first]
    while cursor.accept("|"):
        parts.append(_term(cursor))
    return Union(tuple(parts))


def arguments(cursor: Cursor) -> tuple[Expression, ...]:
    """Parse `(a, b, ...)`."""
    cursor.expect("(")
    return _items(cursor, ")")


def _items(cursor: Cursor, end: str) -> tuple[Expression, ...]:
    items: list[Expression] = []
    while not cursor.accept(end):
        if items:
            cursor.expect(",")
        items.append(_item(cursor))
    return tuple(items)


def _item(cursor: Cursor) -> Expression:
    """Parse an expression, or `name = value`, or `name(size) = value`."""
    value = expression(cursor)
    if not cursor.accept("="):
        return value
    if isinstance(value, Word):
        return Member(value.name, expression(cursor))
    if isinstance(value, Applied) and len(value.arguments) == 1:
        return Member(value.name, expression(cursor), value.arguments[0])
    raise ScriptError(cursor.last.line, "only a name can have a value")


def _term(cursor: Cursor) -> Expression:
    token = cursor.token
    if token.kind is Kind.NUMBER or cursor.at("-"):
        return Number(cursor.integer())
    if token.kind is Kind.STRING:
        cursor.take()
        cursor.accept("...")
        return Text(_unquote(token.text))
    if token.kind is Kind.WORD:
        cursor.take()
        return Applied(token.text, arguments(cursor)) if cursor.at("(") else Word(token.text)
    if cursor.accept("..."):
        return Dots()
    if cursor.accept("["):
        return Array(_items(cursor, "]"))
    if cursor.accept("{"):
        return Struct(_items(cursor, "}"))
    if cursor.accept("("):
        inside = expression(cursor)
        cursor.expect(")")
        return inside
    raise cursor.error("a value")


def _unquote(text: str) -> bytes:
    value, _ = codecs.escape_decode(text[1:-1].encode("utf-8"))
    return bytes(value)
