"""The socket module in simulated programs: TCP, timeouts, errors, and the calls in the trace."""

import _socket
import errno
import gc
import inspect
import signal
import socket
import struct
import threading
import time
import warnings
from collections.abc import Callable

import pytest

from lastack.profile import S
from lastack.run import World, socket_module
from lastack.trace import Called, Event, Returned
from tests.run.in_world import Program, alone, run, well

LINGER = struct.Struct("ii")


def serve(handle: Callable[[socket.socket], object], count: int = 1) -> Program:
    """Return a server that handles `count` connections on port 80, one after the other."""

    def server() -> None:
        with socket.create_server(("", 80)) as listener:
            for _ in range(count):
                conn, _ = listener.accept()
                with conn:
                    handle(conn)

    return server


def fails(number: int, call: Callable[[], object]) -> None:
    with pytest.raises(OSError) as caught:
        call()
    assert caught.value.errno == number, caught.value


def heard(*programs: tuple[str, Program], host: str) -> list[str]:
    """Run programs; return the socket calls of a host as "text -> result"."""
    world = World(seed=1)
    for name, program in programs:
        world.program(world.nodes.get(name) or world.host(name), program)
    lines: list[str] = []
    begun: list[Called] = []

    def listen(event: Event) -> None:
        if event.host != host:
            return
        if isinstance(event, Called):
            begun.append(event)
        elif isinstance(event, Returned):
            first = next(one for one in reversed(begun) if one.call == event.call)
            begun.remove(first)
            lines.append(f"{first.text} -> {event.text}")

    world.journal.listeners.append(listen)
    assert not world.run().failed
    assert begun == []
    return lines


def test_there_is_one_socket_class() -> None:
    def program() -> None:
        a, b = socket.socketpair()
        with socket.socket() as s:
            for one in (a, b, s):
                assert type(one) is socket.socket
                assert isinstance(one, socket.socket)
        assert issubclass(socket.socket, socket.socket)

        class Mine(socket.socket):
            pass

        assert type(Mine()) is Mine

    alone(program)


def test_outside_the_class_is_the_real_one() -> None:
    alone(lambda: None)
    with socket.socket() as s, socket.create_server(("127.0.0.1", 0)) as listener:
        s.connect(listener.getsockname())
        assert isinstance(s, socket.socket)
        conn, _ = listener.accept()
        with conn:
            socket.socket.send(conn, b"real")
        assert s.recv(10) == b"real"


def test_an_object_that_outlived_its_world_can_be_closed() -> None:
    kept: list[socket.socket] = []
    alone(lambda: kept.append(socket.socket()))
    (left,) = kept
    with pytest.raises(RuntimeError, match="outside the simulation"):
        left.getsockname()
    left.close()
    assert left.fileno() == -1


def test_a_question_and_an_answer() -> None:
    def client() -> None:
        with socket.create_connection(("server", 80)) as s:
            assert s.getpeername() == ("10.0.0.1", 80)
            s.sendall(b"question")
            s.shutdown(socket.SHUT_WR)
            assert s.recv(100, socket.MSG_WAITALL) == b"QUESTION"

    def handle(conn: socket.socket) -> None:
        text = b"".join(iter(lambda: conn.recv(3), b""))
        conn.sendall(text.upper())

    well(("server", serve(handle)), ("client", client))


def test_a_blocking_send_takes_everything() -> None:
    def client() -> None:
        with socket.create_connection(("server", 80)) as s:
            assert s.send(bytes(3_000_000)) == 3_000_000

    def handle(conn: socket.socket) -> None:
        size = 0
        while part := conn.recv(1 << 16):
            size += len(part)
        assert size == 3_000_000

    well(("server", serve(handle)), ("client", client))


def test_a_send_with_a_timeout_takes_a_part_and_then_times_out() -> None:
    def client() -> None:
        with socket.create_connection(("server", 80), timeout=2) as s:
            assert 0 < s.send(bytes(100_000_000)) < 100_000_000
            with pytest.raises(TimeoutError, match="timed out"):
                s.sendall(bytes(100_000_000))
            assert time.monotonic() < 3

    well(("server", serve(lambda conn: time.sleep(5))), ("client", client))


