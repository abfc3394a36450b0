"""What a script is played on: a TCP with a socket API on one side and a wire on the other.

The runner knows nothing else of it, so that a kernel behind a TUN device can take the place of the
simulated host. Times are ns since the target began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from lastack.wire import Packet

NULL: Final = None
"""A pointer that points nowhere, in place of the bytes of a write or the size of a read."""


class Request(NamedTuple):
    """A system call with its arguments as Python values; what they are is told by the call.

    socket (domain, type, protocol) · bind, connect (address, port) · disconnect (): connect() to
    AF_UNSPEC · listen (backlog) · accept ()
    · read (size, flags) · recvmsg (size, flags, octets for control data) ·
    write (bytes, flags, (address, port) or None) · shutdown (how) ·
    close () · dup () · getflags () · setflags (flags) · ioctl (request) ·
    setsockopt (level, name, bytes) · getsockopt (level, name, size) · getsockname () ·
    getpeername () · poll (((fd, events), ...), timeout in ms) · epoll_create () ·
    epoll_ctl (operation, fd, events) · epoll_wait (most, timeout in ms)

    `fd` is the target's own descriptor, -1 for calls without one.
    """

    name: str
    fd: int = -1
    arguments: tuple[object, ...] = ()


class Answer(NamedTuple):
    """How a call ended: `value` is what it returned, -1 with an errno.

    data: what was read, or the option. control: level, type and data of each item of control data.
    ready: (fd, bits) of poll and epoll_wait. name: an address
    and port.
    """

    value: int
    errno: int = 0
    data: bytes = b""
    ready: tuple[tuple[int, int], ...] = ()
    name: tuple[bytes, int] | None = None
    control: tuple[tuple[int, int, bytes], ...] = ()


class Pending(Protocol):
    """A call under way. `answer` is None until it has ended, at `ended`."""

    answer: Answer | None
    ended: int


class OutOfTime(Exception):
    """A target that plays in real time has no more of it."""


class Left(NamedTuple):
    """A packet that left the target."""

    at: int
    packet: Packet


class Target(Protocol):
    """A TCP to play a script on; it is used for one script."""

    @property
    def now(self) -> int:
        """The time."""

    def begin(self, request: Request) -> Pending:
        """Make a call. It may be over at once; if not, `run` lets it go on."""

    def inject(self, packet: Packet) -> None:
        """Let a packet of the peer arrive."""

    def run(self, until: int) -> None:
        """Let time pass: until a packet has left, or a call under way has ended, or until
        `until`, whichever comes first. Return at once when `until` is not in the future, having
        done what is due now."""

    def take(self) -> Sequence[Left]:
        """Return the packets that left since the last call, in order."""

    def states(self) -> list[str]:
        """Return the state of every connection, listener and TIME-WAIT, in the RFC's words."""

    def forget(self, state: str) -> None:
        """Drop, as an administrator does, what is in a state."""

    def change(self, name: str, value: str) -> bool:
        """Make a setting (sysctl) while it is used; tell whether it holds from now on. Unsupported
        for one that the target does not know."""

    def close(self) -> None:
        """End it, with all that is under way."""
