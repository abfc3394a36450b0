"""The symbols of a script's calls, with the numbers of Linux, and the value of an expression."""

from __future__ import annotations

import errno
from typing import Final

from lastack.sockets import ERR, HUP, IN, NVAL, OUT, PRI, RDHUP, names
from lastack.wire import pack_address

from . import syntax as s
from .syntax import Unsupported

_SYMBOLS: Final = {
    "SOL_TCP": names.IPPROTO_TCP,
    "O_RDWR": 0o2, "O_NONBLOCK": 0o4000, "O_RDONLY": 0, "O_WRONLY": 1,
    "F_GETFL": 3, "F_SETFL": 4,
    "POLLIN": IN, "POLLPRI": PRI, "POLLOUT": OUT, "POLLERR": ERR, "POLLHUP": HUP,
    "POLLNVAL": NVAL, "POLLRDHUP": RDHUP, "POLLRDNORM": 0x040, "POLLWRNORM": 0x100,
    "EPOLLIN": IN, "EPOLLPRI": PRI, "EPOLLOUT": OUT, "EPOLLERR": ERR, "EPOLLHUP": HUP,
    "EPOLLRDHUP": RDHUP, "EPOLLRDNORM": 0x040, "EPOLLWRNORM": 0x100,
    "EPOLLONESHOT": 1 << 30, "EPOLLET": 1 << 31,
    "EPOLL_CTL_ADD": 1, "EPOLL_CTL_DEL": 2, "EPOLL_CTL_MOD": 3,
    "SOCK_NONBLOCK": 0o4000, "SOCK_CLOEXEC": 0o2000000,
    "IPPROTO_IP": 0, "SOL_IP": 0, "IPPROTO_IPV6": 41, "SOL_IPV6": 41,
    "INADDR_ANY": 0,
    "IPTOS_LOWDELAY": 0x10, "IPTOS_THROUGHPUT": 0x08, "IPTOS_RELIABILITY": 0x04,
    **{f"IPTOS_DSCP_CS{number}": number << 5 for number in range(8)},
}  # fmt: skip


def number_of(symbol: str) -> int | None:
    """Return what a symbol stands for, None if lastack has no such thing."""
    if symbol in _SYMBOLS:
        return _SYMBOLS[symbol]
    if symbol.isupper() and not symbol.startswith("_"):
        found = getattr(names, symbol, None)
        if isinstance(found, int):
            return found
        found = getattr(errno, symbol, None)
        if isinstance(found, int):
            return found
    return None


class Values:
    """Evaluates expressions; `defined` are the words that -D gave a value."""

    def __init__(self, defined: dict[str, str] | None = None) -> None:
        self._defined = defined or {}

    def integer(self, expression: s.Expression) -> int:
        """Return the value of an expression that is a number; Unsupported for an unknown one."""
        if isinstance(expression, s.Number):
            return expression.value
        if isinstance(expression, s.Union):
            value = 0
            for part in expression.parts:
                value |= self.integer(part)
            return value
        if isinstance(expression, s.Array) and len(expression.items) == 1:
            return self.integer(expression.items[0])
        if isinstance(expression, s.Applied) and expression.name in ("htons", "htonl", "ntohs"):
            if len(expression.arguments) == 1:
                return self.integer(expression.arguments[0])
        if isinstance(expression, s.Word):
            return self.word(expression.name)
        raise Unsupported(f"a number written as {kind_of(expression)}")

    def word(self, name: str) -> int:
        """Return the number of a symbol."""
        if name in self._defined:
            return int(self._defined[name], 0)
        found = number_of(name)
        if found is None:
            raise Unsupported(f"the symbol {name}")
        return found

    def endpoint(self, expression: s.Expression) -> tuple[bytes, int] | None:
        """Return address and port of a struct sockaddr, None for `...`."""
        if isinstance(expression, s.Dots):
            return None
        if not isinstance(expression, s.Struct):
            raise Unsupported(f"an address written as {kind_of(expression)}")
        port = expression.get("sin_port") or expression.get("sin6_port")
        address = expression.get("sin_addr") or expression.get("sin6_addr")
        if port is None or not isinstance(address, s.Applied):
            raise Unsupported("an address without sin_port and sin_addr")
        texts = [text for text in address.arguments if isinstance(text, s.Text)]
        try:
            return pack_address(texts[-1].value.decode()), self.integer(port)
        except (IndexError, ValueError):
            raise Unsupported("an address that is none") from None


def kind_of(expression: object) -> str:
    """Return the kind of an expression, for messages."""
    return type(expression).__name__.lower()
