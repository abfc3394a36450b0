"""AF_UNIX stream sockets in a simulated program: what the kernel note says, and what waits."""

import asyncio
import errno
import logging.handlers
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lastack.run import World
from tests.run.in_world import alone, run, well

NOTES = Path(__file__).parents[2] / "docs" / "kernel-notes" / "scripts"


@pytest.mark.parametrize(("note", "says"), [
    ("unix.py", "connect, backlog 0: ok"),
    ("unix_datagrams.py", "socketpair, 1000 bytes: (93, 'EAGAIN')"),
])  # fmt: skip
def test_the_kernel_note_holds_on_a_simulated_host(note: str, says: str) -> None:
    world = World()
    world.program(world.host("a"), [str(NOTES / note)])
    (ended,) = world.run().programs
    text = "\n".join(line.text for line in ended.output)
    assert ended.exit == 0, text
    assert says in text


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
    [(socket.SOCK_DGRAM, 6, 93), (socket.SOCK_SEQPACKET, 0, 94), (socket.SOCK_STREAM, 6, 93)],
)
def test_other_kinds_are_refused(kind: int, proto: int, number: int) -> None:
    def program() -> None:
        with pytest.raises(OSError) as caught:
            socket.socket(socket.AF_UNIX, kind, proto)
        assert caught.value.errno == number

    alone(program)


def test_a_sender_waits_for_room_at_the_receiver(tmp_path: Path) -> None:
    def program() -> None:
        path = str(tmp_path / "s")
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        server.bind(path)
        client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for _ in range(11):
            client.sendto(b"x", path)
        threading.Timer(3, server.recv, (1,)).start()
        client.sendto(b"last", path)
        print(time.monotonic())
        client.settimeout(2)
        with pytest.raises(TimeoutError):
            client.sendto(b"no room", path)
        print(time.monotonic())
        client.settimeout(None)
        threading.Timer(1, server.close).start()
        with pytest.raises(ConnectionRefusedError):
            client.sendto(b"nobody", path)

    assert alone(program) == ["3.0", "5.0"]


def test_two_ends_of_a_socketpair_wait_for_each_other() -> None:
    def program() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        big = bytes(100_000)

        def read() -> None:
            time.sleep(1)
            print(sum(len(far.recv(200_000)) for _ in range(6)))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(6):
            near.send(big)
        print(time.monotonic())
        reader.join()

    assert alone(program) == ["1.0", "600000"]


def test_asyncio_has_datagram_endpoints_of_a_path(tmp_path: Path) -> None:
    path = str(tmp_path / "s")

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: object) -> None:
            self.transport.sendto(data.upper(), addr)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_datagram_endpoint(Echo, path, family=socket.AF_UNIX)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.bind(path + "2")
            client.setblocking(False)
            await loop.sock_sendto(client, b"hello", path)
            print(await loop.sock_recvfrom(client, 99) == (b"HELLO", path))
        server.close()
        await asyncio.sleep(0)

    assert alone(lambda: asyncio.run(main())) == ["True"]


def test_a_log_goes_to_a_socket_of_datagrams(tmp_path: Path) -> None:
    def program() -> None:
        path = str(tmp_path / "log")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind(path)
            handler = logging.handlers.SysLogHandler(path)
            handler.emit(logging.makeLogRecord({"msg": "it is so", "levelname": "ERROR"}))
            print(server.recv(99))
            handler.close()

    assert alone(program) == [r"b'<11>it is so\x00'"]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_real_file_travels_and_none_is_left(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "file"
    path.write_text("what is in it")

    def program() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, kind)
        with path.open() as file:
            socket.send_fds(near, [b"x"], [file.fileno()])
            socket.send_fds(near, [b"y"], [file.fileno()])
        _, (fd, *_), _, _ = socket.recv_fds(far, 1, 2)
        with open(fd) as file:
            print(file.read())
        far.close()  # one is under way for ever
        with pytest.raises(OSError) as caught:
            socket.send_fds(near, [b"z"], [near.fileno() + 99])
        assert caught.value.errno == errno.EBADF

    before = len(os.listdir("/proc/self/fd"))
    assert alone(program) == ["what is in it"]
    assert len(os.listdir("/proc/self/fd")) == before
