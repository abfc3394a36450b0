"""websockets on asyncio: an echo, a broadcast, keepalive pings over a quiet minute."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

members: list[ServerConnection] = []


async def chat(connection: ServerConnection) -> None:
    members.append(connection)
    try:
        async for message in connection:
            broadcast(members, message)
    finally:
        members.remove(connection)


async def run(port: int) -> None:
    async with serve(chat, "0.0.0.0", port) as server:
        await server.serve_forever()


async def call(host: str, port: int) -> None:
    url = f"ws://{host}:{port}"
    async with connect(url) as one, connect(url) as two:
        await asyncio.sleep(61)
        for number in range(3):
            await one.send(f"message {number}")
            print(await one.recv(), "/", await two.recv())


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    asyncio.run(run(int(port)) if role == "server" else call(host, int(port)))
