"""How a test runs `lastack` as people do: as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from . import programs

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the small programs."""
    path = tmp_path_factory.mktemp("desk")
    for name, text in vars(programs).items():
        if name.isupper():
            (path / f"{name.lower()}.py").write_text(text)
    return path


@pytest.fixture
def lastack(desk: Path) -> Run:
    """Run `python -m lastack` in the desk."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        return subprocess.run(
            [sys.executable, "-m", "lastack", *words], cwd=desk, capture_output=True,
            encoding="utf-8", stdin=subprocess.DEVNULL, check=False, timeout=60,
            env={**environment, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8", **more},
        )  # fmt: skip

    return run


def valid(text: str, schema: str) -> dict[str, Any]:
    """Return a JSON text that obeys docs/schema/SCHEMA.json."""
    shape: dict[str, Any] = json.loads(text)
    rules = json.loads((ROOT / "docs" / "schema" / f"{schema}.json").read_text())
    jsonschema.validate(shape, rules, cls=jsonschema.Draft202012Validator)
    return shape
