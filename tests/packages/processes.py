"""Rows in fresh processes, and on the kernel's loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from lastack.oracle import LOOPBACK, sockets
from lastack.run import fix_addresses

from .rows import PORT, Row

PROJECT: Final = Path(__file__).resolve().parents[2]
LIMIT: Final = 120.0
Results = dict[str, dict[str, Any]]


def in_fresh_processes(keys: Sequence[str], count: int) -> list[Results]:
    """Play the rows in `count` processes at the same time; return what each told, by key.

    A row that took the process with it is not there; the key "" has the process's complaints.
    """
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "tests.packages.play", *keys]
    running = [
        subprocess.Popen(command, cwd=PROJECT, env=environment, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=fix_addresses)
        for _ in range(count)
    ]  # fmt: skip
    results: list[Results] = []
    for process in running:
        try:
            out, complaints = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, complaints = process.communicate()
        told: Results = {"": {"complaints": complaints, "status": process.returncode}}
        for line in out.splitlines():
            row = json.loads(line)
            told[row["key"]] = row
        results.append(told)
    return results


@contextmanager
def servers_on_kernel(row: Row, port: int = PORT) -> Iterator[list[str]]:
    """Start all but the last role on 127.0.0.1; give the command of the last."""
    commands = row.commands([LOOPBACK] * len(row.roles), port)
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryFile() as log:
        try:
            for command in commands[:-1]:
                running.append(subprocess.Popen([sys.executable, *command], stdout=log, stderr=log))
                _until_listening(running[-1], port)
            yield [sys.executable, *commands[-1]]
        finally:
            for process in running:
                process.send_signal(signal.SIGINT)
            for process in running:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        if any(entry.state == "LISTEN" and entry.local_port == port for entry in sockets(port)):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen")


def on_kernel(row: Row) -> list[str]:
    """Return what the last role prints on the kernel's loopback."""
    with servers_on_kernel(row) as command:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    return done.stdout.splitlines()
