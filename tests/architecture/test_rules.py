"""Negative controls: each rule fails in a small house that breaks it, and only there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from . import plan, rules
from .conftest import House
from .tree import Tree

Law = Callable[[Tree], list[str]]

WIRE = {
    "wire/__init__.py": '"""Wire."""\nfrom .flow import Flow as Flow\n',
    "wire/flow.py": "Flow = 1",
}
BELOW = {"wire/a.py": "", "tcp/__init__.py": '"""T."""\nfrom .tcb import Tcb as Tcb\n'}
TCB = {**BELOW, "tcp/tcb.py": "class Tcb: ..."}


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({**TCB, "wire/b.py": "from lastack.tcp import Tcb"}, "wire must not import tcp"),
        ({**TCB, "wire/b.py": "from ..tcp import Tcb"}, "wire must not import tcp"),
        ({**TCB, "verdict/b.py": "from lastack.tcp import Tcb"}, "verdict must not import tcp"),
        ({**TCB, "verdict/b.py": "def f():\n  from lastack.tcp import Tcb"}, "must not import tcp"),
        ({**TCB, "host/b.py": "from lastack.tcp.tcb import Tcb"}, "past the door of tcp"),
        ({**TCB, "host/b.py": "from ..tcp.tcb import Tcb"}, "past the door of tcp"),
        ({**TCB, "host/b.py": "from lastack.tcp import tcb"}, "tcp does not export tcb"),
        ({**TCB, "host/b.py": "from lastack.tcp import *"}, "tcp does not export *"),
        ({**TCB, "host/b.py": "import lastack.tcp"}, "as a whole"),
        ({**TCB, "host/b.py": "import lastack.tcp.tcb"}, "past the door of tcp"),
        ({**TCB, "host/b.py": "from lastack import tcp"}, "imports tcp from the package"),
        ({**TCB, "host/b.py": "import lastack"}, "from the package"),
        ({**WIRE, "live/a.py": "from lastack.wire import Flow"}, "live must not import wire"),
        ({**WIRE, "ending/a.py": "from lastack.wire import Flow"}, "ending must not import"),
        ({"live/a.py": "", "oracle/a.py": "from lastack.live import x"}, "must not import live"),
        ({**WIRE, "__init__.py": "from .wire import Flow"}, "lastack must not import wire"),
        ({"attic/a.py": ""}, "attic: not on the floor plan"),
        ({"state.py": "def _f(): ...", "trace/a.py": "from lastack.state import _f"}, "export _f"),
    ],
)
def test_floors(house: House, files: dict[str, str], complaint: str) -> None:
    found = rules.floors(house(files))
    assert any(complaint in line for line in found), found


@pytest.mark.parametrize(
    "files",
    [
        {**TCB, "host/b.py": "from lastack.tcp import Tcb"},
        {**TCB, "tcp/c.py": "from .tcb import _anything", "host/b.py": "from ..tcp import Tcb"},
        {"host/b.py": "from lastack.tcp import Tcb"},  # a room that is not built yet
        {"state.py": "class State: ...", "tcp/a.py": "from lastack.state import State"},
        {**WIRE, "trace/a.py": "from lastack.wire import Flow"},
        {
            "profile/__init__.py": "from .rule import S as S",
            "live/a.py": "from lastack.profile import S",
        },
        {
            "live/__init__.py": "from . import why as why",
            "cli/a.py": "from lastack.live import why",
        },
        {"cli/a.py": "from lastack import __version__"},
    ],
)
def test_floors_lets_pass(house: House, files: dict[str, str]) -> None:
    assert not rules.floors(house(files))


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import os.path",
        "from threading import Lock",
        "def f():\n    import random",
        "from _socket import socket",
    ],
)
def test_sans_io(house: House, source: str) -> None:
    assert rules.sans_io(house({"tcp/timers.py": source}))
    assert not rules.sans_io(house({"tcp/timers.py": "", "run/clock.py": source}))


@pytest.mark.parametrize(
    "files",
    [
        {
            "tcp/a.py": "from .b import x",
            "tcp/b.py": "from .c import x",
            "tcp/c.py": "from .a import x",
        },
        {"tcp/a.py": "from . import b", "tcp/b.py": "from lastack.tcp.a import x"},
        {
            "tcp/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B",
            "tcp/b.py": "from .a import A",
        },
        {
            "tcp/__init__.py": "from .a import A as A",
            "tcp/a.py": "def f():\n    from lastack.tcp import A",
        },
    ],
)
def test_cycles(house: House, files: dict[str, str]) -> None:
    assert len(rules.cycles(house(files))) == 1


def test_no_cycle_in_a_diamond(house: House) -> None:
    files = {"tcp/a.py": "from . import b, c", "tcp/b.py": "from .d import x", "tcp/d.py": "x = 1"}
    assert not rules.cycles(house({**files, "tcp/c.py": "from .d import x"}))


def test_sizes(house: House) -> None:
    def source(file_lines: int, function_lines: int) -> str:
        body = ["def f() -> None:", *["    pass"] * (function_lines - 1)]
        return "\n".join([*body, *["x = 1"] * (file_lines - function_lines)]) + "\n"

    assert not rules.sizes(house({"tcp/a.py": source(plan.FILE_LINES, plan.FUNCTION_LINES)}))
    assert len(rules.sizes(house({"tcp/a.py": source(501, 60)}))) == 1
    assert len(rules.sizes(house({"tcp/a.py": source(500, 61)}))) == 1


def test_edges(house: House) -> None:
    few = {**TCB, **WIRE, "tcp/a.py": "from . import tcb\nfrom lastack.wire import Flow, seq"}
    assert rules.edges_per_file(house({"tcp/tcb.py": ""})) == 0
    tree = house(few)  # of a, tcb, wire.a, wire.flow only the first imports in its room: tcb
    assert rules.edges_per_file(tree) == 1 / 4
    assert not rules.edges(tree)
    everybody = "from . import m0, m1, m2, m3, m4, m5, m6"
    assert rules.edges(house({f"tcp/m{n}.py": everybody for n in range(7)}))


@pytest.mark.parametrize(
    ("door", "complaint"),
    [
        ("from .a import X as X\n", "no docstring"),
        ('"""D."""\nfrom .a import X\n', "more than a re-export"),
        ('"""D."""\nfrom .a import X as Y\n', "more than a re-export"),
        ('"""D."""\nfrom lastack.tcp.a import X as X\n', "more than a re-export"),
        ('"""D."""\nfrom .a import X as X\n__all__ = ["X"]\n', "more than a re-export"),
        ('"""D."""\ndef f(): ...\n', "more than a re-export"),
    ],
)
def test_exports(house: House, door: str, complaint: str) -> None:
    (line,) = rules.exports(house({"tcp/__init__.py": door, "tcp/a.py": "X = 1"}))
    assert complaint in line


def test_exports_lets_pass(house: House) -> None:
    door = '"""D."""\nfrom . import seq as seq\nfrom .a import X as X, Y as Y\n'
    assert not rules.exports(house({"tcp/__init__.py": door, "state.py": "import enum"}))


def test_exports_wants_a_door(house: House) -> None:
    tree = house({"tcp/a.py": ""})
    del tree.modules[("tcp",)]
    assert rules.exports(tree) == ["tcp/: no __init__.py"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sockets/options.py", "raise OSError(22, 'no')"),
        ("sockets/options.py", "raise OSError"),
        ("tcp/calls.py", "error = ConnectionResetError(104)"),
        ("host/ports.py", "class Taken(OSError): ..."),
        ("sockets/names.py", "def f(e):\n    raise gaierror(-2)"),
        ("run/world.py", "raise BrokenPipeError(32)"),
        ("run/world.py", "raise socket.error(32)"),
        ("matrix/play.py", "raise TimeoutError"),
    ],
)
def test_os_errors(house: House, path: str, source: str) -> None:
    assert len(rules.os_errors(house({path: source}))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("sockets/errors.py", "def make(n): return OSError(n)"),
        ("run/seams.py", "raise TimeoutError('timed out')"),
        ("run/seams.py", "raise socket.gaierror(-2)"),
        ("oracle/programs.py", "raise OSError(1)"),  # the real kernel's
        ("tcp/calls.py", "try: f()\nexcept OSError: pass"),
    ],
)
def test_os_errors_lets_pass(house: House, path: str, source: str) -> None:
    assert not rules.os_errors(house({path: source}))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tcp/calls.py", "def close(tcb): tcb.state = 1"),
        ("tcp/calls.py", "def close(tcb): tcb.snd_nxt, tcb.state = 1, 2"),
        ("tcp/calls.py", "def close(t): t.state: int = 1"),
        ("tcp/calls.py", "def close(t): setattr(t, 'state', 1)"),
        ("tcp/tcb.py", "class Tcb:\n    def leave(self): self.state = 1"),
        ("host/host.py", "def kill(connection): connection.tcb.state = 1"),
    ],
)
def test_state_doors(house: House, path: str, source: str) -> None:
    assert len(rules.state_doors(house({path: source}))) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tcp/tcb.py", "class Tcb:\n    def enter(self, state): self.state = state"),
        ("tcp/tcb.py", "class Tcb:\n    def __init__(self):\n        self.state = 0"),
        ("tcp/tcb.py", "class Tcb:\n    state: int"),
        ("run/world.py", "def start(program): program.state = 1"),
    ],
)
def test_state_doors_lets_pass(house: House, path: str, source: str) -> None:
    assert not rules.state_doors(house({path: source}))


@pytest.mark.parametrize("source", ["import rich", "from rich.table import Table", "import click"])
def test_terminal(house: House, source: str) -> None:
    assert rules.terminal(house({"report/rows.py": source}))
    assert not rules.terminal(house({"report/rows.py": "", "cli/run.py": source}))


def test_loaded_by_import(house: House, tmp_path: Path) -> None:
    house({"__init__.py": "from .ending import x", "ending/__init__.py": "import rich\nx = 1"})
    assert rules.loaded_by_import(tmp_path / "src", "lastack") == {"rich"}


@pytest.mark.parametrize(
    "line",
    ["see ../shar" + "ed/notes", "cd /wo" + "rk/main", "https://pypi" + ".org/project/lastack"],
)
def test_text(tmp_path: Path, line: str) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text(f"fine\n{line}\n", encoding="utf-8")
    (tmp_path / "capture.pcapng").write_bytes(b"\xff\xfe\x00")
    (found,) = rules.text(tmp_path)
    assert found.startswith(".ci/run:2: says ")
