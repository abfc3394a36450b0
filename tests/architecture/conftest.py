"""The house itself, and a way to build a small wrong one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .tree import Tree, load

PROJECT = Path(__file__).parents[2]

House = Callable[..., Tree]


@pytest.fixture(scope="session")
def lastack() -> Tree:
    """The package under src/."""
    return load(PROJECT / "src" / "lastack")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Build a package from {path: source}; rooms get an empty-handed door unless they bring one."""

    def build(files: dict[str, str]) -> Tree:
        package = tmp_path / "src" / "lastack"
        for name, source in {"__init__.py": "", **files}.items():
            path = package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
            door = package / Path(name).parts[0] / "__init__.py"
            if "/" in name and not door.exists():
                door.write_text('"""A room."""\n', encoding="utf-8")
        return load(package)

    return build
