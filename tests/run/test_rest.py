"""A server whose clients have gone is not interrupted in the middle of what it does."""

import select
import socket
import socketserver
import threading
import time
from collections.abc import Callable

import pytest

from lastack.run import Outcome

from .calls import lines
from .conftest import Play

S = 1_000_000_000


def visit() -> None:
    with socket.create_connection(("h1", 7)) as sock:
        assert sock.recv(1) == b""


def served(play: Play, server: Callable[[], object]) -> Outcome:
    outcome = play(server, visit)
    assert not outcome.failed
    return outcome


def test_it_sleeps_to_the_end(play: Play) -> None:
    def server() -> None:
        with socket.create_server(("", 7)) as listener:
            listener.accept()[0].close()
            for _ in range(3):
                time.sleep(5)
            print("done")

    outcome = served(play, server)
    assert lines(outcome, 0) == ["done"]
    assert not outcome.programs[0].stopped


def test_its_accept_times_out_once(play: Play) -> None:
    def server() -> None:
        with socket.create_server(("", 7)) as listener:
            listener.settimeout(3)
            while True:
                try:
                    listener.accept()[0].close()
                except TimeoutError:
                    print("nobody came")

    outcome = served(play, server)
    assert lines(outcome, 0)[0] == "nobody came"
    assert lines(outcome, 0).count("nobody came") == 1
    assert outcome.programs[0].stopped


@pytest.mark.parametrize("delay", [0.0, 2.0])
def test_its_shutdown_is_heard(play: Play, delay: float) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            threading.Timer(delay, self.server.shutdown).start()

    def server() -> None:
        with socketserver.TCPServer(("", 7), Handler) as tcp:
            tcp.serve_forever(poll_interval=0.3)
        print("shut down")

    outcome = served(play, server)
    assert lines(outcome, 0) == ["shut down"]
    assert not outcome.programs[0].stopped


@pytest.mark.parametrize("poll", [0.5, 100, None])
def test_one_that_only_polls_is_stopped_soon(play: Play, poll: float | None) -> None:
    def server() -> None:
        with socket.create_server(("", 7)) as listener:
            while True:
                if select.select([listener], [], [], poll)[0]:
                    listener.accept()[0].close()

    outcome = served(play, server)
    assert outcome.programs[0].stopped
    assert outcome.ended_at < 1 * S


def test_one_that_never_rests_is_stopped_after_a_minute(play: Play) -> None:
    def server() -> None:
        with socket.create_server(("", 7)) as listener:
            listener.accept()[0].close()
            while True:
                time.sleep(1)

    outcome = served(play, server)
    assert outcome.programs[0].stopped
    assert outcome.ended_at == pytest.approx(60 * S, rel=0.05)
