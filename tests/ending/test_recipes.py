"""The recipes of docs/closing.md do what it says: the answer is lost before, and arrives after."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
UPLOAD = 40_000_000
PAIRS = ["http.server", "gunicorn sync", "gunicorn gthread", "uvicorn"]


@pytest.fixture(scope="module")
def measure() -> Iterator[Any]:
    """The script that made the table."""
    sys.path.insert(0, str(RECIPES))
    try:
        yield importlib.import_module("measure")
    finally:
        sys.path.remove(str(RECIPES))
        for name in ("measure", "early_answer"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("name", PAIRS)
def test_the_recipe_brings_the_answer_through(measure: Any, name: str) -> None:
    if name != "http.server" and importlib.util.find_spec(name.split()[0]) is None:
        pytest.skip(f"{name.split()[0]} is not installed")
    with measure.running(measure.SERVERS[name]) as port:
        without = measure.post(port, UPLOAD, reads_meanwhile=False)
    with measure.running(measure.SERVERS[f"{name} + lastack"]) as port:
        with_it = measure.post(port, UPLOAD, reads_meanwhile=False)
    assert without < len(measure.ANSWER)
    assert with_it == len(measure.ANSWER)
