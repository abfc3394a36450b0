"""The pytest option --lastack-endings, in test runs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SUITE = """\
import socket
import pytest

def pair():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    listener.close()
    return client, server

@pytest.fixture
def connection():
    client, server = pair()
    client.sendall(bytes(12))
    yield client
    server.close()
    client.close()

def test_clean():
    for sock in pair():
        sock.close()

def test_of_a_fixture(connection):
    pass

def test_many():
    for _ in range(8):
        client, server = pair()
        client.sendall(b"x")
        server.close()
        client.close()
"""
LEAK = "\ndef test_leak():\n    pair()\n"
# The plugins of whoever runs this would be theirs, not ours.
RUN = [sys.executable, "-m", "pytest", "-p", "lastack.pytest_entry", "-p", "no:cacheprovider"]


def run(tmp_path: Path, suite: str, *options: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    (tmp_path / "test_suite.py").write_text(suite, encoding="utf-8")
    return subprocess.run(
        [*RUN, *options], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONWARNINGS": "error"},
    )  # fmt: skip


def test_endings_are_told_for_each_test(tmp_path: Path) -> None:
    done = run(tmp_path, SUITE, "--lastack-endings")
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, told = done.stdout.partition("endings of TCP sockets")
    assert "test_suite.py::test_clean" not in told
    _, _, fixture = told.partition("test_suite.py::test_of_a_fixture\n")
    assert fixture.startswith("test_suite.py:16 in connection: close 127.0.0.1:")
    assert "12 bytes unread: Linux sends an RST" in fixture
    assert "  and 3 ending more" not in fixture
    assert "  and 3 endings more" in fixture
    assert "       8            8  unread bytes, so an RST  test_suite.py:30" in fixture
    assert "30 TCP sockets closed, 9 findings" in fixture
    assert "3 passed" in fixture
    assert not [line for line in told.splitlines() if len(line) > 80]


@pytest.mark.parametrize("suite", [SUITE, SUITE + LEAK], ids=["all pass", "one leaks"])
def test_outcomes_stay_as_they_were(tmp_path: Path, suite: str) -> None:
    plain, audited = run(tmp_path, suite), run(tmp_path, suite, "--lastack-endings")
    assert audited.returncode == plain.returncode
    said = [done.stdout.splitlines()[-1].split(" in ")[0] for done in (plain, audited)]
    assert said[0] == said[1]


def test_without_the_option_nothing_is_loaded(tmp_path: Path) -> None:
    suite = """\
import socket, sys

def test_nothing():
    loaded = {name for name in sys.modules if name.split(".")[0] == "lastack"}
    rooms = {name.split(".")[1] for name in loaded if "." in name}
    assert "pytest_entry" in rooms
    assert not rooms & {"live", "pytest_plugin", "cli", "verdict", "tcp", "run"}
    assert "__del__" not in vars(socket.socket)
"""
    done = run(tmp_path, suite)
    assert done.returncode == 0, done.stdout
    assert "endings of TCP sockets" not in done.stdout


def test_every_hook_is_taken_away_again(tmp_path: Path) -> None:
    program = """\
import os, socket, sys, asyncio.selector_events as loops
import pytest
def seen():
    places = (socket.socket, socket, os, loops._SelectorTransport)
    return [dict(vars(place)) for place in places]
before = seen()
assert pytest.main(sys.argv[1:]) == 0
assert seen() == before
"""
    (tmp_path / "test_suite.py").write_text(SUITE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program, *RUN[3:], "--lastack-endings"], cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_pytest_finds_the_option_by_itself() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    plugins = project["project"]["entry-points"]["pytest11"]
    assert plugins == {"lastack": "lastack.pytest_entry"}
