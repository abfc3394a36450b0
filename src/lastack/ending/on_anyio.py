"""aclose() for anyio: SocketStream and TLSStream, over asyncio or trio."""

from __future__ import annotations

import ssl
import sys
from typing import Any

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSStream

from .driving import Unwrapping, told
from .outcome import Ending
from .terms import Terms

TLS_ERRORS = (
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
    ssl.SSLError,
)


async def aclose(stream: Any, terms: Terms) -> Ending:
    """Close an anyio stream."""
    lower = stream.transport_stream if isinstance(stream, TLSStream) else stream
    # anyio shows the raw socket alone; an asyncio transport's buffer, and trio's record of who
    # waits for its socket, are behind these two names (and the error of the former in `_protocol`).
    inner = getattr(lower, "_transport", None) or getattr(lower, "_trio_socket", None)
    if inner is None or lower.extra(SocketAttribute.raw_socket, None) is None:
        raise TypeError(f"aclose() takes no {type(stream).__name__} over {type(lower).__name__}")
    if lower is stream:
        return await _aclose(lower, inner, terms, None)
    unwrapping = Unwrapping(stream, stream.receive, TLS_ERRORS)
    ending: Ending | OSError | ValueError | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(unwrapping.run, lower.send)
        try:
            ending = await _aclose(lower, inner, terms, unwrapping)
        except (OSError, ValueError) as wrong_use:  # not to be told in an ExceptionGroup
            ending = wrong_use
        group.cancel_scope.cancel()
    return told(ending)


async def _aclose(lower: Any, inner: Any, terms: Terms, tls: Unwrapping | None) -> Ending:
    trio = sys.modules.get("trio")
    if trio is not None and isinstance(inner, trio.socket.SocketType):
        from .on_trio import aclose_with

        return await aclose_with(inner, terms, tls)
    from .on_asyncio import aclose_transport, lost_before

    if inner.get_extra_info("socket").fileno() < 0:
        return lost_before(inner, getattr(lower._protocol, "exception", None))
    return await aclose_transport(inner, terms, tls)
