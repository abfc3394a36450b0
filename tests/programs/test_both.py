"""Programs that were written for sockets, not for us: the kernel and a world tell the same.

What a script prints is all that counts; each was made so that its outcome is no race. `left` is
compared (who stands in TIME-WAIT, how often) where the order of the closes is no race either.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from lastack.oracle import available

from .both import Script, Told, in_world, on_kernel, ports_for, that_stays

SCRIPTS = [
    Script("worker_queue.py"),
    Script("upload.py", raced=True),
    Script("select_chat.py", ("server", "alice", "bob")),
    Script("raising_handler.py", forever=("server",)),
    Script("half_close.py"),
    Script("retries.py", ports=2),
    Script("peeking.py"),
    Script("duplicates.py"),
    Script("nonblocking.py"),
    Script("proxy.py", ("origin", "proxy", "client"), ports=2),
    Script("ftp.py", forever=("server",)),
    Script("nagle_lines.py"),
    Script("executor.py"),
    Script("heartbeats.py"),
    Script("lingering.py"),
    Script("names.py"),
    Script("mail.py"),
    Script("remote_calls.py", raced=True),
    Script("gone.py"),
    Script("addresses.py"),
    Script("edges.py"),
    Script("coroutines.py"),
    Script("sending_files.py"),
    Script("log_sockets.py"),
    Script("barrier.py"),
    Script("queued_writes.py"),
    Script("echo_many.py", forever=("server",)),
    Script("keep_alive.py", forever=("server",)),
    Script("uncaught.py"),
    Script("other_thread.py"),
    Script("readings.py"),
    Script("mailbox.py"),
    Script("connection_objects.py", raced=True),
    Script("protocols.py"),
    Script("scanner.py", ports=10, raced=True),
    Script("web_app.py", raced=True),
    Script("alarms.py", raced=True),
    Script("limits.py"),
    Script("flagged.py"),
    Script("control.py"),
    Script("passing.py"),
    Script("watching.py"),
    Script("telling.py"),
    Script("forgotten.py", ("server",)),
]


def play(script: Script, port: int) -> tuple[int, Told]:
    """Run a script on the kernel; return also the port that it used."""
    return port, on_kernel(script, port)


@pytest.fixture(scope="module")
def on_kernel_all() -> Iterator[dict[str, Future[tuple[int, Told]]]]:
    """Every script on the kernel, a few at a time: mostly they sleep."""
    with ThreadPoolExecutor(3) as pool:
        pairs = zip(SCRIPTS, ports_for(SCRIPTS), strict=True)
        yield {script.file: pool.submit(play, script, port) for script, port in pairs}


@pytest.mark.skipif(not available(), reason="a Linux kernel is the judge")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.file)
def test_the_kernel_and_the_world_tell_the_same(
    script: Script, on_kernel_all: dict[str, Future[tuple[int, Told]]]
) -> None:
    found = _parts(script, on_kernel_all[script.file].result)
    assert not that_stays(found, lambda: _parts(script, lambda: play(script, *ports_for([script]))))


def _parts(script: Script, kernel: Callable[[], tuple[int, Told]]) -> object:
    """Tell what differs from a run on the kernel, or that it did not end."""
    try:
        port, told = kernel()
    except subprocess.TimeoutExpired as late:
        return late
    return _differ(script, told, in_world(script, port))


def _differ(script: Script, kernel: Told, world: Told) -> list[tuple[object, object]]:
    pairs: list[tuple[object, object]] = [
        (kernel.stdout, world.stdout), (kernel.exit, world.exit),
    ]  # fmt: skip
    for role in {*script.roles} - {*script.forever}:
        pairs.append((kernel.stderr[role], world.stderr[role]))
    if not script.raced:
        pairs.append((kernel.left, world.left))
    return [pair for pair in pairs if pair[0] != pair[1]]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.file)
def test_the_ledger_fits_and_a_second_run_is_the_same(script: Script) -> None:
    first, second = (in_world(script, 8000) for _ in range(2))
    assert (first.told, first.stdout) == (second.told, second.stdout)
    for connection in first.told["connections"]:
        for account in connection["bytes"].values():
            parts = ("read", "unread", "queued", "destroyed")
            assert account["accepted"] == sum(account[part] for part in parts)
