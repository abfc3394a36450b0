"""aclose() for trio: SocketStream, SSLStream over one, and trio's sockets."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import trio

from .blocking import give_back, release
from .driving import Unwrapping, drive, told
from .outcome import Ending
from .parting import Above, Nothing, Parting, Pause
from .probe import borrow
from .terms import Terms
from .tls import Notify, is_tls

TLS_ERRORS = (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError)


async def aclose(stream: object, terms: Terms) -> Ending:
    """Close a trio stream or socket."""
    if isinstance(stream, trio.SSLStream):
        lower = stream.transport_stream
        if not isinstance(lower, trio.SocketStream):
            raise TypeError(f"SSLStream over {type(lower).__name__}, not over a SocketStream")
        return await _aclose_tls(stream, lower, terms)
    sock = stream.socket if isinstance(stream, trio.SocketStream) else stream
    if not isinstance(sock, trio.socket.SocketType):
        raise TypeError(f"aclose() takes no {type(stream).__name__}")
    return await aclose_with(sock, terms)


async def aclose_socket(sock: socket.socket, terms: Terms) -> Ending:
    """Close a plain socket under trio."""
    return await aclose_with(sock, terms, Notify(sock) if is_tls(sock) else None)


async def _aclose_tls(stream: Any, lower: trio.SocketStream, terms: Terms) -> Ending:
    unwrapping = Unwrapping(stream, stream.receive_some, TLS_ERRORS)
    ending: Ending | OSError | ValueError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(unwrapping.run, lower.send_all)
        try:
            ending = await aclose_with(lower.socket, terms, unwrapping)
        except (OSError, ValueError) as wrong_use:  # not to be told in an ExceptionGroup
            ending = wrong_use
        nursery.cancel_scope.cancel()
    return told(ending)


async def aclose_with(
    sock: trio.socket.SocketType | socket.socket, terms: Terms, above: Above | None = None
) -> Ending:
    """Close a socket of trio's, or a plain one, with `above` on top of it."""
    line = borrow(sock)
    raw = line[0]
    aborts = terms.on_timeout == "abort"  # should we be cancelled

    async def wait(pause: Pause) -> None:
        if not pause.readable or not pause.seconds:
            await trio.sleep(pause.seconds)
            return
        with trio.move_on_after(pause.seconds):
            await trio.lowlevel.wait_readable(raw)

    try:
        parting = Parting(line, terms, trio.current_time(), above or Nothing())
        ending = await drive(parting, trio.current_time, wait)
        aborts = parting.aborts
    finally:
        give_back(raw, aborts=aborts)
        if isinstance(sock, socket.socket):
            release(sock)
        else:
            sock.close()
        raw.close()
    return ending
