"""Everything that is replaced, in one registry, put in place while a world runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from . import (
    clocks,
    copies,
    counted,
    descriptors,
    fences,
    libraries,
    polling,
    privileges,
    program,
    randomness,
    signals,
    socket_module,
    surroundings,
    threads,
    tls,
)
from .seams import Registry

PARTS: Final = (
    threads, clocks, randomness, signals, surroundings, program,
    socket_module, polling, descriptors, fences, tls, counted, libraries, privileges, copies,
)  # fmt: skip

REGISTRY: Final = Registry()
"""The seams of this process."""


def install() -> None:
    """Replace what simulated programs must not reach; a second call does nothing."""
    if not REGISTRY.seams:
        for part in PARTS:
            part.register(REGISTRY)
    REGISTRY.install()


def uninstall() -> None:
    """Put back what `install` replaced; for tests, and for an embedder that wants it."""
    REGISTRY.uninstall()


@contextmanager
def installed() -> Iterator[None]:
    """Have the seams in place while a world runs, and no longer: what this process does beside
    (a test runner, real sockets) shall find the real modules. Nested uses keep them in place."""
    before = REGISTRY.installed
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()
