"""Who is told of a file's wake-ups: the epoll sets that watch it."""

from __future__ import annotations

from collections.abc import Callable

from lastack.sockets import File

Watcher = Callable[[File, int], bool]


class Watchers:
    """The watchers of every file."""

    def __init__(self) -> None:
        self._of: dict[File, list[tuple[Watcher, bool]]] = {}

    def wake(self, file: File, events: int) -> bool:
        """Tell the watchers of a file; tell whether that woke anybody."""
        woken = served = False
        for watcher, alone in list(self._of.get(file, ())):
            if alone and served:
                continue
            told = watcher(file, events)
            woken = woken or told
            served = served or (alone and told)
        return woken

    def watch(self, file: File, watcher: Watcher, alone: bool = False) -> None:
        """Call `watcher(file, events)` at every wake of the file; `alone`: only as long as no
        earlier one of that kind woke somebody (EPOLLEXCLUSIVE)."""
        self._of.setdefault(file, []).append((watcher, alone))

    def unwatch(self, file: File, watcher: Watcher, alone: bool = False) -> None:
        """Undo `watch`."""
        self._of[file].remove((watcher, alone))
        if not self._of[file]:
            del self._of[file]
