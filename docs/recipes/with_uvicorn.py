"""uvicorn: a protocol class whose transport ends connections with lastack.

    uvicorn --http with_uvicorn:Protocol app:application

uvicorn calls `transport.close()` behind the last byte of an answer. The loop sends what it holds
and closes the socket, with the rest of the request unread.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from lastack.ending import aclose

log = logging.getLogger("uvicorn.error")


class Transport:
    """A transport whose close() takes its time, beside the protocol that called it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._ending: asyncio.Task[None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether close() was called, or the connection is lost."""
        return self._ending is not None or self._transport.is_closing()

    def close(self) -> None:
        """End the connection in a task of its own, once."""
        if not self.is_closing():
            self._ending = asyncio.get_running_loop().create_task(self._end())

    async def _end(self) -> None:
        try:
            ending = await aclose(self._transport, timeout=30, idle=5)
        except ValueError:  # a proxy over a Unix socket
            self._transport.close()
            return
        if not ending.delivered:
            log.warning("answer lost: %s, %s", ending.kind, ending.reason)


class Protocol(H11Protocol):
    """HTTP/1.1 by h11; the same works for uvicorn's HttpToolsProtocol."""

    def connection_made(self, transport: Any) -> None:
        """Put our transport before the loop's."""
        super().connection_made(Transport(transport))  # type: ignore[arg-type]
