"""A stage for every test of the live machine."""

import sys
from collections.abc import Generator

import pytest

from .lab import Stage

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def stage() -> Generator[Stage, None, None]:
    """Makes sockets; closes them when the test is over."""
    made = Stage()
    yield made
    made.close()
