"""Whose descriptor a socket is: /proc/PID/fd, as far as this user may look."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

from .errors import need_linux


class Owner(NamedTuple):
    """A descriptor of a process; name is the command's, as in /proc/PID/comm."""

    pid: int
    name: str
    fd: int


class Owners(Mapping[int, tuple[Owner, ...]]):
    """{inode: every descriptor of that socket}, in the order of the pids."""

    def __init__(self, found: dict[int, tuple[Owner, ...]], hidden: int) -> None:
        self._found = found
        self.hidden = hidden
        """How many processes kept their descriptors to themselves: other users' (ptrace(2))."""

    def __getitem__(self, inode: int) -> tuple[Owner, ...]:
        return self._found[inode]

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def owners(inodes: Container[int] | None = None) -> Owners:
    """Look through all processes once; `inodes` are those that matter (None: all sockets).

    A process that ends meanwhile is left out. Raises Unsupported where there is no /proc.
    """
    need_linux("the owners of sockets")
    found: dict[int, list[Owner]] = {}
    hidden = 0
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):
        try:
            descriptors = _sockets_of(pid)
            if not descriptors:
                continue
            with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                name = comm.read().rstrip("\n")
        except PermissionError:
            hidden += 1
            continue
        except (FileNotFoundError, ProcessLookupError):
            continue
        for inode, fd in descriptors:
            if inodes is None or inode in inodes:
                found.setdefault(inode, []).append(Owner(pid, name, fd))
    return Owners({inode: tuple(those) for inode, those in found.items()}, hidden)


def _sockets_of(pid: int) -> list[tuple[int, int]]:
    """Return the (inode, fd) of every socket of a process."""
    place = f"/proc/{pid}/fd"
    result: list[tuple[int, int]] = []
    for name in os.listdir(place):
        try:
            target = os.readlink(f"{place}/{name}")
        except FileNotFoundError:
            continue  # closed since
        if target.startswith("socket:["):
            result.append((int(target[8:-1]), int(name)))
    return sorted(result)