def test_a_timeout_is_one_deadline_and_leaves_the_socket_usable() -> None:
    def client() -> None:
        with socket.create_connection(("server", 80)) as s:
            s.settimeout(0.25)
            begin = time.monotonic()
            with pytest.raises(TimeoutError) as caught:
                s.recv(1)
            assert caught.value.errno is None
            assert time.monotonic() - begin == pytest.approx(0.25, abs=0.001)
            s.settimeout(None)
            assert s.recv(1) == b"x"

    def handle(conn: socket.socket) -> None:
        time.sleep(1)
        conn.sendall(b"x")

    well(("server", serve(handle)), ("client", client))


def test_timeouts_are_told_as_they_were_set() -> None:
    def program() -> None:
        s = socket.socket()
        assert s.gettimeout() is None
        for value in (0.0, 0.1, 1.5, 3):
            s.settimeout(value)
            assert s.gettimeout() == value
            assert s.getblocking() is (value != 0)
        s.setblocking(True)
        assert s.gettimeout() is None
        socket.setdefaulttimeout(4)
        assert socket.socket().gettimeout() == 4.0
        socket.setdefaulttimeout(None)

    alone(program)


def test_connect_finds_nobody() -> None:
    def client() -> None:
        fails(errno.ECONNREFUSED, lambda: socket.create_connection(("server", 81)))
        with socket.socket() as s:
            assert s.connect_ex(("server", 81)) == errno.ECONNREFUSED
        with pytest.raises(socket.gaierror):
            socket.create_connection(("nobody", 80))
        with socket.socket() as s, pytest.raises(socket.gaierror):
            s.connect_ex(("nobody", 80))

    well(("server", lambda: time.sleep(1)), ("client", client))


def test_connect_to_silence_times_out() -> None:
    def client() -> None:
        with pytest.raises(TimeoutError, match="timed out"):
            socket.create_connection(("10.0.0.99", 80), timeout=3)
        assert time.monotonic() == 3.0
        with socket.socket() as s:
            s.settimeout(0.5)
            assert s.connect_ex(("10.0.0.99", 80)) == errno.EAGAIN

    alone(client)


def test_a_nonblocking_connect_is_finished_by_so_error() -> None:
    def client() -> None:
        s = socket.socket()
        s.setblocking(False)
        with pytest.raises(BlockingIOError) as caught:
            s.connect(("server", 80))
        assert caught.value.errno == errno.EINPROGRESS
        assert s.connect_ex(("server", 80)) == errno.EALREADY
        time.sleep(1)
        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        assert s.getpeername() == ("10.0.0.1", 80)
        with pytest.raises(BlockingIOError):
            s.recv(1)
        s.close()

    well(("server", serve(lambda conn: conn.recv(1))), ("client", client))


def test_what_is_not_there_says_so() -> None:
    def program() -> None:
        fails(errno.EAFNOSUPPORT, lambda: socket.socket(socket.AF_PACKET))
        fails(errno.ESOCKTNOSUPPORT, lambda: socket.socket(type=socket.SOCK_SEQPACKET))
        fails(errno.EPROTONOSUPPORT, lambda: socket.socket(proto=17))
        s = socket.socket()
        fails(errno.ENOPROTOOPT, lambda: s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, 1))
        fails(errno.ENOTCONN, s.getpeername)
        fails(errno.ENOTCONN, lambda: s.recv(1))
        fails(errno.EPIPE, lambda: s.send(b"x"))
        fails(errno.EOPNOTSUPP, lambda: s.send(b"x", socket.MSG_FASTOPEN))
        s.close()
        fails(errno.EBADF, lambda: s.recv(1))
        fails(errno.EBADF, lambda: socket.socket(fileno=999))
        assert socket.has_ipv6
        assert socket.has_dualstack_ipv6()

    alone(program)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda s: s.recv(-1), ValueError, "negative buffersize in recv"),
        (lambda s: s.recv("x"), TypeError, "'str' object cannot be interpreted as an integer"),
        (lambda s: s.recv_into(bytearray(4), 5), ValueError, "buffer too small"),
        (lambda s: s.recv_into(b"abc"), TypeError, "must be read-write bytes-like object"),
        (lambda s: s.send("x"), TypeError, "a bytes-like object is required, not 'str'"),
        (lambda s: s.sendto(b"x"), TypeError, r"takes 2 or 3 arguments \(1 given\)"),
        (lambda s: s.bind("x"), TypeError, r"bind\(\): AF_INET address must be tuple, not str"),
        (lambda s: s.bind(("", 70000)), OverflowError, r"bind\(\): port must be 0-65535."),
        (lambda s: s.connect(("x",)), TypeError, "must be a pair"),
        (lambda s: s.settimeout(-1), ValueError, "Timeout value out of range"),
        (lambda s: s.settimeout(float("nan")), ValueError, "Invalid value NaN"),
        (lambda s: s.listen(2**40), OverflowError, "greater than maximum"),
        (lambda s: s.setsockopt(1, 2), TypeError, "argument"),
        (lambda s: s.setsockopt(1, 2, None), TypeError, "bytes-like object is required"),
        (lambda s: socket.socket(fileno=-1), ValueError, "negative file descriptor"),
        (lambda s: socket.socket(fileno="x"), TypeError, "cannot be interpreted"),
    ],
)
def test_wrong_arguments_fail_as_in_the_interpreter(
    call: Callable[[socket.socket], object], error: type[Exception], text: str
) -> None:
    with socket.socket() as real, pytest.raises(error, match=text):
        call(real)

    def program() -> None:
        with socket.socket() as simulated, pytest.raises(error, match=text):
            call(simulated)

    alone(program)


