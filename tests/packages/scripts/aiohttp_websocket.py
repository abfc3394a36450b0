"""aiohttp's WebSocket, both ends: text, binary, ping, a close with a code."""

import asyncio
import sys

import aiohttp
from aiohttp import web


async def echo(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse(heartbeat=5)
    await ws.prepare(request)
    async for message in ws:
        if message.type is aiohttp.WSMsgType.TEXT:
            if message.data == "wait":
                await asyncio.sleep(60)  # the pings of the heartbeat keep it open
                await ws.send_str("a minute later")
            elif message.data == "bye":
                await ws.close(code=4000, message=b"as you wish")
            else:
                await ws.send_str(message.data.upper())
        elif message.type is aiohttp.WSMsgType.BINARY:
            await ws.send_bytes(message.data * 2)
    return ws


def serve(port: int) -> None:
    app = web.Application()
    app.router.add_get("/ws", echo)
    web.run_app(app, port=port, print=None)


async def call(host: str, port: int) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://{host}:{port}/ws") as ws,
    ):
        for text in ("one", "two", "three"):
            await ws.send_str(text)
            print(await ws.receive_str())
        await ws.send_bytes(b"b" * 100_000)
        print(len(await ws.receive_bytes()))
        await ws.send_str("wait")
        print(await ws.receive_str())
        await ws.send_str("bye")
        last = await ws.receive()
        print(last.type.name, last.data, last.extra)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else asyncio.run(call(host, int(port)))
