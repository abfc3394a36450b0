"""500 worlds in one process leave nothing behind: no thread, no descriptor, hardly any memory.

In a process of its own, where nothing else makes or frees anything: 50 worlds first, which fill
the caches of the interpreter and of malloc, then the 500 that count; then 100 by tracemalloc, which
sees every object but is slow. (tests/packages has the same with the real packages.)
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Final

import pytest

from lastack.run import World, install

WARM: Final = 50
COUNTED: Final = 500
TRACED: Final = 100
LEFT: Final = 64 * 1024
"""Bytes that a world may leave, at most."""
PROJECT: Final = Path(__file__).parents[2]


def serve() -> None:
    listener = socket.create_server(("0.0.0.0", 80))

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.sendall(connection.recv(100))

    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def ask() -> None:
    with socket.create_connection(("web", 80)) as sock:
        sock.sendall(b"blocking")
        assert sock.recv(100) == b"blocking"


async def ask_again() -> None:
    reader, writer = await asyncio.open_connection("web", 80)
    writer.write(b"asyncio")
    assert await reader.read(100) == b"asyncio"
    writer.close()
    await writer.wait_closed()


def leaves_everything_open() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    kept = socket.create_connection(("web", 80))
    kept.setblocking(False)
    raise SystemExit(len(kept.getpeername()))


def play(seed: int) -> None:
    world = World(seed)
    world.program(world.host("web"), serve)
    for number, main in enumerate((ask, ask_again, leaves_everything_open)):
        world.program(world.host(f"h{number}"), main)
    if seed % 3 == 0:
        world.at(10_000_000, lambda: world.reboot(world.nodes["web"]))
    outcome = world.run()
    assert [ended.exit for ended in outcome.programs[1:4]] == [0, 0, 2]


def state() -> dict[str, int]:
    """Return what this process holds: threads, descriptors, bytes of Python, resident bytes."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "python": tracemalloc.get_traced_memory()[0],
        "resident": pages * os.sysconf("SC_PAGE_SIZE"),
    }


def main(count: int, traced: bool) -> None:
    install()  # once, instead of for each world
    for seed in range(WARM):
        play(seed)
    if traced:
        tracemalloc.start()
    before = state()
    for seed in range(count):
        play(seed)
    print(json.dumps([before, state()]))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("traced", [False, True], ids=["resident", "tracemalloc"])
def test_five_hundred_worlds_leave_nothing(traced: bool) -> None:
    count = TRACED if traced else COUNTED
    code = f"from tests.run.test_many_worlds import main; main({count}, {traced})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = json.loads(done.stdout)
    assert (after["threads"], after["descriptors"]) == (before["threads"], before["descriptors"])
    measure = "python" if traced else "resident"
    assert after[measure] - before[measure] <= count * LEFT
