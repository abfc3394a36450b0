"""The same script on this machine's kernel and in a world: output, exit statuses, endings.

A script takes ROLE PEER PORT. Its roles are started in order, on the kernel each when the one
before it listens or has ended; every role of a world has a host of its own, named as the role.
A role that serves for ever gets SIGINT when the last one has ended: its exit status is "stopped".
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from lastack import live
from lastack.cli.scene import Played, Setting
from lastack.cli.values import ProgramSpec
from lastack.net import LinkRules
from lastack.oracle import LOOPBACK
from lastack.profile import LINUX, US, Profile, S

SCRIPTS = Path(__file__).parent / "scripts"
LOOPBACK_LINK = LinkRules(delay_ns=50 * US, mtu=65536)
LIMIT = 20.0
_AGAIN = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Script:
    """A file of scripts/ and how it is run.

    forever: the roles that serve until they are interrupted. ports: how many it uses, from the
    one that it is given on. raced: which end closes first is a race.
    """

    file: str
    roles: tuple[str, ...] = ("server", "client")
    forever: tuple[str, ...] = ()
    ports: int = 1
    raced: bool = False


@dataclass
class Told:
    """What one run of a script's roles left behind.

    left: how many sockets of the port stand in which state, at which end ("server" has the port).
    """

    stdout: dict[str, list[str]] = field(default_factory=dict)
    stderr: dict[str, list[str]] = field(default_factory=dict)
    exit: dict[str, int | str | None] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)


def that_stays(found: T, again: Callable[[], T]) -> T:
    """Return what differs from the kernel, asked `again` a few times while something does: a busy
    machine wakes processes late, and what differs for a reason differs every time."""
    for _ in range(_AGAIN):
        if not found:
            break
        found = again()
    return found


def ports_for(scripts: Sequence[Script]) -> list[int]:
    """Return a first port for each script, all free, below those that the kernel chooses itself."""
    ports: list[int] = []
    candidate = 20_000 + os.getpid() % 10_000
    for script in scripts:
        while not all(map(_is_free, range(candidate, candidate + script.ports))):
            candidate += 1
        ports.append(candidate)
        candidate += script.ports
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not _sockets(port)


def on_kernel(script: Script, port: int) -> Told:
    """Run the roles as child processes on 127.0.0.1."""
    end = time.monotonic() + LIMIT
    told = Told()
    running: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        for role in script.roles:
            running[role] = stack.enter_context(subprocess.Popen(
                [sys.executable, "-u", str(SCRIPTS / script.file), role, LOOPBACK, str(port)],
                text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            ))  # fmt: skip
            stack.callback(running[role].kill)
            _until_ready(running[role], port, end)
        running[script.roles[-1]].wait(max(end - time.monotonic(), 0.1))
        for role in script.forever:
            _until_closed(port, end)
            running[role].send_signal(signal.SIGINT)
        for role, process in running.items():
            out, err = process.communicate(timeout=max(end - time.monotonic(), 0.1))
            told.stdout[role], told.stderr[role] = out.splitlines(), err.splitlines()
            status = process.returncode
            told.exit[role] = "stopped" if status == -signal.SIGINT else status
    ports = range(port, port + script.ports)
    told.left = _count(row for number in ports for row in _sockets(number))
    return told


def _until_ready(process: subprocess.Popen[str], port: int, end: float) -> None:
    while process.poll() is None and time.monotonic() < end:
        if live.sockets(f"state listening sport = :{port}"):
            return
        time.sleep(0.005)


def _until_closed(port: int, end: float) -> None:
    """Wait until no connection of the port is open any more."""
    while time.monotonic() < end:
        if all(state in ("LISTEN", "TIME-WAIT") for state, _ in _sockets(port)):
            return
        time.sleep(0.005)


def _sockets(port: int) -> list[tuple[str, bool]]:
    """Return the kernel's sockets with the port: their states, and whether it is their own.

    The kernel looks for the port, so this is quick also while TIME-WAITs stand by the thousand.
    """
    return [
        (row.state.value, name == "sport")
        for name in ("sport", "dport")
        for row in live.sockets(f"{name} = :{port}")
    ]


def in_world(script: Script, port: int) -> Told:
    """Run the roles on simulated hosts that are joined as loopback is."""
    told = Told()
    played = play(script, port)
    for role, ended in zip(script.roles, played.outcome.programs, strict=True):
        for stream, lines in (("stdout", told.stdout), ("stderr", told.stderr)):
            lines[role] = [line.text for line in ended.output if line.stream == stream]
        told.exit[role] = "stopped" if ended.stopped else ended.exit
        if ended.hung:
            told.stderr[role].append(ended.hung)
    ports = range(port, port + script.ports)
    told.told = played.to_json()
    del told.told["wall_seconds"]
    rows = [(_port(row["local"]), _port(row["remote"])) for row in told.told["time_wait"]]
    told.left = _count(
        ("TIME-WAIT", local in ports) for local, remote in rows if {local, remote} & {*ports}
    )
    return told


def _port(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def play(
    script: Script, port: int, *, link: LinkRules = LOOPBACK_LINK, profile: Profile = LINUX
) -> Played:
    """Run the roles in a world; each role's peer is the role before it."""
    peers = [script.roles[0], *script.roles[:-1]]
    specs = [
        ProgramSpec(role, [str(SCRIPTS / script.file), role, peer, str(port)], None, False)
        for role, peer in zip(script.roles, peers, strict=True)
    ]
    # On the kernel the peer is 127.0.0.1: one address, of one family.
    return Played(Setting(specs, link=link, profile=profile, until=300 * S, families="4"))


def _count(ends: Iterable[tuple[str, bool]]) -> dict[str, int]:
    """Count by state and end; the listeners are no matter."""
    counted: Counter[str] = Counter()
    for state, served in ends:
        if state != "LISTEN":
            counted[f"{state} {'server' if served else 'client'}"] += 1
    return dict(counted)
