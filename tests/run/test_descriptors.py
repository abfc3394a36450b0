"""Descriptors of simulated programs: os and fcntl."""

import array
import errno
import fcntl
import os
import signal
import socket
import stat
import struct
import termios
import threading
from pathlib import Path

import pytest

from lastack.run import installed
from tests.run.in_world import alone, well


def test_a_pipe_carries_bytes_and_ends() -> None:
    def program() -> None:
        r, w = os.pipe()
        assert os.write(w, b"xyz") == 3
        assert os.read(r, 2) == b"xy"
        os.close(w)
        assert os.read(r, 9) == b"z"
        assert os.read(r, 9) == b""
        os.close(r)
        with pytest.raises(OSError) as caught:
            os.read(r, 1)
        assert caught.value.errno == errno.EBADF

    alone(program)


def test_several_buffers_and_no_position() -> None:
    def program() -> None:
        a, b = socket.socketpair()
        assert os.writev(a.fileno(), [b"abc", bytearray(b"de"), memoryview(b"f")]) == 6
        first, second, third = bytearray(2), bytearray(3), bytearray(9)
        assert os.readv(b.fileno(), [first, second, third]) == 6
        assert (first, second, third) == (b"ab", b"cde", b"f" + bytes(8))
        r, _ = os.pipe()
        for call in (
            lambda: os.lseek(a.fileno(), 0, os.SEEK_SET),
            lambda: os.pread(r, 1, 0),
            lambda: os.pwrite(a.fileno(), b"x", 0),
        ):
            with pytest.raises(OSError) as caught:
                call()
            assert caught.value.errno == errno.ESPIPE

    alone(program)


def test_read_waits_for_another_thread() -> None:
    def program() -> None:
        r, w = os.pipe()
        threading.Timer(1.5, os.write, (w, b"late")).start()
        assert os.read(r, 10) == b"late"

    alone(program)


def test_a_large_write_waits_for_the_reader() -> None:
    def program() -> None:
        r, w = os.pipe()
        got = bytearray()

        def read_all() -> None:
            while part := os.read(r, 10_000):
                got.extend(part)

        reader = threading.Thread(target=read_all)
        reader.start()
        assert os.write(w, bytes(300_000)) == 300_000
        os.close(w)
        reader.join()
        assert len(got) == 300_000

    alone(program)


def test_nonblocking_belongs_to_the_file() -> None:
    def program() -> None:
        r, _w = os.pipe()
        twin = os.dup(r)
        os.set_blocking(r, False)
        assert not os.get_blocking(twin)
        assert fcntl.fcntl(twin, fcntl.F_GETFL) & os.O_NONBLOCK
        with pytest.raises(BlockingIOError):
            os.read(twin, 1)
        fcntl.fcntl(twin, fcntl.F_SETFL, 0)
        assert os.get_blocking(r)

    alone(program)


def test_a_duplicate_keeps_the_connection_open() -> None:
    def program() -> None:
        a, b = socket.socketpair()
        twin = os.dup(a.fileno())
        a.close()
        os.write(twin, b"still there")
        assert b.recv(100) == b"still there"
        os.close(twin)
        assert b.recv(100) == b""

    alone(program)


def test_bytes_in_the_queues() -> None:
    def server() -> None:
        listener = socket.create_server(("", 80))
        conn, _ = listener.accept()
        conn.recv(1, socket.MSG_PEEK)
        buffer = array.array("i", [0])
        assert fcntl.ioctl(conn.fileno(), termios.FIONREAD, buffer) == 0
        assert buffer[0] == 700
        assert fcntl.ioctl(conn, termios.FIONREAD, b"\0" * 4) == struct.pack("i", 700)
        assert fcntl.ioctl(conn, termios.TIOCOUTQ, b"\0" * 4) == struct.pack("i", 0)
        conn.recv(1000)

    def client() -> None:
        with socket.create_connection(("server", 80)) as s:
            s.sendall(bytes(700))
            assert fcntl.ioctl(s, termios.TIOCOUTQ, b"\0" * 4) == struct.pack("i", 700)
            s.recv(1)

    well(("server", server), ("client", client))


def test_fstat_tells_what_a_descriptor_is() -> None:
    def program() -> None:
        r, _w = os.pipe()
        assert stat.S_ISFIFO(os.fstat(r).st_mode)
        assert stat.S_ISSOCK(os.fstat(socket.socket().detach()).st_mode)
        assert not os.isatty(r)

    alone(program)


def test_standard_output_is_the_programs() -> None:
    def program() -> None:
        os.write(1, b"out\n")
        os.write(2, b"err\n")
        assert os.read(0, 10) == b""

    assert alone(program) == ["out", "err"]


def test_real_files_stay_real(tmp_path: object) -> None:
    path = f"{tmp_path}/file"

    def program() -> None:
        fd = os.open(path, os.O_CREAT | os.O_RDWR)
        assert os.write(fd, b"real") == 4
        assert os.fstat(fd).st_size == 4
        os.close(fd)

    alone(program)
    with open(path, "rb") as file:
        assert file.read() == b"real"


def test_a_simulated_descriptor_means_nothing_outside() -> None:
    kept: list[int] = []

    def program() -> None:
        kept.append(socket.socket().detach())

    alone(program)
    with pytest.raises(OSError) as caught:
        os.read(kept[0], 1)
    assert caught.value.errno == errno.EBADF
    with installed():
        os.close(kept[0])  # it went with its world; an object that closes it in __del__ may live on


def test_descriptors_may_be_given_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def program() -> None:
        a, b = socket.socketpair()
        with a, b, open(path, "rb") as file:
            assert os.sendfile(out_fd=a.fileno(), in_fd=file.fileno(), offset=2, count=4) == 4
            assert b.recv(9) == b"2345"
        fd = os.open(path, os.O_RDONLY)
        assert os.fstat(fd=fd).st_size == 10
        os.close(fd=fd)

    alone(program)


def test_a_wakeup_descriptor_is_open_and_does_not_block() -> None:
    def program() -> None:
        a, b = socket.socketpair()
        with a, b:
            with pytest.raises(ValueError, match="must be in non-blocking mode"):
                signal.set_wakeup_fd(a.fileno())
            a.setblocking(False)
            assert signal.set_wakeup_fd(a.fileno()) == -1
            assert signal.set_wakeup_fd(-1) == a.fileno()
            closed = b.fileno()
        with pytest.raises(OSError) as caught:
            signal.set_wakeup_fd(closed)
        assert caught.value.errno == errno.EBADF

    alone(program)
