"""Threads that do not give the baton back: who, where, for how long, what to do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from lastack.run import Livelock, OpenWorld, Outcome, World
from lastack.run.osthread import allocate_lock, real_time

from .conftest import Play


def accept_all() -> None:
    listener = socket.create_server(("0.0.0.0", 80))
    kept = []
    while True:
        kept.append(listener.accept())


def two_readers() -> None:
    file = socket.create_connection(("10.0.0.1", 80)).makefile("rb")
    threading.Thread(target=file.read, args=(10,), name="reader").start()
    time.sleep(1)
    file.read(10)  # blocks in C: the lock of the BufferedReader


@pytest.fixture
def locked() -> Iterator[object]:
    """A real lock, held; freed at the end, so that no thread is left."""
    lock = allocate_lock()
    lock.acquire()
    yield lock
    if lock.locked():
        lock.release()


def words(text: str) -> str:
    return " ".join(text.split())


def check_buffer(told: str) -> None:
    assert "h2, MainThread has been blocked in C for 0.5 s" in words(told)
    assert "the file of a socket (makefile()) that h2, reader reads or writes" in words(told)
    assert "call shutdown() on the socket" in words(told)
    line = two_readers.__code__.co_firstlineno + 4
    assert f"test_watchdog.py:{line} in two_readers" in told
    assert not [line for line in told.splitlines()[:6] if len(line) > 80]


def test_a_buffer_that_two_threads_read(play: Play) -> None:
    before = threading.active_count()
    outcome: Outcome = play(accept_all, two_readers, patience=0.5)
    assert outcome.failed
    check_buffer(outcome.livelock)
    assert "h2, reader: recv_into() on ESTABLISHED" in outcome.livelock
    assert threading.active_count() == before
    assert not play(lambda: time.sleep(1)).failed  # the next world is well


def test_it_is_told_in_a_block() -> None:
    world = OpenWorld(patience=0.5)
    world.program(world.host("h1"), accept_all)
    world.program(world.host("h2"), two_readers)
    with pytest.raises(Livelock) as caught, world.on(world.host("h3")):
        time.sleep(100)
    check_buffer(str(caught.value))
    world.discard()


def test_a_real_lock(locked: object) -> None:
    world = World(patience=0.4)

    def main() -> None:
        time.sleep(5)
        locked.acquire()  # type: ignore[attr-defined]

    world.program(world.host("a"), main, name="stuck")
    world.program(world.host("b"), lambda: time.sleep(100))
    outcome = world.run()
    told = words(outcome.livelock)
    assert "stuck, MainThread has been blocked in C for 0.4 s" in told
    assert "it waits for a real lock, pipe, file or terminal" in told
    assert "in main" in told
    assert "b, MainThread: sleeps 100 s" in told
    assert outcome.failed


def test_a_thread_that_comes_out_late_does_nothing(locked: object, play: Play) -> None:
    said: list[str] = []
    out = allocate_lock()
    out.acquire()

    def main() -> None:
        try:
            locked.acquire()  # type: ignore[attr-defined]
            said.append("went on")
            time.sleep(1)
            said.append("slept")
        finally:
            said.append("came out")
            out.release()

    assert play(main, patience=0.3).failed
    assert said == []
    locked.release()  # type: ignore[attr-defined]
    assert out.acquire(timeout=20)
    assert said == ["came out"]


def test_computing_is_no_blocking(play: Play) -> None:
    def main() -> None:
        while True:
            sum(range(1000))

    told = words(play(main, patience=0.4).livelock)
    assert "h1, MainThread has run for 0.4 s" in told
    assert "it computes, or goes round" in told
    assert "blocked" not in told


def test_patience_begins_again_with_every_wait(play: Play) -> None:
    def main() -> None:
        for _ in range(3):
            end = real_time() + 1.2
            while real_time() < end:
                sum(range(1000))
            time.sleep(1)

    assert not play(main, patience=3).failed
