"""Worlds leave nothing behind in their process: no thread, no descriptor, hardly any memory.

In a process of its own, where nothing else makes or frees anything: 30 worlds first, which fill
the caches of the interpreter and of malloc, then 100 that count.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from subprocess import run
from typing import Final

import pytest

from lastack.run import install

from .processes import PROJECT
from .rows import ROWS

WARM: Final = 30
COUNTED: Final = 100
LEFT_KIB: Final = 64


def state() -> tuple[int, int, int]:
    """Return threads, descriptors, and resident KiB of this process."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    page_kib = os.sysconf("SC_PAGE_SIZE") // 1024
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), pages * page_kib


def main(key: str) -> None:
    from .play import play

    install()  # once, instead of for each world
    row = next(row for row in ROWS if row.key == key)
    states = []
    for count in (WARM, COUNTED):
        for _ in range(count):
            assert play(row).lines == row.expected
        states.append(state())
    print(json.dumps(states))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("key", ["http_server_urllib", "websockets_asyncio", "trio_streams"])
def test_a_hundred_worlds_leave_nothing(key: str) -> None:
    row = next(row for row in ROWS if row.key == key)
    if row.missing:
        pytest.skip(f"not installed: {', '.join(row.missing)} (pip install '.[packages]')")
    command = [sys.executable, "-m", "tests.packages.test_many_worlds", key]
    done = run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (threads, files, before), (threads_now, files_now, after) = json.loads(done.stdout)
    assert (threads_now, files_now) == (threads, files)
    assert after - before <= COUNTED * LEFT_KIB


if __name__ == "__main__":
    main(sys.argv[1])
