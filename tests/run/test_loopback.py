"""What a host sends to itself, and threads that never wait."""

import socket
import threading
import time
from pathlib import Path

import pytest

from lastack.net import LinkRules
from lastack.run import World
from tests.run.in_world import alone

NOTE = Path(__file__).parents[2] / "docs" / "kernel-notes" / "scripts" / "loopback.py"


def test_the_kernel_note_holds_on_a_simulated_host() -> None:
    world = World(trace=False)
    world.program(world.host("a"), [str(NOTE)])
    (ended,) = world.run().programs
    assert ended.exit == 0, "\n".join(line.text for line in ended.output)
    assert len(ended.output) == 4


def test_a_loopback_that_somebody_made_slow_is_slow() -> None:
    world = World()
    world.host("a")
    world.network.link("a", "a", LinkRules(delay_ns=1_000_000))

    def program() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            client.send(b"x")
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.recv(1)

    world.program(world.nodes["a"], program)
    assert world.run().programs[0].exit == 0


def test_who_waits_is_woken_when_its_time_is_over_and_not_later() -> None:
    def program() -> None:
        one, other = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
        other.bind(("127.0.0.1", 0))
        waking: list[float] = []

        def wait() -> None:
            time.sleep(1e-6)
            waking.append(time.monotonic())

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0)  # it sleeps now
        one.sendto(b"x", other.getsockname())
        assert other.recv(1, socket.MSG_DONTWAIT) == b"x"
        thread.join()
        assert waking == [1e-05]  # the packet came meanwhile, and nobody ran between
        one.close()
        other.close()

    alone(program)


def test_a_thread_that_only_sends_lets_the_others_have_their_turn() -> None:
    def program() -> None:
        listener = socket.create_server(("127.0.0.1", 0))

        def server() -> None:
            listener.accept()[0].close()

        threading.Thread(target=server).start()
        with socket.create_connection(listener.getsockname()) as sock:
            sock.setblocking(False)
            for _ in range(100_000):
                try:
                    sock.send(b"x")
                except BlockingIOError:
                    raise AssertionError("the queue is full, and nobody else has run") from None
                except (ConnectionResetError, BrokenPipeError):
                    break
            else:
                raise AssertionError("nobody else has run")
        listener.close()

    alone(program)
