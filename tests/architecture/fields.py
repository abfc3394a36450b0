"""Who reads which field of a Profile.

A field is a rule; read in two places it would be two rules. An attribute read counts when its
receiver is known to be a group (an annotation, an assignment from a group, `profile.GROUP`), or
when nothing else in the package is called like the field, so that no receiver can hide it.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .tree import Module, Name, Tree

READERS = ("tcp", "host", "sockets", "run")
"""Once these rooms stand, a field that nobody reads is a violation."""

PROFILE = "Profile"
Types = dict[str, set[str]]


@dataclass
class Groups:
    """The classes of the groups with their fields, and the attributes of Profile that hold them."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> dict[str, str]:
        """{field: class of its group}."""
        return {name: group for group, names in self.fields.items() for name in names}


def groups(tree: Tree) -> Groups:
    """Find the groups: the dataclasses of room `profile` that class Profile has a field of."""
    classes = {
        node.name: [
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ]
        for module in tree.room("profile")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        and any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    }
    found = Groups()
    for module in tree.room("profile"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and node.name == PROFILE:
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                        for name in _names(item.annotation) & set(classes):
                            found.members[item.target.id] = name
                            found.fields[name] = classes[name]
    return found


def one_reader(tree: Tree) -> list[str]:
    """Each field has a name of its own and is read in exactly one module."""
    known = groups(tree)
    found: list[str] = []
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for group, names in known.fields.items():
        for name in names:
            homes[name].append(group)
    found += [f"{name}: in {', '.join(g)}" for name, g in homes.items() if len(g) > 1]

    complete = all(tree.exports(room) is not None for room in READERS)
    reads = readers(tree)
    for name in homes:
        modules = sorted(".".join(module) for module in reads.get(name, {}))
        if len(modules) > 1:
            found.append(f"{homes[name][0]}.{name}: read in {', '.join(modules)}")
        elif not modules and complete:
            found.append(f"{homes[name][0]}.{name}: read nowhere")
    return found


def matrix_is_blind(tree: Tree) -> list[str]:
    """The matrix plays; it reads no field and no group of the profile that it plays."""
    known, types = groups(tree), Reader(tree)
    found = [
        f"matrix reads {name} at {', '.join(lines)}"
        for name, modules in readers(tree).items()
        for module, lines in modules.items()
        if module[0] == "matrix"
    ]
    for module in tree.room("matrix"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in known.members:
                if PROFILE in types.of(node.value, module):
                    found.append(f"matrix reads {node.attr} at {module.where(node.lineno)}")
    return found


def readers(tree: Tree) -> dict[str, dict[Name, list[str]]]:
    """Return {field: {module: [places]}} for all reads of rules.

    The room `profile` declares them and looks at all of them alike; its one rule function,
    `bind_rule`, is a reader like any other.
    """
    owner, types = groups(tree).owner, Reader(tree)
    distinctive = set(owner) - _defined(tree)
    found: dict[str, dict[Name, list[str]]] = {}
    for module in tree:
        if module.room == "profile" and module.name[-1] != "bind_rule":
            continue
        for node in ast.walk(module.tree):
            for name in _reads(node):
                if name not in owner:
                    continue
                if isinstance(node, ast.Attribute) and name not in distinctive:
                    if owner[name] not in types.of(node.value, module):
                        continue
                elif isinstance(node, ast.MatchClass) and owner[name] not in _names(node.cls):
                    continue
                places = found.setdefault(name, {}).setdefault(module.name, [])
                places.append(module.where(getattr(node, "lineno", 0)))
    return found


def _reads(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield node.attr
    elif isinstance(node, ast.MatchClass):
        yield from node.kwd_attrs


def _defined(tree: Tree) -> set[str]:
    """Return what classes and modules outside `profile` define: names that prove nothing."""
    names: set[str] = set()
    for module in tree:
        if module.room == "profile":
            continue
        names.update(part for part in module.name)
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.AugAssign):
                names |= _stored(node.target)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    names |= _stored(target)
                    if isinstance(target, ast.Name) and target.id == "__slots__":
                        names |= {
                            item.value
                            for item in ast.walk(node.value)
                            if isinstance(item, ast.Constant) and isinstance(item.value, str)
                        }
            elif isinstance(node, ast.ClassDef):
                names |= {
                    target.id
                    for item in node.body
                    for target in ast.walk(item)
                    if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store)
                }
    return names


def _stored(target: ast.expr) -> set[str]:
    return {
        node.attr
        for node in ast.walk(target)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }


class Reader:
    """Which expressions are groups (or a Profile), as far as annotations and assignments say."""

    def __init__(self, tree: Tree) -> None:
        known = groups(tree)
        self._classes = {*known.fields, PROFILE}
        self._attributes: Types = defaultdict(set)
        self._locals: dict[Name, Types] = {module.name: defaultdict(set) for module in tree}
        self._shared: Types = defaultdict(set)  # constants of room profile: LINUX, PROFILES
        for member, group in known.members.items():
            self._attributes[member].add(group)
        for _ in range(3):  # a = b; c = a: three links are more than anybody writes
            for module in tree:
                for node in ast.walk(module.tree):
                    self._learn(node, module)
            for module in tree.room("profile"):
                for name, types in self._locals[module.name].items():
                    if name.isupper():
                        self._shared[name] |= types

    def of(self, node: ast.expr, module: Module) -> set[str]:
        """Return the classes that an expression may be an instance (or a collection) of."""
        if isinstance(node, ast.Name):
            return self._locals[module.name].get(node.id, set()) | self._shared.get(node.id, set())
        if isinstance(node, ast.Attribute):
            return self._attributes.get(node.attr, set())
        if isinstance(node, ast.Subscript | ast.Await | ast.Starred | ast.NamedExpr):
            return self.of(node.value, module)
        if isinstance(node, ast.IfExp):
            return self.of(node.body, module) | self.of(node.orelse, module)
        if isinstance(node, ast.BoolOp):
            return {name for value in node.values for name in self.of(value, module)}
        if isinstance(node, ast.Call):
            return self._of_call(node, module)
        return set()

    def _of_call(self, node: ast.Call, module: Module) -> set[str]:
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in self._classes:
            return {name}
        if name in {"replace", "next", "copy"} and node.args:
            return self.of(node.args[0], module)
        if name in {"values", "items", "get"} and isinstance(node.func, ast.Attribute):
            return self.of(node.func.value, module)
        return self.of(node.func, module)

    def _learn(self, node: ast.AST, module: Module) -> None:
        here = self._locals[module.name]
        if isinstance(node, ast.arg) and node.annotation:
            here[node.arg] |= _names(node.annotation) & self._classes
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            types = _names(node.returns) & self._classes
            here[node.name] |= types
            self._attributes[node.name] |= types
        elif isinstance(node, ast.AnnAssign):
            self._bind(node.target, _names(node.annotation) & self._classes, module)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, self.of(node.value, module), module)
        elif isinstance(node, ast.NamedExpr):
            self._bind(node.target, self.of(node.value, module), module)
        elif isinstance(node, ast.For | ast.comprehension):
            self._bind(node.target, self.of(node.iter, module), module)
        elif isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    types = _names(item.annotation) & self._classes
                    self._attributes[item.target.id] |= types

    def _bind(self, target: ast.expr, types: set[str], module: Module) -> None:
        if isinstance(target, ast.Name):
            self._locals[module.name][target.id] |= types
        elif isinstance(target, ast.Attribute):
            self._attributes[target.attr] |= types
        elif isinstance(target, ast.Tuple):
            for element in target.elts:
                self._bind(element, types, module)


def _names(annotation: ast.expr) -> set[str]:
    """Return the names in an annotation, written as an expression or as a string."""
    names: set[str] = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names |= _names(ast.parse(node.value, mode="eval").body)
    return names
