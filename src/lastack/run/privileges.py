"""Calls with which a process of root changes the machine, or gives its rights away.

In a simulation they would do so to the process of all programs: who it is, what it sees of the
disk. (The clock is a matter of `clocks`.) Nobody is root there, and they fail with EPERM, as for a
process without capabilities(7). To become who one is already is allowed, as ever.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any, Final, NoReturn

from lastack.sockets import os_error

from .seams import Registry

_REFUSED: Final = (
    ("os", "chroot"), ("os", "setgroups"), ("os", "initgroups"), ("os", "unshare"), ("os", "setns"),
    ("os", "pidfd_open"),  # of a process of the real machine; asyncio does without
)  # fmt: skip
_USER: Final = ("setuid", "seteuid", "setreuid", "setresuid")
_GROUP: Final = ("setgid", "setegid", "setregid", "setresgid")
_UNCHANGED: Final = -1
"""Of setreuid(2) and its like: leave that one as it is."""


def refuse(*_: object, **__: object) -> NoReturn:
    """Fail as for a process that is not root's."""
    raise os_error(errno.EPERM)


def become(who: Callable[[], int]) -> Callable[..., None]:
    """Return what stands in for setuid(2) and its like; `who`: os.getuid or os.getgid."""

    def change(*wanted: Any) -> None:
        if any(one not in (_UNCHANGED, who()) for one in wanted):
            refuse()

    return change


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    for module, name in _REFUSED:
        registry.function(module, name, refuse)
    for names, who in ((_USER, os.getuid), (_GROUP, os.getgid)):
        for name in names:
            registry.function("os", name, become(who))
