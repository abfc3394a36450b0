"""An epoll instance (epoll(7)): a set of watched descriptors that is itself a file.

An entry belongs to a descriptor and the file it referred to when it was added, and it goes when
the file is closed, not when the descriptor is: a duplicate keeps reporting, as on Linux.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from .errors import os_error
from .files import ERR, HUP, IN, OUT, File
from .linger import ClosePlan

EXCLUSIVE: Final = 1 << 28
WAKEUP: Final = 1 << 29
ONESHOT: Final = 1 << 30
EDGE: Final = 1 << 31
"""EPOLLEXCLUSIVE, EPOLLWAKEUP (which has no meaning without a power supply), EPOLLONESHOT and
EPOLLET of epoll_ctl(2)."""

_BITS: Final = 0xFFFF
_WITH_EXCLUSIVE: Final = IN | OUT | ERR | HUP | WAKEUP | EDGE | EXCLUSIVE
"""All that may stand beside EPOLLEXCLUSIVE (docs/kernel-notes/epoll.md)."""
_ALWAYS: Final = ERR | HUP
_NESTING: Final = 5

Wake = Callable[[File, int], bool]
"""Wakes who waits for a file, and tells whether somebody did."""
Watch = Callable[[File, Wake, bool], None]
"""Asks for, or ends, calls of a function at every wake of a file; True: only as long as nobody was
woken by an earlier one of that kind (EPOLLEXCLUSIVE)."""


class _Entry:
    __slots__ = ("fd", "file", "events", "edge", "disabled", "in_line")

    def __init__(self, fd: int, file: File, events: int) -> None:
        self.fd = fd
        self.file = file
        self.set(events)

    def set(self, events: int) -> None:
        """Arm the entry; what is ready already counts as an edge."""
        self.events = events
        self.edge = True
        self.disabled = self.in_line = False

    def ready(self, now: int) -> int:
        """Return the bits to report now, 0 for none."""
        if self.disabled or (self.events & (EDGE | EXCLUSIVE) and not self.edge):
            return 0
        return self.file.mask(now) & (self.events & _BITS | _ALWAYS)


class Epoll(File):
    """The set. Its entries stand in the order in which they became ready or were last reported,
    which is the order in which a kernel reports them (epoll(7), its ready list)."""

    kind = "epoll"

    def __init__(self, wake: Wake, watch: Watch, unwatch: Watch) -> None:
        super().__init__()
        self._entries: dict[tuple[int, File], _Entry] = {}
        self._wake = wake
        self._watch = watch
        self._unwatch = unwatch

    def describe(self) -> str:
        """Return the set for people."""
        self._forget_closed()
        files = dict.fromkeys(entry.file for entry in self._entries.values())
        return "epoll of " + (", ".join(map(describe, files)) or "nothing")

    def add(self, fd: int, file: File, events: int) -> None:
        """Watch a descriptor (EPOLL_CTL_ADD). EEXIST if it is watched already; EINVAL for the
        set itself, and for what EPOLLEXCLUSIVE does not go with; ELOOP where sets would watch each
        other."""
        alone = bool(events & EXCLUSIVE)
        if file is self or (alone and (events & ~_WITH_EXCLUSIVE or isinstance(file, Epoll))):
            raise os_error(errno.EINVAL)
        if isinstance(file, Epoll) and file.reaches(self, _NESTING):
            raise os_error(errno.ELOOP)
        self._forget_closed()
        if (fd, file) in self._entries:
            raise os_error(errno.EEXIST)
        if not self._watches(file, alone):
            self._watch(file, self._woken_alone if alone else self._woken, alone)
        self._entries[fd, file] = _Entry(fd, file, events)
        self._wake(self, IN)

    def _watches(self, file: File, alone: bool) -> bool:
        return any(
            entry.file is file and bool(entry.events & EXCLUSIVE) == alone
            for entry in self._entries.values()
        )

    def modify(self, fd: int, file: File, events: int) -> None:
        """Change what is watched for (EPOLL_CTL_MOD). ENOENT if the descriptor is not watched,
        EINVAL where EPOLLEXCLUSIVE is set or was."""
        if events & EXCLUSIVE:
            raise os_error(errno.EINVAL)
        entry = self._entry(fd, file)
        if entry.events & EXCLUSIVE:
            raise os_error(errno.EINVAL)
        entry.set(events)
        self._wake(self, IN)

    def remove(self, fd: int, file: File) -> None:
        """Stop watching (EPOLL_CTL_DEL). ENOENT if the descriptor is not watched."""
        self._entry(fd, file)
        self._forget(fd, file)

    def collect(self, limit: int, now: int) -> list[tuple[int, int]]:
        """Return up to `limit` ready descriptors with their bits, in turn; disarm what is
        EPOLLET or EPOLLONESHOT."""
        self._forget_closed()
        found: list[tuple[int, int]] = []
        for key, entry in list(self._entries.items()):
            if len(found) == limit:
                break
            bits = entry.ready(now)
            entry.in_line = bool(bits) and not entry.events & (EDGE | ONESHOT)
            if not bits and entry.events & EXCLUSIVE:
                entry.edge = False  # only a wake that comes to this set makes it look again
            if bits:
                found.append((entry.fd, bits))
                entry.edge = not entry.events & EDGE
                entry.disabled = bool(entry.events & ONESHOT)
                # Those that were reported go to the end: none starves behind `limit`.
                self._entries[key] = self._entries.pop(key)
        return found

    def _woken(self, file: File, events: int) -> bool:
        """Take note that a watched file has gained `events`: an edge, and a wake of the set."""
        return self._note(file, events, 0)

    def _woken_alone(self, file: File, events: int) -> bool:
        """Do the same for entries with EPOLLEXCLUSIVE; tell whether a thread was waiting."""
        return self._note(file, events, EXCLUSIVE)

    def _note(self, file: File, events: int, kind: int) -> bool:
        wanted = False
        for key, entry in list(self._entries.items()):
            if entry.events & EXCLUSIVE != kind or entry.file is not file:
                continue
            if events & (entry.events & _BITS | _ALWAYS):
                entry.edge = wanted = True
                if not entry.in_line:
                    entry.in_line = True
                    self._entries[key] = self._entries.pop(key)
        return wanted and self._wake(self, IN)

    def reaches(self, other: File, depth: int) -> bool:
        """Tell whether this set watches `other`, directly or through sets, or nests too deep."""
        if self is other or depth == 0:
            return True
        return any(
            isinstance(entry.file, Epoll) and entry.file.reaches(other, depth - 1)
            for entry in self._entries.values()
        )

    def mask(self, now: int) -> int:
        """Return IN while an entry is ready."""
        self._forget_closed()
        return IN if any(entry.ready(now) for entry in self._entries.values()) else 0

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close the set; the files in it live on."""
        for fd, file in list(self._entries):
            self._forget(fd, file)
        return None

    def _entry(self, fd: int, file: File) -> _Entry:
        self._forget_closed()
        entry = self._entries.get((fd, file))
        if entry is None:
            raise os_error(errno.ENOENT)
        return entry

    def _forget_closed(self) -> None:
        for key, entry in list(self._entries.items()):
            if entry.file.refs == 0:
                self._forget(*key)

    def _forget(self, fd: int, file: File) -> None:
        alone = bool(self._entries.pop((fd, file)).events & EXCLUSIVE)
        if not self._watches(file, alone):
            self._unwatch(file, self._woken_alone if alone else self._woken, alone)


def describe(file: File) -> str:
    """Return a file for people, in the report of a program that hangs."""
    tell = getattr(file, "describe", None)
    return file.kind if tell is None else str(tell())
