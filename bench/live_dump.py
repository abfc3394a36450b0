"""How long it takes to list and to count many sockets, against ss(8) and pyroute2, in one run.

    sudo .venv/bin/python bench/live_dump.py [SOCKETS]

Makes connections in TIME-WAIT (100 000 unless told) in a network namespace of its own. The ways
take turns, so that a machine that is busy for a while is so for all of them; the best turn of each
counts. The aims: counting by state at most half
as long as `ss -Htan >/dev/null`, and `lastack.live.sockets()` with each row decoded as far as `ls`
needs it, without owners, at most one and a half times as long. That is why the room has a decoder
of its own and no netlink library below it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

from lastack.live import Row, count, owners, sockets

_NEWNET = 0x40000000
_PER_LISTENER = 25_000


def make(number: int) -> int:
    """Fill the table with connections in TIME-WAIT; return how many there are."""
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65000")
    Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")
    limit = Path("/proc/sys/net/ipv4/tcp_max_tw_buckets")
    if limit.exists():
        limit.write_text("400000")
    left = number
    for host in range(1, 250):
        with socket.create_server((f"127.0.1.{host}", 900), backlog=128) as listener:
            for _ in range(min(left, _PER_LISTENER)):
                client = socket.create_connection(listener.getsockname())
                server, _ = listener.accept()
                client.close()
                server.close()
        left -= min(left, _PER_LISTENER)
        if not left:
            break
    return sum(count("state time-wait").values())


_EVERYTHING = attrgetter(
    "family", "state", "timer", "retransmits", "local", "remote", "ifindex", "cookie", "expires_in",
    "recv_queue", "send_queue", "uid", "inode",
)  # fmt: skip
# what `lastack ls` tells of a socket, but for the owner and the options of a borrowed descriptor
_ROW = attrgetter(
    "state", "local", "remote", "timer", "expires_in", "recv_queue", "send_queue", "inode", "cookie"
)


def read(fields: Callable[[Row], object]) -> int:
    """List, and read these fields of every row."""
    total = 0
    for row in sockets():
        fields(row)
        total += 1
    return total


def command(*words: str) -> Callable[[], object]:
    """Return a function that runs a command with its output thrown away."""
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def pyroute2() -> int:
    """List with pyroute2."""
    from pyroute2 import DiagSocket

    with DiagSocket() as diag:
        diag.bind()
        return sum(1 for _ in diag.get_sock_stats(family=socket.AF_INET))


def timed(work: Callable[[], object]) -> float:
    """Return how long one turn takes, in s."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def main() -> None:
    """Make the sockets, measure every way, print the ratios."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if ctypes.CDLL(None, use_errno=True).unshare(_NEWNET):
        sys.exit(f"a network namespace of its own: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    say(f"{make(number)} connections in TIME-WAIT, {os.uname().sysname} {os.uname().release}")
    verb = "from lastack.cli.ls import ls; ls()"
    ways: list[tuple[str, Callable[[], object], int]] = [
        ("ss -Htan >/dev/null", command("ss", "-Htan"), 5),
        ("live.count()", count, 5),
        ("live.sockets()", sockets, 5),
        ("live.sockets(), the row of `ls` read", lambda: read(_ROW), 5),
        ("live.sockets(), every field read", lambda: read(_EVERYTHING), 5),
        ("live.sockets('dport = :900')", lambda: sockets("dport = :900"), 5),
        ("live.sockets('dst 127.0.1.9')", lambda: sockets("dst 127.0.1.9"), 5),
        ("live.owners()", owners, 5),
        ("lastack ls --count", command(sys.executable, "-c", verb, "--count"), 2),
        ("lastack ls", command(sys.executable, "-c", verb), 2),
        ("lastack ls --json", command(sys.executable, "-c", verb, "--json"), 1),
        ("pyroute2 DiagSocket.get_sock_stats()", pyroute2, 1),
    ]
    best = {name: timed(work) for name, work, _ in ways}
    for turn in range(1, 5):
        for name, work, turns in ways:
            if turn < turns:
                best[name] = min(best[name], timed(work))
    left = count("state time-wait").total()
    if left < number:
        say(f"too slow a machine: only {left} were left at the end, the ratios mean little")
    base = best[ways[0][0]]
    for name, took in best.items():
        say(f"{name:44} {took * 1e3:9.1f} ms {took / base:7.2f}x")


if __name__ == "__main__":
    main()
