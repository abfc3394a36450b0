"""Test runs of their own, as a user has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

SERVER: Final = """\
import asyncio
import socket
import time

import pytest


def serve():
    listener = socket.create_server(("0.0.0.0", 80))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"hello " + connection.recv(100))


def ask(name):
    with socket.create_connection(("web", 80)) as sock:
        sock.sendall(name)
        return sock.recv(100)
"""
NEIGHBOURS: Final = {
    "pytest_asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin",
    "xdist": "xdist.plugin", "hypothesis": "_hypothesis_pytestplugin",
}  # fmt: skip


def run(
    directory: Path, *options: str, python: tuple[str, ...] = (), neighbours: bool = False,
    hashes: str | None = "0",
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run the tests of a directory, with no plugin but ours (and the neighbours)."""
    command = [sys.executable, *python, "-m", "pytest", "-p", "lastack.pytest_entry"]
    for plugin in NEIGHBOURS.values() if neighbours else ():
        command += ["-p", plugin]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "100"}
    environment.pop("PYTHONHASHSEED", None)
    if hashes is not None:
        environment["PYTHONHASHSEED"] = hashes
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", *options], cwd=directory, capture_output=True,
        text=True, check=False, timeout=120, env=environment,
    )  # fmt: skip


STRICT: Final = r"""filterwarnings =
    error
    ignore:unclosed <.*fd=1\d{6}\b:ResourceWarning
"""
"""Simulated sockets, which have descriptors of seven digits, end with their program or test."""


def write(directory: Path, suite: str, ini: str = STRICT) -> None:
    """Write a test file that has the server, and the configuration."""
    (directory / "pytest.ini").write_text(f"[pytest]\n{ini}", encoding="utf-8")
    (directory / "test_suite.py").write_text(SERVER + suite, encoding="utf-8")


def summary(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last line without the time."""
    return done.stdout.splitlines()[-1].strip("= ").split(" in ")[0]
