"""Loopback: what one call sent has arrived at the next, in the same thread. Needs no root.

Runs on a simulated host, too: `lastack run a=docs/kernel-notes/scripts/loopback.py` says the same.
A busy kernel may hand the work to ksoftirqd now and then; so a round counts, not every one.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterator

ROUNDS = 200
ENOUGH = 0.95
Fact = tuple[str, Callable[[], object], object]


def connected() -> tuple[socket.socket, socket.socket]:
    """Return a client, and the server's socket of the same connection, accepted at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        listener.setblocking(False)
        server, _ = listener.accept()
    server.setblocking(False)
    return client, server


def after_send() -> bytes:
    """recv() that may not wait, right behind a send()."""
    client, server = connected()
    with client, server:
        client.send(b"hello")
        return server.recv(9)


def after_close() -> bytes:
    """The same behind a close()."""
    client, server = connected()
    with server:
        client.close()
        return server.recv(9)


def after_abort() -> str:
    """The same behind a close() that sends RST."""
    client, server = connected()
    with server:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        try:
            return repr(server.recv(9))
        except OSError as error:
            return errno.errorcode[error.errno or 0]


def after_connect() -> bool:
    """select(0) behind a connect() that did not wait: is it connected?"""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        return client in select.select([], [client], [], 0)[1]


def facts() -> Iterator[Fact]:
    """Yield what to do, and what the note says of it."""
    yield "recv behind send", after_send, b"hello"
    yield "recv behind close", after_close, b""
    yield "recv behind close with l_linger 0", after_abort, "ECONNRESET"
    yield "select(0) behind a non-blocking connect", after_connect, True


def main() -> int:
    """Print the facts; 1 when one is not as noted."""
    wrong = 0
    for name, look, noted in facts():
        seen: dict[object, int] = {}
        for _ in range(ROUNDS):
            try:
                what = look()
            except BlockingIOError:
                what = "EAGAIN"
            seen[what] = seen.get(what, 0) + 1
        most = max(seen, key=lambda what: seen[what])
        holds = most == noted and seen[most] >= ENOUGH * ROUNDS
        print(f"{name}: {most}" + ("" if holds else f"   NOT AS NOTED: {noted}; {seen}"))
        wrong += not holds
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
