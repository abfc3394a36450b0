"""The hosts of a world and the programs on them, as values; nothing here runs anything."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from lastack.host import Host
from lastack.profile import NEVER, Profile
from lastack.sockets import File, UnixNames

from .output import Output

FIRST_DESCRIPTOR: Final = 1 << 20
"""Descriptors of simulated programs start here, where no real one is."""

KILLED: Final = "killed"
POWERLESS: Final = "power cut"
"""What may have been done to a process from outside."""

_descriptors = count(FIRST_DESCRIPTOR)


class Node:
    """One simulated host: its TCP, its name, its number in the world, and its addresses, packed:
    `address` of IPv4, `address6` of IPv6.

    up: it has power; linked: its interface is up. Each boot has a `Host` of its own.
    """

    def __init__(
        self, number: int, name: str, addresses: tuple[bytes, bytes], profile: Profile, host: Host
    ) -> None:
        self.number = number
        self.name = name
        self.addresses = addresses
        self.address, self.address6 = addresses
        self.profile = profile
        self.host = host
        self.up = True
        self.linked = True
        self.boots = 0
        self.unix_names = UnixNames()


class Process:
    """One running program.

    exit is its status once it has ended by itself, None before and when it was stopped.
    blocked_at is when one of its threads first waited, stirred_at when one last went on, other
    than from a wait for files that timed out. `background` is what the caller said; a program that
    listens is in the background whatever was said.
    """

    def __init__(
        self, number: int, name: str, node: Node, seed: int, clock: Callable[[], int]
    ) -> None:
        self.number = number
        self.name = name
        self.node = node
        self.pid = 1000 + number
        self.descriptors: dict[int, File] = {}
        self.output = Output(clock)
        self.random = random.Random(f"{seed}/{name}/{number}")
        self.default_timeout: float | None = None

        self.background = False
        self.start_at: int | None = None
        self.blocked_at = NEVER
        self.stirred_at = 0
        self.started = False
        self.exiting = False
        self.ended = False
        self.exit: int | None = None
        self.stopped = False
        self.ended_by = ""  # KILLED or POWERLESS
        self.installed = 0  # number of its program in the world, the same after a restart
        self.interrupted = False
        self.hung = ""

        self.signals: dict[int, Any] = {}
        self.pending: list[int] = []
        self.delivered = 0
        self.wakeup_fd = -1
        self.at_exit: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
        self.main: object = None  # its first SimThread
        self.main_thread: Any = None  # what threading.main_thread() answers
        self.surroundings: Any = None  # surroundings.Surroundings, while the program lives
        self.alarm: object = None  # signals.Alarm
        self.tasks = 0  # of asyncio, for their default names
        self.kept: dict[str, Any] = {}  # what libraries keep for a process, by module
        self.epoch = 0  # of the world's calendar, in ns since 1970, at world time 0

    def add(self, file: File) -> int:
        """Give the file a descriptor, which holds a reference; return its number.

        Numbers are never used again, in this world or a later one: an object that outlived its
        world would close somebody else's file.
        """
        file.hold()
        fd = next(_descriptors)
        self.descriptors[fd] = file
        return fd

    def keep(self, file: File) -> None:
        """Keep a file that refused to be closed: its descriptor stays until the program ends."""
        self.descriptors[next(_descriptors)] = file

    @property
    def listens(self) -> bool:
        """Whether the program owns a listening socket, or one of UDP whose port it named itself
        and that has no peer: a socket as ss(8) -l lists them, but for automatic ports."""
        # Asked before each event. To look at all files of a client with 1,000 connections was 1 %
        # of its run, and grows with their square.
        if not (self.node.host.may_serve or self.node.unix_names.have_listened):
            return False
        # A loop, since any() would make a generator each time.
        for file in self.descriptors.values():  # noqa: SIM110
            if file.listening:
                return True
        return False

    @property
    def in_background(self) -> bool:
        """Whether a run may end while this program goes on."""
        return self.background or self.listens
