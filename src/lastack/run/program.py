"""A program's life, from its first line to exit(2): an unmodified .py file, module, or callable."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import runpy
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Final

from .baton import SimThread, Stopped, here
from .hush import hush
from .process import Process
from .seams import Registry
from .tracebacks import without_ours

INTERRUPTED: Final = 130
"""The status that a shell shows for a program that Ctrl-C ended."""

Main = Callable[[], object]


def load(argv: Sequence[str]) -> Main:
    """Return what runs a program: ["FILE.py", ARG...] or ["-m", "MODULE", ARG...].

    ValueError when there is no such file or module; the text is for people.
    """
    if not argv:
        raise ValueError("a program is a .py file or -m MODULE")
    if argv[0] == "-m":
        if len(argv) < 2:
            raise ValueError("-m needs the name of a module")
        return _module(argv[1], list(argv[2:]))
    return _script(argv[0], list(argv[1:]))


def _module(name: str, args: list[str]) -> Main:
    cwd = os.getcwd()
    sys.path.insert(0, cwd)  # `python -m` finds modules of the working directory
    try:
        # Only the first part: to look further would execute the package, here and now.
        found = find_spec(name.partition(".")[0]) is not None
    except ValueError:
        found = False  # a name like "a..b", or a module without a spec
    finally:
        sys.path.remove(cwd)
    if not found:
        raise ValueError(f"no module named {name}")

    def main() -> object:
        around = here().process.surroundings
        around.directory = os.path.realpath(cwd)
        sys.argv[:] = [name, *args]
        sys.path.insert(0, cwd)
        # Another program of the world may have imported it; runpy would warn this one.
        warnings.filterwarnings("ignore", ".* found in sys.modules after import", RuntimeWarning)
        return runpy.run_module(name, run_name="__main__", alter_sys=True)

    return main


def _script(path: str, args: list[str]) -> Main:
    full = os.path.abspath(path)
    if not os.path.exists(full):
        raise ValueError(f"no such file: {path}")

    def main() -> object:
        around = here().process.surroundings
        around.directory = os.path.dirname(os.path.realpath(full))
        sys.argv[:] = [path, *args]
        sys.path.insert(0, around.directory)
        return runpy.run_path(full, run_name="__main__")

    return main


def live(process: Process, main: Main) -> None:
    """Run a program in its main thread, until its process has ended."""
    kept: object = None  # the module's globals live until exit, as in an interpreter
    status: int | None = None
    try:
        if threading.gettrace() is not None:
            sys.settrace(threading.gettrace())
        process.main_thread = threading._MainThread()  # type: ignore[attr-defined]
        try:
            kept, status = _run(main), 0
        except Stopped:
            raise
        except BaseException as error:  # noqa: BLE001 - a program may raise anything
            kept, status = error, _end_by(process, error)
        shut_down(process)
        process.exit = status
    except Stopped as end:
        _end_at_once(process, end)
        return
    except BaseException as error:  # noqa: BLE001 - a signal while it waited for its threads
        process.exit = _end_by(process, error)
    exit_process(process)
    del kept


def _end_at_once(process: Process, end: Stopped) -> None:
    """End a program that was not asked; what it leaves is dropped here, without a word."""
    with hush():
        exit_process(process)
        end.__traceback__ = end.__context__ = end.__cause__ = None  # and with them the frames
        asyncio._set_running_loop(None)
        asyncio.set_event_loop(None)
        gc.collect()  # of this run's objects only: older ones are frozen


def _run(main: Main) -> object:
    """Call what runs the program; a coroutine that it returns is the program, too."""
    made = main()
    return asyncio.run(made) if inspect.iscoroutine(made) else made


def _end_by(process: Process, error: BaseException) -> int | None:
    """Return the exit status for what left the main module, and say what the interpreter says.

    None for the KeyboardInterrupt that a world sends: the program was stopped, it did not fail.
    trio and anyio raise it in groups.
    """
    if isinstance(error, SystemExit):
        return status_of(error.code)
    if process.interrupted and _only_interrupts(error):
        return None
    sys.excepthook(type(error), error, without_ours(error))
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1


def _only_interrupts(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.split(KeyboardInterrupt)[1] is None
    return isinstance(error, KeyboardInterrupt)


def status_of(code: object) -> int:
    """Return the exit status for sys.exit(code); a text goes to stderr."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def shut_down(process: Process) -> None:
    """What an interpreter does before it exits: wait for threads, run what atexit has."""
    executors = sys.modules.get("concurrent.futures.thread")
    if executors is not None:
        for thread, queue in list(executors._threads_queues.items()):
            if thread in _threads(process):
                queue.put(None)
    while waiting := [t for t in _threads(process) if not t.daemon and t.is_alive()]:
        waiting[0].join()
    while process.at_exit:
        function, args, kwargs = process.at_exit.pop()
        try:
            function(*args, **kwargs)
        except Stopped:
            raise
        except BaseException:  # noqa: BLE001 - as atexit: print it, go on with the next
            print(f"Exception ignored in atexit callback: {function!r}", file=sys.stderr)
            traceback.print_exc()


def _threads(process: Process) -> list[threading.Thread]:
    """Return the program's threads but for the main one."""
    return [thread for thread in threading.enumerate() if thread is not process.main_thread]


def exit_process(process: Process) -> None:
    """exit(2): the other threads are gone, then the descriptors are closed; nobody waits."""
    thread = here()
    world = thread.world
    process.exiting = True
    if process.exit is None:
        process.stopped = True
    process.output.close()
    for other in [t for t in world.threads if t.process is process and t is not thread]:
        world.unwind(other)
    world.close_all(process)
    vars(threading)["_active"].pop(thread.ident, None)
    process.ended = True


def exit_now(status: int) -> None:
    """`os._exit`: the program ends at once, whichever thread says so."""
    thread = here()
    process = thread.process
    process.exit = status & 0xFF
    process.output.close()
    thread.killed = True
    main = process.main
    if isinstance(main, SimThread) and main is not thread:
        main.killed = True
        if main.ticket is not None:
            main.ticket.fire()
    raise Stopped


def _register(function: Callable[..., object], *args: Any, **kwargs: Any) -> object:
    if not callable(function):
        raise TypeError("the first argument must be callable")
    here().process.at_exit.append((function, args, kwargs))
    return function


def _unregister(function: Callable[..., object]) -> None:
    process = here().process
    process.at_exit = [entry for entry in process.at_exit if entry[0] != function]


def _clear() -> None:
    here().process.at_exit.clear()


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.function("atexit", "register", _register)
    registry.function("atexit", "unregister", _unregister)
    registry.function("atexit", "_clear", _clear)
