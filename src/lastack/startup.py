"""How code of ours begins in a Python program before its first line, and in its children.

A `sitecustomize` module (see the `site` module of the standard library) in a directory that leads
PYTHONPATH is imported by every interpreter with that environment. Ours begins what it is for, takes
the directory out of sys.path, and makes way for the sitecustomize that is behind it: the program's
own arguments, path and `__main__` stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_SITECUSTOMIZE: Final = '''\
"""Begins {module} in this process, then makes way for the sitecustomize that is behind it."""

import sys
import types

HERE = {here!r}


def begin():
    sys.path[:] = [entry for entry in sys.path if entry != HERE]
    package = types.ModuleType({package!r})
    package.__path__ = [{room!r}]
    sys.modules[{package!r}] = package
    try:
        from {package}.{module} import begin_process

        begin_process(HERE)
    except {forgiven}:
        pass  # a Python too old for it, say: what it was to write down is missing


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


def prepare(directory: Path, start: Path, *, forgiving: bool) -> None:
    """Let a directory that leads PYTHONPATH begin `start`, a Python file.

    Its function begin_process gets the directory; it and the files beside it see each other by
    relative imports, and nothing else of lastack. forgiving: when it fails the program goes on
    without a word; else Python reports the failure, and goes on too.
    """
    text = _SITECUSTOMIZE.format(
        here=str(directory), room=str(start.parent), module=start.stem,
        package=f"_lastack_{start.parent.name}", forgiven="Exception" if forgiving else "()",
    )  # fmt: skip
    (directory / "sitecustomize.py").write_text(text, encoding="utf-8")


def led_by(directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the directory leads PYTHONPATH."""
    path = environment.get("PYTHONPATH")
    first = f"{directory}{os.pathsep}{path}" if path else str(directory)
    return {**environment, "PYTHONPATH": first}
