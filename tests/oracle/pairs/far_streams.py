"""Six asyncio streams side by side over a link whose delay is never the same."""

import asyncio
import sys


async def server(peer, port):
    left = 6
    done = asyncio.Event()

    async def serve(reader, writer):
        nonlocal left
        async for line in reader:
            writer.write(line.swapcase())
        writer.close()
        await writer.wait_closed()
        left -= 1
        if not left:
            done.set()

    async with await asyncio.start_server(serve, "", port):
        await done.wait()
    print("all served")


async def one(peer, port, number):
    reader, writer = await asyncio.open_connection(peer, port)
    for length in (1, 100, 5000):
        writer.write(bytes([97 + number]) * length + b"\n")
    writer.write_eof()
    lines = [len(line) async for line in reader]
    writer.close()
    await writer.wait_closed()
    return lines


async def client(peer, port):
    for lines in await asyncio.gather(*(one(peer, port, number) for number in range(6))):
        print(lines)


asyncio.run({"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))
