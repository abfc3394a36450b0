"""The language in which ss(8) is told which sockets: a documented subset, read once, then fast.

    FILTER = { state NAME | exclude NAME } [ EXPRESSION ]
    EXPRESSION = TERM { [and | or] TERM }        from left to right, `and` may be left out
    TERM = (sport | dport) OPERATOR [:]PORT      = != < > <= >= or eq ne lt gt le ge
         | (src | dst) [= | !=] ADDRESS[/PREFIX][:PORT]      IPv6: [ADDRESS] or [ADDRESS/PREFIX]
         | (not | !) TERM | "(" EXPRESSION ")"

Left out: host names, which would ask a name server about each; dev, fwmark, cgroup and autobound.
"""

from __future__ import annotations

import operator
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from .addresses import Network, network
from .row import Row

Test = Callable[[Row], bool]

_BITS: Final = {
    "established": 1, "syn-sent": 2, "syn-recv": 3, "fin-wait-1": 4, "fin-wait-2": 5,
    "time-wait": 6, "closed": 7, "close-wait": 8, "last-ack": 9, "listening": 10, "closing": 11,
}  # fmt: skip
_ALL: Final = (1 << 14) - 2
_CONNECTED: Final = _ALL & ~(1 << 7 | 1 << 10 | 1 << 13)
STATE_NAMES: Final = {
    **{name: 1 << bit for name, bit in _BITS.items()},
    # a connection request (12) and a socket that only has a port (13) are kept apart
    "syn-recv": 1 << 3 | 1 << 12,
    "closed": 1 << 7 | 1 << 13,
    # as RFC 9293 writes them
    "listen": 1 << 10,
    "syn-received": 1 << 3 | 1 << 12,
    # sets
    "all": _ALL,
    "connected": _CONNECTED,
    "synchronized": _CONNECTED & ~(1 << 2),
    "bucket": 1 << 3 | 1 << 12 | 1 << 6,
    "big": _ALL & ~(1 << 3 | 1 << 12 | 1 << 6),
    "bound-inactive": 1 << 7 | 1 << 13,
}
"""Every name that `state` takes, with the kernel's bits; those of ss(8), and the RFC's."""

_OPERATORS: Final[dict[str, Callable[[int, int], bool]]] = {
    "=": operator.eq, "==": operator.eq, "eq": operator.eq,
    "!=": operator.ne, "ne": operator.ne, "neq": operator.ne,
    "<": operator.lt, "lt": operator.lt, ">": operator.gt, "gt": operator.gt,
    "<=": operator.le, "le": operator.le, "leq": operator.le,
    ">=": operator.ge, "ge": operator.ge, "geq": operator.ge,
}  # fmt: skip
_AND: Final = ("and", "&", "&&")
_OR: Final = ("or", "|", "||")
_NOT: Final = ("not", "!")
_ELSEWHERE: Final = ("dev", "fwmark", "cgroup", "autobound")
_TOKEN: Final = re.compile(r"<=|>=|!=|==|&&|\|\||[()=<>!&|]|[^\s()=<>!&|]+")


class FilterError(ValueError):
    """The filter is not in the language; the message is one line."""


@dataclass(frozen=True)
class Filter:
    """A filter that was understood.

    The kernel applies `states` and, to sockets with a peer, the two ports (0: any); `test` is the
    whole expression, or None when there is none.
    """

    text: str = ""
    states: int = _ALL
    test: Test | None = None
    sport: int = 0
    dport: int = 0

    @property
    def empty(self) -> bool:
        """Whether it keeps every socket, however it is written."""
        return self.states == _ALL and self.test is None

    def keeps(self, row: Row) -> bool:
        """Tell whether the socket is meant."""
        return bool(self.states >> row.raw[1] & 1) and (self.test is None or self.test(row))


EVERYTHING: Final = Filter()


def parse_filter(text: str) -> Filter:
    """Read a filter; "" keeps everything. Raises FilterError."""
    words = _Words(_TOKEN.findall(text))
    states = _states(words)
    if words.peek() is None:
        return Filter(text, states)
    term = _expression(words)
    if words.peek() is not None:
        raise FilterError(f"filter: nothing can follow before {words.peek()!r}")
    return Filter(text, states, term.test, term.sport, term.dport)


class _Term(NamedTuple):
    """A part of the expression, and the ports without which it is surely false (0: any)."""

    test: Test
    sport: int = 0
    dport: int = 0


