"""Which file and line of a running Python program holds a socket."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from .py_frames import Found, Process
from .py_memory import Memory, NoLayout


class Holder(NamedTuple):
    """place: "FILE:LINE in FUNCTION, variable NAME" or "FILE, global NAME"; "": why_not says why.

    The line is the one at which the function that holds it stands now.
    """

    place: str
    why_not: str = ""


def holders(pid: int, fds: Collection[int]) -> dict[int, Holder]:
    """Look for the variables that lead to descriptors of a process; {} if it is no Python.

    Only reads, from outside, and never stops the process. Looks from the variables of all functions
    that its threads are in, and from the globals there, through lists, tuples, dicts, attributes.
    """
    try:
        program = Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return {}
    if not program.startswith("python"):
        return {}
    try:
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            raise NoLayout("lastack itself runs on a free-threaded Python")
        with Memory(pid) as memory:
            found = Process(pid, memory).find(fds)
    except NoLayout as error:
        return dict.fromkeys(fds, Holder("", str(error)))
    except PermissionError:
        why_not = "its memory may be read by its user or root only (ptrace(2))"
        return dict.fromkeys(fds, Holder("", why_not))
    except OSError as error:
        return dict.fromkeys(fds, Holder("", error.strerror or str(error)))
    return {fd: _said(found.get(fd)) for fd in fds}


def _said(found: Found | None) -> Holder:
    if found is None:
        return Holder("", "no variable of a function under way leads to it")
    what = (
        f"{'in ' if found.inside else ''}{'variable' if found.line else 'global'} {found.variable}"
    )
    if not found.line:
        return Holder(f"{found.file}, {what}")
    return Holder(f"{found.file}:{found.line} in {found.function}, {what}")
