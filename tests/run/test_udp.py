"""UDP in simulated programs: the socket module, socketserver, asyncio, selectors."""

import asyncio
import errno
import os
import select
import selectors
import socket
import socketserver
import stat
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from lastack.net import LinkRules
from lastack.run import World
from lastack.trace import Arrived, Called, Event, Lost, Returned, Sent
from lastack.verdict import Book, threads
from lastack.wire import Datagram, Segment
from tests.run.in_world import Program, alone, run, well

DGRAM = socket.SOCK_DGRAM


def udp(port: int | None = None) -> socket.socket:
    sock = socket.socket(socket.AF_INET, DGRAM)
    if port is not None:
        sock.bind(("", port))
    return sock


def fails(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == number, caught.value


def echo() -> None:
    with udp(7) as sock:
        while True:
            data, client = sock.recvfrom(2000)
            sock.sendto(data.upper(), client)


def test_two_programs() -> None:
    def client() -> None:
        with udp() as sock:
            assert sock.sendto(b"hello", ("server", 7)) == 5
            assert sock.recvfrom(100) == (b"HELLO", ("10.0.0.1", 7))
            sock.sendmsg([b"hel", b"lo"], [], 0, ("server", 7))
            assert sock.recvmsg(3) == (b"HEL", [], socket.MSG_TRUNC, ("10.0.0.1", 7))
            sock.sendto(b"hello", 0, ("10.0.0.1", 7))
            buffer = bytearray(9)
            assert sock.recvfrom_into(buffer) == (5, ("10.0.0.1", 7))
            sock.sendto(b"hello", ("server", 7))
            assert sock.recvmsg_into([memoryview(buffer)[:2], memoryview(buffer)[5:]])[0] == 5
            assert bytes(buffer) == b"HELLOLLO\0"

    outcome = well(("server", echo), ("client", client), wire=True)
    assert outcome.programs[0].stopped  # a program that named its port is in the background


def test_a_connected_socket() -> None:
    def client() -> None:
        with udp() as sock:
            sock.connect(("server", 7))
            assert sock.getpeername() == ("10.0.0.1", 7)
            assert sock.getsockname()[0] == "10.0.0.2"
            assert sock.send(b"one") == 3
            sock.sendall(b"two")
            os.write(sock.fileno(), b"three")
            assert [sock.recv(9), sock.recv(9), os.read(sock.fileno(), 9)] == [
                b"ONE", b"TWO", b"THREE",
            ]  # fmt: skip

    well(("server", echo), ("client", client))


def test_the_address_of_the_way_out() -> None:
    """A well-known way to learn one's own address; nothing is sent."""

    def program() -> None:
        with socket.socket(socket.AF_INET, DGRAM) as sock:
            sock.connect(("8.8.8.8", 80))
            print(sock.getsockname()[0])

    assert alone(program) == ["10.0.0.1"]


def test_timeouts_and_non_blocking_sockets() -> None:
    def program() -> None:
        with udp(9) as sock:
            sock.settimeout(1.5)
            with pytest.raises(TimeoutError, match="timed out"):
                sock.recvfrom(10)
            assert time.monotonic() == 1.5
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(10)
            sock.sendto(b"x", ("127.0.0.1", 9))
            assert select.select([sock], [], [], 1) == ([sock], [], [])
            assert sock.recv(0) == b""
            assert sock.recv(10, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"x"
            assert sock.recvfrom(10) == (b"x", ("127.0.0.1", 9))

    alone(program)


def test_nobody_at_the_port() -> None:
    def client() -> None:
        with udp() as sock:
            sock.connect(("server", 7))
            sock.send(b"x")
            with pytest.raises(ConnectionRefusedError):
                sock.recv(10)
            sock.send(b"x")
            time.sleep(1)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED

    for wire in (False, True):
        well(("server", lambda: None), ("client", client), wire=wire)


def test_a_lossy_link_and_a_client_that_asks_again() -> None:
    def client() -> None:
        asked = 0
        with udp() as sock:
            sock.settimeout(0.5)
            for number in range(20):
                question = str(number).encode()
                while True:
                    asked += 1
                    sock.sendto(question, ("server", 7))
                    try:
                        answer = sock.recv(100)
                    except TimeoutError:
                        continue
                    if answer == question:
                        break
        print(asked, time.monotonic() > (asked - 20) * 0.5)

    link = LinkRules(loss=0.3)
    first = well(("server", echo), ("client", client), link=link)
    text = first.programs[1].output[0].text
    assert int(text.split()[0]) > 25
    assert text.endswith("True")
    assert well(("server", echo), ("client", client), link=link) == first


def test_socketserver() -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            sock.sendto(data[::-1], self.client_address)

    def server() -> None:
        with socketserver.ThreadingUDPServer(("", 7), Handler) as one:
            one.serve_forever()

    def client() -> None:
        with udp() as sock:
            sock.sendto(b"abc", ("server", 7))
            assert sock.recv(10) == b"cba"

    well(("server", server), ("client", client))


class Asker(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.put_nowait(data)

    def error_received(self, exc: Exception) -> None:
        self.got.put_nowait(exc)


def test_endpoints_of_asyncio() -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data.upper(), addr)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            Echo, local_addr=("0.0.0.0", 7), reuse_port=True
        )
        await asyncio.sleep(5)
        transport.close()

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        transport, asker = await loop.create_datagram_endpoint(Asker, remote_addr=("server", 7))
        for text in (b"one", b"two"):
            transport.sendto(text)
        assert [await asker.got.get(), await asker.got.get()] == [b"ONE", b"TWO"]
        assert transport.get_extra_info("peername") == ("10.0.0.1", 7)
        transport.close()
        transport, asker = await loop.create_datagram_endpoint(Asker, remote_addr=("server", 8))
        transport.sendto(b"x")
        assert isinstance(await asker.got.get(), ConnectionRefusedError)
        transport.close()
        anyone, asker = await loop.create_datagram_endpoint(
            Asker, local_addr=("0.0.0.0", 0), allow_broadcast=True
        )
        anyone.sendto(b"everybody", ("255.255.255.255", 7))
        assert await asyncio.wait_for(asker.got.get(), 2) == b"EVERYBODY"
        anyone.close()

    well(("server", lambda: asyncio.run(serve())), ("client", lambda: asyncio.run(ask())))


def test_selectors_wake_for_datagrams() -> None:
    def program() -> None:
        with udp(9) as sock, selectors.DefaultSelector() as selector:
            selector.register(sock, selectors.EVENT_READ)
            assert selector.select(0.5) == []
            timer = threading.Timer(1, lambda: udp().sendto(b"x", ("127.0.0.1", 9)))
            timer.start()
            ((key, bits),) = selector.select()
            assert (key.fileobj, bits) == (sock, selectors.EVENT_READ)
            timer.join()
            assert sock.recv(9) == b"x"

    alone(program)


def test_shutdown_wakes_a_thread_that_reads() -> None:
    def program() -> None:
        with udp(9) as sock:
            timer = threading.Timer(1, lambda: fails(errno.ENOTCONN, lambda: sock.shutdown(0)))
            timer.start()
            assert sock.recvfrom(9) == (b"", None)
            timer.join()
            sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                sock.recv(9)
            print(round(time.monotonic(), 1))

    assert alone(program) == ["1.5"]


def test_mistakes() -> None:
    def program() -> None:
        with udp(9) as sock:
            fails(errno.EOPNOTSUPP, lambda: sock.listen())
            fails(errno.EOPNOTSUPP, lambda: sock.accept())
            fails(errno.EDESTADDRREQ, lambda: sock.send(b"x"))
            fails(errno.EMSGSIZE, lambda: sock.sendto(bytes(65508), ("127.0.0.1", 9)))
            fails(errno.EADDRINUSE, lambda: udp(9))
            fails(errno.ENOPROTOOPT, lambda: sock.setsockopt(socket.IPPROTO_TCP, 1, 1))
            fails(errno.EAGAIN, lambda: sock.recv(9, socket.MSG_ERRQUEUE))
            fails(errno.EOPNOTSUPP, lambda: sock.getsockopt(socket.IPPROTO_TCP, 1))
            with pytest.raises(socket.gaierror):
                sock.sendto(b"x", ("nobody", 9))
        fails(errno.EPROTONOSUPPORT, lambda: socket.socket(type=DGRAM, proto=socket.IPPROTO_TCP))
        fails(errno.ESOCKTNOSUPPORT, lambda: socket.socket(type=socket.SOCK_RDM))

    alone(program)


def test_what_a_descriptor_tells() -> None:
    def program() -> None:
        with socket.socket(type=DGRAM | socket.SOCK_NONBLOCK) as sock:
            assert (sock.type, sock.gettimeout()) == (DGRAM, 0)
        with udp(9) as sock:
            again = socket.socket(fileno=sock.detach())
            assert (again.family, again.type) == (socket.AF_INET, DGRAM)
            assert again.proto == socket.IPPROTO_UDP
            assert stat.S_ISSOCK(os.fstat(again.fileno()).st_mode)
            assert "laddr=('0.0.0.0', 9)" in repr(again)
            twin = again.dup()
            again.close()
            twin.sendto(b"x", ("127.0.0.1", 9))
            assert twin.recv(9) == b"x"
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
            twin.close()
            assert time.monotonic() < 1
        (info,) = socket.getaddrinfo("localhost", "domain", socket.AF_INET, DGRAM)
        assert info == (socket.AF_INET, DGRAM, socket.IPPROTO_UDP, "", ("127.0.0.1", 53))

    alone(program)


def heard(*programs: tuple[str, Program]) -> list[Event]:
    world = World(seed=1)
    events: list[Event] = []
    world.journal.listeners.append(events.append)
    for name, program in programs:
        world.program(world.host(name), program)
    assert not world.run().failed
    return events


def test_the_trace_has_the_calls_and_the_verdict_does_not_stumble() -> None:
    def server() -> None:
        with udp(7) as sock, socket.create_server(("", 80)) as listener:
            data, client = sock.recvfrom(100)
            sock.sendto(data, client)
            listener.accept()[0].close()

    def client() -> None:
        with udp() as sock:
            sock.sendto(b"to nowhere", ("10.9.9.9", 1))
            sock.sendto(b"hello", ("server", 7))
            sock.recvfrom(10)
            socket.create_connection(("server", 80)).recv(1)

    events = heard(("server", server), ("client", client))
    said = [
        one.text
        for one in events
        if isinstance(one, Called | Returned) and one.host == "client" and "recv" in one.call
    ]
    assert said[:2] == ["recvfrom up to 10", "5 bytes from 10.0.0.1:7"]
    assert [one.packet for one in events if isinstance(one, Lost)] == [1]
    book = Book().read(events)
    (story,) = book.stories
    packets = [one for one in events if isinstance(one, Sent | Arrived)]
    mine = [one for one in threads(events, book)[story] if isinstance(one, Sent | Arrived)]
    assert sum(isinstance(one.what, Datagram) for one in packets) == 5
    assert mine == [one for one in packets if isinstance(one.what, Segment)]


def test_a_client_that_waits_for_ever_is_reported() -> None:
    def client() -> None:
        sock = udp()
        sock.sendto(b"x", ("10.9.9.9", 1))
        sock.recvfrom(10)

    outcome, _ = run(("client", client))
    assert "recvfrom() on UDP 0.0.0.0:" in outcome.deadlock
