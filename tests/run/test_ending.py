"""When a run is over, and what is said about programs that did not come to an end."""

import contextlib
import http.server
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from lastack.run import World

from . import calls
from .calls import client, echo_server, lines
from .conftest import Play

S = 1_000_000_000


def test_a_server_is_stopped_when_its_clients_are_done(play: Play) -> None:
    outcome = play(echo_server, client)
    server, other = outcome.programs
    assert (server.exit, server.stopped, server.failed) == (None, True, False)
    assert (other.exit, other.stopped) == (0, False)
    assert lines(outcome, 1) == ["hello", "b''"]
    assert outcome.ended_at < S  # nobody waits for TIME-WAIT
    assert not outcome.failed


def test_a_server_that_catches_the_interrupt_ends_by_itself(play: Play) -> None:
    def server() -> None:
        try:
            echo_server()
        except KeyboardInterrupt:
            time.sleep(5)
            raise SystemExit(3) from None

    ended = play(server, client).programs[0]
    assert (ended.exit, ended.stopped, ended.failed) == (3, False, True)


def test_a_server_that_ignores_the_interrupt_is_stopped_after_a_minute(play: Play) -> None:
    def server() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        echo_server()

    outcome = play(server, client)
    assert outcome.programs[0].stopped
    assert lines(outcome, 0) == []  # what is stopped says nothing more
    assert outcome.ended_at == pytest.approx(60 * S, rel=0.01)


def test_a_server_that_is_told_to_stop_while_it_polls_stops(play: Play) -> None:
    def main() -> None:
        told = threading.Event()
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        server.timeout = 0.1  # a poll, and one more for what the first left of it

        def serve() -> None:
            while not told.is_set():
                server.handle_request()

        thread = threading.Thread(target=serve)
        thread.start()
        socket.create_connection(server.server_address).close()
        told.set()
        thread.join()
        print("joined")

    outcome = play(main)
    assert lines(outcome, 0) == ["joined"]
    assert outcome.programs[0].exit == 0


def test_an_idle_connection_is_waited_for_a_minute(play: Play) -> None:
    def idle_server() -> None:
        listener = calls.listen(7)
        calls.accept(listener)
        threading.Event().wait()

    def leaves_a_thread() -> None:
        calls.connect("10.0.0.1", 7)
        calls.listen(8)
        threading.Event().wait()

    outcome = play(idle_server, leaves_a_thread)
    assert [ended.stopped for ended in outcome.programs] == [True, True]
    assert outcome.ended_at == pytest.approx(60 * S, rel=0.01)


def test_an_orphan_delivers_before_the_end(play: Play) -> None:
    def slow_server() -> None:
        listener = calls.listen(7)
        file = calls.accept(listener)
        count = 0
        while data := calls.receive(file, 1000):
            count += len(data)
            time.sleep(0.1)
        print(count)
        calls.accept(listener)

    def hasty() -> None:
        file = calls.connect("10.0.0.1", 7)
        calls.send(file, bytes(100_000))
        calls.close(file)

    outcome = play(slow_server, hasty)
    assert lines(outcome, 0) == ["100000"]


def test_a_program_marked_background_does_not_hold_the_run() -> None:
    world = World()

    def ticker() -> None:
        while True:
            time.sleep(1)

    world.program(world.host("a"), ticker, background=True)
    world.program(world.host("b"), lambda: time.sleep(10))
    outcome = world.run()
    assert outcome.programs[0].stopped
    assert outcome.ended_at == 10 * S


def test_until_cuts_off_and_names_who_waits(play: Play) -> None:
    def sleeper() -> None:
        while True:
            time.sleep(7)

    outcome = play(sleeper, until=100 * S)
    assert outcome.ended_at == 100 * S
    ended = outcome.programs[0]
    assert (ended.exit, ended.stopped, ended.failed) == (None, False, True)
    assert "MainThread: sleeps 7 s" in ended.hung
    assert "in sleeper" in ended.hung
    assert outcome.deadlock == ""


def test_a_deadlock_is_told_at_once(play: Play) -> None:
    def main() -> None:
        first, second = threading.Lock(), threading.Lock()

        def cross(a: threading.Lock, b: threading.Lock) -> None:
            with a:
                time.sleep(1)
                with b:
                    print("never")

        threading.Thread(target=cross, args=(first, second), name="other").start()
        cross(second, first)

    outcome = play(main)
    assert outcome.failed
    assert outcome.ended_at == S
    assert "no event is pending" in outcome.deadlock
    assert "h1, MainThread: waits for a lock" in outcome.deadlock
    assert "h1, other: waits for a lock" in outcome.deadlock


def test_a_deadlock_shows_the_sockets(play: Play) -> None:
    def quiet_server() -> None:
        file = calls.accept(calls.listen(7))
        calls.receive(file)

    def quiet_client() -> None:
        file = calls.connect("10.0.0.1", 7)
        calls.receive(file)

    outcome = play(quiet_server, quiet_client, until=10_000 * S)
    assert "recv()" in outcome.programs[1].hung
    assert "ESTABLISHED" in outcome.deadlock


def test_threads_that_go_round_at_one_instant_are_a_livelock(play: Play) -> None:
    def main() -> None:
        ping, pong = threading.Semaphore(0), threading.Semaphore(0)

        def pass_on(a: threading.Semaphore, b: threading.Semaphore) -> None:
            while True:
                a.acquire()
                b.release()

        threading.Thread(target=pass_on, args=(ping, pong)).start()
        ping.release()
        pass_on(pong, ping)

    outcome = play(main)
    assert outcome.failed
    assert "go round at one instant" in outcome.livelock
    assert "waits for a lock" in outcome.programs[0].hung


def test_a_program_that_only_computes_is_cut_off(play: Play) -> None:
    def main() -> None:
        while True:
            pass

    outcome = play(main, patience=0.5)
    assert outcome.failed
    assert "real time" in outcome.livelock
    assert "in main" in outcome.livelock


def test_a_program_that_catches_everything_is_left_behind(play: Play) -> None:
    def main() -> None:
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1)

    outcome = play(main, until=10 * S)
    assert "cannot be ended" in outcome.livelock


PRELUDE = """
import os, signal, sys, threading, time
from lastack.run import World
world = World()
"""


@pytest.mark.parametrize("body", ["while True: pass", "while True: time.sleep(1e-6)"])
def test_ctrl_c_ends_a_run_within_a_second(body: str) -> None:
    source = PRELUDE + textwrap.dedent(
        f"""
        def main():
            {body}
        world.program(world.host("a"), main)
        real = time.monotonic
        sent = []
        def interrupt():
            sent.append(real())
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(0.5, interrupt).start()
        try:
            world.run(until=1 << 60)
        except KeyboardInterrupt:
            print(real() - sent[0], threading.active_count())
        """
    )
    took = []
    while len(took) < 3 and min(took, default=1) >= 1:  # the machine may be busy
        done = subprocess.run(
            [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=True
        )
        seconds, threads = done.stdout.split()
        assert threads == "1"
        took.append(float(seconds))
    assert min(took) < 1
