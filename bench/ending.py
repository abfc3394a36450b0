"""What ending a connection right costs: time of a call, descriptors, and turns of an event loop.

    python bench/ending.py

All on loopback, everything in one process; medians. The peer closes as soon as it sees the FIN.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import threading
import time
from itertools import pairwise

from lastack.ending import Ending, aclose, close, linger

ROUNDS = 500
LOT = 20_000_000


def connection() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs


def call(end: str) -> float:
    """Return the median time (s) of ending a connection whose peer has closed its side."""
    times = []
    for _ in range(ROUNDS):
        ours, theirs = connection()
        ours.sendall(b"x" * 1000)
        theirs.recv(1000)
        theirs.close()
        began = time.perf_counter()
        if end == "close":
            ours.close()
        else:
            close(ours)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def round_trip() -> float:
    """Return the median time (s) of close() with a peer in a thread that closes on our FIN."""
    times = []
    for _ in range(ROUNDS):
        ours, theirs = connection()
        peer = threading.Thread(target=lambda sock: (sock.recv(1), sock.close()), args=(theirs,))
        peer.start()
        times.append(close(ours).elapsed)
        peer.join()
    return statistics.median(times)


def throughput(how: str) -> float:
    """Return the time (s) from the first byte of `LOT` bytes to the end of the closing."""
    ours, theirs = connection()

    def read() -> None:
        while theirs.recv(1 << 18):
            pass
        theirs.close()

    peer = threading.Thread(target=read)
    peer.start()
    began = time.perf_counter()
    ours.sendall(bytes(LOT))
    if how == "close":
        ours.close()
        peer.join()
    else:
        close(ours).check()
    took = time.perf_counter() - began
    peer.join()
    return took


async def longest_turn(how: str) -> float:
    """Return the longest time (s) that the loop stood still while a lingering stream was closed.

    SO_LINGER is 2 s, and the peer does not read.
    """
    ours, theirs = connection()
    loop = asyncio.get_running_loop()
    _, writer = await asyncio.open_connection(sock=ours)
    linger(ours, 2)
    writer.write(bytes(LOT))
    turns = []

    async def tick() -> None:
        while True:
            turns.append(loop.time())
            await asyncio.sleep(0.001)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(0.05)
    if how == "close":
        writer.transport.abort()
        await asyncio.sleep(0.05)
    else:
        await aclose(writer, timeout=2)
    ticking.cancel()
    theirs.close()
    return max(b - a for a, b in pairwise(turns))


async def many(count: int) -> tuple[float, list[Ending]]:
    """Close `count` streams at a time whose peers stay open for `idle` = 1 s; return the time."""
    pairs = [connection() for _ in range(count)]
    writers = [(await asyncio.open_connection(sock=ours))[1] for ours, _ in pairs]
    began = time.perf_counter()
    endings = await asyncio.gather(*(aclose(writer, idle=1) for writer in writers))
    took = time.perf_counter() - began
    for _, theirs in pairs:
        theirs.close()
    return took, endings


def imports(module: str) -> float:
    """Return the median time (s) of starting Python and importing a module."""
    times = []
    for _ in range(15):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", f"import {module}"], check=True)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print everything."""
    print(f"socket.close(), peer has closed        {call('close') * 1e6:9.0f} us")
    print(f"lastack.close(), peer has closed       {call('lastack') * 1e6:9.0f} us")
    print(f"lastack.close(), peer closes on FIN    {round_trip() * 1e6:9.0f} us")
    for how in ("close", "lastack"):
        times = [throughput(how) for _ in range(11)]
        print(f"send 20 MB and {how:8}                {statistics.median(times) * 1e3:9.1f} ms")
    for how in ("close", "aclose"):
        turn = asyncio.run(longest_turn(how))
        print(f"longest turn, SO_LINGER 2 s, {how:6}    {turn * 1e3:9.1f} ms")
    took, endings = asyncio.run(many(200))
    kinds = {str(ending.kind) for ending in endings}
    print(f"200 streams at a time, peers stay open  {took:8.2f} s  {kinds}")
    for module in ("sys", "socket", "lastack", "lastack.ending"):
        print(f"python -c 'import {module}'".ljust(39), f"{imports(module) * 1e3:8.1f} ms")


if __name__ == "__main__":
    main()
