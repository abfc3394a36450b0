"""The doors through which Python closes sockets, each with somebody beside it who looks.

Runs inside the audited program (see audit_place). What the program sees stays the same: every
wrapper calls what it wraps whatever happens, and raises nothing of its own. Not seen are sockets
that C code closes by itself (uvloop, gevent, libpq).
"""

from __future__ import annotations

import _socket
import os
import socket
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from .audit_found import Found
from .audit_place import place
from .audit_watch import Watch

_fileno: Final = _socket.socket.fileno
_raw_close: Final = _socket.socket.close


class Hooks:
    """The wrappers, put in place by install() and taken away again by remove()."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._undo: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Put every wrapper in its place."""
        kind = socket.socket
        self._replace(kind, "_real_close", _closing(self._watch))
        self._replace(kind, "__del__", _collecting(self._watch))
        self._replace(kind, "bind", _binding(self._watch, kind.bind))
        self._replace(kind, "listen", _listening(self._watch, kind.listen))
        self._replace(kind, "setsockopt", _setting(self._watch, kind.setsockopt))
        for module, name in ((os, "close"), (socket, "close")):
            self._replace(module, name, _closing_number(self._watch, getattr(module, name)))
        for module, name in ((os, "dup"), (os, "dup2"), (socket, "dup")):
            self._replace(module, name, _sharing(self._watch, getattr(module, name)))
        self._replace(os, "_exit", _before(os._exit, self._watch.finish))
        for name in ("execv", "execve"):
            self._replace(os, name, _before(getattr(os, name), self._watch.tally.flush))
        # every selector event loop makes such a pair for itself, and by then asyncio is loaded
        self._replace(socket, "socketpair", self._pairing(socket.socketpair))
        self._asyncio()

    def remove(self) -> None:
        """Take the wrappers away, the last one first."""
        while self._undo:
            where, name, before = self._undo.pop()
            if before is None:
                delattr(where, name)
            else:
                setattr(where, name, before)

    def _replace(self, where: Any, name: str, wrapper: Callable[..., Any]) -> None:
        self._undo.append((where, name, vars(where).get(name)))
        setattr(where, name, wrapper)

    def _pairing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def socketpair(*args: Any, **options: Any) -> Any:
            self._asyncio()
            return real(*args, **options)

        return socketpair

    def _asyncio(self) -> None:
        """Note where transports are closed: their sockets are closed later, by the loop."""
        loops = sys.modules.get("asyncio.selector_events")
        tls = sys.modules.get("asyncio.sslproto")
        kinds = (getattr(loops, "_SelectorTransport", None),
                 getattr(tls, "_SSLProtocolTransport", None))  # fmt: skip
        for kind in kinds:
            if kind is not None and not any(where is kind for where, _, _ in self._undo):
                for name in ("close", "abort"):
                    self._replace(kind, name, _asking(self._watch, getattr(kind, name)))


def _closing(watch: Watch) -> Callable[..., None]:
    before, after, close = watch.before, watch.after, _raw_close

    def _real_close(self: Any, _ss: Any = None) -> None:
        found = None
        try:
            found = before(self, "close")
        finally:
            close(self)
            if found is not None:
                after(found)

    return _real_close


def _collecting(watch: Watch) -> Callable[..., None]:
    """What the C finalizer does, which Python code cannot surround: warn, then close."""

    def __del__(
        self: Any, fileno: Any = _fileno, warn: Any = warnings.warn, close: Any = _raw_close
    ) -> None:
        if fileno(self) < 0:
            return
        try:
            warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        finally:
            found: Found | None = None
            try:
                found = watch.before(self, "collected")
            finally:
                close(self)
                if found is not None:
                    watch.after(found)

    return __del__


def _closing_number(watch: Watch, real: Callable[[int], None]) -> Callable[[int], None]:
    def close(fd: int) -> None:
        found = None
        try:
            found = watch.number(fd, "close")
        finally:
            real(fd)
            if found is not None:
                watch.after(found)

    return close


def _binding(watch: Watch, real: Callable[..., None]) -> Callable[..., None]:
    def bind(self: Any, address: Any, /) -> None:
        real(self, address)
        with suppress(Exception):
            watch.bound(self, address)

    return bind


def _listening(watch: Watch, real: Callable[..., None]) -> Callable[..., None]:
    def listen(self: Any, /, *backlog: Any) -> None:
        real(self, *backlog)
        with suppress(Exception):
            watch.listens(self)

    return listen


def _setting(watch: Watch, real: Callable[..., None]) -> Callable[..., None]:
    level, linger = int(socket.SOL_SOCKET), int(socket.SO_LINGER)

    def setsockopt(self: Any, layer: Any = None, option: Any = None, /, *value: Any) -> None:
        if option == linger and layer == level:
            watch.lingering = True
        real(self, layer, option, *value)

    return setsockopt


def _sharing(watch: Watch, real: Callable[..., int]) -> Callable[..., int]:
    def dup(fd: int, *args: Any, **options: Any) -> int:
        made = real(fd, *args, **options)
        with suppress(Exception):
            watch.shares(fd)
            watch.shares(made)
        return made

    return dup


def _before(real: Callable[..., Any], work: Callable[[], None]) -> Callable[..., Any]:
    def leave(*args: Any, **options: Any) -> Any:
        with suppress(Exception):
            work()
        return real(*args, **options)

    return leave


def _asking(watch: Watch, real: Callable[..., None]) -> Callable[..., None]:
    def ask(self: Any) -> None:
        try:
            sock = self.get_extra_info("socket")
            number = -1 if sock is None else sock.fileno()
            if number >= 0:
                note = watch.note(number)
                if note.asked is None:
                    note.asked = place()
        except Exception:  # noqa: BLE001 - an audit must not fail its program
            pass
        real(self)

    return ask
