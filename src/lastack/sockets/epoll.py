"""An epoll instance (epoll(7)): a set of watched descriptors that is itself a file.

An entry belongs to a descriptor and the file it referred to when it was added, and it goes when
the file is closed, not when the descriptor is: a duplicate keeps reporting, as on Linux.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from .errors import os_error
from .files import ECHO, ERR, HUP, IN, NORMAL, OUT, File
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
    __slots__ = ("fd", "file", "events", "asked", "edge", "disabled")

    def __init__(self, fd: int, file: File, events: int) -> None:
        self.fd = fd
        self.file = file
        self.set(events)

    def set(self, events: int) -> None:
        """Arm the entry; what is ready already counts as an edge."""
        self.events = events
        self.asked = events & _BITS | _ALWAYS | events >> ECHO & (IN | OUT)
        self.edge = True
        self.disabled = False

    def ready(self, now: int) -> int:
        """Return the bits to report now, 0 for none."""
        if self.disabled or (self.events & EDGE and not self.edge):
            return 0
        if self.events & NORMAL:
            level = self.file.mask(now)
            return (level | (level & (IN | OUT)) << ECHO) & (self.events & _BITS | _ALWAYS)
        return self.file.mask(now) & self.asked


class Epoll(File):
    """The set. Only entries in `_line` are looked at: those that were woken, ready when they were
    added, or ready when they were last reported, in this order. That is the order in which a
    kernel reports them (epoll(7), its ready list), and what keeps a large set of idle files cheap.
    """

    kind = "epoll"

    def __init__(self, wake: Wake, watch: Watch, unwatch: Watch) -> None:
        super().__init__()
        self._entries: dict[File, dict[int, _Entry]] = {}
        self._line: dict[_Entry, None] = {}
        self._besides: dict[_Entry, None] = {}
        self._wake = wake
        self._watch = watch
        self._unwatch = unwatch

    def describe(self) -> str:
        """Return the set for people."""
        return "epoll of " + (", ".join(map(describe, self._entries)) or "nothing")

    def add(self, fd: int, file: File, events: int, now: int) -> None:
        """Watch a descriptor (EPOLL_CTL_ADD). EEXIST if it is watched already; EINVAL for the
        set itself, and for what EPOLLEXCLUSIVE does not go with; ELOOP where sets would watch each
        other."""
        alone = events & EXCLUSIVE
        if file is self or (alone and (events & ~_WITH_EXCLUSIVE or isinstance(file, Epoll))):
            raise os_error(errno.EINVAL)
        if isinstance(file, Epoll) and file.reaches(self, _NESTING):
            raise os_error(errno.ELOOP)
        entries = self._entries.get(file)
        if entries is None:
            entries = self._entries[file] = {}
            file.watched_by += (self._closed,)
        elif fd in entries:
            raise os_error(errno.EEXIST)
        if not _of_kind(entries, alone):
            self._watch(file, self._woken_alone if alone else self._woken, bool(alone))
        entries[fd] = entry = _Entry(fd, file, events)
        self._queue_if_ready(entry, now)

    def modify(self, fd: int, file: File, events: int, now: int) -> None:
        """Change what is watched for (EPOLL_CTL_MOD). ENOENT if the descriptor is not watched,
        EINVAL where EPOLLEXCLUSIVE is set or was."""
        if events & EXCLUSIVE:
            raise os_error(errno.EINVAL)
        entry = self._entry(fd, file)
        if entry.events & EXCLUSIVE:
            raise os_error(errno.EINVAL)
        entry.set(events)
        self._queue_if_ready(entry, now)

    def remove(self, fd: int, file: File) -> None:
        """Stop watching (EPOLL_CTL_DEL). ENOENT if the descriptor is not watched."""
        self._forget(self._entry(fd, file))
        if not self._entries[file]:
            self._part_from(file)
            del self._entries[file]

    def collect(self, limit: int, now: int) -> list[tuple[int, int]]:
        """Return up to `limit` ready descriptors with their bits, in turn; disarm what is
        EPOLLET or EPOLLONESHOT."""
        found: list[tuple[int, int]] = []
        again: list[_Entry] = []
        line = {**self._line, **self._besides}
        self._besides.clear()
        for entry in tuple(line):
            if len(found) == limit:
                break
            del line[entry]
            bits = entry.ready(now)
            if bits:
                found.append((entry.fd, bits))
                entry.edge = False
                if entry.events & ONESHOT:
                    entry.disabled = True
                elif not entry.events & EDGE:
                    again.append(entry)
        # Those that were reported go to the end: none starves behind `limit`.
        self._line = {**line, **dict.fromkeys(again)}
        return found

    def _queue_if_ready(self, entry: _Entry, now: int) -> None:
        if entry.ready(now):
            self._line.setdefault(entry)
            self._wake(self, IN)

    def _woken(self, file: File, events: int) -> bool:
        """Take note that a watched file has gained `events`: an edge, and a wake of the set."""
        wanted = False
        for entry in self._entries[file].values():
            if entry.events & EXCLUSIVE:
                continue
            if events & entry.asked:
                entry.edge = wanted = True
                self._line.setdefault(entry)
            else:
                # Nobody is woken for it, but it may have changed the level of what is asked for.
                self._besides[entry] = None
        return wanted and self._wake(self, IN)

    def _woken_alone(self, file: File, events: int) -> bool:
        """Do the same for entries with EPOLLEXCLUSIVE; tell whether a thread was waiting. Such an
        entry is looked at only when this set was told."""
        wanted = False
        for entry in self._entries[file].values():
            if entry.events & EXCLUSIVE and events & entry.asked:
                entry.edge = wanted = True
                self._line.setdefault(entry)
        return wanted and self._wake(self, IN)

    def reaches(self, other: File, depth: int) -> bool:
        """Tell whether this set watches `other`, directly or through sets, or nests too deep."""
        if self is other or depth == 0:
            return True
        return any(
            isinstance(file, Epoll) and file.reaches(other, depth - 1) for file in self._entries
        )

    def mask(self, now: int) -> int:
        """Return IN while an entry is ready."""
        return IN if any(entry.ready(now) for entry in (*self._line, *self._besides)) else 0

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close the set; the files in it live on."""
        for file in tuple(self._entries):
            self._part_from(file)
            self._closed(file)
        return None

    def _entry(self, fd: int, file: File) -> _Entry:
        entry = self._entries.get(file, {}).get(fd)
        if entry is None:
            raise os_error(errno.ENOENT)
        return entry

    def _part_from(self, file: File) -> None:
        file.watched_by = tuple(one for one in file.watched_by if one != self._closed)

    def _closed(self, file: File) -> None:
        """Forget a file whose last reference is gone."""
        for entry in tuple(self._entries[file].values()):
            self._forget(entry)
        del self._entries[file]

    def _forget(self, entry: _Entry) -> None:
        entries, alone = self._entries[entry.file], entry.events & EXCLUSIVE
        del entries[entry.fd]
        self._line.pop(entry, None)
        self._besides.pop(entry, None)
        if not _of_kind(entries, alone):
            self._unwatch(entry.file, self._woken_alone if alone else self._woken, bool(alone))


def _of_kind(entries: dict[int, _Entry], alone: int) -> bool:
    """Tell whether one of a file's entries has EPOLLEXCLUSIVE (`alone`), or one has not."""
    return any(entry.events & EXCLUSIVE == alone for entry in entries.values())


def describe(file: File) -> str:
    """Return a file for people, in the report of a program that hangs."""
    tell = getattr(file, "describe", None)
    return file.kind if tell is None else str(tell())
