"""The process that runs the tests of one module: on the kernel, or each in a world of its own.

    python -m tests.cpython.worker MODULE kernel|world RESULTS WANTED

Writes a line of JSON before and after each test into the file RESULTS, so that whoever waits knows
which test a hang belongs to. WANTED is a file with the tests to run, one a line; all when it is
empty. Needs nothing but the standard library and lastack.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import socket
import struct
import sys
import traceback
import unittest
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lastack.profile import S
from lastack.report import ASCII, ending_lines, refusal_lines, texts
from lastack.run import World, install
from lastack.verdict import Book, verdict

try:
    import ssl
except ImportError:  # an interpreter without OpenSSL has no tests of it
    ssl = None  # type: ignore[assignment]

HOST = "cpython"
UNTIL = 3600 * S
RESOURCES = ("cpu", "network", "subprocess", "walltime")
"""What `python -m test -u` calls resources. Modules that use nothing but loopback ask for
`network`, too; there is no Internet here, and tests that need it skip themselves."""
_SHOWN_LINES = 40
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_STREAM, _KIND_MASK = 1, 0xF
INTERNET = (int(socket.AF_INET), int(socket.AF_INET6))


def full_name(module: str) -> str:
    """Return the name to import: `test_socket` is short for `test.test_socket`."""
    return f"test.{module}" if module.startswith("test_") else module


def flatten(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[unittest.TestCase]:
    """Return the tests of a suite, one by one."""
    if isinstance(suite, unittest.TestSuite):
        for inner in suite:
            yield from flatten(inner)
    else:
        yield suite


def load(module: str) -> list[unittest.TestCase]:
    """Import a module of tests and return them."""
    support = importlib.import_module("test.support")
    support.use_resources = dict.fromkeys(RESOURCES)
    support.verbose = False
    importlib.import_module(full_name(module))
    return list(flatten(unittest.defaultTestLoader.loadTestsFromName(full_name(module))))


class Told(unittest.TestResult):
    """What came out of one test: passed, skipped, failed or error; the worst counts."""

    RANK = ("passed", "skipped", "failed", "error")

    def __init__(self) -> None:
        super().__init__()
        self.status = ""
        self.text = ""
        self.ran = False

    def tell(self, status: str, text: str = "") -> None:
        if not self.status or self.RANK.index(status) > self.RANK.index(self.status):
            self.status, self.text = status, text

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        self.ran = True

    def addSuccess(self, test: Any) -> None:
        self.tell("passed")

    def addSkip(self, test: Any, reason: str) -> None:
        self.tell("skipped", reason)

    def addFailure(self, test: Any, err: Any) -> None:
        self.tell("failed", "".join(traceback.format_exception(*err)))

    def addError(self, test: Any, err: Any) -> None:
        self.tell("error", "".join(traceback.format_exception(*err)))

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.tell("passed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.tell("failed", "passed though marked as an expected failure")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.tell("failed", f"{subtest}\n" + "".join(traceback.format_exception(*err)))


def perform(test: unittest.TestCase) -> Told:
    """Run one test with the fixtures of its class and module."""
    told = Told()
    # As regrtest does: every warning is shown, none is an error.
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        unittest.TestSuite([again(test)]).run(told)
    return told


def again(test: unittest.TestCase) -> unittest.TestCase:
    """Return a new instance of a test; what the loader could not load stays what it is."""
    broken = type(test).__module__.startswith("unittest")
    return test if broken else type(test)(method_of(test))


def method_of(test: unittest.TestCase) -> str:
    """Return the name of a test's method."""
    return test.id().rpartition(".")[2]


# -- on the kernel


class Watcher:
    """Sees whether a test opens a stream socket of the Internet, and whether it speaks TLS."""

    def __init__(self) -> None:
        self.streams = False
        self.tls = False
        sys.addaudithook(self._hook)
        if ssl is not None:
            self._wrap("_wrap_socket")
            self._wrap("_wrap_bio")

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.__new__":
            _, family, kind, _ = arguments
            if family in INTERNET and kind & _KIND_MASK == _STREAM:
                self.streams = True

    def _wrap(self, name: str) -> None:
        real = getattr(ssl.SSLContext, name)

        def wrap(context: Any, *args: Any, **kwargs: Any) -> Any:
            self.tls = True
            return real(context, *args, **kwargs)

        setattr(ssl.SSLContext, name, wrap)


