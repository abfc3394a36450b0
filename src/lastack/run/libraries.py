"""Libraries that keep something for the whole process: where one is known, each program gets its
own.

Programs of a world share the modules of libraries. That does no harm to most; these few have an
event loop, a list of connections or a pool of threads at module level.
"""

from __future__ import annotations

import copyreg
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Final

from .baton import current
from .fences import Fenced
from .osthread import real_pid
from .seams import Registry

OWN: Final = {
    "twisted": "one reactor",
    "paramiko": "closes the connections of all its threads at exit",
    "waitress": "one map of sockets",
    "asyncore": "one map of sockets",
    "asynchat": "is built on asyncore",
    "smtpd": "is built on asyncore",
    "pyftpdlib": "one loop",
    "cherrypy": "one engine, one tree of applications",
    "sanic": "one table of applications",
    "bottle": "one default application",
    "distributed": "one default client, lists of workers and schedulers",
}
"""Packages, written in Python, of which each program imports its own copy; and what they have."""

_MONKEY_PATCH: Final = (
    "eventlet.monkey_patch: it would change modules that the programs of a world share: import "
    "what is needed from eventlet.green"
)
TRIO_RUN: Final = "trio._core._run"
TRIO_THREADS: Final = "trio._core._thread_cache"


def own(names: set[str], modules: dict[str, ModuleType]) -> set[str]:
    """Return which of the modules belong to one program: those of OWN, and who builds on them."""
    packages: dict[str, list[str]] = {}
    for name in names:
        packages.setdefault(name.partition(".")[0], []).append(name)
    taken = set(OWN)
    while True:
        more = {
            package for package, members in packages.items()
            if package not in taken and any(_uses(modules.get(name), taken) for name in members)
        }  # fmt: skip
        if not more:
            return {name for name in names if name.partition(".")[0] in taken}
        taken |= more


def _uses(module: Any, packages: set[str]) -> bool:
    """Tell whether names of a module come from one of the packages."""
    for value in list(vars(module).values()) if isinstance(module, ModuleType) else ():
        home = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if isinstance(home, str) and home.partition(".")[0] in packages:
            return True
    return False


def _home(value: Any) -> Any:
    return getattr(value, "__module__", None) if callable(value) else None


class InOrder(dict[Any, None]):
    """As much of a set as trio uses, in the order in which things were added."""

    def add(self, thing: Any) -> None:
        """Add it."""
        self[thing] = None

    def discard(self, thing: Any) -> None:
        """Remove it if it is there."""
        self.pop(thing, None)

    def remove(self, thing: Any) -> None:
        """Remove it; KeyError if it is not there."""
        del self[thing]

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.keys()))


def trio_run(module: Any) -> None:
    """Let trio's tasks hash by their number, and keep what is cancelled together in order."""
    module.Task.__hash__ = lambda task: task._counter
    init = module.CancelStatus.__init__

    def in_order(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._children = InOrder.fromkeys(self._children)

    module.CancelStatus.__init__ = in_order


def trio_threads(module: Any) -> None:
    """Give each program a cache of worker threads: a worker of another one has another host."""
    real = module.THREAD_CACHE
    set_name = module.set_os_thread_name

    def set_real_name(ident: int, name: str) -> None:
        # It is pthread_setname_np(3), which dereferences the number.
        if current() is None:
            set_name(ident, name)

    if set_name is not None:
        module.set_os_thread_name = set_real_name

    class PerProgram:
        """The cache of the program that asks."""

        @property
        def _cache(self) -> Any:
            thread = current()
            if thread is None:
                return real
            kept = thread.process.kept
            if TRIO_THREADS not in kept:
                kept[TRIO_THREADS] = module.ThreadCache()
            return kept[TRIO_THREADS]

        @property
        def _idle_workers(self) -> Any:
            return self._cache._idle_workers

        def start_thread_soon(self, *args: Any, **kwargs: Any) -> None:
            self._cache.start_thread_soon(*args, **kwargs)

    module.THREAD_CACHE = PerProgram()


def twisted_reactor(module: Any) -> None:
    """Let a reactor that stops close its descriptors in the order of their numbers."""
    remove_all = module.PosixReactorBase._removeAll

    def in_order(self: Any, readers: Any, writers: Any) -> Any:
        return sorted(remove_all(self, readers, writers), key=lambda one: one.fileno())

    module.PosixReactorBase._removeAll = in_order


def psutil_process(module: Any) -> None:
    """Let psutil find the process of a program under the number that `os.getpid` answers."""
    init = module.Process._init

    def init_real(self: Any, pid: int | None, *args: Any, **kwargs: Any) -> None:
        thread = current()
        own = None if thread is None else thread.process.pid
        if own is None or pid not in (None, own):
            init(self, pid, *args, **kwargs)
            return
        init(self, real_pid(), *args, **kwargs)
        self._pid, self._ident = own, (own, *self._ident[1:])

    module.Process._init = init_real


def eventlet_patcher(module: Any) -> None:
    """Let eventlet change no module: programs share those that it would put its own into."""
    patch = module.monkey_patch

    def monkey_patch(*args: Any, **kwargs: Any) -> None:
        if current() is not None:
            raise Fenced(_MONKEY_PATCH)
        patch(*args, **kwargs)

    module.monkey_patch = monkey_patch


AFTER_IMPORT: Final[dict[str, Callable[[Any], None]]] = {
    TRIO_RUN: trio_run, TRIO_THREADS: trio_threads,
    "twisted.internet.posixbase": twisted_reactor, "psutil": psutil_process,
    "eventlet.patcher": eventlet_patcher,
}  # fmt: skip


class AfterImport:
    """A finder that changes some modules as soon as they have been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find such a module as ever, with a loader that changes it."""
        change = AFTER_IMPORT.get(fullname)
        spec = None if change is None else PathFinder.find_spec(fullname, path, target)
        if change is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one loader
        return spec


def seed_again(seed: int) -> None:
    """Seed the generators that libraries made when they were imported before the world began."""
    if TRIO_RUN in sys.modules:
        sys.modules[TRIO_RUN]._r.seed(seed)


def forget() -> None:
    """Take out of registries of the whole process what copies of a world's programs put there."""
    kinds = [kind for kind, reducer in copyreg.dispatch_table.items() if _is_own(reducer)]
    interfaces: Any = sys.modules.get("zope.interface.interface")
    hooks: list[Any] = [] if interfaces is None else interfaces.adapter_hooks
    found = [hook for hook in hooks if _is_own(hook)]
    for kind in kinds:
        del copyreg.dispatch_table[kind]
    for hook in found:
        hooks.remove(hook)
    if kinds or found:
        typing.clear_overloads()
        for clear in vars(typing)["_cleanups"]:  # caches of the aliases made: List[T] and so on
            clear()


def _is_own(value: Any) -> bool:
    home = _home(value)
    return isinstance(home, str) and home.partition(".")[0] in OWN


_finder: Final = AfterImport()


def put_up() -> None:
    """Change what is imported already and what will be; once per process."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
        for name, change in AFTER_IMPORT.items():
            if name in sys.modules:
                change(import_module(name))


def register(registry: Registry) -> None:
    """Have it done at install."""
    registry.before(put_up)
