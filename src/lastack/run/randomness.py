"""Chance in a simulated program: every seed that the system gives comes from the world's seed."""

from __future__ import annotations

import random
from typing import Any, Final

from .baton import current, here
from .seams import Registry

SEED_BITS: Final = 256
_seed: Final = random.Random.seed


def urandom(size: int) -> bytes:
    """`os.urandom`: also uuid4, secrets, SystemRandom and tempfile come here."""
    if size < 0:
        raise ValueError("negative argument not allowed")
    return here().process.random.randbytes(size)


def getrandom(size: int, flags: int = 0) -> bytes:
    """`os.getrandom`."""
    return urandom(size)


def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    """`random.Random.seed`: without a seed it takes one from the world."""
    thread = current()
    if a is None and thread is not None:
        a = thread.process.random.getrandbits(SEED_BITS)
    _seed(self, a, version)


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.function("os", "urandom", urandom)
    registry.function("os", "getrandom", getrandom)
    registry.attribute(random.Random, "seed", seed)
