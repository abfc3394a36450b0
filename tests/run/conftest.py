"""How a test runs a function as a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lastack.run import Outcome, World, uninstall

Play = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def real_modules_afterwards() -> Iterator[None]:
    """What a test left in place of the real modules is taken away: other tests use real sockets."""
    yield
    uninstall()


@pytest.fixture
def play() -> Play:
    """Run functions as programs, each on a host of its own: h1, h2 and on."""

    def run(*mains: Callable[[], object], until: int | None = None, **options: Any) -> Outcome:
        world = World(**options)
        for number, main in enumerate(mains, 1):
            world.program(world.host(f"h{number}"), main)
        return world.run() if until is None else world.run(until)

    return run
