"""select, poll, epoll, selectors, and asyncio's own loop on top of them."""

import asyncio
import errno
import select
import selectors
import socket
import threading
import time
from pathlib import Path

import pytest

from lastack.profile import S
from tests.run.in_world import alone, well


def pair() -> tuple[socket.socket, socket.socket]:
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    return a, b


def test_select_tells_what_is_ready() -> None:
    def program() -> None:
        a, b = pair()
        assert select.select([a, b], [a], [a], 0) == ([], [a], [])
        a.send(b"x")
        assert select.select([a, b], [], []) == ([b], [], [])
        assert select.select([b.fileno()], [], [], None) == ([b.fileno()], [], [])

    alone(program)


def test_a_wait_without_files_is_a_sleep() -> None:
    def program() -> None:
        assert select.select([], [], [], 1.5) == ([], [], [])
        assert select.poll().poll(500) == []
        with select.epoll() as epoll:
            assert epoll.poll(2) == []
        assert time.monotonic() == 4.0

    alone(program)


def test_select_wakes_when_bytes_come() -> None:
    def program() -> None:
        a, b = pair()
        threading.Timer(2, a.send, (b"x",)).start()
        assert select.select([b], [], [], 10) == ([b], [], [])
        assert time.monotonic() == 2.0

    alone(program)


def test_poll_reports_closed_and_broken_files() -> None:
    def program() -> None:
        a, b = pair()
        poll = select.poll()
        poll.register(b, select.POLLIN)
        a.close()
        fd = b.fileno()
        ((number, bits),) = poll.poll()
        assert (number, bits & select.POLLHUP) == (fd, select.POLLHUP)
        b.close()
        assert poll.poll() == [(fd, select.POLLNVAL)]
        with pytest.raises(OSError) as caught:
            select.select([fd], [], [], 0)
        assert caught.value.errno == errno.EBADF
        poll.unregister(fd)
        with pytest.raises(KeyError):
            poll.unregister(fd)

    alone(program)


def test_an_edge_triggered_epoll_reports_news_only() -> None:
    def program() -> None:
        a, b = pair()
        epoll = select.epoll()
        epoll.register(b, select.EPOLLIN | select.EPOLLET)
        a.send(b"x")
        assert epoll.poll(1) == [(b.fileno(), select.EPOLLIN)]
        assert epoll.poll(1) == []
        a.send(b"y")
        assert epoll.poll(1) == [(b.fileno(), select.EPOLLIN)]

    alone(program)


def test_epoll_takes_no_file_of_another_kind(tmp_path: Path) -> None:
    def program() -> None:
        epoll = select.epoll()
        with open(tmp_path / "file", "w") as file:
            refused = {file.fileno(): errno.EPERM, 999: errno.EBADF, 10**8: errno.EBADF}
            for fd, number in refused.items():
                with pytest.raises(OSError) as caught:
                    epoll.register(fd)
                assert caught.value.errno == number

    alone(program)


def test_a_set_may_change_while_a_thread_waits_for_it() -> None:
    def program() -> None:
        a, b = pair()
        epoll = select.epoll()
        a.send(b"x")
        threading.Timer(1, epoll.register, (b.fileno(), select.EPOLLIN)).start()
        assert epoll.poll(10) == [(b.fileno(), select.EPOLLIN)]
        assert time.monotonic() == 1.0

    alone(program)


@pytest.mark.parametrize("timeout", [-1, -0.1, -1e-100])
def test_a_poll_with_a_negative_timeout_waits_for_ever(timeout: float) -> None:
    def program() -> None:
        a, b = pair()
        poll = select.poll()
        poll.register(a, select.POLLIN)
        threading.Timer(5, b.send, (b"x",)).start()
        print(poll.poll(timeout) == [(a.fileno(), select.POLLIN)], time.monotonic())

    assert alone(program) == ["True 5.0"]


