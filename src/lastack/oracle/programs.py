"""The same programs on this machine's kernel: child processes on 127.0.0.1, no root needed.

The programs are started in order, each when the one before it listens on the port or has ended.
Nothing is waited for longer than the limit, and what still runs then is killed.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_TABLE: Final = Path("/proc/net/tcp")
_TABLE6: Final = Path("/proc/net/tcp6")
_STATES: Final = {
    1: "ESTABLISHED", 2: "SYN-SENT", 3: "SYN-RECEIVED", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2",
    6: "TIME-WAIT", 7: "CLOSED", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING",
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    """How one program ended: exit status (None: killed at the limit) and its lines of output."""

    exit: int | None
    output: tuple[str, ...]


@dataclass(frozen=True)
class KernelSocket:
    """A row of /proc/net/tcp or tcp6: state as RFC 9293 writes it, ports, queues in bytes."""

    state: str
    local_port: int
    remote_port: int
    send_queue: int
    recv_queue: int


def available() -> bool:
    """Tell whether this machine has a kernel whose sockets can be looked at."""
    return sys.platform == "linux" and _TABLE.exists()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses, not even a TIME-WAIT."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def sockets(port: int) -> list[KernelSocket]:
    """Return the kernel's sockets with this port at either end, AF_INET before AF_INET6."""
    found = []
    tables = [table for table in (_TABLE, _TABLE6) if table.exists()]
    for line in [line for table in tables for line in table.read_text().splitlines()[1:]]:
        _, local, remote, state, queues, *_ = line.split()
        ports = int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)
        if port in ports:
            send, receive = (int(text, 16) for text in queues.split(":"))
            found.append(KernelSocket(_STATES[int(state, 16)], *ports, send, receive))
    return found


def play(programs: Sequence[Sequence[str]], port: int, *, limit: float = 20.0) -> list[Ran]:
    """Run Python programs (argument lists, the first a file) side by side on the kernel.

    `port` is the one on which the first listens; `limit` is in seconds of real time.
    """
    end = time.monotonic() + limit
    running: list[subprocess.Popen[str]] = []
    try:
        for arguments in programs:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-u", *arguments], text=True, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )
            )  # fmt: skip
            _until_listening(running[-1], port, end)
        return [_finish(process, end) for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()


def _until_listening(process: subprocess.Popen[str], port: int, end: float) -> None:
    while process.poll() is None and time.monotonic() < end:
        if any(row.state == "LISTEN" and row.local_port == port for row in sockets(port)):
            return
        time.sleep(0.005)


def _finish(process: subprocess.Popen[str], end: float) -> Ran:
    try:
        output, _ = process.communicate(timeout=max(end - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        return Ran(None, tuple(output.splitlines()))
    return Ran(process.returncode, tuple(output.splitlines()))
