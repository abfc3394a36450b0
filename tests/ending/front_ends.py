"""The ways in which a program can hold a connection, each sending something and closing."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import anyio
import anyio.abc
import anyio.to_thread
import trio
from anyio.streams.tls import TLSStream

from lastack.ending import Ending, aclose, close

from .peers import PATIENCE, Peer

FrontEnd = Callable[..., Ending]
"""(peer, payload, context=None, **terms): send `payload` to the peer, under TLS if there is a
context, wait until the peer is ready, close with `terms`."""


def blocking(
    peer: Peer, payload: bytes, context: ssl.SSLContext | None = None, **terms: Any
) -> Ending:
    sock = peer.ours
    if context is not None:
        peer.ours = sock = context.wrap_socket(sock, server_hostname="localhost")
    sock.sendall(payload)
    peer.written.set()
    peer.ready.wait(PATIENCE)
    return close(sock, **terms)


def asyncio_streams(
    peer: Peer, payload: bytes, context: ssl.SSLContext | None = None, **terms: Any
) -> Ending:
    async def main() -> Ending:
        _, writer = await asyncio.open_connection(
            sock=peer.ours, ssl=context, server_hostname="localhost" if context else None
        )
        writer.write(payload)
        peer.written.set()
        await asyncio.to_thread(peer.ready.wait, PATIENCE)
        return await aclose(writer, **terms)

    return asyncio.run(main())


def trio_streams(
    peer: Peer, payload: bytes, context: ssl.SSLContext | None = None, **terms: Any
) -> Ending:
    async def main() -> Ending:
        peer.ours.setblocking(False)
        stream: Any = trio.SocketStream(trio.socket.from_stdlib_socket(peer.ours))
        if context is not None:
            stream = trio.SSLStream(stream, context, server_hostname="localhost")
        await stream.send_all(payload)
        peer.written.set()
        await trio.to_thread.run_sync(peer.ready.wait, PATIENCE)
        return await aclose(stream, **terms)

    return trio.run(main)


def _anyio(backend: str) -> FrontEnd:
    def front_end(
        peer: Peer, payload: bytes, context: ssl.SSLContext | None = None, **terms: Any
    ) -> Ending:
        async def main() -> Ending:
            peer.ours.setblocking(False)
            stream: Any = await anyio.abc.SocketStream.from_socket(peer.ours)
            if context is not None:
                stream = await TLSStream.wrap(
                    stream, hostname="localhost", ssl_context=context, standard_compatible=True
                )
            await stream.send(payload)
            peer.written.set()
            await anyio.to_thread.run_sync(peer.ready.wait, PATIENCE)
            return await aclose(stream, **terms)

        return anyio.run(main, backend=backend)

    return front_end


anyio_on_asyncio = _anyio("asyncio")
anyio_on_trio = _anyio("trio")

FRONT_ENDS: dict[str, FrontEnd] = {
    "blocking": blocking,
    "asyncio": asyncio_streams,
    "trio": trio_streams,
    "anyio on asyncio": anyio_on_asyncio,
    "anyio on trio": anyio_on_trio,
}
