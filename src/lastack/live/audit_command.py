"""Which commands are Python programs, and how a child process comes to be audited.

A child finds a sitecustomize module of ours first in PYTHONPATH. Python imports it before the
program begins, the environment hands it on to children of the child, and the program's own
arguments, path and `__main__` stay as they are.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .audit_start import EACH, LOG

_PYTHON: Final = re.compile(r"python[\d.]*t?$")
_LINES: Final = 1024
_SITECUSTOMIZE: Final = '''\
"""Begins the audit of this process, then makes way for the sitecustomize that is behind it."""

import sys
import types

HERE = {here!r}


def begin():
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    package = types.ModuleType("_lastack_audit")
    package.__path__ = [{room!r}]
    sys.modules["_lastack_audit"] = package
    try:
        from _lastack_audit.audit_start import begin_process

        begin_process(HERE)
    except Exception:
        pass  # a Python too old for the audit: who reads the log finds no start in it


def give_way(this):
    sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
        sys.modules[__name__] = this


this = sys.modules[__name__]
begin()
give_way(this)
'''


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
    room = os.path.dirname(os.path.abspath(__file__))
    text = _SITECUSTOMIZE.format(here=str(directory), room=room)
    (directory / "sitecustomize.py").write_text(text, encoding="utf-8")
    log = directory / LOG
    log.touch()
    return log


def audit_environment(directory: Path, each: int) -> dict[str, str]:
    """Return our environment with the way to that directory.

    each: how many endings of one place and process are written out in full.
    """
    path = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": f"{directory}{os.pathsep}{path}" if path else str(directory),
        EACH: str(each),
    }


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
