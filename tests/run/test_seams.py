"""What is replaced, what that means outside a world, and that nothing was forgotten."""

import _thread
import ast
import asyncio
import importlib
import pkgutil
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastack.run import install, uninstall
from lastack.run.foundations import REGISTRY
from lastack.run.seams import Dispatch, DispatchClass, Registry

from .calls import printed
from .conftest import Play

ABOVE = ["threading", "queue", "socket", "selectors", "ssl", "socketserver", "sched",
         "concurrent.futures.thread", "concurrent.futures._base",
         *(f"asyncio.{m.name}" for m in pkgutil.iter_modules(asyncio.__path__))]  # fmt: skip
"""Python modules that stay CPython's own."""

HARMLESS = {
    "_thread": {
        "error": "an exception class", "TIMEOUT_MAX": "a number", "_excepthook": "prints",
        "_ExceptHookArgs": "a tuple", "_local": "belongs to the real thread, as it should",
        "_is_main_interpreter": "true", "daemon_threads_allowed": "true",
        "_shutdown": "runs outside any world", "_count": "counts, no more",
        "LockType": "for isinstance", "stack_size": "of real threads",
    },
    "time": {"get_clock_info": "what kind of clock it is", "strptime": "asks no clock"},
}  # fmt: skip


def test_every_c_name_below_the_kept_modules_is_replaced_or_harmless() -> None:
    install()
    replaced = {(seam.module, seam.name) for seam in REGISTRY.seams}
    forgotten = {
        f"{above} uses {module}.{name}"
        for above in ABOVE
        if sys.platform != "win32" and "windows" not in above
        for module, name in uses(above, set(HARMLESS))
        if (module, name) not in replaced and name not in HARMLESS[module]
    }
    assert forgotten == set()


def uses(above: str, modules: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (C module, name) for every name of one of `modules` in the source of `above`."""
    spec = importlib.util.find_spec(above)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in modules:
                    aliases[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            yield from ((node.module, alias.name) for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in aliases and hasattr(
                importlib.import_module(aliases[node.value.id]), node.attr
            ):
                yield aliases[node.value.id], node.attr


def test_the_search_finds_what_threading_uses() -> None:
    found = set(uses("threading", {"_thread"}))
    assert {("_thread", "allocate_lock"), ("_thread", "get_ident")} <= found


def module(**names: object) -> types.ModuleType:
    """Make an importable module for a test."""
    made = types.ModuleType("lastack_test_module")
    vars(made).update(names)
    sys.modules[made.__name__] = made
    return made


@pytest.fixture
def outside() -> Iterator[None]:
    yield
    sys.modules.pop("lastack_test_module", None)
    sys.modules.pop("lastack_test_user", None)


def real() -> str:
    return "real"


def sim() -> str:
    return "sim"


def with_default(function: object = real, *, other: object = real) -> tuple[object, object]:
    return function, other


class Holder:
    function = staticmethod(real)
    plain = real


def closure() -> object:
    held = real

    def inner() -> object:
        return held

    return inner


@pytest.mark.usefixtures("outside")
def test_references_taken_earlier_are_found_and_put_back() -> None:
    made = module(work=real)
    user = types.ModuleType("lastack_test_user")
    vars(user)["taken"] = real
    sys.modules[user.__name__] = user
    inner = closure()
    registry = Registry()
    registry.function(made.__name__, "work", sim)
    registry.install()
    try:
        stand_in = vars(made)["work"]
        assert isinstance(stand_in, Dispatch)
        assert vars(user)["taken"] is stand_in
        assert with_default() == (stand_in, stand_in)
        assert inner() is stand_in  # type: ignore[operator]
        assert Holder.plain is stand_in
        assert stand_in() == "real"
    finally:
        registry.uninstall()
    assert vars(made)["work"] is vars(user)["taken"] is real
    assert with_default() == (real, real)
    assert inner() is real  # type: ignore[operator]
    assert Holder.plain is real


@pytest.mark.usefixtures("outside")
def test_a_name_that_the_interpreter_does_not_have_is_skipped() -> None:
    made = module()
    registry = Registry()
    registry.function(made.__name__, "new_in_3_99", sim)
    registry.function("no_such_module_at_all", "name", sim)
    registry.install()
    assert registry.seams == []
    assert not hasattr(made, "new_in_3_99")


def test_a_stand_in_is_no_descriptor() -> None:
    class User:
        lock_class = Dispatch(sim, real)

    assert User().lock_class() == "real"


def test_a_stand_in_for_a_class_can_be_asked_and_derived_from() -> None:
    class Real:
        pass

    class Sim:
        pass

    stand_in = DispatchClass(Sim, Real)
    assert isinstance(Real(), stand_in)  # type: ignore[arg-type]
    assert isinstance(Sim(), stand_in)  # type: ignore[arg-type]
    assert not isinstance(1, stand_in)  # type: ignore[arg-type]
    assert issubclass(Real, stand_in)  # type: ignore[arg-type]
    assert stand_in | None == Real | None
    assert stand_in[int].__origin__ is Real
    assert stand_in.__name__ == "Real"
    assert types.new_class("Derived", (stand_in,)).__mro__[1] is Real


def test_inside_and_outside_see_different_things(play: Play) -> None:
    lock = _thread.allocate_lock()

    def main() -> None:
        print(type(_thread.allocate_lock()) is type(lock), type(threading.Lock()).__module__)

    assert printed(play(main)) == ["False _thread"]
    assert type(_thread.allocate_lock()) is type(lock)


def test_install_twice_and_uninstall() -> None:
    install()
    first = time.sleep
    install()
    assert time.sleep is first
    uninstall()
    try:
        assert not isinstance(time.sleep, Dispatch)
        assert isinstance(threading.Lock, types.BuiltinFunctionType | type)
    finally:
        install()
    assert isinstance(time.sleep, Dispatch)