def test_a_callers_buffer_is_free_when_a_call_fails() -> None:
    def program() -> None:
        a, _b = socket.socketpair()
        a.setblocking(False)
        buffer = bytearray(1_000_000)
        while True:
            try:
                del buffer[: a.send(buffer)]
            except BlockingIOError:
                buffer.clear()  # BufferError if the call still held a view
                break

    alone(program)


def test_makefile_reads_lines() -> None:
    def client() -> None:
        with socket.create_connection(("server", 80)) as s, s.makefile("rw", newline="\n") as file:
            file.write("one\ntwo\n")
            file.flush()
            assert [file.readline(), file.readline()] == ["ONE\n", "TWO\n"]

    def handle(conn: socket.socket) -> None:
        with conn.makefile("rwb") as file:
            for line in file:
                file.write(line.upper())
                file.flush()

    well(("server", serve(handle)), ("client", client))


def test_options() -> None:
    def program() -> None:
        s = socket.socket()
        level = socket.SOL_SOCKET
        assert s.getsockopt(level, socket.SO_TYPE) == socket.SOCK_STREAM
        s.setsockopt(level, socket.SO_LINGER, LINGER.pack(1, 7))
        assert s.getsockopt(level, socket.SO_LINGER, 8) == LINGER.pack(1, 7)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        assert s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert len(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)) == 104

    alone(program)


def test_close_waits_for_so_linger() -> None:
    def client() -> None:
        s = socket.create_connection(("server", 80))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 3))
        s.settimeout(2)
        with pytest.raises(TimeoutError):
            s.sendall(bytes(100_000_000))  # the server does not read
        begin = time.monotonic()
        s.close()
        assert time.monotonic() - begin == pytest.approx(3.0, abs=0.01)

    outcome, _ = run(("server", serve(lambda conn: time.sleep(60))), ("client", client))
    assert outcome.programs[1].exit == 0, outcome.programs[1].output


def test_an_abandoned_object_is_closed_without_lingering() -> None:
    def client() -> None:
        s = socket.create_connection(("server", 80))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 30))
        del s
        gc.collect()
        begin = time.monotonic()
        time.sleep(1)
        assert time.monotonic() - begin == 1.0

    def handle(conn: socket.socket) -> None:
        assert conn.recv(1) == b""
        assert time.monotonic() < 1

    well(("server", serve(handle)), ("client", client))


def test_closing_a_descriptor_does_not_disturb_a_call_in_progress() -> None:
    def client() -> None:
        s = socket.create_connection(("server", 80))
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(s.recv(10)))
        reader.start()
        time.sleep(1)
        s.close()
        fails(errno.EBADF, lambda: s.send(b"x"))
        reader.join()
        assert got == [b"late"]

    def handle(conn: socket.socket) -> None:
        time.sleep(3)
        conn.sendall(b"late")
        assert conn.recv(1) == b""  # now the last reference is gone

    well(("server", serve(handle)), ("client", client))


