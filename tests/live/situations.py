"""Every way in which a port is held, made for real; one function a row of the decision table.

Each takes the stage of a private network namespace and a port, and returns what has to stay alive.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import pytest

from lastack.live import sockets

from .lab import LOOPBACK, Stage, eventually, fill

SYSCTL: Final = Path("/proc/sys/net/ipv4")


def outgoing(stage: Stage, port: int, *, state: str, server_port: int = 9000) -> None:
    """A client's connection whose own port is `port`: chosen automatically, from a range of one."""
    with port_range(port, port):
        client, server = stage.pair(stage.listener(server_port))
    assert client.getsockname()[1] == port
    if state == "time-wait":
        client.close()
        eventually(lambda: sockets(f"state close-wait sport = :{server_port}"))
        server.close()
        eventually(lambda: sockets(f"state time-wait sport = :{port}"))


@contextmanager
def port_range(low: int, high: int) -> Iterator[None]:
    """Let the namespace choose automatic ports from these alone."""
    place = SYSCTL / "ip_local_port_range"
    before = place.read_text()
    place.write_text(f"{low} {high}")
    try:
        yield
    finally:
        place.write_text(before)


def tuple_towards(stage: Stage, listener: socket.socket, number: int) -> None:
    """Open so many connections to a listener; nobody closes them."""
    for _ in range(number):
        stage.pair(listener)


def full_accept_queue(stage: Stage, port: int) -> socket.socket:
    """A listener whose accept queue takes no more: listen(0) admits one."""
    listener = stage.bound(port, reuse=True)
    listener.listen(0)
    stage.client(listener)
    eventually(lambda: sockets(f"state listening sport = :{port}")[0].recv_queue == 1)
    return listener


def end_of(stage: Stage, listener: socket.socket, state: str) -> None:
    """Listen, accept, stop listening, and bring the server's end of the connection to a state."""
    port = listener.getsockname()[1]
    listener.listen()
    client, server = stage.pair(listener)
    listener.close()
    if state == "last-ack":
        fill(server)
    if state in ("close-wait", "last-ack"):
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: sockets(f"state close-wait sport = :{port}"))
    if state not in ("established", "close-wait"):
        server.close()
    if state == "time-wait":
        eventually(lambda: sockets(f"state fin-wait-2 sport = :{port}"))
        client.close()
    eventually(lambda: sockets(f"state {state} sport = :{port}"))


def ip(*lines: str) -> None:
    """Run ip(8) once for each line."""
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True)


@contextmanager
def other_host(ours: str, theirs: str) -> Iterator[None]:
    """A second namespace behind a cable; both addresses as ADDRESS/PREFIX."""
    host = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    place, home = f"/proc/{host.pid}/ns/net", os.readlink("/proc/thread-self/ns/net")
    try:
        eventually(lambda: os.readlink(place) != home)
        ip(
            f"link add near type veth peer name far netns {host.pid}",
            f"addr add {ours} dev near", "link set near up",
        )  # fmt: skip
        for line in (f"addr add {theirs} dev far", "link set far up"):
            subprocess.run(["nsenter", f"--net={place}", "ip", *line.split()], check=True)
        yield
    finally:
        host.communicate()


@contextmanager
def bind_refused(error: int) -> Iterator[None]:
    """Let a sandbox refuse every bind() to an IPv4 address, for this thread and for good.

    seccomp(2) looks at the length of the address: 16 bytes are struct sockaddr_in.
    """
    number = {"x86_64": 49, "aarch64": 200}.get(platform.machine())
    if number is None:
        pytest.skip(f"the number of bind(2) on {platform.machine()} is not known")
    load, equal, answer = 0x20, 0x15, 0x06
    program = b"".join(
        struct.pack("=HBBI", *words)
        for words in (
            (load, 0, 0, 0),  # the number of the call
            (equal, 0, 3, number),
            (load, 0, 0, 32),  # its third argument, the lower half
            (equal, 0, 1, 16),
            (answer, 0, 0, 0x50000 | error),  # SECCOMP_RET_ERRNO
            (answer, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        )
    )
    code = ctypes.create_string_buffer(program)
    fprog = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    )
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, fprog) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, filter
    yield


# The interpreter may lie where only root can read, so a process becomes another user once it has
# imported everything. Then the kernel takes it for one that has secrets, which prctl(2) undoes.
_BECOME: Final = """
import ctypes, os
def become(user):
    os.setgroups([]); os.setgid(user); os.setuid(user)
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0  # PR_SET_DUMPABLE
"""
_SERVER: Final = """
import encodings.idna, socket, sys
if len(sys.argv) > 2:
    become(int(sys.argv[2]))
listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
client = socket.create_connection(listener.getsockname())
accepted, _ = listener.accept()
print(listener.fileno(), client.fileno(), accepted.fileno(), flush=True)
for line in sys.stdin:
    match line.split():
        case ["peer", "closes"]:
            client.close()
        case ["peer", "reads"]:
            print(client.recv(100), flush=True)
        case ["send"]:
            try:
                print(accepted.send(b"x"), flush=True)
            except OSError as error:
                print(error.errno, flush=True)
        case ["stop", "listening"]:
            listener.close()
        case ["close", "first"]:
            accepted.close()
            client.recv(1)
            client.close()
            listener.close()
    print("done", flush=True)
"""


class Server:
    """A program of its own, without SO_REUSEADDR, that does what it is told; a connection of its
    own client is accepted. listener_fd, client_fd and accepted_fd are its descriptors."""

    def __init__(self, port: int, *, user: int | None = None) -> None:
        words = [str(port)] if user is None else [str(port), str(user)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _BECOME + _SERVER, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = self.process.pid
        try:
            self.listener_fd, self.client_fd, self.accepted_fd = map(int, self._line().split())
        except AssertionError:
            self.stop()
            raise

    def do(self, order: str) -> list[str]:
        """Give an order and return what it printed."""
        self._stdin.write(f"{order}\n")
        self._stdin.flush()
        return list(iter(self._line, "done"))

    def stop(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _stdin(self) -> IO[str]:
        assert self.process.stdin is not None
        return self.process.stdin

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the program has ended"
        return line.strip()


def run_as(user: int, module: str, verb: str, words: Sequence[str]) -> tuple[int, str, str]:
    """Run a verb in a process of another user; return its status, stdout and stderr."""
    program = (
        f"{_BECOME}\nimport sys, encodings.idna; from {module} import {verb}; become({user})\n"
        f"sys.exit({verb}(standalone_mode=False))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def can_bind(port: int, *, reuse: bool, host: str = LOOPBACK) -> bool:
    """Tell whether a server could start on the port, listen() included."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        try:
            sock.bind((host, port))
            sock.listen()
        except OSError:
            return False
        return True
