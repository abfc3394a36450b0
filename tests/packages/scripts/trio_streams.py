"""trio: serve_tcp, a nursery of clients, cancellation, a worker thread."""

import sys
import time

import trio


async def echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data.upper())


async def call(host: str, port: int) -> None:
    answers: dict[int, bytes] = {}

    async def one(number: int) -> None:
        stream = await trio.open_tcp_stream(host, port)
        async with stream:
            await trio.sleep(number)
            await stream.send_all(b"trio %d" % number)
            await stream.send_eof()
            answers[number] = b"".join([data async for data in stream])

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(one, number)
    print([answers[number].decode() for number in range(5)], round(trio.current_time()) >= 4)
    stream = await trio.open_tcp_stream(host, port)
    with trio.move_on_after(2) as scope:
        await stream.receive_some()
    print("cancelled", scope.cancelled_caught)
    print(await trio.to_thread.run_sync(lambda: time.sleep(1) or "from a thread"))
    await stream.aclose()


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    if role == "server":
        trio.run(trio.serve_tcp, echo, int(port))
    else:
        trio.run(call, host, int(port))