class _Words:
    """The words of a filter, read from left to right."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._at = 0

    def peek(self) -> str | None:
        """Return the word to be read, or None at the end."""
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self, what: str = "") -> str:
        """Read a word; `what` says what is missing if there is none."""
        word = self.peek()
        if word is None:
            raise FilterError(f"filter: {what} is missing at the end")
        self._at += 1
        return word

    def skip(self, words: tuple[str, ...]) -> bool:
        """Read the next word if it is one of these."""
        if self.peek() not in words:
            return False
        self._at += 1
        return True


def _states(words: _Words) -> int:
    wanted: int | None = None
    without = 0
    while words.peek() in ("state", "exclude"):
        verb = words.take()
        name = words.take(f"a name behind {verb!r}").lower()
        if name not in STATE_NAMES:
            raise FilterError(f"filter: no state is called {name!r} (try {', '.join(_BITS)})")
        if verb == "state":
            wanted = (wanted or 0) | STATE_NAMES[name]
        else:
            without |= STATE_NAMES[name]
    return (_ALL if wanted is None else wanted) & ~without


def _expression(words: _Words) -> _Term:
    # from left to right: in ss(8) `and` and `or` bind alike, measured with iproute2 6.1
    term = _one(words)
    while words.peek() not in (None, ")"):
        if words.skip(_OR):
            term = _either(term, _one(words))
        else:
            words.skip(_AND)
            term = _both(term, _one(words))
    return term


def _either(a: _Term, b: _Term) -> _Term:
    return _Term(lambda row: a.test(row) or b.test(row))


def _both(a: _Term, b: _Term) -> _Term:
    return _Term(lambda row: a.test(row) and b.test(row), a.sport or b.sport, a.dport or b.dport)


def _one(words: _Words) -> _Term:
    word = words.take("an expression")
    if word in _NOT:
        inner = _one(words).test
        return _Term(lambda row: not inner(row))
    if word == "(":
        term = _expression(words)
        if words.take("')'") != ")":
            raise FilterError("filter: ')' is missing")
        return term
    if word in ("sport", "dport"):
        return _port_term(word, words)
    if word in ("src", "dst"):
        return _address_term(word, words)
    if word in ("state", "exclude"):
        raise FilterError(f"filter: {word!r} stands before the expression")
    if word in _ELSEWHERE:
        raise FilterError(f"filter: {word!r} is ss(8)'s, lastack does not know it")
    raise FilterError(f"filter: {word!r} begins no term (sport, dport, src, dst, not, '(')")


def _port_term(word: str, words: _Words) -> _Term:
    sign = words.take(f"an operator behind {word!r}")
    if sign not in _OPERATORS:
        raise FilterError(f"filter: {sign!r} is no operator (= != < > <= >=)")
    compare, port = _OPERATORS[sign], _port(words.take("a port").removeprefix(":"))
    exact = port if compare is operator.eq else 0
    if word == "sport":
        return _Term(lambda row: compare(row.local[1], port), sport=exact)
    return _Term(lambda row: compare(row.remote[1], port), dport=exact)


def _address_term(word: str, words: _Words) -> _Term:
    sign = "="
    if words.peek() in _OPERATORS:
        sign = words.take()
    if _OPERATORS[sign] not in (operator.eq, operator.ne):
        raise FilterError(f"filter: {word} takes = and !=, not {sign!r}")
    text = words.take("an address")
    where, port = _split(text)
    wanted = None if where is None else _network(where)
    local = word == "src"

    def test(row: Row) -> bool:
        address, number = row.local if local else row.remote
        return port in (0, number) and (wanted is None or wanted.has(address))

    if _OPERATORS[sign] is operator.ne:
        return _Term(lambda row: not test(row))
    return _Term(test, sport=port) if local else _Term(test, dport=port)


def _split(text: str) -> tuple[str | None, int]:
    """Return the (address or None for any, port or 0 for any) of ADDRESS:PORT."""
    if text.startswith("["):
        where, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith((":", "/"))):
            raise FilterError(f"filter: {text!r} is no [ADDRESS]:PORT")
        prefix, _, port = rest.partition(":")
        return where + prefix, _port(port) if port else 0
    if text.count(":") > 1:
        return text, 0
    where, _, port = text.partition(":")
    return None if where in ("", "*") else where, _port(port) if port not in ("", "*") else 0


def _network(text: str) -> Network:
    try:
        return network(text)
    except ValueError as error:
        raise FilterError(f"filter: {error}") from None


def _port(text: str) -> int:
    if not text.isdecimal():
        try:
            return socket.getservbyname(text, "tcp")
        except OSError:
            raise FilterError(f"filter: {text!r} is no port and no service of TCP") from None
    if not text.isascii() or int(text) > 0xFFFF:
        raise FilterError(f"filter: {text!r} is no port (0 to 65535)")
    return int(text)
