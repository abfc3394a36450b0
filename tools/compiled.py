"""Compile the hot rooms with mypyc into build/compiled, and run their tests against them.

    .venv/bin/python tools/compiled.py [--build]

lastack is the interpreted package; this shows that the rooms which do the work may be compiled as
they stand, and what that brings (bench rows `compiled-1` and `compiled-100`). The compiled package
is a copy of src/lastack in which an extension module stands beside each compiled source; with
PYTHONPATH=build/compiled it is imported instead. Needs a C compiler and Python's headers. Nothing
is built when the sources are those of the last time. --build leaves the tests out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "lastack"
TARGET = ROOT / "build" / "compiled"
STAMP = TARGET / "stamp"

HOT = ("profile", "wire", "trace", "tcp", "host", "net")
"""Rooms that are compiled, with state.py, as one group: calls between them are C calls."""
TESTS = ("profile", "wire", "tcp", "host", "net", "sockets", "truth", "properties")
"""Tests that work these rooms hardest. Those that replace functions to break the engine are not
among them: a compiled call cannot be replaced."""

INTERPRETED = {
    "profile": "the groups of rules declare their fields by `rule()`, typed as the value; mypyc "
    "takes that type at its word",
    "trace/events.py": "`__slots__` is what tells the fields of an event, and mypyc leaves it out",
}
"""What stays as it is, and why. Of `profile` only the files without `rule()` are compiled."""

NOT_COMPILED = (
    "tests/wire/test_capture.py::test_a_text_that_was_not_kept_has_its_length",
    "tests/wire/test_capture.py::test_a_packet_that_the_card_was_to_cut_may_have_no_length",
    "tests/wire/test_capture.py::test_a_damaged_capture_gives_packets_or_the_one_error",
)
"""Tests that do not hold: a text that a capture has not kept is a memoryview that is typed as
bytes, and a compiled Segment takes bytes only."""

_SETUP = """
import sys
from setuptools import setup
from mypyc.build import mypycify
setup(
    name="lastack_compiled", packages=[], script_args=["build_ext", "--inplace"],
    ext_modules=mypycify(
        ["--config-file=mypy.ini", *sys.argv[1:]], opt_level="2", debug_level="0",
        group_name="lastack_compiled",
    ),
)
"""


def hot_files() -> list[Path]:
    """Return the files to compile."""
    files = [SOURCE / "state.py"]
    for room in HOT:
        for path in sorted((SOURCE / room).glob("*.py")):
            left_out = f"{room}/{path.name}" in INTERPRETED or path.name == "__init__.py"
            if not left_out and not (room == "profile" and "= rule(" in path.read_text()):
                files.append(path)
    return files


def digest() -> str:
    """Return what changes with any source, with the interpreter, and with this file."""
    total = hashlib.sha256(sys.version.encode())
    for path in (Path(__file__), *sorted(SOURCE.rglob("*.py"))):
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()


def build() -> None:
    """Fill build/compiled, unless it is up to date."""
    wanted = digest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    shutil.rmtree(TARGET, ignore_errors=True)
    shutil.copytree(SOURCE, TARGET / "lastack", ignore=shutil.ignore_patterns("__pycache__"))
    (TARGET / "mypy.ini").write_text("[mypy]\nstrict = True\npython_version = 3.11\n")
    names = [str(path.relative_to(SOURCE.parent)) for path in hot_files()]
    print(f"compiling {len(names)} files", flush=True)
    made = subprocess.run(
        [sys.executable, "-c", _SETUP, *names], cwd=TARGET, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    if made.returncode:
        sys.exit(f"{made.stdout[-4000:]}\n{made.stderr[-4000:]}\ntools/compiled.py: not compiled")
    STAMP.write_text(wanted)


def check() -> int:
    """Run the tests against the compiled rooms; return pytest's exit status."""
    environment = {**os.environ, "PYTHONPATH": str(TARGET)}
    modules = [
        ".".join(("lastack", *path.relative_to(SOURCE).with_suffix("").parts))
        for path in hot_files()
    ]
    proof = (
        "import importlib, sys\n"
        "slow = [m for m in sys.argv[1:] if importlib.import_module(m).__file__.endswith('.py')]\n"
        "sys.exit(f'interpreted: {slow}' if slow else 0)"
    )
    subprocess.run([sys.executable, "-c", proof, *modules], check=True, env=environment)
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    words += [f"--deselect={name}" for name in NOT_COMPILED]
    return subprocess.run(words, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    build()
    sys.exit(0 if "--build" in sys.argv[1:] else check())
