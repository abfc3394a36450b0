"""Crowds: 300 tasks of asyncio and 300 of trio, cancelled, waited for and collected in sets.

Who is told first is written to the server, so that it can be seen on the wire.
"""

import asyncio
import socket
import sys

import trio


async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(65536):
        pass
    writer.close()


async def serve(port: int) -> None:
    server = await asyncio.start_server(sink, "0.0.0.0", port)
    await server.serve_forever()


async def in_asyncio(writer: asyncio.StreamWriter) -> int:
    told: list[int] = []

    async def member(number: int) -> None:
        try:
            await asyncio.sleep(1 if number == 150 else 100)
            raise ValueError
        finally:
            told.append(number)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(member(number))
    except* ValueError:
        writer.write(repr(told).encode())

    async def short(number: int) -> int:
        await asyncio.sleep(number % 3)
        return number

    done, _ = await asyncio.wait([asyncio.create_task(short(number)) for number in range(300)])
    writer.write(repr([task.result() for task in done]).encode())
    for job in asyncio.as_completed([short(number) for number in range(300)]):
        writer.write(b"%d " % await job)
    await writer.drain()
    return len(told) + len(done)


async def call(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    print(await in_asyncio(writer))
    writer.close()
    await writer.wait_closed()


async def in_trio() -> list[int]:
    told: list[int] = []

    async def member(number: int) -> None:
        try:
            with trio.CancelScope():
                await trio.sleep_forever()
        finally:
            told.append(number)

    with trio.move_on_after(1):
        async with trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(member, number)
    return told


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        asyncio.run(serve(int(port)))
    else:
        asyncio.run(call(host, int(port)))
        with socket.create_connection((host, int(port))) as sock:
            told = trio.run(in_trio)
            sock.sendall(repr(told).encode())
            print(len(told))
