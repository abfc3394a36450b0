"""Seams: what is written in C is replaced, what is written in Python above it is kept.

Every replacement asks "is this OS thread the simulated thread that runs?" and calls the real thing
if not, so seams are put in once per process and do nothing outside a world.

References that were taken before (`from time import monotonic`, a default argument, a closure) are
found and rewritten: in the dicts of modules by going through them, elsewhere with
`gc.get_referrers`. References in containers and instances are left alone; what is kept there was
meant for the real world.
"""

from __future__ import annotations

import gc
import importlib
import sys
import types
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from .baton import current

ROOM: Final = __name__.rpartition(".")[0]


class Seam(NamedTuple):
    """A module's name and what takes its place there."""

    module: str
    name: str
    replacement: Any


class Dispatch:
    """Stands for a function. No descriptor: as a class attribute it gets no self, like builtins."""

    def __init__(self, sim: Callable[..., Any], real: Any) -> None:
        self._sim = sim
        self._real = real
        self.__name__ = getattr(real, "__name__", getattr(sim, "__name__", "?"))
        self.__qualname__ = getattr(real, "__qualname__", self.__name__)
        self.__module__ = getattr(real, "__module__", "")
        self.__doc__ = getattr(real, "__doc__", None)
        self.__text_signature__ = getattr(real, "__text_signature__", None)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call one or the other."""
        return (self._real if current() is None else self._sim)(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self._real)

    def __reduce__(self) -> str:
        return self.__name__


class DispatchClass(Dispatch):
    """Stands for a class: callable, good for isinstance and as a base."""

    def _one(self) -> Any:
        return self._real if current() is None else self._sim

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._one(),)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, (self._sim, self._real))  # type: ignore[arg-type]  # both are classes

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, (self._sim, self._real))  # type: ignore[arg-type]  # both are classes

    def __getitem__(self, item: Any) -> Any:
        return types.GenericAlias(self._real, item)

    def __or__(self, other: Any) -> Any:
        return self._real | other

    def __ror__(self, other: Any) -> Any:
        return other | self._real

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name in {"_sim", "_real"}:
            raise AttributeError(name)
        return getattr(self._one(), name)


class Registry:
    """What is to be replaced, by whom it was registered; `install` does it, `uninstall` undoes."""

    def __init__(self) -> None:
        self.seams: list[Seam] = []
        self.installed = False
        self._before: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []
        self._attributes: list[tuple[type, str, Any]] = []
        self._substitutes: dict[int, tuple[Any, Any]] = {}  # id(real): (real, replacement)
        self._undo: list[Callable[[], None]] = []

    def seam(self, module: str, name: str, replacement: Any) -> None:
        """Replace a name by something that itself knows which world it is in."""
        real = self.real(module, name)
        if real is not None:
            self.seams.append(Seam(module, name, replacement))
            self.also(real, replacement)

    def function(self, module: str, name: str, sim: Callable[..., Any]) -> None:
        """Replace a function; nothing happens where the interpreter does not have it."""
        real = self.real(module, name)
        if real is not None:
            self.seam(module, name, Dispatch(sim, real))

    def klass(self, module: str, name: str, sim: type) -> None:
        """Replace a class."""
        real = self.real(module, name)
        if real is not None:
            self.seam(module, name, DispatchClass(sim, real))

    def attribute(self, cls: type, name: str, value: Any) -> None:
        """Replace an attribute of a class that is written in Python."""
        self._attributes.append((cls, name, value))

    def also(self, real: Any, replacement: Any) -> None:
        """Rewrite references to `real` wherever they are found."""
        self._substitutes.setdefault(id(real), (real, replacement))

    def before(self, callback: Callable[[], None]) -> None:
        """Call it at install, before anything is replaced."""
        self._before.append(callback)

    def after(self, callback: Callable[[], None]) -> None:
        """Call it at install, when everything is replaced."""
        self._after.append(callback)

    def real(self, module: str, name: str) -> Any:
        """Return the real thing; None where the interpreter does not have it."""
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            return None
        return found._real if isinstance(found, Dispatch) else found

    def install(self) -> None:
        """Put everything in place; a second call does nothing."""
        if self.installed:
            return
        self.installed = True
        for callback in self._before:
            callback()
        for seam in self.seams:
            self._set(importlib.import_module(seam.module), seam.name, seam.replacement)
        for cls, name, value in self._attributes:
            self._set(cls, name, value)
        self._scan_modules()
        self._scan_referrers()
        for callback in self._after:
            callback()

    def uninstall(self) -> None:
        """Put everything back that `install` changed."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        self.installed = False

    def _set(self, owner: Any, name: str, value: Any) -> None:
        if name in vars(owner):
            old = vars(owner)[name]
            self._undo.append(lambda: setattr(owner, name, old))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, value)

    def _substitute(self, value: Any) -> Any:
        real, replacement = self._substitutes.get(id(value), (None, None))
        return replacement if real is value and real is not None else None

    def _new(self, value: Any) -> Any:
        new = self._substitute(value)
        return value if new is None else new

    def _scan_modules(self) -> None:
        """Rewrite names in modules; ours keep the real things that they took."""
        modules: list[tuple[str, object]] = list(sys.modules.items())
        for name, module in modules:
            if not isinstance(module, types.ModuleType) or name.startswith(f"{ROOM}."):
                continue
            for key, value in list(vars(module).items()):
                new = self._substitute(value)
                if new is not None:
                    self._set(module, key, new)

    def _scan_referrers(self) -> None:
        """Rewrite closures, default arguments and attributes of classes."""
        holders = gc.get_referrers(*(real for real, _ in self._substitutes.values()))
        for cell in holders:
            if isinstance(cell, types.CellType):
                self._rewrite_cell(cell)
        inner = [holder for holder in holders if isinstance(holder, (tuple, dict))]
        for owner in gc.get_referrers(*inner):
            if isinstance(owner, types.FunctionType) and not _is_ours(owner):
                self._rewrite_defaults(owner)
            elif isinstance(owner, type) and not _is_ours(owner):
                self._rewrite_class(owner)

    def _rewrite_cell(self, cell: types.CellType) -> None:
        old = cell.cell_contents
        new = self._substitute(old)
        if new is not None:
            self._undo.append(lambda: setattr(cell, "cell_contents", old))
            cell.cell_contents = new

    def _rewrite_defaults(self, function: types.FunctionType) -> None:
        if function.__defaults__ is not None:
            old = function.__defaults__
            new = tuple(self._new(value) for value in old)
            if any(a is not b for a, b in zip(old, new, strict=True)):
                self._undo.append(lambda: setattr(function, "__defaults__", old))
                function.__defaults__ = new
        if function.__kwdefaults__ is not None:
            named = function.__kwdefaults__
            rest = {key: self._new(value) for key, value in named.items()}
            if any(named[key] is not rest[key] for key in named):
                self._undo.append(lambda: setattr(function, "__kwdefaults__", named))
                function.__kwdefaults__ = rest

    def _rewrite_class(self, owner: type) -> None:
        for name, value in list(vars(owner).items()):
            new = self._substitute(value)
            if new is not None:
                self._set_on_class(owner, name, new)

    def _set_on_class(self, owner: type, name: str, value: Any) -> None:
        try:
            self._set(owner, name, value)
        except TypeError:
            return  # a class written in C: it cannot be changed, and calls C anyway


def _is_ours(owner: types.FunctionType | type) -> bool:
    return str(owner.__module__).startswith(f"{ROOM}.")
