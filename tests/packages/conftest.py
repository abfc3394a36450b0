"""What the tests of packages leave behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lastack.run import uninstall


@pytest.fixture(autouse=True)
def real_modules_afterwards() -> Iterator[None]:
    """What a test left in place of the real modules is taken away: other tests use real sockets."""
    yield
    uninstall()
