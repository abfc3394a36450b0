"""What a simulated run costs beside the same two programs on the kernel's loopback.

    python bench/programs.py [--repeat 5] [NAME...]

On the kernel the server is a process of its own and the client is timed, from before its first
connection to after its last; in a world everything is timed, both programs, their TCP, and the
world's making and ending. The kernel has two processors for that, a world runs on one: "cpu" is
the processor time of both programs (user and system). "told" is the elapsed time when every event
is kept, and accounted for in the end, as `lastack run` does. Imports are done before in both. The
best of the repetitions counts, taken in turns. The aims, for the elapsed time, are those the
project has set itself.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import multiprocessing
import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lastack.net import LinkRules
from lastack.run import World, install
from lastack.trace import Event
from lastack.verdict import Book

PORT = 8765
REQUESTS = 500
CLIENTS, ECHOES = 20, 100
BLOCKED = 2_000


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers at once, logs nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """With a longer queue than 5."""

    request_queue_size = 128


def urllib_server() -> None:
    """http.server, a thread a request."""
    Server(("", PORT), Quiet).serve_forever()


def urllib_client(host: str) -> None:
    """500 requests, each on a new connection."""
    for _ in range(REQUESTS):
        with urllib.request.urlopen(f"http://{host}:{PORT}/") as answer:
            assert answer.read() == b"hello"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _serve_echo() -> None:
    server = await asyncio.start_server(echo, "0.0.0.0", PORT)
    await server.serve_forever()


def echo_server() -> None:
    """An echo on asyncio."""
    asyncio.run(_serve_echo())


async def _ask(host: str) -> None:
    await converse(*await asyncio.open_connection(host, PORT))


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ask 100 times, and close."""
    for _ in range(ECHOES):
        writer.write(b"question")
        assert await reader.readexactly(8) == b"question"
    writer.close()
    await writer.wait_closed()


async def _crowd(host: str) -> None:
    await asyncio.gather(*(_ask(host) for _ in range(CLIENTS)))


def echo_client(host: str) -> None:
    """20 connections at a time, 100 echoes each."""
    asyncio.run(_crowd(host))


def uvicorn_server() -> None:
    """uvicorn with starlette."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    async def hello(request: Request) -> Response:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello)])
    uvicorn.run(app, host="0.0.0.0", port=PORT, log_level="error", loop="asyncio")


async def _httpx(host: str) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        for _ in range(REQUESTS):
            assert (await client.get(f"http://{host}:{PORT}/")).text == "hello"


def httpx_client(host: str) -> None:
    """500 requests of httpx, one after the other."""
    asyncio.run(_httpx(host))


@dataclass(frozen=True)
class Pair:
    """Two programs, and how many times the kernel's time a world may take."""

    name: str
    server: Callable[[], None]
    client: Callable[[str], None]
    aim: float


PAIRS = [
    Pair("500 urllib requests", urllib_server, urllib_client, 3),
    Pair("20 x 100 asyncio echoes", echo_server, echo_client, 2),
    Pair("500 uvicorn + httpx", uvicorn_server, httpx_client, 2),
]


class Times(NamedTuple):
    """Seconds."""

    elapsed: float
    cpu: float


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def on_kernel(pair: Pair) -> Times:
    """Return the elapsed time of the client, and the processor time of both."""
    before = cpu_seconds()
    server = multiprocessing.get_context("fork").Process(target=_silent, args=(pair.server,))
    server.start()
    try:
        until_listening()
        begun = time.perf_counter()
        pair.client("127.0.0.1")
        elapsed = time.perf_counter() - begun
    finally:
        server.kill()
        server.join()
    return Times(elapsed, cpu_seconds() - before)


def _silent(function: Callable[[], None]) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    function()


def until_listening() -> None:
    """Wait until the server of a pair accepts connections."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("the server does not listen")


def in_world(pair: Pair, *, told: bool = False) -> Times:
    """Return the times of the whole run; `told`: with somebody who reads the journal."""
    before, begun = cpu_seconds(), time.perf_counter()
    # What the loopback device has: no way to go, and packets of 64 KiB.
    world = World(link=LinkRules(delay_ns=50_000, mtu=65536))
    events: list[Event] = []
    if told:
        world.journal.listeners.append(events.append)
    world.program(world.host("server"), pair.server)
    world.program(world.host("client"), lambda: pair.client("server"))
    outcome = world.run()
    Book().read(events)
    times = Times(time.perf_counter() - begun, cpu_seconds() - before)
    assert not outcome.failed, outcome
    return times


def blocked_threads() -> float:
    """Return the seconds for 2,000 threads that wait for one event, and are let go."""

    def main() -> None:
        event = threading.Event()
        threads = [threading.Thread(target=event.wait) for _ in range(BLOCKED)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        event.set()
        for thread in threads:
            thread.join()

    world = World()
    world.program(world.host("a"), main)
    begun = time.perf_counter()
    assert not world.run().failed
    return time.perf_counter() - begun


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names; all without")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    install()  # once, instead of for each world: 15 to 30 ms
    print(f"Python {sys.version.split()[0]}, {len(os.sched_getaffinity(0))} processors")
    print(f"{'':26} {'kernel':>9} {'world':>9} {'ratio':>6} {'told':>6} {'aim':>5} {'cpu':>6}")
    for pair in PAIRS:
        if options.names and not any(name in pair.name for name in options.names):
            continue
        in_world(pair)
        times = [
            (on_kernel(pair), in_world(pair), in_world(pair, told=True))
            for _ in range(options.repeat)
        ]
        kernel, world, told = (min(column) for column in zip(*times, strict=True))
        cpu = min(b.cpu for _, b, _ in times) / min(a.cpu for a, _, _ in times)
        print(
            f"{pair.name:26} {kernel.elapsed:8.3f}s {world.elapsed:8.3f}s"
            f" {world.elapsed / kernel.elapsed:6.2f} {told.elapsed / kernel.elapsed:6.2f}"
            f" {pair.aim:5g} {cpu:6.2f}"
        )
    if not options.names:
        best = min(blocked_threads() for _ in range(options.repeat))
        print(f"{'2,000 blocked threads':26} {'':9} {best:8.3f}s {'':6} {'':6} {'1 s':>5}")


if __name__ == "__main__":
    if not Path("/proc").exists():
        sys.exit("Linux only")
    main()
