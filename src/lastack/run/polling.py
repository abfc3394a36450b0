"""select.epoll over simulated descriptors, and what stands in for the select module."""

from __future__ import annotations

import errno
import operator
import select as real
import selectors
from functools import partial
from typing import Final

from lastack.profile import NEVER
from lastack.sockets import IN, OUT, PRI, Epoll, File, os_error

from .baton import found, here, spin
from .process import FIRST_DESCRIPTOR
from .readiness import Poll, descriptor, select, until_of
from .seams import Registry
from .socket_base import is_real

_MS: Final = 1_000_000
_S: Final = 1_000_000_000
_DEFAULT_EVENTS: Final = IN | PRI | OUT
_MOST_EVENTS: Final = 1023


class EpollObject:
    """`select.epoll`."""

    def __init__(self, sizehint: int = -1, flags: int = 0) -> None:
        self._fd = -1
        if sizehint != -1 and sizehint <= 0:
            raise ValueError("negative sizehint")
        if flags & ~real.EPOLL_CLOEXEC:
            raise os_error(errno.EINVAL)
        thread = here()
        self._world, self._process = thread.world, thread.process
        waiters = thread.world.waiters
        self._fd = thread.process.add(Epoll(waiters.wake, waiters.watch, waiters.unwatch))

    @classmethod
    def fromfd(cls, fd: int, /) -> EpollObject:
        """Return an object for a descriptor that is there."""
        thread = here()
        self = cls.__new__(cls)
        self._world, self._process, self._fd = thread.world, thread.process, fd
        return self

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor."""
        self._file()
        return self._fd

    def close(self) -> None:
        """Close it."""
        fd, self._fd = self._fd, -1
        file = self._process.descriptors.pop(fd, None)
        if file is not None:
            file.drop(self._world.now)

    def __enter__(self) -> EpollObject:
        self._file()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._fd >= 0:
            self._world.abandon(self._process, self._fd)

    def register(self, fd: object, eventmask: int = _DEFAULT_EVENTS) -> None:
        """Watch a descriptor."""
        epoll = self._file()
        epoll.add(*self._watched(fd), operator.index(eventmask), self._world.now)

    def modify(self, fd: object, eventmask: int) -> None:
        """Change what is watched for."""
        epoll = self._file()
        epoll.modify(*self._watched(fd), operator.index(eventmask), self._world.now)

    def unregister(self, fd: object) -> None:
        """Stop watching."""
        epoll = self._file()
        epoll.remove(*self._watched(fd))

    def poll(self, timeout: object = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Wait for `timeout` seconds, for ever without; return (descriptor, bits)."""
        epoll = self._file()
        until = until_of(timeout, _S, _MS, "timeout must be an integer or None")
        limit = operator.index(maxevents)
        if limit == -1:
            limit = _MOST_EVENTS
        elif limit < 1:
            raise ValueError(f"maxevents must be greater than 0, got {limit}")
        if until < 0:
            until = NEVER
        thread = here()
        world = thread.world
        if world.network.on_loopback:
            world.loopback_arrives(thread.process.node)
        epoll.hold()
        try:
            ready = epoll.collect(limit, world.now)
            if ready:
                found(thread)
            while not ready:
                if world.now >= until:
                    spin()
                    break
                world.park(((epoll, IN),), until, what=partial(_told, epoll, until == NEVER))
                ready = epoll.collect(limit, world.now)
            return ready
        finally:
            epoll.drop(world.now)

    def _file(self) -> Epoll:
        if self._fd < 0:
            raise ValueError("I/O operation on closed epoll object")
        file = self._process.descriptors.get(self._fd)
        if not isinstance(file, Epoll):
            raise os_error(errno.EBADF if file is None else errno.EINVAL)
        return file

    def _watched(self, thing: object) -> tuple[int, File]:
        fd = descriptor(thing)
        file = self._process.descriptors.get(fd)
        if file is None:
            # epoll does not take regular files, and here no file of the real world.
            real = fd < FIRST_DESCRIPTOR and is_real(fd)
            raise os_error(errno.EPERM if real else errno.EBADF)
        return fd, file


def _told(epoll: Epoll, whole: bool) -> str:
    """Say what a thread waits for; the files, where it waits for nothing else."""
    return f"epoll.poll() on {epoll.describe()}" if whole else "epoll.poll()"


EpollObject.__name__ = EpollObject.__qualname__ = "epoll"


def _bind_selector(registry: Registry, selector: str, name: str) -> None:
    """Let a class of `selectors`, which bound `select.NAME` when it was imported, use ours."""
    for seam in registry.seams:
        if (seam.module, seam.name) == ("select", name) and hasattr(selectors, selector):
            registry.attribute(getattr(selectors, selector), "_selector_cls", seam.replacement)


def register(registry: Registry) -> None:
    """Name what stands in for what."""
    registry.function("select", "select", select)
    registry.function("select", "poll", Poll)
    registry.klass("select", "epoll", EpollObject)
    for selector, name in (("PollSelector", "poll"), ("EpollSelector", "epoll")):
        _bind_selector(registry, selector, name)
