"""The lifecycle of `bench.world` on this machine's kernel: loopback, one blocking thread."""

from __future__ import annotations

import itertools
import random
import socket
import time

from .world import REQUEST, RESPONSE

_START = random.randrange(1 << 20)
_NUMBERS = itertools.count(_START)


def _fresh_address() -> str:
    """Return an address of 127/8 that has no TIME-WAITs yet, so that no port has to be looked for
    (docs/bench.md)."""
    number = next(_NUMBERS) % (250 * 250 * 250)
    return f"127.{1 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}"


def lifecycles(count: int, together: int) -> float:
    """Return how many lifecycles a processor second has, both ends in this thread."""
    with socket.create_server((_fresh_address(), 0), backlog=max(together, 128)) as listener:
        address = listener.getsockname()
        begun = time.process_time()
        for _ in range(count // together):
            _together(listener, address, together)
        return count // together * together / (time.process_time() - begun)


def _together(listener: socket.socket, address: tuple[str, int], together: int) -> None:
    clients, servers = [], []
    for _ in range(together):
        client = socket.socket()
        client.connect(address)
        clients.append(client)
        servers.append(listener.accept()[0])
    for client in clients:
        client.send(REQUEST)
    for server in servers:
        assert server.recv(65536) == REQUEST
        server.send(RESPONSE)
    for client in clients:
        assert client.recv(65536) == RESPONSE
        client.close()
    for server in servers:
        assert server.recv(65536) == b""
        server.close()
