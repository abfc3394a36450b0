"""TLS over simulated sockets: `ssl.SSLSocket` with OpenSSL in memory below it.

OpenSSL's own socket calls cannot be simulated, but it also works on two buffers in memory. What
stands for the C object below `SSLSocket` moves bytes between those and the simulated socket, record
by record as OpenSSL reads: what it has not asked for stays in the kernel's receive queue, which
close() looks at. asyncio needs nothing of this, it uses such buffers itself.

OpenSSL takes its random numbers and the time for certificates from the real machine. The sizes of
records do not depend on them, but those of ECDSA signatures do, by a byte or two.
"""

from __future__ import annotations

import os
import socket as public
import ssl
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import Any, Final, NoReturn, TypeVar

from .baton import current
from .seams import DispatchClass, Registry
from .socket_module import execute_again
from .sockets import Socket
from .two_worlds import TwoWorlds, building

T = TypeVar("T")

_HEADER: Final = 5
"""Bytes of a TLS record's header, of which the last two are the length (RFC 8446, section 5.1)."""


class TlsObject:
    """Stands for `_ssl._SSLSocket`: the same methods, over two buffers and a simulated socket."""

    def __init__(
        self, context: ssl.SSLContext, sock: Socket, server_side: bool, hostname: str | None,
        owner: Any, session: Any,
    ) -> None:  # fmt: skip
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        wrap: Any = context._wrap_bio  # type: ignore[attr-defined]  # what SSLObject is made with
        self._object: Any = wrap(
            self._incoming, self._outgoing, server_side, hostname, owner=owner, session=session
        )
        self._header = b""
        self._body = 0
        self._unsent = b""
        self._written: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._object, name)

    @property
    def context(self) -> Any:
        """The SSLContext."""
        return self._object.context

    @context.setter
    def context(self, context: Any) -> None:
        self._object.context = context

    @property
    def session(self) -> Any:
        """The session, to be used again."""
        return self._object.session

    @session.setter
    def session(self, session: Any) -> None:
        self._object.session = session

    def do_handshake(self) -> None:
        """Shake hands."""
        self._work("_ssl.c: The handshake operation timed out", self._object.do_handshake)

    def read(self, *arguments: Any) -> Any:
        """Return decrypted bytes, or put them into a buffer."""
        return self._work("The read operation timed out", self._object.read, *arguments)

    def write(self, data: Any) -> int:
        """Encrypt and send; a call that is made again after SSLWantWriteError goes on."""
        late = "The write operation timed out"
        if self._written is None:
            self._written = self._work(late, self._object.write, data, flush=False)
        self._flush(late)
        count, self._written = self._written, None
        return count

    def shutdown(self) -> Any:
        """Send close_notify and wait for the peer's; return the socket."""
        self._work("The read operation timed out", self._object.shutdown)
        return self._sock

    def _work(
        self, late: str, operation: Callable[..., T], *arguments: Any, flush: bool = True
    ) -> T:
        """Let OpenSSL work, and move bytes until it has what it wants."""
        while True:
            try:
                answer = operation(*arguments)
            except ssl.SSLWantReadError:
                self._flush(late)
                self._fetch(late)
            except ssl.SSLError:
                # The alert that tells the peer; OpenSSL does not mind when it cannot be sent.
                with suppress(OSError):
                    self._flush(late)
                raise
            else:
                if flush:
                    self._flush(late)
                return answer

    def _fetch(self, late: str) -> None:
        """Receive what is missing of a record: its header, or the rest of its body."""
        try:
            data = Socket.recv(self._sock, self._body or _HEADER - len(self._header))
        except BlockingIOError:
            _again(ssl.SSLWantReadError, ssl.SSLErrorNumber.SSL_ERROR_WANT_READ, "read")
        except TimeoutError as error:
            raise (error if error.errno else TimeoutError(late)) from None
        if not data:
            self._incoming.write_eof()
            return
        self._incoming.write(data)
        if self._body:
            self._body -= len(data)
            return
        self._header += data
        if len(self._header) == _HEADER:
            self._body = int.from_bytes(self._header[3:], "big")
            self._header = b""

    def _flush(self, late: str) -> None:
        """Send what OpenSSL has made."""
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                self._unsent = self._unsent[Socket.send(self._sock, self._unsent) :]
            except BlockingIOError:
                _again(ssl.SSLWantWriteError, ssl.SSLErrorNumber.SSL_ERROR_WANT_WRITE, "write")
            except TimeoutError as error:
                raise (error if error.errno else TimeoutError(late)) from None


def _again(kind: Callable[[int, str], Exception], number: int, what: str) -> NoReturn:
    raise kind(number, f"The operation did not complete ({what})") from None


def _simulated_class(above: type) -> type:
    """Return `ssl.SSLSocket` over the simulated `socket.socket`: ssl.py's class, executed again."""
    below = ModuleType("socket")
    vars(below).update(vars(public), socket=above)
    again = execute_again("ssl", {"socket": below})
    for name, value in vars(ssl).items():
        shared = name.isupper() or (isinstance(value, type) and name != "SSLSocket")
        if shared and name != "socket" and hasattr(again, name):
            setattr(again, name, value)
    with building():
        # `isinstance(s, ssl.SSLSocket)` asks the type first, and then the object's __class__.
        return TwoWorlds(
            "SSLSocket", (again.SSLSocket,), {"__class__": property(_claimed), "__module__": "ssl"}
        )


def _claimed(sock: object) -> type:
    return ssl.SSLSocket


def _wrap_socket(
    self: Any, sock: Any, server_side: bool, server_hostname: str | None = None, *,
    owner: Any = None, session: Any = None,
) -> Any:  # fmt: skip
    """`SSLContext._wrap_socket`, for either world."""
    if current() is not None and isinstance(sock, Socket):
        return TlsObject(self, sock, server_side, server_hostname, owner, session)
    return _wrap_real(self, sock, server_side, server_hostname, owner=owner, session=session)


_wrap_real: Final[Any] = ssl.SSLContext._wrap_socket  # type: ignore[attr-defined]  # written in C


def _default_paths(self: Any) -> None:
    """`SSLContext.set_default_verify_paths`: C code asks the environment of the real process for
    SSL_CERT_FILE and SSL_CERT_DIR, where what a program has set in os.environ is not."""
    if current() is None:
        _default_paths_real(self)
        return
    _tell_c(_certificates())
    try:
        _default_paths_real(self)
    finally:
        _tell_c(_outside)


def _certificates() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}


def _tell_c(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            _unsetenv(name)
        else:
            _putenv(name, value)


_outside: Final[dict[str, str | None]] = {}
"""What the real process has in its environment."""
_default_paths_real: Final[Any] = ssl.SSLContext.set_default_verify_paths
_putenv: Final = os.putenv
_unsetenv: Final = os.unsetenv


def _put_in_place() -> None:
    vars_of: Any = ssl.SSLContext
    vars_of._wrap_socket = _wrap_socket


def register(registry: Registry) -> None:
    """Name what stands in for what. `registry` has the simulated socket class already."""
    above = next(s.replacement for s in registry.seams if s[:2] == ("socket", "socket"))
    stand_in = DispatchClass(_simulated_class(above), ssl.SSLSocket)
    registry.attribute(ssl.SSLContext, "sslsocket_class", stand_in)
    registry.attribute(ssl.SSLContext, "set_default_verify_paths", _default_paths)
    registry.before(lambda: _outside.update(_certificates()))
    registry.after(_put_in_place)
