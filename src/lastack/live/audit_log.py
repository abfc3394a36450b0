"""What an audited process writes down: endings with a finding, and counts of all.

Runs inside the audited program (see audit_place). A record is a tuple ("start", pid),
("ending", dict), ("more", pid, {key: [times, amount]}) or ("closed", pid, times); `Log` appends
each as one line, the repr() of the tuple, so that no codec has to be imported for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic_ns
from typing import Any, Final

from .audit_place import Place

Write = Callable[[tuple[Any, ...]], object]
Key = tuple[str, int, str, str, str]
"""File, line, function, via, finding."""

_PERIOD: Final = 200_000_000
"""Counts are written once in so many ns; an ending at once."""

# taken now: the hooks replace os.close
_open, _write, _close = os.open, os.write, os.close


class Log:
    """A file that several processes append to, opened for each line.

    No descriptor is kept, which the program might close; a line that cannot be written (no
    descriptors left, another user now) is dropped, for an audit must not fail its program.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, record: tuple[Any, ...]) -> None:
        """Append one record."""
        try:
            descriptor = _open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return
        try:
            _write(descriptor, f"{record!r}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            pass
        finally:
            _close(descriptor)


class Tally:
    """Counts of one process. Lists are appended to from every thread, which needs no lock."""

    def __init__(self, write: Write, each: int) -> None:
        self._write = write
        self._each = each
        self._seen: dict[Key, int] = {}
        self._more: list[tuple[Key, int]] = []
        self.closed: Final[list[None]] = []
        """One None for each last close that nobody wrote down yet."""
        self.due = 0
        self.forked()

    def ending(
        self, place: Place, amounts: dict[str, int], tell: Callable[[], dict[str, Any]]
    ) -> None:
        """Write an ending down; from the `each`-th at the same place on, only count it."""
        keys = [(*place, finding) for finding in amounts]
        seen = [self._seen.get(key, 0) for key in keys]
        if min(seen) < self._each:
            for key, times in zip(keys, seen, strict=True):
                self._seen[key] = times + 1
            self._write(("ending", tell()))
        else:
            self._more.extend(zip(keys, amounts.values(), strict=True))
        self.flush_if_due()

    def close(self) -> None:
        """Count a last close."""
        self.closed.append(None)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write the counts down, unless that was done a moment ago."""
        if monotonic_ns() > self.due:
            self.flush()

    def flush(self) -> None:
        """Write the counts down, unless another thread is about it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            closed, more = len(self.closed), len(self._more)
            if more:
                counts: dict[Key, list[int]] = {}
                for key, amount in self._more[:more]:
                    count = counts.setdefault(key, [0, 0])
                    count[0] += 1
                    count[1] += amount
                del self._more[:more]
                self._write(("more", os.getpid(), counts))
            if closed:
                del self.closed[:closed]
                self._write(("closed", os.getpid(), closed))
            self.due = monotonic_ns() + _PERIOD
        finally:
            self._lock.release()

    def forked(self) -> None:
        """Begin at nothing: what a forked child inherited is its parent's to write down."""
        self._lock = threading.Lock()
        self.closed.clear()
        self._more.clear()