def loopback_up() -> None:
    """Switch on the loopback interface of this network namespace (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        asked = struct.pack("16sh14x", b"lo", _IFF_UP)
        fcntl.ioctl(sock, _SIOCSIFFLAGS, asked)


def on_kernel(test: unittest.TestCase, watcher: Watcher) -> dict[str, Any]:
    """Run a test on the real sockets of this machine."""
    watcher.streams = watcher.tls = False
    told = perform(test)
    return {"status": told.status or "skipped", "text": told.text,
            "streams": watcher.streams, "tls": watcher.tls}  # fmt: skip


# -- in a world


def in_world(test: unittest.TestCase) -> dict[str, Any]:
    """Run a test as the only program of a host."""
    found: list[Told] = []
    world = World(seed=1)
    book = Book()
    world.journal.listeners.append(book)
    world.program(world.host(HOST), lambda: found.append(perform(test)))
    try:
        outcome = world.run(UNTIL)
    except Exception:  # noqa: BLE001 - an error of the engine is a failure of this test
        return {"status": "engine", "text": traceback.format_exc(), "virtual": world.now / S}
    (ended,) = outcome.programs
    status, text = (found[0].status or "skipped", found[0].text) if found else ("died", "")
    trouble = "\n".join(filter(None, (ended.hung, outcome.livelock)))
    if trouble:
        status, text = "hung", f"{trouble}\n{text}"
    elif ended.failed and status == "passed":
        status, text = "died", f"exit status {ended.exit}"
    answer = {"status": status, "text": text, "virtual": outcome.ended_at / S}
    if status not in ("passed", "skipped"):
        answer["output"] = [line.text for line in ended.output][-_SHOWN_LINES:]
        answer["verdict"] = explain(world, book)[:_SHOWN_LINES]
    return answer


def explain(world: World, book: Book) -> list[str]:
    """Return how each connection of a world ended, and why."""
    names = {node.address: node.name for node in world.nodes.values()}
    lines = []
    for story in book.stories:
        told = verdict(story, book)
        lines += ending_lines(told, names, book.time_waits(), glyphs=ASCII)
    for event in book.refusals:
        lines += refusal_lines(event, glyphs=ASCII)
    return texts(lines).splitlines()


def load_in_world(module: str) -> list[unittest.TestCase]:
    """Import the module as a simulated program does: what it finds out then is of that host."""
    found: list[unittest.TestCase] = []
    world = World(seed=1)
    world.program(world.host(HOST), lambda: found.extend(load(module)))
    outcome = world.run()
    if outcome.failed:
        raise SystemExit("\n".join(line.text for line in outcome.programs[0].output))
    return found


# -- the process


def name_of(test: unittest.TestCase) -> str:
    """Return Class.method."""
    return f"{type(test).__qualname__}.{method_of(test)}"


def main(module: str, where: str, results: str, wanted: str) -> None:
    """Run tests of a module and tell of each."""
    run: Callable[[unittest.TestCase], dict[str, Any]]
    if where == "world":
        install()
        tests = {name_of(test): test for test in load_in_world(module)}
        run = in_world
    else:
        loopback_up()
        run = partial(on_kernel, watcher=Watcher())
        tests = {name_of(test): test for test in load(module)}
    names = Path(wanted).read_text(encoding="utf-8").split() or list(tests)
    with Path(results).open("a", encoding="utf-8", buffering=1) as out:
        out.write(json.dumps({"tests": list(tests)}) + "\n")
        for name in names:
            out.write(json.dumps({"begins": name}) + "\n")
            answer = run(tests[name]) if name in tests else {"status": "missing"}
            out.write(json.dumps({"test": name, **answer}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
    os._exit(0)  # a test on the kernel may have left a thread that never ends
