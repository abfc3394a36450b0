"""Where the bytes of a lost answer are: as on the kernel, within a fifth.

The figures are docs/kernel-notes/buffers.md's, measured by docs/kernel-notes/scripts/buffers.py:
a client sends a request with a blocking sendall and then reads; the server reads one byte of it,
answers, and closes. Both pause, so that what can travel has travelled.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
import threading
import time
from dataclasses import dataclass, field

import pytest

from lastack.net import LinkRules
from lastack.profile import US, S
from lastack.run import World

BLOCKED = -1
"""A program that still sits in sendall when everything has come to rest."""


@dataclass
class Seen:
    """What the two programs noted down."""

    unread: int = BLOCKED
    client_queue: int = BLOCKED
    delivered: int = 0
    errors: list[str] = field(default_factory=list)


def queued(sock: socket.socket, request: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(sock, request, bytes(4)))[0])


def play(mtu: int, request: int, answer: int, receive: int, send: int) -> Seen:
    seen = Seen()

    def size(sock: socket.socket) -> socket.socket:
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        if send:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)
        return sock

    def server() -> None:
        listener = size(socket.socket())
        listener.bind(("", 80))
        listener.listen()
        connection, _ = listener.accept()
        connection.recv(1)
        time.sleep(0.3)
        connection.sendall(b"a" * answer)
        time.sleep(0.3)
        seen.unread = queued(connection, termios.FIONREAD)
        connection.close()

    def look(sock: socket.socket) -> None:
        time.sleep(0.55)  # the server closes at 0.6
        seen.client_queue = queued(sock, termios.TIOCOUTQ)

    def client() -> None:
        sock = size(socket.socket())
        sock.connect(("server", 80))
        threading.Thread(target=look, args=(sock,)).start()
        try:
            sock.sendall(b"q" * request)
        except OSError as error:
            seen.errors.append(type(error).__name__)
        time.sleep(1)
        try:
            while data := sock.recv(65536):
                seen.delivered += len(data)
        except OSError as error:
            seen.errors.append(type(error).__name__)

    world = World(link=LinkRules(delay_ns=50 * US, mtu=mtu), trace=False)
    world.program(world.host("server"), server)
    world.program(world.host("client"), client)
    world.run(until=30 * S)
    return seen


BIG = 1_000_000
# (mtu, request, answer, SO_RCVBUF, SO_SNDBUF): (unread, client's queue, delivered)
MEASURED: dict[tuple[int, int, int, int, int], tuple[int, int | None, int]] = {
    (65536, 1_000, 10_000, 0, 0): (999, 0, 10_000),
    (65536, 1_000, 200_000, 0, 0): (999, 0, 128_000),
    (65536, 1_000, 2_000_000, 0, 0): (999, 0, 128_000),
    (65536, 1_000, 3_000_000, 0, 0): (999, 0, 3_000_000),
    (65536, BIG, 10_000, 0, 0): (127_972, 872_027, 10_000),
    (65536, BIG, 200_000, 0, 0): (127_972, 872_027, 128_000),
    (65536, BIG, 2_000_000, 0, 0): (127_972, 872_027, 128_000),
    (65536, BIG, 3_000_000, 0, 0): (127_972, 872_027, 3_000_000),
    (65536, BIG, 10_000, 65536, 0): (127_574, 872_425, 10_000),
    (65536, BIG, 2_000_000, 65536, 0): (127_574, 872_425, 127_574),
    (65536, BIG, 10_000, 0, 65536): (127_972, 142_848, 10_000),
    (65536, BIG, 200_000, 0, 65536): (127_972, 142_848, 128_000),
    (65536, BIG, 2_000_000, 0, 65536): (BLOCKED, None, 0),
    (65536, 1_000, 2_000_000, 0, 65536): (999, 0, 2_000_000),
    (65536, BIG, 200_000, 65536, 65536): (127_574, 142_251, 127_574),
    (65536, BIG, 3_000_000, 65536, 65536): (BLOCKED, None, 0),
    (1500, 1_000, 10_000, 0, 0): (999, 0, 10_000),
    (1500, 1_000, 200_000, 0, 0): (999, 0, 126_184),
    (1500, 1_000, 2_000_000, 0, 0): (999, 0, 2_000_000),
    (1500, BIG, 10_000, 0, 0): (126_183, 382_272, 10_000),
    (1500, BIG, 200_000, 0, 0): (126_183, 382_272, 126_184),
    (1500, BIG, 2_000_000, 0, 0): (BLOCKED, None, 0),
    (1500, BIG, 3_000_000, 0, 0): (BLOCKED, None, 0),
    (1500, BIG, 10_000, 65536, 0): (126_905, 382_272, 10_000),
    (1500, BIG, 200_000, 65536, 0): (126_905, 382_272, 126_906),
    (1500, BIG, 10_000, 0, 65536): (126_359, 150_592, 10_000),
    (1500, BIG, 200_000, 0, 65536): (126_359, 150_592, 126_360),
    (1500, BIG, 200_000, 65536, 65536): (126_447, 150_592, 126_602),
    (1500, BIG, 2_000_000, 65536, 65536): (BLOCKED, None, 0),
}


def near(ours: int, measured: int | None) -> bool:
    if measured is None:
        return True
    return abs(ours - measured) <= 0.1 * measured if measured > 0 else ours == measured


@pytest.mark.parametrize(("case", "measured"), MEASURED.items(), ids=str)
def test_where_the_bytes_are(
    case: tuple[int, int, int, int, int], measured: tuple[int, int | None, int]
) -> None:
    seen = play(*case)
    ours = (seen.unread, seen.client_queue, seen.delivered)
    mtu, _, _, rcvbuf, sndbuf = case
    if mtu == 65536 and not rcvbuf and not sndbuf:
        assert ours == measured  # loopback as it is: the same bytes, every one of them
    assert all(map(near, ours, measured)), f"{ours} instead of {measured}"


def test_reading_the_request_delivers_the_answer() -> None:
    """The remedy of the verdict: the same server that reads on."""
    got: list[int] = []

    def server() -> None:
        with socket.create_server(("", 80)) as listener:
            connection, _ = listener.accept()
            wanted = BIG
            while wanted:
                wanted -= len(connection.recv(65536))
            connection.sendall(b"a" * 2_000_000)
            connection.close()

    def client() -> None:
        with socket.create_connection(("server", 80)) as sock:
            sock.sendall(b"q" * BIG)
            count = 0
            while data := sock.recv(65536):
                count += len(data)
            got.append(count)

    world = World(trace=False)
    world.program(world.host("server"), server)
    world.program(world.host("client"), client)
    assert not world.run().failed
    assert got == [2_000_000]
