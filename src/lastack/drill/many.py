"""Many scripts, on several processors."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Final, TypeVar

from lastack.profile import PROFILES, Profile

from .play import Setup, play_file
from .runner import Verdict

_W = TypeVar("_W")
_T = TypeVar("_T")
_WORTH_IT: Final = 40
"""Fewer scripts are played before another process has started."""
_AT_ONCE: Final = 16


def scripts_in(path: Path) -> list[Path]:
    """Return the scripts that a path stands for: itself, or all *.pkt below a directory."""
    if path.is_dir():
        return sorted(path.rglob("*.pkt"))
    return [path]


def profile_of(path: Path, default: Profile) -> Profile:
    """Return the profile that a script's directory is named after, else `default`."""
    return PROFILES.get(path.absolute().parent.name, default)


def play_files(paths: Sequence[Path], setup: Setup, jobs: int = 1) -> Iterator[Verdict]:
    """Play scripts, and yield the verdicts in the order of the paths."""
    jobs = jobs if len(paths) >= _WORTH_IT else 1
    yield from in_processes(partial(play_file, setup=setup), paths, jobs, at_once=_AT_ONCE)


def in_processes(
    work: Callable[[_W], _T], items: Sequence[_W], jobs: int, *, at_once: int = 1
) -> Iterator[_T]:
    """Do some work for each item on several processes, `at_once` before a process comes back for
    more; yield what comes of it in the order of the items. Closed early, it begins no more."""
    if jobs < 2 or len(items) < 2:
        yield from map(work, items)
        return
    # "spawn": a fork would copy whatever threads of the caller hold just now
    context = get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_at_once)
    try:
        yield from pool.map(work, items, chunksize=at_once)
    finally:
        pool.shutdown(cancel_futures=True)


def _end_at_once() -> None:
    """Ctrl-C ends a process with all that it has, as does the end of the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
