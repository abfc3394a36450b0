"""asyncio: abort(), write_eof(), close() at once, and the end of a server."""

import asyncio
import sys


async def server(peer, port):
    done = asyncio.Event()

    async def serve(reader, writer):
        first = await reader.readexactly(1)
        if first == b"A":
            writer.write(b"x" * 10)
            writer.transport.abort()
        elif first == b"E":
            writer.write_eof()
            await reader.read()
        writer.close()
        if first == b"Q":
            done.set()

    one = await asyncio.start_server(serve, "", port)
    await done.wait()
    one.close()
    await asyncio.sleep(0.1)
    print("over")


async def client(peer, port):
    for letter in (b"A", b"E", b"C", b"Q"):
        reader, writer = await asyncio.open_connection(peer, port)
        writer.write(letter)
        try:
            print(letter, await reader.read())
        except OSError as error:
            print(letter, type(error).__name__)
        writer.close()
        try:
            await writer.wait_closed()
        except OSError as error:
            print("closed", type(error).__name__)


asyncio.run({"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))
