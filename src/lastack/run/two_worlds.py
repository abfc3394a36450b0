"""One class in two worlds: `type(s) is socket.socket` must hold in a simulated program.

A stand-in that only dispatches would not do for `socket.socket`: programs compare types and make
subclasses. So the public name is bound to the simulated class, and its metaclass sends everybody
outside a simulation to the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, Final, cast

from .baton import current

_OUTSIDE: Final[dict[type, type]] = {}
"""The real classes by the simulated ones that have their names. Not an attribute of the class:
whoever rewrites references to the real class would rewrite that one, too."""


_building: Final[list[bool]] = []


class TwoWorlds(type):
    """Metaclass of the simulated socket classes; `stands_for` names the public ones."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> TwoWorlds:
        """Make a class; outside a simulation one of the real class."""
        if not _building and current() is None and any(_outside(base) for base in bases):
            # A subclass made by the real world: it is made of the real class.
            real = tuple(_outside(base) or base for base in bases)
            return cast(TwoWorlds, type(name, real, namespace, **kwargs))
        return super().__new__(mcs, name, bases, namespace, **kwargs)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make an instance; outside a simulation one of the real class."""
        real = _outside(cls)
        if real is not None and current() is None:
            return real(*args, **kwargs)
        return super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        real = _outside(cls)
        return super().__instancecheck__(instance) or (
            real is not None and isinstance(instance, real)
        )

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = _outside(cls)
        return super().__subclasscheck__(subclass) or (
            real is not None and issubclass(subclass, real)
        )

    def __getattribute__(cls, name: str) -> Any:
        # `socket.socket.send(s)` and `socket.socket.__init__(self)` outside mean the real ones.
        if not name.startswith("__") or name == "__init__":
            real = _outside(cls)
            if real is not None and name != "mro" and current() is None:
                meant = getattr(real, name)
                ours = super().__getattribute__(name)
                return ByInstance(ours, meant) if isinstance(ours, FunctionType) else meant
        return super().__getattribute__(name)


class ByInstance:
    """A method asked of the class outside a simulation: the one or the other, by its instance.

    An object that outlived its world is still closed by ours.
    """

    __slots__ = ("_real", "_sim")

    def __init__(self, sim: FunctionType, real: Any) -> None:
        self._sim = sim
        self._real = real

    def __call__(self, instance: object, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method of the instance's world."""
        ours = isinstance(type(instance), TwoWorlds)
        return (self._sim if ours else self._real)(instance, *args, **kwargs)


@contextmanager
def building() -> Iterator[None]:
    """Let class statements make simulated classes, though no simulation is running."""
    _building.append(True)
    try:
        yield
    finally:
        _building.pop()


def stands_for(cls: type, real: type) -> None:
    """Make a simulated class the public one: outside a simulation it means `real`."""
    _OUTSIDE[cls] = real


def _outside(cls: type) -> Any:
    """Return the real class that has the same public name; None for any other class."""
    return _OUTSIDE.get(cls)
