"""The rules; each takes a tree and returns its violations, one readable line each."""

import ast
import builtins
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import plan
from .tree import Inside, Module, Name, Tree

Violations = list[str]


def floors(tree: Tree) -> Violations:
    """A room imports lower floors only, and of another room only what its door shows."""
    found = [
        f"{room}: not on the floor plan"
        for room in sorted(tree.rooms())
        if not plan.is_room(room) and room not in plan.LOBBY
    ]
    for module in tree:
        for imported in module.inside:
            if module.name and imported.target[:1] == module.name[:1]:
                continue
            where = module.where(imported.line)
            found += [f"{where}: {why}" for why in _wrong(tree, module, imported)]
    return found


def _wrong(tree: Tree, module: Module, imported: Inside) -> Iterator[str]:
    target, names = imported.target, imported.names
    if not target:
        for name in names or ("lastack",):
            if name != "__version__":
                yield f"imports {name} from the package; import names from a room"
        return
    room = target[0]
    if not plan.may_import(module.room, room):
        yield f"{module.room or 'lastack'} must not import {room}"
    if len(target) > 1:
        yield f"reaches past the door of {room} into {'.'.join(target)}"
    elif names is None:
        yield f"imports the room {room} as a whole; import names"
    else:
        shown = tree.exports(room)
        for name in names:
            if shown is not None and name not in shown:
                yield f"{room} does not export {name}"


def sans_io(tree: Tree) -> Violations:
    """The rooms of the simulated machine have no clock, socket, thread or randomness."""
    return [
        f"{module.where(line)}: imports {name} in a sans-IO room"
        for module in tree
        if module.room in plan.SANS_IO
        for name, line in module.outside
        if name in plan.BANNED
    ]


def cycles(tree: Tree) -> Violations:
    """Inside a room no module imports itself by way of others."""
    found: Violations = []
    for room in sorted(tree.rooms()):
        graph = {module.name: tree.edges(module) for module in tree.room(room)}
        done: set[Name] = set()
        for start in sorted(graph):
            for cycle in _cycles_from(start, (), graph, done):
                found.append(" -> ".join(".".join(name) for name in cycle))
    return found


def _cycles_from(
    name: Name, path: tuple[Name, ...], graph: dict[Name, set[Name]], done: set[Name]
) -> Iterator[tuple[Name, ...]]:
    if name in path:
        yield (*path[path.index(name) :], name)
    elif name in graph and name not in done:
        for other in sorted(graph[name]):
            yield from _cycles_from(other, (*path, name), graph, done)
        done.add(name)


def sizes(tree: Tree) -> Violations:
    """No file and no function outgrows a reader's patience."""
    found: Violations = []
    for module in tree:
        lines = module.source.count("\n")
        if lines > plan.FILE_LINES:
            found.append(f"{module.where(1)}: {lines} lines, more than {plan.FILE_LINES}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > plan.FUNCTION_LINES:
                    found.append(
                        f"{module.where(node.lineno)}: {node.name} has {lines} lines, "
                        f"more than {plan.FUNCTION_LINES}"
                    )
    return found


def edges_per_file(tree: Tree) -> float:
    """Return the average number of files of its own room that a file imports.

    Other rooms do not count: they lie on lower floors, are used through their doors only, and
    never look back. A door is a list of exports, so doors count neither way.
    """
    counts = [_inner_edges(tree, module) for module in tree if not module.is_door]
    return sum(counts) / len(counts) if counts else 0.0


def _inner_edges(tree: Tree, module: Module) -> int:
    return sum(other[:1] == module.name[:1] and len(other) > 1 for other in tree.edges(module))


def edges(tree: Tree) -> Violations:
    """On average a file leans on few others."""
    value = edges_per_file(tree)
    if value <= plan.EDGES_PER_FILE:
        return []
    most = sorted(tree, key=lambda module: -_inner_edges(tree, module))
    worst = ", ".join(
        f"{module.where(1)} {_inner_edges(tree, module)}" for module in most if not module.is_door
    )
    return [f"{value:.2f} imports a file, more than {plan.EDGES_PER_FILE}: {worst:.400}"]


def exports(tree: Tree) -> Violations:
    """A room's __init__ is a docstring and re-exports of the form `from .x import X as X`."""
    found: Violations = []
    for room in sorted(tree.rooms()):
        door = tree.modules.get((room,))
        if door is None:
            found.append(f"{room}/: no __init__.py")
        elif door.is_package:
            if not ast.get_docstring(door.tree):
                found.append(f"{door.where(1)}: no docstring")
            body = door.tree.body[1:] if ast.get_docstring(door.tree) else door.tree.body
            found += [
                f"{door.where(node.lineno)}: more than a re-export: {ast.unparse(node):.60}"
                for node in body
                if not _re_exports(node)
            ]
    return found


def _re_exports(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.level == 1
        and all(alias.asname == alias.name for alias in node.names)
    )


_OS_ERRORS = {
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, OSError)
}
_RESOLVER_ERRORS = {"gaierror", "herror"}
_RUN_MAY_MAKE = {"gaierror", "herror", "TimeoutError"}


