"""A C module that is imported anew in a program is still the simulated one."""

import _thread
import importlib
import select
import sys
import time
from types import ModuleType

import pytest

from lastack.run.osthread import OSThread

from .in_world import alone


def anew(name: str) -> ModuleType:
    """Import a module once more, as eventlet does for the original of it."""
    kept = sys.modules.pop(name)
    try:
        return importlib.import_module(name)
    finally:
        sys.modules[name] = kept


def test_a_second_copy_of_a_c_module_takes_virtual_time() -> None:
    def program() -> None:
        copy = anew("time")
        copy.sleep(3600)
        print(copy.monotonic(), anew("select").poll is select.poll)

    spec = time.__spec__
    assert alone(program) == ["3600.0 True"]
    assert time.__spec__ is spec


def test_a_second_copy_of_threading_has_simulated_threads() -> None:
    def program() -> None:
        copy = anew("threading")
        timer = copy.Timer(5, lambda: print("rings"))
        timer.start()
        timer.join()
        print(time.monotonic())

    assert alone(program) == ["rings", "5.0"]


def test_outside_a_world_a_copy_is_one() -> None:
    assert anew("time") is not time


@pytest.mark.skipif(not hasattr(_thread, "_set_sentinel"), reason="threads have handles instead")
def test_a_thread_whose_sentinel_somebody_replaced_is_joined_all_the_same() -> None:
    def body() -> None:
        thread.entered(None)
        vars(_thread)["_set_sentinel"]()
        began.release()

    thread = OSThread()
    began = _thread.allocate_lock()
    began.acquire()
    thread.start(body)
    assert began.acquire(timeout=60)
    thread.join()
