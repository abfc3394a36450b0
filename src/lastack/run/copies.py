"""A C module that a program imports anew stays the one in which the seams are.

The interpreter makes another module of it, with the real functions, when a program has taken it out
of sys.modules: eventlet does so to have what it calls the originals of `time`, `select` and
`_thread`, and CPython's tests for two implementations of one thing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

from .baton import current
from .seams import Registry

_BEHIND_OS: Final = "posix"
"""Where `os` has its functions from; the seams of `os` are in it, too."""


class Again(Loader):
    """Loads a module by giving what there is."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is; importlib has written its own spec into it."""
        module.__spec__ = self._spec


class SameModules(MetaPathFinder):
    """Finds C modules that have seams, in simulated programs."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}

    def keep(self, names: Iterable[str]) -> None:
        """Keep those of these modules that are written in C."""
        for name in names:
            try:
                module = import_module(name)
            except ImportError:
                continue
            if not (getattr(module, "__file__", None) or "").endswith(".py"):
                self._modules[name] = module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that is there; leave every other to the finders after it."""
        module = self._modules.get(fullname)
        if module is None or current() is None:
            return None
        return ModuleSpec(fullname, Again(module))


_finder: Final = SameModules()


def register(registry: Registry) -> None:
    """Have it done at install, for the modules of all seams."""

    def put_up() -> None:
        _finder.keep({seam.module for seam in registry.seams} | {_BEHIND_OS})
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)

    registry.before(put_up)
