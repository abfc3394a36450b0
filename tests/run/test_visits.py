"""Blocks of ordinary code as programs of a world's hosts."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from lastack.net import LinkRules
from lastack.run import Hung, Livelock, OpenWorld, World, current

S = 1_000_000_000


def serve() -> None:
    listener = socket.create_server(("0.0.0.0", 80))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"hello " + connection.recv(100))


def with_server() -> OpenWorld:
    world = OpenWorld(seed=1)
    world.program(world.host("web"), serve)
    return world


def ask(name: bytes) -> bytes:
    with socket.create_connection(("web", 80)) as sock:
        sock.sendall(name)
        return sock.recv(100)


def test_a_block_runs_on_its_host_in_virtual_time() -> None:
    world = with_server()
    before = time.monotonic()
    with world.on(world.host("client")):
        begun = time.monotonic()
        assert ask(b"you") == b"hello you"
        assert socket.gethostname() == "client"
        assert socket.gethostbyname(socket.gethostname()) == "10.0.0.2"
        time.sleep(1000)
        spent = time.monotonic() - begun
    assert spent == pytest.approx(1000.004)
    assert time.monotonic() - before < 60
    outcome = world.finish()
    assert [ended.name for ended in outcome.programs] == ["web"]
    assert not outcome.failed


def test_programs_have_started_before_the_first_line() -> None:
    world = with_server()
    client = world.host("client")
    world.network.link("web", "client", LinkRules(delay_ns=0))
    with world.on(client):
        assert ask(b"at once") == b"hello at once"
    world.discard()


def test_blocks_of_one_host_are_one_program() -> None:
    world = with_server()
    client = world.host("client")
    with world.on(client):
        sock = socket.create_connection(("web", 80))
        pid, at = os.getpid(), time.monotonic()
        threading.Thread(target=time.sleep, args=(5,)).start()
    with world.on(client):
        assert (os.getpid(), time.monotonic()) == (pid, at)
        assert threading.active_count() == 2
        sock.sendall(b"again")
        assert sock.recv(100) == b"hello again"
    assert world.finish().ended_at >= 5 * S


def test_two_hosts_step_by_step() -> None:
    world = OpenWorld()
    a, b = world.host("a"), world.host("b")
    with world.on(a):
        listener = socket.create_server(("0.0.0.0", 7))
    with world.on(b):
        client = socket.create_connection(("a", 7))
        client.sendall(b"ping")
        with world.on(a):
            server, peer = listener.accept()
            assert peer[0] == "10.0.0.2"
            assert server.recv(10) == b"ping"
            server.close()
        assert client.recv(10) == b""
    world.finish()


def test_asyncio_in_a_block_also_when_a_loop_runs_outside() -> None:
    world = with_server()
    client = world.host("client")

    async def inner() -> bytes:
        reader, writer = await asyncio.open_connection("web", 80)
        writer.write(b"loop")
        data = await reader.read()
        writer.close()
        await asyncio.sleep(100)
        return data

    async def outer() -> bytes:
        with world.on(client):
            data = asyncio.run(inner())
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is not None
        return data

    assert asyncio.run(outer()) == b"hello loop"
    world.finish()


def test_what_cannot_come_is_an_exception_in_the_block() -> None:
    world = with_server()
    client = world.host("client")
    with world.on(client):
        sock = socket.create_connection(("web", 80))
        with pytest.raises(Hung, match="no event is pending") as caught:
            sock.recv(1)
    told = str(caught.value)
    assert "client, MainThread: recv()" in told
    assert "test_visits.py" in told
    assert "client: ESTABLISHED" in told
    with world.on(client):  # the world itself is well
        sock.sendall(b"now")
        assert sock.recv(100) == b"hello now"
    assert not world.finish().failed


def test_the_limit_of_virtual_time_is_an_exception_in_the_block() -> None:
    world = OpenWorld(until=100 * S)
    with world.on(world.host("a")):
        time.sleep(99)
        with pytest.raises(Hung, match="100 s of virtual time are over"):
            time.sleep(2)
    world.discard()


def test_a_livelock_of_another_program_is_an_exception_in_the_block() -> None:
    world = OpenWorld(patience=0.3)

    def spin() -> None:
        time.sleep(1)
        while True:
            pass

    world.program(world.host("a"), spin)
    with pytest.raises(Livelock, match="real time"), world.on(world.host("b")):
        time.sleep(2)
    with pytest.raises(RuntimeError, match="make another"), world.on(world.nodes["b"]):
        pass
    world.discard()
    assert threading.active_count() == 1


def test_an_error_in_the_engine_is_raised_in_the_block() -> None:
    world = with_server()

    def broken(packet: object, now: int) -> object:
        raise ArithmeticError("a rule failed")

    world.network.add_rule(broken, name="broken")  # type: ignore[arg-type]
    with pytest.raises(ArithmeticError, match="a rule failed"), world.on(world.host("b")):
        socket.create_connection(("web", 80))
    world.discard()
    assert current() is None


def test_a_program_that_ends_itself_is_told_and_closed() -> None:
    world = with_server()
    client = world.host("client")

    def ends_itself() -> None:
        socket.create_connection(("web", 80))
        os._exit(3)

    with pytest.raises(RuntimeError, match="exit status 3"), world.on(client):
        ends_itself()
    with world.on(client):  # another program of the host
        assert ask(b"you") == b"hello you"
    assert not world.finish().failed


def test_the_process_keeps_its_own_world() -> None:
    random.seed(5)
    expected = [random.random() for _ in range(3)]
    random.seed(5)
    drawn = [random.random()]
    handler, thread = signal.getsignal(signal.SIGTERM), threading.current_thread()
    world = with_server()
    client = world.host("client")
    with world.on(client):
        inside = random.random()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert threading.current_thread() is threading.main_thread() is not thread
        assert threading.Thread().name == "Thread-1"
    drawn.append(random.random())
    assert threading.current_thread() is thread
    assert signal.getsignal(signal.SIGTERM) is handler
    world.finish()
    drawn.append(random.random())
    assert drawn == expected
    assert inside not in expected
    again = with_server()
    with again.on(again.host("client")):
        assert random.random() == inside
    again.discard()


def test_finish_waits_for_threads_and_runs_atexit() -> None:
    world = OpenWorld()
    done: list[str] = []

    def late() -> None:
        time.sleep(3)
        done.append("thread")

    with world.on(world.host("a")):
        import atexit

        atexit.register(done.append, "atexit")
        threading.Thread(target=late).start()
    assert world.finish().ended_at == 3 * S
    assert done == ["thread", "atexit"]


def test_discard_sends_nothing_and_leaves_no_thread() -> None:
    world = with_server()
    sent: list[object] = []
    client = world.host("client")
    with world.on(client):
        socket.create_connection(("web", 80))
    world.journal.listeners.append(sent.append)
    world.discard()
    world.discard()
    assert not sent
    assert threading.active_count() == 1
    with pytest.raises(RuntimeError, match="has run"):
        world.finish()


def test_two_open_worlds_and_an_ordinary_one_between_blocks() -> None:
    one, two = with_server(), with_server()
    a, b = one.host("a"), two.host("b")
    with one.on(a):
        assert ask(b"one") == b"hello one"
    with two.on(b):
        assert ask(b"two") == b"hello two"
    world = World()
    world.program(world.host("c"), lambda: time.sleep(1))
    assert world.run().ended_at == S
    with one.on(a):
        assert ask(b"three") == b"hello three"
    two.finish()
    one.finish()


SOURCE = """
import os, signal, threading, time
from lastack.run import OpenWorld
world = OpenWorld()
def spin():
    time.sleep(1)
    while True: pass
world.program(world.host("a"), spin)
real = time.monotonic
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    with world.on(world.host("b")):
        time.sleep(2)
except KeyboardInterrupt:
    print("interrupted")
world.discard()
print(threading.active_count())
"""


def test_ctrl_c_reaches_the_block() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SOURCE], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "interrupted\n1\n"
