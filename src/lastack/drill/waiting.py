"""Who is told of a file's wake-ups: the epoll sets that watch it."""

from __future__ import annotations

from collections.abc import Callable

from lastack.sockets import File

Watcher = Callable[[File, int], None]


class Watchers:
    """The watchers of every file."""

    def __init__(self) -> None:
        self._of: dict[File, list[Watcher]] = {}

    def wake(self, file: File, events: int) -> None:
        """Tell the watchers of a file."""
        for watcher in list(self._of.get(file, ())):
            watcher(file, events)

    def watch(self, file: File, watcher: Watcher) -> None:
        """Call `watcher(file, events)` at every wake of the file."""
        self._of.setdefault(file, []).append(watcher)

    def unwatch(self, file: File, watcher: Watcher) -> None:
        """Undo `watch`."""
        self._of[file].remove(watcher)
        if not self._of[file]:
            del self._of[file]
