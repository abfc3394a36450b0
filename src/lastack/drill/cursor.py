"""A place in the tokens of a script, and the small questions that a parser asks there."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from .lexer import Kind, Token
from .syntax import ScriptError

_SECOND: Final = 1_000_000_000
_LONGEST: Final = 1000 * 366 * 86400 * _SECOND
_NUMBERS: Final = (Kind.NUMBER, Kind.FRACTION)


class Cursor:
    """Tokens with a position."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def token(self) -> Token:
        """The token at the position."""
        return self._tokens[self._at]

    @property
    def last(self) -> Token:
        """The token before the position."""
        return self._tokens[self._at - 1]

    def peek(self, distance: int = 1) -> Token:
        """Return a token further on, END when there is none."""
        return self._tokens[min(self._at + distance, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Return the token and go on."""
        token = self.token
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def at(self, *texts: str) -> bool:
        """Tell whether the token is one of these words or marks."""
        return self.token.text in texts and self.token.kind in (Kind.WORD, Kind.MARK, Kind.DOTS)

    def accept(self, text: str) -> bool:
        """Go past the word or mark if it is there."""
        if self.at(text):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        """Go past a word or mark that has to be there."""
        if not self.at(text):
            raise self.error(f'"{text}"')
        return self.take()

    def integer(self) -> int:
        """Return the integer at the position, decimal or hexadecimal, perhaps negative."""
        negative = self.accept("-")
        if self.token.kind is not Kind.NUMBER:
            raise self.error("an integer")
        value = int(self.take().text, 0 if self.last.text[:2] in ("0x", "0X") else 10)
        return -value if negative else value

    def seconds(self) -> int:
        """Return the time in seconds at the position, in ns."""
        if self.token.kind not in _NUMBERS:
            raise self.error("a time in seconds")
        time = int(Decimal(self.take().text) * _SECOND)
        if time > _LONGEST:
            raise ScriptError(self.last.line, "a time beyond a thousand years")
        return time

    def word(self, what: str) -> str:
        """Return the word at the position."""
        if self.token.kind is not Kind.WORD:
            raise self.error(what)
        return self.take().text

    def error(self, expected: str) -> ScriptError:
        """Return the error that something else was expected here."""
        token = self.token
        found = token.kind.value if token.kind is Kind.END else f'"{token.text[:40]}"'
        return ScriptError(token.line, f"expected {expected}, found {found}")
