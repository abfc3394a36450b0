"""Many scripts, on several processors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from .play import Setup, play_file
from .runner import Verdict

_WORTH_IT: Final = 40
"""Fewer scripts are played before another process has started."""
_AT_ONCE: Final = 16


def scripts_in(path: Path) -> list[Path]:
    """Return the scripts that a path stands for: itself, or all *.pkt below a directory."""
    if path.is_dir():
        return sorted(path.rglob("*.pkt"))
    return [path]


def play_files(paths: Sequence[Path], setup: Setup, jobs: int = 1) -> Iterator[Verdict]:
    """Play scripts, and yield the verdicts in the order of the paths."""
    if jobs < 2 or len(paths) < _WORTH_IT:
        yield from _one_by_one(paths, setup)
        return
    # "spawn": a fork would copy whatever threads of the caller hold just now
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(play_file, setup=setup), paths, chunksize=_AT_ONCE)


def _one_by_one(paths: Iterable[Path], setup: Setup) -> Iterator[Verdict]:
    for path in paths:
        yield play_file(path, setup)
