"""Tasks and futures that hash by a number.

By default an object hashes by its address, which is another one in every process; asyncio and
concurrent.futures keep tasks and futures in sets, so the order in which they are woken, cancelled
or told would be another one, too. Those made in a simulation count within their world instead.
Default names of tasks ("Task-1") count within their program.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .baton import current, here
from .process import Process
from .seams import Registry

_create_task: Final[Any] = asyncio.BaseEventLoop.create_task
_create_future: Final[Any] = asyncio.BaseEventLoop.create_future
_as_completed: Final[Any] = asyncio.as_completed
_future_init: Final[Any] = concurrent.futures.Future.__init__


class CountedTask(asyncio.Task[Any]):
    """An asyncio.Task whose hash is a number."""

    def __init__(self, coro: Any, **kwargs: Any) -> None:
        # First of all: the base class puts it into a set.
        thread = here()
        self._hash = thread.world.number()
        self._owner = thread.process
        super().__init__(coro, **kwargs)

    def __hash__(self) -> int:
        return self._hash


class CountedFuture(asyncio.Future[Any]):
    """An asyncio.Future whose hash is a number, given when it is first asked for: hardly ever."""

    _hash: int | None = None

    def __hash__(self) -> int:
        if self._hash is None:
            thread = current()
            self._hash = object.__hash__(self) if thread is None else thread.world.number()
        return self._hash


for _class, _name in ((CountedTask, "Task"), (CountedFuture, "Future")):
    _class.__module__, _class.__name__, _class.__qualname__ = "_asyncio", _name, _name


def _task(self: Any, coro: Any, **kwargs: Any) -> Any:
    thread = current()
    if thread is None or self.get_task_factory() is not None:
        return _create_task(self, coro, **kwargs)
    self._check_closed()
    if kwargs.get("name") is None:
        thread.process.tasks += 1
        kwargs["name"] = f"Task-{thread.process.tasks}"
    task = CountedTask(coro, loop=self, **kwargs)
    if getattr(task, "_source_traceback", None):
        del task._source_traceback[-1]  # type: ignore[attr-defined]  # as the loop's own method does
    return task


def _future(self: Any) -> Any:
    return _create_future(self) if current() is None else CountedFuture(loop=self)


def _init(self: Any) -> None:
    thread = current()
    if thread is not None:
        self._lastack_hash = thread.world.number()
    _future_init(self)


def _hash(self: Any) -> int:
    number: int | None = vars(self).get("_lastack_hash")
    return object.__hash__(self) if number is None else number


def as_completed(fs: Any, **kwargs: Any) -> Any:
    """`asyncio.as_completed`, which puts coroutines into a set before it makes tasks of them."""
    if isinstance(fs, Iterable) and not asyncio.isfuture(fs) and not asyncio.iscoroutine(fs):
        if inspect.isgeneratorfunction(_as_completed):  # up to Python 3.12: when it is asked first
            return _in_order(list(fs), kwargs)
        fs = [asyncio.ensure_future(one) for one in dict.fromkeys(fs)]
    return _as_completed(fs, **kwargs)


def _in_order(fs: list[Any], kwargs: dict[str, Any]) -> Iterator[Any]:
    yield from _as_completed([asyncio.ensure_future(one) for one in dict.fromkeys(fs)], **kwargs)


def forget_tasks(process: Process) -> None:
    """Let the tasks of a program that is ended by force go without a word; asyncio would log that
    they were pending, to whatever is stderr when they are collected."""
    for registry in ("_all_tasks", "_scheduled_tasks"):  # up to Python 3.11, and later
        for task in list(getattr(asyncio.tasks, registry, ())):
            if isinstance(task, CountedTask) and task._owner is process:
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # of the C class


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.attribute(asyncio.BaseEventLoop, "create_task", _task)
    registry.attribute(asyncio.BaseEventLoop, "create_future", _future)
    registry.attribute(concurrent.futures.Future, "__init__", _init)
    registry.attribute(concurrent.futures.Future, "__hash__", _hash)
    registry.function("asyncio.tasks", "as_completed", as_completed)
