"""asyncio streams: a server with a barrier, time-outs, cancellation, refused, wait_closed."""

import asyncio
import sys

role, peer, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def server():
    done = asyncio.Event()
    counts = {"lines": 0, "cut": 0}

    async def serve(reader, writer):
        while line := await reader.readline():
            counts["lines"] += 1
            writer.write(line.upper())
            await writer.drain()
            if line == b"quit\n":
                done.set()
                break
        else:
            counts["cut"] += 1
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(serve, "", port)
    async with listening:
        await done.wait()
    print(counts)


async def talk(number):
    reader, writer = await asyncio.open_connection(peer, port)
    answers = []
    for turn in range(3):
        writer.write(b"line %d of %d\n" % (turn, number))
        answers.append((await reader.readline()).decode().strip())
        await asyncio.sleep(0.01 * number)
    writer.write_eof()
    rest = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answers, rest


async def client():
    async with asyncio.timeout(10):
        for answers, rest in await asyncio.gather(*(talk(number) for number in range(8))):
            print(answers, rest)
    reader, writer = await asyncio.open_connection(peer, port)
    try:
        await asyncio.wait_for(reader.readexactly(1), 0.2)
    except TimeoutError:
        print("silence")
    task = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    task.cancel()
    print((await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__)
    writer.write(b"quit\n")
    print(await reader.readline(), await reader.read())
    writer.close()
    await writer.wait_closed()
    try:
        await asyncio.open_connection(peer, 1)
    except ConnectionRefusedError as error:
        print(error.errno)


asyncio.run({"server": server, "client": client}[role]())
