"""AF_UNIX stream sockets in a simulated program: what the kernel note says, and what waits."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from lastack.run import World
from tests.run.in_world import alone, run, well

NOTE = Path(__file__).parents[2] / "docs" / "kernel-notes" / "scripts" / "unix.py"


def test_the_kernel_note_holds_on_a_simulated_host() -> None:
    world = World()
    world.program(world.host("a"), [str(NOTE)])
    (ended,) = world.run().programs
    text = "\n".join(line.text for line in ended.output)
    assert ended.exit == 0, text
    assert "connect, backlog 0: ok" in text


def test_connect_waits_for_room_in_the_queue(tmp_path: Path) -> None:
    def program() -> None:
        path = str(tmp_path / "s")
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(0)
        socket.socket(socket.AF_UNIX).connect(path)
        threading.Timer(3, server.accept).start()
        socket.socket(socket.AF_UNIX).connect(path)
        print(time.monotonic())

    # Clients close as they are collected, and still wait to be accepted.
    assert alone(program) == ["3.0"]


def test_accept_and_recv_wait_and_time_out(tmp_path: Path) -> None:
    def program() -> None:
        path = str(tmp_path / "s")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen()
            server.settimeout(2)
            with pytest.raises(TimeoutError):
                server.accept()
            client = socket.socket(socket.AF_UNIX)
            threading.Timer(1, client.connect, (path,)).start()
            sock, _ = server.accept()
            threading.Timer(1, client.sendall, (b"x" * 500_000,)).start()
            with sock.makefile("rb") as file:
                assert len(file.read(500_000)) == 500_000
            print(time.monotonic())

    assert alone(program) == ["4.0"]


def test_asyncio_serves_on_a_path(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)).upper())
        writer.close()

    async def main() -> None:
        server = await asyncio.start_unix_server(echo, path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello")
        print((await reader.read()).decode())
        writer.close()
        server.close()

    assert alone(lambda: asyncio.run(main())) == ["HELLO"]


def test_hosts_that_see_one_file_are_two_hosts(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    def server() -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        sock.listen()
        time.sleep(10)

    def client() -> None:
        time.sleep(1)
        with pytest.raises(ConnectionRefusedError):
            socket.socket(socket.AF_UNIX).connect(path)

    well(("a", server), ("b", client))


def test_a_program_that_listens_on_a_path_is_in_the_background(tmp_path: Path) -> None:
    def server() -> None:
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "s"))
        sock.listen()
        sock.accept()

    outcome, _ = run(("a", server))
    assert outcome.programs[0].stopped


@pytest.mark.parametrize(
    ("kind", "proto", "number"),
    [(socket.SOCK_DGRAM, 0, 94), (socket.SOCK_SEQPACKET, 0, 94), (socket.SOCK_STREAM, 6, 93)],
)
def test_other_kinds_are_refused(kind: int, proto: int, number: int) -> None:
    def program() -> None:
        with pytest.raises(OSError) as caught:
            socket.socket(socket.AF_UNIX, kind, proto)
        assert caught.value.errno == number

    alone(program)
