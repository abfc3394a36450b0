"""Signals during a lingering close() (docs/kernel-notes/linger.md)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import threading
import time
from typing import Any

from lastack.profile import LINUX, TEXTBOOK, Profile, S
from lastack.run import World


def close_while(handler: Any, profile: Profile) -> tuple[float, str]:
    """Close with l_linger 5 towards a peer that does not read; a signal comes after 1 s."""
    told: list[tuple[float, str]] = []

    def program() -> None:
        signal.signal(signal.SIGALRM, handler)
        listener = socket.create_server(("", 80))
        client = socket.create_connection(("127.0.0.1", 80))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):  # until the send buffer is full
            while True:
                client.send(bytes(100_000))
        client.setblocking(True)

        def later() -> None:
            time.sleep(1)
            os.kill(os.getpid(), signal.SIGALRM)

        threading.Thread(target=later).start()
        begun = time.monotonic()
        error = "0"
        try:
            client.close()
        except OSError as failure:
            error = type(failure).__name__
        told.append((round(time.monotonic() - begun, 3), error))
        listener.close()

    world = World(profile=profile)
    world.program(world.host("a"), program)
    outcome = world.run(until=100 * S)
    assert not outcome.failed, outcome.programs[0].output
    return told[0]


def test_a_handled_signal_ends_the_wait() -> None:
    assert close_while(lambda *_: None, LINUX) == (1.0, "0")


def test_an_ignored_signal_does_not() -> None:
    assert close_while(signal.SIG_IGN, LINUX) == (5.0, "0")


def test_dup2_over_a_lingering_socket_waits() -> None:
    """docs/kernel-notes/references.md; the descriptor is the other file at once."""
    told: list[object] = []

    def program() -> None:
        listener = socket.create_server(("", 80))
        client = socket.create_connection(("127.0.0.1", 80))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(bytes(100_000))
        fd = client.detach()

        def look() -> None:
            time.sleep(1)
            told.append(socket.socket(fileno=os.dup(fd)).getsockopt(1, socket.SO_ACCEPTCONN))

        thread = threading.Thread(target=look)
        thread.start()
        begun = time.monotonic()
        told.append(os.dup2(listener.fileno(), fd) == fd)
        told.append(round(time.monotonic() - begun, 3))
        thread.join()

    world = World()
    world.program(world.host("a"), program)
    outcome = world.run(until=100 * S)
    assert not outcome.failed, outcome.programs[0].output
    assert told == [1, True, 5.0]


def test_in_the_textbook_it_is_eintr() -> None:
    assert close_while(lambda *_: None, TEXTBOOK) == (1.0, "InterruptedError")
