"""The variable of a Python program that holds a socket, read from outside."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lastack.live import holders

from .lab import Stage, eventually, private_as_nobody

PROGRAM = """\
import socket, sys

class Pool:
    def __init__(self):
        self.idle = []

def connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return listener.accept()[0], client

def handle(conn):
    say(conn, sys.stdin.read)

def say(conn, wait):
    socks = [conn, kept, pool.idle[0], table["a"][0], client]
    numbers = [sock.fileno() for sock in socks]
    del conn, socks
    print(*numbers, flush=True)
    wait()

def shell(conn):
    def inner():
        say(conn, sys.stdin.read)
    inner()

kept, client = connection()
pool = Pool()
pool.idle.append(connection()[0])
table = {"a": (connection()[0], 1)}
(handle if len(sys.argv) == 1 else shell)(connection()[0])
"""


SERVER = """\
import asyncio, sys

async def handle(reader, writer):
    print(writer.get_extra_info("socket").fileno(), flush=True)
    await forever()

async def forever():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    await asyncio.open_connection(*server.sockets[0].getsockname())
    await forever()

asyncio.run(main())
"""


@contextmanager
def running(
    path: Path, *words: str, text: str = PROGRAM
) -> Generator[tuple[int, list[int]], None, None]:
    """Run the program; yields its pid and the descriptors that it names."""
    path.write_text(text)
    with subprocess.Popen(
        [sys.executable, str(path), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        yield process.pid, [int(word) for word in process.stdout.readline().split()]
        process.communicate()


def test_a_local_variable_with_its_line(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    with running(program) as (pid, (conn, *_)):
        found = holders(pid, {conn})
    assert found[conn].place == f"{program}:13 in handle, variable conn"


def test_globals_and_what_they_lead_to(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    with running(program) as (pid, (_, kept, pooled, tabled, client)):
        found = holders(pid, {kept, pooled, tabled, client})
    assert found[kept].place == f"{program}, global kept"
    assert found[client].place == f"{program}, global client"
    assert found[pooled].place == f"{program}, in global pool"
    assert found[tabled].place == f"{program}, in global table"


def test_a_variable_of_a_closure(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    with running(program, "closure") as (pid, (conn, *_)):
        found = holders(pid, {conn})
    assert found[conn].place.startswith(f"{program}:2")
    assert "variable conn" in found[conn].place


def test_a_suspended_coroutine_with_its_line(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    with running(program, text=SERVER) as (pid, (fd,)):
        # it says its number a moment before it waits
        eventually(lambda: ":5 in handle, in variable" in holders(pid, {fd})[fd].place)
        place = holders(pid, {fd})[fd].place
    assert place.startswith(f"{program}:5 in handle, in variable ")


def test_a_descriptor_that_no_variable_has(tmp_path: Path) -> None:
    with running(tmp_path / "program.py") as (pid, _):
        found = holders(pid, {250})
    assert found[250].place == ""
    assert "no variable" in found[250].why_not


def test_another_program_has_none() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert holders(process.pid, {0}) == {}
        process.communicate()
    assert holders(process.pid, {0}) == {}


@pytest.mark.root
def test_a_process_that_is_not_ours(tmp_path: Path) -> None:
    with running(tmp_path / "program.py") as (pid, (conn, *_)):
        seen: list[str] = []

        @private_as_nobody
        def look(stage: Stage) -> None:
            # the link to the program is hidden, too: then it is not known to be Python
            seen.extend(one.why_not for one in holders(pid, {conn}).values())

        look(Stage())
    assert seen in ([], ["its memory may be read by its user or root only (ptrace(2))"])
