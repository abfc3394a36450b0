"""The laboratory of the kernel notes: cases in network namespaces of their own, and what they saw.

A script defines cases: functions that yield `Fact`s. `main` runs each in a child process with a
fresh network namespace, prints `fact: value` lines and exits 1 when a value is not the one that
the note states. Needs root (unshare(2)) and Linux; touches nothing outside its namespaces.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import errno
import fcntl
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

CLONE_NEWNET = 0x40000000
SIOCINQ, SIOCOUTQ = 0x541B, 0x5411
PARALLEL = 6
"""Cases at a time: they mostly wait, and a busy machine blurs their timings."""

STATES = [
    "", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
    "CLOSED", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECEIVED",
]  # fmt: skip
"""RFC 9293's names by the numbers of include/net/tcp_states.h."""


class Between(NamedTuple):
    """An expected number that may vary: bounds included."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


class Fact(NamedTuple):
    """One thing that was looked at: its name, what the kernel did, what the note says."""

    name: str
    seen: object
    noted: object

    @property
    def holds(self) -> bool:
        """Whether the kernel agrees with the note."""
        if isinstance(self.noted, Between):
            return (
                isinstance(self.seen, (int, float))
                and self.noted.low <= self.seen <= self.noted.high
            )
        return self.seen == self.noted

    def __str__(self) -> str:
        seen = f"{self.seen:.3f}" if isinstance(self.seen, float) else self.seen
        return f"{self.name}: {seen}" + ("" if self.holds else f"   NOT AS NOTED: {self.noted}")


Facts = Iterator[Fact]
Case = Callable[[], Facts]


class Timed(NamedTuple):
    """What a call did ("ok", "EOF", "12 bytes" or an errno's name) and how many seconds it took."""

    outcome: str
    seconds: float


def sysctl(name: str, value: object = None) -> str:
    """net.ipv4.NAME of this namespace, set first when a value is given."""
    path = Path(f"/proc/sys/net/ipv4/{name}")
    if value is not None:
        path.write_text(str(value))
    return path.read_text().strip()


def counter(name: str) -> int:
    """The TcpExt counter NAME (nstat's spelling without the prefix) of this namespace."""
    lines = Path("/proc/thread-self/net/netstat").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        row = dict(zip(names.split(), values.split(), strict=True))
        if name in row:
            return int(row[name])
    raise KeyError(name)


class Row(NamedTuple):
    """One line of /proc/net/tcp: ports, state and the seconds its timer still has."""

    local: int
    remote: int
    state: str
    timer: float


def table(local: int, remote: int | None = None, file: str = "tcp") -> list[Row]:
    """The TCP sockets with this local port; one in CLOSED is in no table and so not here.

    `file` "tcp" has the AF_INET sockets, "tcp6" the AF_INET6 ones.
    """
    found = []
    for line in Path(f"/proc/thread-self/net/{file}").read_text().splitlines()[1:]:
        word = line.split()
        here, there = (int(word[i].split(":")[1], 16) for i in (1, 2))
        if here == local and remote in (None, there):
            left = int(word[5].split(":")[1], 16) / 100
            found.append(Row(here, there, STATES[int(word[3], 16)], left))
    return found


def state(local: int, remote: int | None = None) -> str:
    """The states of the sockets with this local port, "CLOSED" when there is none."""
    return " ".join(sorted(row.state for row in table(local, remote))) or "CLOSED"


def state6(local: int) -> str:
    """The states of the AF_INET6 sockets with this local port, "CLOSED" when there is none."""
    return " ".join(sorted(row.state for row in table(local, file="tcp6"))) or "CLOSED"


def outcome(call: Callable[..., object], *arguments: object) -> str:
    """Do the call and name its result: "ok", "EOF", "12 bytes" or the errno."""
    try:
        result = call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    if isinstance(result, bytes):
        return f"{len(result)} bytes" if result else "EOF"
    return "ok"


def timed(call: Callable[..., object], *arguments: object) -> Timed:
    """The outcome of a call and how long it took."""
    start = time.monotonic()
    return Timed(outcome(call, *arguments), time.monotonic() - start)


def close(sock: socket.socket) -> Timed:
    """close(2) itself: socket.close() would hide an ECONNRESET."""
    return timed(os.close, sock.detach())


def background(call: Callable[..., Any], *arguments: object) -> Future[Any]:
    """Do the call in a thread of its own, so that the peer can be played meanwhile."""
    return ThreadPoolExecutor(max_workers=1).submit(call, *arguments)


def linger(sock: socket.socket, onoff: int, seconds: int) -> None:
    """setsockopt(SO_LINGER)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", onoff, seconds))


def error_of(sock: socket.socket) -> str:
    """SO_ERROR by name, "0" when there is none; reading it clears it."""
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[number] if number else "0"


def queued(sock: socket.socket, which: int) -> int:
    """SIOCINQ or SIOCOUTQ in bytes."""
    answer: bytes = fcntl.ioctl(sock, which, bytes(4))
    return int(struct.unpack("i", answer)[0])


def pair(**options: int) -> tuple[socket.socket, socket.socket]:
    """(client, accepted) over loopback; options are SOL_SOCKET names set before listen/connect."""
    with socket.socket() as listener, socket.socket() as client:
        for sock in (listener, client):
            for name, value in options.items():
                sock.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        return socket.socket(fileno=client.detach()), accepted


def shell(command: str) -> None:
    """Run an ip(8) command line; its failure is an exception."""
    subprocess.run(command, shell=True, check=True, capture_output=True)


def isolate() -> None:
    """A fresh network namespace for this process: loopback up, default sysctls.

    Congestion control is reno: every kernel has it and allows it in a namespace, and a machine's
    default may be one that paces (bbr), which would blur the timings. It starts as cubic does.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET): root is needed")
    shell("ip link set lo up")
    sysctl("tcp_congestion_control", "reno")


def _child(case: Case, pipe: int) -> NoReturn:
    failed = 0
    with os.fdopen(pipe, "w") as out:
        try:
            isolate()
            for fact in case():
                out.write(json.dumps([str(fact), fact.holds]) + "\n")
        except BaseException:  # noqa: BLE001 - whatever it was, the parent prints it
            out.write(json.dumps([f"{case.__name__}: {traceback.format_exc()}", False]) + "\n")
            failed = 1
    os._exit(failed)


def _start(case: Case) -> int:
    inlet, outlet = os.pipe()
    if os.fork() == 0:
        os.close(inlet)
        _child(case, outlet)
    os.close(outlet)
    return inlet


def main(cases: Sequence[Case], long: Sequence[Case] = ()) -> NoReturn:
    """Run the cases (with --long also those that take minutes), print their facts, exit 0 or 1."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--long", action="store_true", help="also what takes minutes")
    parser.add_argument("case", nargs="*", help="only the cases of these names")
    options = parser.parse_args()
    chosen = [case for case in cases if not options.case or case.__name__ in options.case]
    chosen += [case for case in long if options.long or case.__name__ in options.case]
    print(f"# Linux {platform.release()} {platform.machine()}, {datetime.date.today()}", flush=True)
    waiting, running, good = list(chosen), list[int](), True
    while waiting or running:
        while waiting and len(running) < PARALLEL:
            running.append(_start(waiting.pop(0)))
        with os.fdopen(running.pop(0)) as results:
            for line in results:
                text, holds = json.loads(line)
                good = good and holds
                print(text, flush=True)
        os.wait()
    sys.exit(0 if good else 1)
