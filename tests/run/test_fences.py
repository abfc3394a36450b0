"""What would leave the simulation fails with a sentence; outside nothing is fenced."""

import ctypes
import multiprocessing
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from lastack.run.fences import C_SOCKETS, EVENTS, Fenced, audit
from tests.run.in_world import alone, run


@pytest.mark.parametrize(
    "attempt",
    [
        os.fork,
        lambda: os.system("true"),
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.posix_spawn("/bin/true", ["true"], {}),
        lambda: subprocess.run(["true"], check=True),
        lambda: subprocess.run(["true"], capture_output=True, check=True),
        lambda: os.popen("true"),
        lambda: multiprocessing.Process(target=print).start(),
        lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
        lambda: multiprocessing.get_context("forkserver").Process(target=print).start(),
        lambda: ctypes.CDLL("libc.so.6"),
    ],
    ids=[
        "fork",
        "system",
        "exec",
        "posix_spawn",
        "subprocess",
        "captured",
        "popen",
        "multiprocessing",
        "spawn",
        "forkserver",
        "dlopen",
    ],
)
def test_no_way_out(attempt: Callable[[], object]) -> None:
    def program() -> None:
        with pytest.raises(Fenced, match="a simulated program cannot"):
            attempt()

    alone(program)


def test_a_real_socket_class_does_not_work_inside() -> None:
    class Made(socket.socket):  # made outside: its base is the real class
        pass

    def program() -> None:
        with pytest.raises(Fenced, match="real machine"):
            Made()

    alone(program)


def test_modules_with_sockets_in_c_are_refused_by_name() -> None:
    def program() -> None:
        for name in C_SOCKETS:
            with pytest.raises(ImportError, match="written in C"):
                __import__(name)

    alone(program)


def test_outside_nothing_is_fenced() -> None:
    assert subprocess.run([sys.executable, "-c", ""], check=True).returncode == 0
    for event in EVENTS:
        audit(event, ())
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))


def test_exit_now_ends_the_program_only() -> None:
    def first() -> None:
        os._exit(7)

    def second() -> None:
        print("goes on")

    outcome, _ = run(("a", first), ("b", second))
    assert [program.exit for program in outcome.programs] == [7, 0]


def test_abort_ends_the_program_only() -> None:
    outcome, _ = run(("a", lambda: os.abort()), ("b", lambda: None))
    assert [program.exit for program in outcome.programs] == [134, 0]


def test_the_platform_is_told_without_a_process() -> None:
    def program() -> None:
        print(platform.uname_result("Linux", "a", "6", "1", "x86_64").processor == "")
        print(platform.system())

    assert alone(program) == ["True", "Linux"]
