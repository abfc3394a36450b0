"""Which commands are Python programs, and how a child process comes to be audited."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lastack.startup import led_by, prepare

from .audit_start import EACH, LOG

_PYTHON: Final = re.compile(r"python[\d.]*t?$")
_LINES: Final = 1024


class NoPython(ValueError):
    """The command is no Python program; the message is one line."""


def python_command(words: Sequence[str]) -> list[str]:
    """Return the arguments with which to start a Python program.

    It may be an interpreter with its arguments, a console script, a .py file or `-m MODULE`; the
    last two run on our own interpreter. Raises NoPython.
    """
    first = words[0]
    if first == "-m":
        if len(words) < 2:
            raise NoPython("-m wants a module")
        return [sys.executable, *words]
    found = shutil.which(first)
    if found is None:
        if not Path(first).is_file():
            raise NoPython(f"there is no command and no file {first!r}")
        if not first.endswith(".py"):
            raise NoPython(f"{first} is not executable, and its name does not end in .py")
        return [sys.executable, *words]
    if _PYTHON.fullmatch(Path(found).name) or _runs_python(found):
        return list(words)
    raise NoPython(f"{first} is no Python program; only Python's sockets can be audited")


def prepare_audit(directory: Path) -> Path:
    """Make a directory begin audits when it leads PYTHONPATH; return the log they write to."""
    # quiet in a Python too old for the audit: who reads the log finds no start in it
    prepare(directory, Path(__file__).with_name("audit_start.py").absolute(), forgiving=True)
    log = directory / LOG
    log.touch()
    return log


def audit_environment(directory: Path, each: int) -> dict[str, str]:
    """Return our environment with the way to that directory.

    each: how many endings of one place and process are written out in full.
    """
    return {**led_by(directory, os.environ), EACH: str(each)}


def _runs_python(path: str) -> bool:
    """Read the first lines of a script: #!...python, or a shell's that becomes Python at once.

    pip writes the second form, '''exec' PYTHON "$0" "$@", where the path of the interpreter is
    too long for the kernel or has a blank.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_LINES).split(b"\n")
    except OSError:
        return False
    if not head[0].startswith(b"#!"):
        return False
    names = [Path(os.fsdecode(word)).name for word in head[0][2:].split()]
    if any(_PYTHON.fullmatch(name) for name in names):
        return True
    return len(head) > 1 and head[1].startswith(b"'''exec'") and b"python" in head[1]
