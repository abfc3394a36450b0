"""The source as values: modules, what they import, what a room exports.

Everything here takes the directory of a package, so that a test can hand in a house of its own.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Name = tuple[str, ...]
"""A module's dotted name below `lastack`: ("tcp", "tcb"); a package is named like its directory."""


@dataclass(frozen=True)
class Inside:
    """An import of something of lastack; `names` is None for `import lastack.x`."""

    target: Name
    names: tuple[str, ...] | None
    line: int


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: Name
    path: Path
    is_package: bool
    source: str = field(repr=False)

    @property
    def room(self) -> str:
        """The room that the file belongs to; "" for the package's own __init__."""
        return self.name[0] if self.name else ""

    @property
    def is_door(self) -> bool:
        """Whether this is a room's (or the package's) __init__."""
        return self.is_package and len(self.name) <= 1

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.source, str(self.path))

    def where(self, line: int) -> str:
        """Return `tcp/tcb.py:12`."""
        inside = "/".join((*self.name, "__init__") if self.is_package else self.name)
        return f"{inside}.py:{line}"

    @cached_property
    def inside(self) -> list[Inside]:
        """Imports from lastack, wherever in the file they stand (TYPE_CHECKING too)."""
        return list(self._inside())

    @cached_property
    def outside(self) -> list[tuple[str, int]]:
        """Top-level names of all other imported packages, with the line."""
        found: list[tuple[str, int]] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [(alias.name.split(".")[0], node.lineno) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.append((node.module.split(".")[0], node.lineno))
        return [(name, line) for name, line in found if name != "lastack"]

    def _inside(self) -> Iterator[Inside]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first, *rest = alias.name.split(".")
                    if first == "lastack":
                        yield Inside(tuple(rest), None, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                names = tuple(alias.name for alias in node.names)
                parts = tuple(node.module.split(".")) if node.module else ()
                if node.level:
                    up = node.level - 1 if self.is_package else node.level
                    base = self.name[: len(self.name) - up]
                    yield Inside(base + parts, names, node.lineno)
                elif parts[0] == "lastack":
                    yield Inside(parts[1:], names, node.lineno)


@dataclass(frozen=True)
class Tree:
    """All modules of one package."""

    modules: dict[Name, Module]

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())

    def rooms(self) -> set[str]:
        """Return the rooms that exist: a module, or a directory with files in it."""
        return {module.room for module in self if module.name}

    def room(self, room: str) -> list[Module]:
        """Return the modules of a room, its door first."""
        return [module for module in self if module.room == room]

    def exports(self, room: str) -> set[str] | None:
        """Return the names a room shows; None when it has no door (yet)."""
        door = self.modules.get((room,))
        if door is None:
            return None
        if not door.is_package:
            return {name for name in top_level(door.tree) if not name.startswith("_")}
        return {
            alias.asname
            for node in door.tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.asname
        }

    def edges(self, module: Module) -> set[Name]:
        """Return the modules of lastack that a file imports; another room counts as one module."""
        found: set[Name] = set()
        for imported in module.inside:
            if imported.target[:1] != module.name[:1]:
                found.add(imported.target[:1])
                continue
            for name in imported.names or ("",):
                below = (*imported.target, name)
                found.add(below if below in self.modules else imported.target)
        return found - {module.name, ()}


def load(package: Path) -> Tree:
    """Read every .py file below the directory of a package."""
    modules: dict[Name, Module] = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = parts[:-1] if is_package else parts
        modules[name] = Module(name, path, is_package, path.read_text(encoding="utf-8"))
    return Tree(modules)


def top_level(tree: ast.Module) -> set[str]:
    """Return the names that a module itself defines."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names
