"""Bytes of memory a thing takes: what a fresh process grows by, divided by how many it made.

python -m bench.memory time-waits 1000000
python -m bench.memory endpoints 20000
"""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from lastack.host import Host
from lastack.profile import LINUX, Profile, S
from lastack.sockets import AGAIN, TcpSocket
from lastack.tcp import Entry
from lastack.wire import Flow

from .world import PORT, A, B, Machines

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Return the bytes of this process that are in memory, once the C library has given back
    what is free: what lies between growing arrays does not belong to the table."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def roomy(limit: int) -> Profile:
    """Return Linux with net.ipv4.tcp_max_tw_buckets raised."""
    return replace(LINUX.with_field("limit", limit), name="linux, large table")


def fill(host: Host, numbers: range, duration: int = 0, now: int = 0) -> None:
    """Give a host TIME-WAITs of its own connections to other peers than B: 25,000 ports each.

    Equal numbers are equal connections.
    """
    for index in numbers:
        peer = bytes((10, 1 + index // 25_000 // 250, 1 + index // 25_000 % 250, 1))
        flow = Flow(peer, PORT, host.addresses[0], 33_000 + index % 25_000)
        entry = Entry(
            flow, index * 7919 & 0xFFFF_FFFF, index * 104_729 & 0xFFFF_FFFF, index, 501, index,
            True, False, False, False, False, 7,
        )  # fmt: skip
        assert host.waiting.enter(entry, duration, now)


def time_waits(number: int) -> float:
    """Return the bytes of one TIME-WAIT among so many."""
    host = Host("a", roomy(number), [A])
    fill(host, range(1000))
    before = resident()
    fill(host, range(1000, number))
    return (resident() - before) / (number - 1000)


def endpoints(connections: int) -> float:
    """Return the bytes of one end of a connection on which nothing was ever sent: socket,
    connection, its place in the host's tables."""
    machines = Machines()
    kept: list[TcpSocket] = []
    _open(machines, kept, 500, PORT)
    before, had = resident(), len(kept)
    port = PORT
    while len(kept) - had < 2 * connections:
        port += 1
        _open(machines, kept, min(10_000, connections - (len(kept) - had) // 2), port)
    return (resident() - before) / (len(kept) - had)


def _open(machines: Machines, kept: list[TcpSocket], number: int, port: int) -> None:
    listener = machines.listen(machines.b, port)
    for _ in range(number):
        client = TcpSocket(machines.a)
        client.hold()
        client.connect(B, port, machines.now)
        kept.append(client)
    machines.flush()
    machines.run(machines.now + 10 * S)  # until no timer runs any more
    for _ in range(number):
        server = listener.accept(machines.now)
        assert server is not AGAIN
        server.hold()
        kept.append(server)


def measured(what: str, number: int) -> float:
    """Measure in a process of its own; bytes."""
    words = [sys.executable, "-m", "bench.memory", what, str(number)]
    root = Path(__file__).parents[1]
    run = subprocess.run(words, check=True, capture_output=True, text=True, cwd=root, timeout=600)
    return float(run.stdout)


if __name__ == "__main__":
    print({"time-waits": time_waits, "endpoints": endpoints}[sys.argv[1]](int(sys.argv[2])))
