"""The same application for every server: it answers an upload at once, without reading it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

ANSWER = b"x" * 300_000
STATUS = "413 Content Too Large"


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer, as a WSGI application."""
    start_response(STATUS, [("Content-Length", str(len(ANSWER))), ("Connection", "close")])
    return [ANSWER]


async def asgi(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer, as an ASGI application (run it with --lifespan off)."""
    headers = [(b"content-length", str(len(ANSWER)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})
