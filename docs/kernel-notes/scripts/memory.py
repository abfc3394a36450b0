"""What a kernel keeps for a TIME-WAIT and for an idle connection: objects of its slab caches."""

from __future__ import annotations

import resource
import socket
from contextlib import ExitStack
from pathlib import Path

import lab
from lab import Between, Fact, Facts

_SOME = 4000
_EACH = Between(0.7, 1.2)  # some come from slabs that were begun before
_OF_A_CONNECTION = {"TCP": 2368, "sock_inode_cache": 832, "filp": 192, "dentry": 192}


def slabs() -> dict[str, tuple[int, int]]:
    """Return for each cache how many objects are in use, and the size of one."""
    lines = Path("/proc/slabinfo").read_text().splitlines()[2:]
    fields = (line.split() for line in lines)
    return {one[0]: (int(one[1]), int(one[3])) for one in fields}


def grown(before: dict[str, tuple[int, int]], number: int) -> dict[str, float]:
    """Return the caches that grew, by objects for each of `number`."""
    now = slabs()
    return {
        name: (now[name][0] - before.get(name, (0, 0))[0]) / number
        for name in now
        if now[name][0] - before.get(name, (0, 0))[0] > number // 2
    }


def pairs(number: int, listener: socket.socket) -> list[tuple[socket.socket, socket.socket]]:
    """Return so many open connections, client and server."""
    made = []
    for _ in range(number):
        client = socket.create_connection(listener.getsockname())
        made.append((client, listener.accept()[0]))
    return made


def time_wait() -> Facts:
    """TIME-WAITs of clients."""
    with socket.create_server(("127.0.0.1", 80), backlog=128) as listener:
        before = slabs()
        for client, server in pairs(_SOME // 4, listener):
            client.close()
            server.close()
        more = grown(before, _SOME // 4)
    yield Fact("memory.time-wait.objects", more.get("tw_sock_TCP", 0.0), _EACH)
    yield Fact("memory.time-wait.bytes", slabs()["tw_sock_TCP"][1], 256)


def established() -> Facts:
    """Both ends of idle connections."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 80), backlog=128))
        before = slabs()
        for client, server in pairs(_SOME, listener):
            stack.callback(client.close)
            stack.callback(server.close)
        more = grown(before, 2 * _SOME)
        for cache, size in _OF_A_CONNECTION.items():
            if cache != "dentry":  # every file that anybody opens has one
                yield Fact(f"memory.established.{cache}.objects", more.get(cache, 0.0), _EACH)
            yield Fact(f"memory.established.{cache}.bytes", slabs()[cache][1], size)


def memory() -> Facts:
    """One after the other: the caches are the whole machine's."""
    yield from established()
    yield from time_wait()


if __name__ == "__main__":
    lab.main([memory])
