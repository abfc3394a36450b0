"""What a simulated run would take if its TCP took nothing: python -m bench.bound [ROUNDS]

Beside the elapsed time of the programs on the kernel's loopback, measured in turns; the best of the
rounds:

programs  the processor time that the two programs need for themselves there, the kernel's not
          counted (the mean, as a kernel measures such times in ticks). A world runs one program at
          a time, on one processor: it cannot take less.
pipe      a whole world in which the same exchange goes over AF_UNIX between two programs of one
          host: every call of a socket, every thread and every turn of a loop as ever, no TCP and
          no network. What is left when TCP, host and network cost nothing.
world     a whole world, as `bench/programs.py` measures it.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import http.server
import multiprocessing
import os
import resource
import socket
import socketserver
import statistics
import time
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from lastack.run import World, install

from . import programs

_PATH = "\0bound"


class Figures(NamedTuple):
    """Seconds of one round."""

    kernel: float
    programs: float
    pipe: float
    world: float


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """`programs.Server` on AF_UNIX."""

    address_family = socket.AF_UNIX
    request_queue_size = programs.Server.request_queue_size
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, without asking for the name of the host."""
        socketserver.TCPServer.server_bind(self)


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        """Connect to the path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(_PATH)


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> Any:
        """Open a connection for the request."""
        return self.do_open(_Connection, request)


def _urllib_server() -> None:
    _Server(_PATH, programs.Quiet).serve_forever()  # type: ignore[arg-type]  # a path it is


def _urllib_client() -> None:
    opener = urllib.request.build_opener(_Handler)
    for _ in range(programs.REQUESTS):
        with opener.open("http://server/") as answer:
            assert answer.read() == b"hello"


def _echo_server() -> None:
    async def serve() -> None:
        await (await asyncio.start_unix_server(programs.echo, _PATH)).serve_forever()

    asyncio.run(serve())


def _echo_client() -> None:
    async def ask() -> None:
        await programs.converse(*await asyncio.open_unix_connection(_PATH))

    async def crowd() -> None:
        await asyncio.gather(*(ask() for _ in range(programs.CLIENTS)))

    asyncio.run(crowd())


PIPES: list[tuple[Callable[[], None], Callable[[], None]]] = [
    (_urllib_server, _urllib_client),
    (_echo_server, _echo_client),
]


def over_a_pipe(index: int) -> float:
    """Return the seconds of a whole run over AF_UNIX."""
    server, client = PIPES[index]
    begun = time.perf_counter()
    world = World()
    node = world.host("both")
    world.program(node, server, background=True)
    world.program(node, client)
    outcome = world.run()
    elapsed = time.perf_counter() - begun
    assert not outcome.failed, outcome
    return elapsed


def on_kernel(pair: programs.Pair) -> tuple[float, float]:
    """Return the elapsed seconds of the client, and the user time of both programs."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    server = context.Process(target=_served, args=(pair.server, theirs))
    server.start()
    programs.until_listening()
    ours.send("count")
    before = ours.recv()
    began, begun = resource.getrusage(resource.RUSAGE_SELF).ru_utime, time.perf_counter()
    pair.client("127.0.0.1")
    elapsed = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
    ours.send("count")
    used += ours.recv() - before
    server.kill()
    server.join()
    return elapsed, used


def _served(function: Callable[[], None], pipe: Any) -> None:
    import threading

    def count() -> None:
        while pipe.recv():
            pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_utime)

    threading.Thread(target=count, daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    function()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What a run would take if its TCP took nothing.")
    parser.add_argument("rounds", nargs="?", type=int, default=11)
    rounds = parser.parse_args().rounds
    install()
    print(f"{'':24} {'kernel':>8} {'programs':>9} {'pipe':>7} {'world':>7}   load")
    for index in range(len(PIPES)):
        pair = programs.PAIRS[index]
        over_a_pipe(index)
        programs.in_world(pair)
        found = []
        for _ in range(rounds):
            kernel = on_kernel(pair)
            found.append(Figures(*kernel, over_a_pipe(index), programs.in_world(pair).elapsed))
        figures = Figures(*map(min, zip(*found, strict=True)))
        figures = figures._replace(programs=statistics.mean(one.programs for one in found))
        ratios = [f"{one / figures.kernel:.2f}x" for one in figures[1:]]
        print(f"{pair.name:24} {figures.kernel:7.3f}s {ratios[0]:>9} {ratios[1]:>7} {ratios[2]:>7}"
              f"   {os.getloadavg()[0]:.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
