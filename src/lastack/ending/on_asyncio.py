"""aclose() for asyncio: transports and plain sockets."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import weakref
from typing import Any

from .asyncio_buffer import Buffer
from .blocking import give_back, release
from .driving import drive
from .outcome import Ending, Kind
from .parting import Above, Nothing, Parting, Pause
from .probe import borrow
from .terms import Terms
from .tls import Notify, is_tls

_ended: weakref.WeakSet[Any] = weakref.WeakSet()
"""Transports that aclose() has closed: to close one again is the caller's mistake."""


async def aclose(stream: object, terms: Terms) -> Ending:
    """Close a StreamWriter or a transport."""
    transport: Any = getattr(stream, "transport", stream)
    if not hasattr(transport, "get_extra_info"):
        raise TypeError(f"aclose() takes no {type(stream).__name__}")
    if transport in _ended:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    sock = _socket_of(transport)
    if sock is None and not transport.is_closing():
        raise TypeError(f"{type(transport).__name__} is not a connection over a socket")
    if sock is None or sock.fileno() < 0:
        return lost_before(transport, await _error_of(stream))
    return await aclose_transport(transport, terms)


async def aclose_transport(transport: Any, terms: Terms, tls: Above | None = None) -> Ending:
    """Close a transport whose descriptor is open, and `tls` if that is on top of it."""
    line = borrow(transport.get_extra_info("socket"))
    raw = line[0]
    aborts = terms.on_timeout == "abort"  # should we be cancelled
    give_back(raw, aborts=False)  # an error may make the transport close before we do
    buffer = Buffer(transport, raw, tls)
    try:
        parting = Parting(line, terms, _clock(), buffer)
        buffer.take_over()
        ending = await drive(parting, _clock, Waiter(raw).wait)
        aborts = parting.aborts
        await asyncio.sleep(0)  # the transport tells its protocol of an error in the next turn
        ending = buffer.explain(ending)
    finally:
        _ended.add(transport)
        give_back(raw, aborts=aborts)
        buffer.let_go(leave=terms.on_timeout == "leave")
        raw.close()
    await asyncio.sleep(0)  # the transport closes its descriptor in the next turn of the loop,
    await asyncio.sleep(0)  # under TLS in the one after
    return ending


async def aclose_socket(sock: socket.socket, terms: Terms) -> Ending:
    """Close a plain socket under an asyncio loop."""
    clock = asyncio.get_running_loop().time
    line = borrow(sock)
    raw = line[0]
    aborts = terms.on_timeout == "abort"
    try:
        above: Above = Notify(sock) if is_tls(sock) else Nothing()
        parting = Parting(line, terms, clock(), above)
        ending = await drive(parting, clock, Waiter(raw).wait)
        aborts = parting.aborts
    finally:
        give_back(raw, aborts=aborts)
        release(sock)
        raw.close()
    return ending


class Waiter:
    """Waits for a descriptor that no transport has, so that the loop lets us watch it."""

    def __init__(self, raw: socket.socket) -> None:
        self._fd = raw.fileno()
        self._loop = asyncio.get_running_loop()

    async def wait(self, pause: Pause) -> None:
        """Wait; without readiness (Windows' proactor loop), look again after a while."""
        if not pause.readable or not pause.seconds:
            await asyncio.sleep(pause.seconds)
            return
        readable = asyncio.Event()
        try:
            self._loop.add_reader(self._fd, readable.set)
        except NotImplementedError:
            await asyncio.sleep(min(pause.seconds, 0.02))
            return
        try:
            async with asyncio.timeout(pause.seconds):
                await readable.wait()
        except TimeoutError:
            return
        finally:
            self._loop.remove_reader(self._fd)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def _socket_of(transport: Any) -> Any:
    """Return what the transport shows of its socket; one for TLS forgets it when that is gone."""
    try:
        return transport.get_extra_info("socket")
    except AttributeError:  # closed twice, it has forgotten everything
        return None


async def _error_of(stream: object) -> BaseException | None:
    """Return the error with which a StreamWriter has lost its connection."""
    if isinstance(stream, asyncio.StreamWriter):
        try:
            await stream.wait_closed()
        except OSError as error:
            return error
    return None


def lost_before(transport: Any, error: BaseException | None) -> Ending:
    """Tell a connection that the loop has closed from one that the program has: EBADF.

    asyncio closes by itself after an error, and at the end of file under TLS.
    """
    forgetful = _socket_of(transport) is None  # as only those for TLS are
    if transport in _ended or (error is None and not forgetful):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    _ended.add(transport)
    number = getattr(error, "errno", None)
    return Ending(
        kind=Kind.RESET,
        delivered=None,
        unacked=None,
        unsent=None,
        drained=0,
        elapsed=0.0,
        errno=number,
        peer_closed_first=False,
        state=None,
        reason=f"asyncio had closed the connection before: {error or 'the end of TLS'}",
    )