def test_waiting_threads_accept_in_turn() -> None:
    order: list[str] = []

    def server() -> None:
        listener = socket.create_server(("", 80))

        def accept(name: str) -> None:
            listener.accept()[0].close()
            order.append(name)

        threads = [threading.Thread(target=accept, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def client() -> None:
        for _ in range(3):
            time.sleep(1)
            socket.create_connection(("server", 80)).close()

    well(("server", server), ("client", client))
    assert order == ["a", "b", "c"]


def test_each_call_is_one_pair_of_events() -> None:
    def client() -> None:
        s = socket.create_connection(("server", 80))
        s.sendall(bytes(2_000_000))
        s.recv(4096)
        s.settimeout(1)
        with pytest.raises(TimeoutError):
            s.recv(1)
        s.close()

    lines = heard(("server", server_of_bytes), ("client", client), host="client")
    assert lines == [
        "connect server:80 -> connected",
        "sendall 2,000,000 bytes -> ok",
        "recv up to 4,096 -> 100 bytes",
        "recv up to 1 -> timed out",
        "close -> ok",
    ]


def server_of_bytes() -> None:
    with socket.create_server(("", 80)) as listener:
        conn, _ = listener.accept()
        left = 2_000_000
        while left:
            left -= len(conn.recv(left))
        conn.sendall(bytes(100))
        assert conn.recv(1) == b""
        conn.close()


def test_errors_and_ends_read_as_such() -> None:
    def client() -> None:
        for port in (80, 81):
            try:
                s = socket.create_connection(("server", port))
            except ConnectionRefusedError:
                break
            assert s.recv(10) == b""
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 0))
            s.close()

    assert heard(("server", serve(lambda conn: None)), ("client", client), host="client") == [
        "connect server:80 -> connected",
        "recv up to 10 -> EOF",
        "setsockopt SO_LINGER (1, 0) -> ok",
        "close -> ok",
        "connect server:81 -> ECONNREFUSED",
        "close -> ok",
        "connect server:81 -> ECONNREFUSED",  # the IPv6 address
        "close -> ok",
    ]


def test_a_program_that_waits_for_nothing_is_told_where() -> None:
    def program() -> None:
        a, _b = socket.socketpair()
        a.recv(1)

    outcome, _ = run(("a", program))
    assert "recv() on a socketpair" in outcome.deadlock + outcome.programs[0].hung


def test_a_stopped_program_leaves_no_call_open() -> None:
    def server() -> None:
        with socket.create_server(("", 80)) as listener:
            listener.accept()[0].recv(1)
            listener.accept()

    lines = heard(("server", server), ("client", client_of_one_byte), host="server")
    assert lines[-2:] == ["accept -> interrupted", "close -> ok"]


def client_of_one_byte() -> None:
    with socket.create_connection(("server", 80)) as s:
        s.sendall(b"x")


def test_virtual_time_is_what_it_takes() -> None:
    outcome = well(("server", serve(lambda conn: conn.recv(1))), ("client", client_of_one_byte))
    assert outcome.ended_at < S


def test_a_signal_ends_the_wait_of_a_lingering_close() -> None:
    class Alarm(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise Alarm

    def client() -> None:
        signal.signal(signal.SIGALRM, ring)
        s = socket.create_connection(("server", 80), timeout=2)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER.pack(1, 30))
        with pytest.raises(TimeoutError):
            s.sendall(bytes(100_000_000))
        signal.setitimer(signal.ITIMER_REAL, 1)
        begin = time.monotonic()
        with pytest.raises(Alarm):
            s.close()
        assert time.monotonic() - begin == 1.0
        assert s.fileno() == -1

    outcome, _ = run(("server", serve(lambda conn: time.sleep(60))), ("client", client))
    assert outcome.programs[1].exit == 0, outcome.programs[1].output


HARMLESS = {
    "CMSG_LEN", "CMSG_SPACE", "htonl", "htons", "ntohl", "ntohs", "inet_aton", "inet_ntoa",
    "inet_ntop", "inet_pton", "getprotobyname",
}  # fmt: skip
"""Functions of _socket that compute, or read a table that every machine has."""


def test_every_function_of_the_c_module_is_replaced_or_harmless() -> None:
    functions = {name for name, thing in vars(_socket).items() if inspect.isbuiltin(thing)}
    assert functions - set(socket_module.FUNCTIONS) <= HARMLESS


def test_every_method_of_the_c_class_is_there() -> None:
    def program() -> None:
        there = set(dir(socket.socket))
        assert NAMES_OF_THE_REAL_CLASS - there <= {"sendmsg_afalg"}  # the kernel's ciphers

    alone(program)


NAMES_OF_THE_REAL_CLASS = set(dir(socket.socket))


def test_a_socket_that_is_deleted_unclosed_warns_and_closes() -> None:
    def program() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
            with pytest.warns(ResourceWarning, match=r"unclosed <socket.socket fd=\d+, family"):
                del client
            assert server.recv(1) == b""
            server.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            socket.socket().close()

    alone(program)