def os_errors(tree: Tree) -> Violations:
    """The simulated kernel's errors are made in one file, with the errno of a real socket."""
    found: Violations = []
    for module in tree:
        if module.room not in plan.SIMULATION or module.name == ("sockets", "errors"):
            continue
        for node in ast.walk(module.tree):
            for name in _makes(node):
                if not (module.room == "run" and name in _RUN_MAY_MAKE):
                    line = getattr(node, "lineno", 0)
                    found.append(f"{module.where(line)}: makes {name}; use sockets/errors.py")
    return found


def _makes(node: ast.AST) -> Iterator[str]:
    made: list[ast.expr | None] = []
    if isinstance(node, ast.Call):
        made = [node.func]
    elif isinstance(node, ast.Raise):
        made = [node.exc]
    elif isinstance(node, ast.ClassDef):
        made = list(node.bases)
    for expression in made:
        if isinstance(expression, ast.Name):
            if expression.id in _OS_ERRORS | _RESOLVER_ERRORS:
                yield expression.id
        elif isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
            if expression.value.id in {"socket", "_socket", "builtins"}:
                name = {"error": "OSError", "timeout": "TimeoutError"}.get(
                    expression.attr, expression.attr
                )
                if name in _OS_ERRORS | _RESOLVER_ERRORS:
                    yield name


def state_doors(tree: Tree) -> Violations:
    """A Tcb changes its state in `enter` only; the constructor gives it the first one."""
    found: Violations = []
    for module in tree:
        allowed: set[ast.AST] = set()
        if module.name == ("tcp", "tcb"):
            allowed = {
                inner
                for node in ast.walk(module.tree)
                if isinstance(node, ast.FunctionDef) and node.name in {"enter", "__init__"}
                for inner in ast.walk(node)
            }
        for node in ast.walk(module.tree):
            if node not in allowed and _sets_state(node, anybody=module.room == "tcp"):
                line = getattr(node, "lineno", 0)
                found.append(f"{module.where(line)}: sets .state outside Tcb.enter")
    return found


def _sets_state(node: ast.AST, *, anybody: bool) -> bool:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = [inner for target in node.targets for inner in _flat(target)]
    elif isinstance(node, ast.AugAssign) or (isinstance(node, ast.AnnAssign) and node.value):
        targets = [node.target]
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setattr"):
        if len(node.args) > 1 and ast.unparse(node.args[1]) == "'state'":
            return anybody or _last(node.args[0]) == "tcb"
    return any(
        isinstance(target, ast.Attribute)
        and target.attr == "state"
        and (anybody or _last(target.value) == "tcb")
        for target in targets
    )


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _flat(element)
    else:
        yield target


def _last(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2].lstrip("_")


def terminal(tree: Tree) -> Violations:
    """The command line's libraries belong to the command line."""
    return [
        f"{module.where(line)}: imports {name} outside cli"
        for module in tree
        if module.room != "cli"
        for name, line in module.outside
        if name in plan.TERMINAL
    ]


def loaded_by_import(source_root: Path, *modules: str) -> set[str]:
    """Return which terminal libraries a fresh interpreter loads for `import MODULES`."""
    program = f"import sys; sys.path.insert(0, {str(source_root)!r})\n"
    program += "".join(f"import {module}\n" for module in modules)
    program += f"print(*sorted({set(plan.TERMINAL)!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


# Written in halves, so that this file keeps the rule that it states.
_FOREIGN = (
    "../" + "shared",
    "/wo" + "rk/",
    "truth" + ".md",
    "pypi" + ".org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "crates" + ".io",
)
_NOT_OURS = {".git", ".venv", "__pycache__", "build", "dist", "node_modules"}


def text(project: Path) -> Violations:
    """The project speaks of itself: no path of a machine it was written on, no registry."""
    found: Violations = []
    for path in _files(project):
        try:
            content = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a capture or a picture
        for number, line in enumerate(content.splitlines(), 1):
            found += [
                f"{path.relative_to(project)}:{number}: says {foreign}"
                for foreign in _FOREIGN
                if foreign in line
            ]
    return found


def _files(project: Path) -> Iterator[Path]:
    """Yield what git would keep; without git, everything but the usual by-products."""
    if (project / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=project, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        paths = [project / name for name in listed.split("\0") if name]
    else:
        paths = sorted(project.rglob("*"))
    for path in paths:
        parts = set(path.relative_to(project).parts)
        if path.is_file() and not parts & _NOT_OURS and not any("_cache" in p for p in parts):
            yield path