@pytest.mark.parametrize("kind", [selectors.SelectSelector, selectors.EpollSelector])
def test_a_loop_around_a_socket_that_may_be_written_lets_time_go_by(
    kind: type[selectors.BaseSelector],
) -> None:
    def program() -> None:
        a, b = pair()
        threading.Timer(1, b.send, (b"x",)).start()
        with kind() as selector:
            selector.register(a, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while not selector.select(0.1)[0][1] & selectors.EVENT_READ:
                pass
        print(a.recv(1), 1 <= time.monotonic() < 2)

    assert alone(program) == ["b'x' True"]


def test_a_loop_of_polls_that_never_wait_gets_on() -> None:
    def program() -> None:
        a, b = pair()
        threading.Timer(0.01, a.send, (b"x",)).start()
        while not select.select([b], [], [], 0)[0]:
            pass

    alone(program)


@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("select", ([], [], [], -1), ValueError),
        ("select", ([], [], [], "x"), TypeError),
        ("select", ([-1], [], [], 0), ValueError),
        ("select", (["x"], [], [], 0), TypeError),
        ("select", (5, [], [], 0), TypeError),
        ("epoll", (-2,), ValueError),
    ],
)
def test_wrong_arguments_fail_as_in_the_interpreter(
    name: str, arguments: tuple[object, ...], error: type[Exception]
) -> None:
    with pytest.raises(error) as real:
        getattr(select, name)(*arguments)

    def program() -> None:
        with pytest.raises(error) as simulated:
            getattr(select, name)(*arguments)
        assert str(simulated.value) == str(real.value)

    alone(program)


@pytest.mark.parametrize(
    "kind", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector]
)
def test_a_server_on_any_selector(kind: type[selectors.BaseSelector]) -> None:
    def server() -> None:
        with kind() as selector, socket.create_server(("", 80)) as listener:
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
            done = 0
            while done < 5:
                for key, _ in selector.select():
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    if sock is listener:
                        conn, _ = listener.accept()
                        conn.setblocking(False)
                        selector.register(conn, selectors.EVENT_READ)
                    elif data := sock.recv(100):
                        sock.send(data.upper())
                    else:
                        selector.unregister(sock)
                        sock.close()
                        done += 1

    def client() -> None:
        def one(number: int) -> None:
            with socket.create_connection(("server", 80)) as s:
                s.sendall(b"x%d" % number)
                assert s.recv(10) == b"X%d" % number

        threads = [threading.Thread(target=one, args=(n,)) for n in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    well(("server", server), ("client", client))


def test_asyncio_sleeps_and_is_woken_by_a_thread() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        event = asyncio.Event()
        threading.Timer(3, lambda: loop.call_soon_threadsafe(event.set)).start()
        await asyncio.sleep(1)
        assert loop.time() == 1.0
        await event.wait()
        assert loop.time() == 3.0
        assert await asyncio.to_thread(time.monotonic) == 3.0

    alone(lambda: asyncio.run(main()))


def test_asyncio_streams() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(handle, "", 7, limit=1 << 22)
        await server.serve_forever()

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("server", 7, limit=1 << 22)
        line = b"a" * (1 << 20) + b"%d\n" % number
        writer.write(line)
        assert await reader.readline() == line.upper()
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        await asyncio.gather(*(ask(number) for number in range(5)))
        reader, writer = await asyncio.open_connection("server", 7)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 1)
        writer.close()

    well(("server", lambda: asyncio.run(serve())), ("client", lambda: asyncio.run(main())))


def test_a_poller_is_woken_when_it_may_write_again() -> None:
    def server() -> None:
        with socket.create_server(("", 80)) as listener:
            conn, _ = listener.accept()
            time.sleep(0.5)  # long enough to fill every queue and to let every flight end
            size = 0
            while part := conn.recv(1 << 20):
                size += len(part)
            assert size == 4_000_000

    def client() -> None:
        with socket.create_connection(("server", 80)) as s, select.epoll() as epoll:
            s.setblocking(False)
            epoll.register(s, select.EPOLLOUT)
            left = 4_000_000
            while left:
                assert epoll.poll(5) == [(s.fileno(), select.EPOLLOUT)]
                left -= s.send(bytes(left))

    outcome = well(("server", server), ("client", client))
    assert outcome.ended_at < 5 * S
