"""anyio on either backend: a listener, clients in a task group, a worker thread, a time-out."""

import sys
import time

import anyio
import anyio.to_thread
from anyio.abc import SocketStream


async def echo(stream: SocketStream) -> None:
    async with stream:
        async for data in stream:
            await stream.send(data[::-1])


async def serve(port: int) -> None:
    listener = await anyio.create_tcp_listener(local_host="0.0.0.0", local_port=port)
    await listener.serve(echo)


async def call(host: str, port: int) -> None:
    answers: dict[int, str] = {}

    async def one(number: int) -> None:
        async with await anyio.connect_tcp(host, port) as stream:
            await stream.send(b"anyio %d" % number)
            answers[number] = (await stream.receive()).decode()

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(one, number)
    print([answers[number] for number in range(5)])
    async with await anyio.connect_tcp(host, port) as stream:
        with anyio.move_on_after(1) as scope:
            await stream.receive()
        print("timed out", scope.cancelled_caught)
    print(await anyio.to_thread.run_sync(lambda: time.sleep(1) or "from a thread"))


if __name__ == "__main__":
    backend, role, host, port = sys.argv[1:]
    if role == "server":
        anyio.run(serve, int(port), backend=backend)
    else:
        anyio.run(call, host, int(port), backend=backend)
