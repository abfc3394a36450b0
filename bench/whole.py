"""Whole runs: the programs of `bench/programs.py`, in a world and on the kernel."""

from __future__ import annotations

from lastack.run import install

from . import programs
from .table import Measure, Prepare, Skip

PROGRAMS = [
    (name, pair.name, pair.aim)
    for name, pair in zip(("urllib", "echoes", "uvicorn"), programs.PAIRS, strict=True)
]
"""Name of the row, what it is, and how many times the kernel's time a world may take."""


def _needs(index: int) -> None:
    if PROGRAMS[index][0] != "uvicorn":
        return
    try:
        import httpx  # noqa: F401  # only whether they are there
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise Skip(f"{missing.name} is not installed") from None


def world(index: int) -> Prepare:
    """Return what prepares the run of a pair of programs in a world; seconds."""

    def prepare(quick: bool) -> Measure:
        _needs(index)
        install()  # once, instead of for each world: 15 to 30 ms
        pair = programs.PAIRS[index]
        programs.in_world(pair)
        return lambda: programs.in_world(pair).elapsed

    return prepare


def kernel(index: int) -> Prepare:
    """Return what prepares the same on the kernel's loopback; seconds."""

    def prepare(quick: bool) -> Measure:
        pair = programs.PAIRS[index]
        return lambda: programs.on_kernel(pair).elapsed

    return prepare
