"""select.select and select.poll over simulated descriptors.

Waiting is a park; asyncio, selectors and everything above them stay as they are.
"""

from __future__ import annotations

import errno
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lastack.profile import NEVER
from lastack.sockets import ECHO, ERR, HUP, IN, NORMAL, NVAL, OUT, PRI, File, os_error

from .baton import found, here, spin

_MS: Final = 1_000_000
_US: Final = 1_000
_INT_MAX: Final = 2**31 - 1
_S: Final = 1_000_000_000
_READABLE: Final = IN | HUP | ERR
_WRITABLE: Final = OUT | ERR
_DEFAULT_EVENTS: Final = IN | PRI | OUT
_STANDARD_FILES: Final = {0: IN, 1: OUT, 2: OUT}
"""What poll() says of stdin (at its end), stdout and stderr."""


def descriptor(thing: object) -> int:
    """Return the descriptor of an int or of an object with fileno()."""
    if isinstance(thing, int):
        fd = int(thing)
    else:
        method = getattr(thing, "fileno", None)
        if method is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        fd = method()
        if not isinstance(fd, int):
            raise TypeError("fileno() returned a non-integer")
    if fd < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
    return fd


def _level(fd: int, bits: int) -> int:
    """Return the readiness of a descriptor, NVAL for one that is not open; `bits` are asked for."""
    thread = here()
    file = thread.process.descriptors.get(fd)
    level = _STANDARD_FILES.get(fd, NVAL) if file is None else file.mask(thread.world.now)
    return level | (level & (IN | OUT)) << ECHO if bits & NORMAL else level


def _look(wanted: dict[int, int]) -> list[tuple[int, int]]:
    """Return which descriptors are ready, with the bits asked for."""
    levels = [(fd, _level(fd, bits) & (bits | ERR | HUP | NVAL)) for fd, bits in wanted.items()]
    return [(fd, bits) for fd, bits in levels if bits]


def _wait(wanted: dict[int, int], until: int, call: str) -> list[tuple[int, int]]:
    """Wait until one of the descriptors is ready, at most until `until`."""
    thread = here()
    world = thread.world
    if world.network.on_loopback:
        world.loopback_arrives(thread.process.node)
    ready = _look(wanted)
    if ready:
        found(thread)
    while not ready:
        if world.now >= until:
            spin()
            break
        files: list[tuple[File, int]] = []
        for fd, bits in wanted.items():
            file = thread.process.descriptors.get(fd)
            if file is not None:
                files.append((file, bits | bits >> ECHO & (IN | OUT)))
        world.park(files, until, what=f"{call} of {len(wanted)} files")
        ready = _look(wanted)
    return ready


def until_of(timeout: object, unit: int, grain: int, complaint: str) -> int:
    """Return when a wait of `timeout` units ends, rounded up to the call's grain, in ns."""
    if timeout is None:
        return NEVER
    if isinstance(timeout, float):
        if math.isnan(timeout):
            raise ValueError("Invalid value NaN (not a number)")
        if abs(timeout) * unit > NEVER:
            raise OverflowError("timestamp out of range for platform time_t")
        exact = -1 if timeout < 0 else math.ceil(timeout * unit)  # -1e-100 is negative, too
    else:
        try:
            exact = operator.index(timeout) * unit  # type: ignore[arg-type]  # told below
        except TypeError:
            raise TypeError(complaint) from None
        if abs(exact) > NEVER:
            raise OverflowError("timeout is too large")
    if exact < 0:
        return -1
    return here().world.now + -(-exact // grain) * grain


def select(
    rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: object = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select.select`. There is no FD_SETSIZE here."""
    lists = [_sequence(things) for things in (rlist, wlist, xlist)]
    until = until_of(timeout, _S, _US, "timeout must be a float or None")
    if until < 0:
        raise ValueError("timeout must be non-negative")
    wanted: dict[int, int] = {}
    numbered: list[list[tuple[int, Any]]] = []
    for things, bits in zip(lists, (IN, OUT, PRI), strict=True):
        numbered.append([(descriptor(thing), thing) for thing in things])
        for fd, _ in numbered[-1]:
            wanted[fd] = wanted.get(fd, 0) | bits
    ready = dict(_wait(wanted, until, "select()"))
    if any(bits & NVAL for bits in ready.values()):
        raise os_error(errno.EBADF)
    told = [
        [thing for fd, thing in pairs if ready.get(fd, 0) & bits]
        for pairs, bits in zip(numbered, (_READABLE, _WRITABLE, PRI), strict=True)
    ]
    return told[0], told[1], told[2]


def _sequence(things: object) -> Sequence[Any]:
    if not isinstance(things, Iterable):
        raise TypeError("arguments 1-3 must be sequences")
    # A list is read as it is: fileno() of a thing in it may change it.
    return things if isinstance(things, list | tuple) else list(things)


class Poll:
    """`select.poll`."""

    def __init__(self) -> None:
        self._wanted: dict[int, int] = {}
        self._waiting = False

    def register(self, fd: object, eventmask: object = _DEFAULT_EVENTS, /) -> None:
        """Watch a descriptor."""
        self._wanted[descriptor(fd)] = _mask(eventmask)

    def modify(self, fd: object, eventmask: object, /) -> None:
        """Change what is watched for."""
        number = descriptor(fd)
        if number not in self._wanted:
            raise os_error(errno.ENOENT)
        self._wanted[number] = _mask(eventmask)

    def unregister(self, fd: object, /) -> None:
        """Stop watching."""
        del self._wanted[descriptor(fd)]

    def poll(self, timeout: object = None, /) -> list[tuple[int, int]]:
        """Wait for `timeout` milliseconds, for ever without; return (descriptor, bits)."""
        until = until_of(timeout, _MS, _MS, "timeout must be an integer or None")
        if isinstance(timeout, int) and abs(timeout) > _INT_MAX:
            raise OverflowError("timeout is too large")
        if self._waiting:
            raise RuntimeError("concurrent poll() invocation")
        self._waiting = True
        try:
            return _wait(dict(self._wanted), NEVER if until < 0 else until, "poll()")
        finally:
            self._waiting = False


def _mask(events: object) -> int:
    if not isinstance(events, int):
        raise TypeError("an integer is required")
    if events < 0:
        raise ValueError("value must be positive")
    if events > 0xFFFF:
        raise OverflowError("Python int too large for C unsigned short")
    return int(events)
