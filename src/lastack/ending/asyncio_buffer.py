"""What an asyncio transport holds above the kernel: bytes to send, and TLS."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from dataclasses import replace
from socket import socket
from typing import Any

from .outcome import Ending, Kind
from .parting import Above
from .probe import in_flight


class Witness(asyncio.Protocol):
    """Stands before a transport's protocol and keeps the error with which it loses its connection.

    The transport may be the one to whom the kernel tells the error, and it tells it only once.
    """

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.error: Exception | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep the error and pass it on."""
        self.error = exc
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._protocol.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Throw away what a transport brings that could not be paused."""

    def eof_received(self) -> bool:
        """Keep the transport open: we close it."""
        return True


class Buffer:
    """The bytes that a transport holds; see `parting.Above`.

    asyncio's own TLS transport sits on a plain one, and its buffer size leaves out what that holds.
    Nothing public leads from one to the other, so this reads `_ssl_protocol` and what is behind
    it, which are the same in Python 3.11 to 3.13. A TLS transport without them (uvloop) is closed
    by its own close(); it throws its buffer away if the peer goes on sending data then.
    """

    def __init__(self, transport: Any, raw: socket, above: Above | None) -> None:
        self._transport = transport
        self._raw = raw
        self._above = above
        self._tls: Any = getattr(transport, "_ssl_protocol", None)
        self.tls = above is not None or transport.get_extra_info("sslcontext") is not None
        lower = getattr(self._tls, "_transport", None)
        self.lower = transport if lower is None else lower
        self._closing = self.lower.is_closing()
        self._witness = Witness(self.lower.get_protocol())
        self._held = self._size()
        self._total = self._held + (in_flight(raw) or 0)

    def take_over(self) -> None:
        """Stop the transport reading, and end TLS behind what it holds."""
        self.lower.set_protocol(self._witness)
        if self._closing:
            return
        # It may have met the end of file, or not know how to; Witness throws the data away.
        with suppress(RuntimeError, NotImplementedError):
            self.lower.pause_reading()
        if self._tls is not None and self.lower is not self._transport:
            self._end_tls()
        elif self.tls and self._above is None:
            self._transport.close()

    def _end_tls(self) -> None:
        """Put a close_notify behind what TLS holds, and all of it into the plain transport."""
        tls = self._tls
        # SSLError: written, and not answered yet. Otherwise there is no session any more.
        with suppress(ssl.SSLError, ValueError, AttributeError):
            tls._sslobj.unwrap()
        outgoing = tls._outgoing.read()
        if outgoing:
            self.lower.write(outgoing)

    def flush(self) -> bool:
        """Whether the transport has handed everything on, or has lost its connection."""
        if self._lost:
            return True
        if self._above is not None and not self._above.flush():
            return False
        return self._size() == 0

    def held(self) -> int:
        """Return the bytes held; if the connection was lost meanwhile, those that it held.

        That is an upper bound by what became acknowledged since the last look.
        """
        queue = in_flight(self._raw) or 0
        if self._lost:
            return max(0, min(self._held, self._total - queue))
        self._held = self._size()
        self._total = self._held + queue
        return self._held

    def _size(self) -> int:
        return int(self.lower.get_write_buffer_size())

    @property
    def _lost(self) -> bool:
        return not self._closing and bool(self.lower.is_closing())

    def explain(self, ending: Ending) -> Ending:
        """Add the error that the transport was told, if we were not."""
        error = self._witness.error
        if ending.kind is not Kind.RESET or ending.errno or not isinstance(error, OSError):
            return ending
        if not error.errno:
            return ending
        reason = f"{os.strerror(error.errno)}, {ending.unacked} bytes unacknowledged"
        return replace(ending, errno=error.errno, reason=reason)

    def let_go(self, *, leave: bool) -> None:
        """Close the transport now, or let it go on with what it holds."""
        sock = self.lower.get_extra_info("socket")
        if sock is not None and sock.fileno() < 0:
            return  # it has closed itself; to abort it once more would be an error
        if leave and self._size():
            self.lower.close()
        else:
            self._transport.abort()
