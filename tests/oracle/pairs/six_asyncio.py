"""asyncio on all addresses of a host; clients that try both families."""

import asyncio
import socket
import sys


async def server(peer, port):
    done = asyncio.Event()
    served = 0

    async def serve(reader, writer):
        nonlocal served
        line = await reader.readline()
        writer.write(line.upper() * 1000)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        served += 1
        if served == 3:
            done.set()

    one = await asyncio.start_server(serve, None, port)
    print(sorted(sock.family.name for sock in one.sockets))
    async with one:
        await done.wait()


async def client(peer, port):
    for words in ({}, {"family": socket.AF_INET6}, {"happy_eyeballs_delay": 0.25}):
        reader, writer = await asyncio.open_connection(peer, port, **words)
        print(writer.get_extra_info("peername"))
        writer.write(b"hello\n")
        print(len(await reader.read()))
        writer.close()
        await writer.wait_closed()


asyncio.run({"server": server, "client": client}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))
