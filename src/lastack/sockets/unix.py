"""AF_UNIX stream sockets of one host (unix(7)): names, a queue of connections, then a pair.

A name is the file that stands for it, told by device and inode as the kernel does, or an abstract
one, bytes that begin with 0. Making that file is the caller's part: there is no I/O here.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence

from . import names
from .common import check_how
from .datagram import Received
from .errors import os_error
from .files import AGAIN, HUP, IN, OUT, RDHUP, File, NotNow
from .linger import ClosePlan
from .local import PAIR_BYTES, UnixName, UnixNames, Wake
from .pair import Channel, PairEnd


class UnixSocket(PairEnd):
    """A stream socket that is bound, listens, connects; once connected, one of a pair."""

    _sockets: UnixNames

    def __init__(self, sockets: UnixNames, wake: Wake) -> None:
        super().__init__(Channel(PAIR_BYTES), Channel(PAIR_BYTES), wake, sockets)
        self.peer_address = b""
        self.connected = False
        self.backlog = -1
        self._queue: deque[UnixSocket] = deque()

    @property
    def listening(self) -> bool:
        """Whether it accepts connections."""
        return self.backlog >= 0

    def describe(self) -> str:
        """Return the socket for people."""
        shown = (self.address or self.peer_address).replace(b"\0", b"@")
        return f"a Unix socket {shown.decode(errors='replace')}".rstrip()

    def getpeername(self) -> bytes:
        """Return the name of the other end, b"" if it has none; ENOTCONN."""
        if not self.connected:
            raise os_error(errno.ENOTCONN)
        return self.peer_address

    # -- connections

    def listen(self, backlog: int, now: int) -> None:
        """Accept connections from now on; EINVAL without a name or for a connected socket."""
        if not self.address or self.connected:
            raise os_error(errno.EINVAL)
        grown, self.backlog = backlog > self.backlog, backlog
        self._sockets.have_listened = True
        if grown:
            self._wake(self, OUT)  # who waits for room in the queue looks again

    def connect(self, key: UnixName | None, now: int) -> NotNow | None:
        """Connect to a name; done at once. AGAIN while the queue of the listener is full.

        The errors of `find`, ECONNREFUSED when nobody listens there, EISCONN, and EINVAL for a
        listener, in this order.
        """
        listener = self.find(key)
        if not isinstance(listener, UnixSocket) or not listener.listening or listener.incoming.deaf:
            raise os_error(errno.ECONNREFUSED)
        if len(listener._queue) > listener.backlog:
            return AGAIN
        if self.connected:
            raise os_error(errno.EISCONN)
        if self.listening:
            raise os_error(errno.EINVAL)
        child = UnixSocket(self._sockets, self._wake)
        child.address, child.peer_address = listener.address, self.address
        child.incoming, child.outgoing = self.outgoing, self.incoming
        child.peer, self.peer = self, child
        self.peer_address = listener.address
        child.connected = self.connected = True
        listener._queue.append(child)
        self._wake(listener, IN)
        return None

    def listener(self, key: UnixName) -> UnixSocket:
        """Return the listener whose full queue connect() found; OUT wakes when it has room."""
        found = self.find(key)
        assert isinstance(found, UnixSocket)
        return found

    def accept(self, now: int) -> UnixSocket | NotNow:
        """Return the next connection. EINVAL for no listener, or when the queue of one that was
        shut down is empty."""
        if not self.listening or (self.incoming.deaf and not self._queue):
            raise os_error(errno.EINVAL)
        if not self._queue:
            return AGAIN
        child = self._queue.popleft()
        self._wake(self, OUT)  # there is room for one more
        return child

    # -- what differs from a pair while it is not connected

    def send(
        self, data: bytes | memoryview, flags: int, now: int, *, rights: Sequence[File] = ()
    ) -> int | NotNow:
        """Do what a pair does; ENOTCONN without a connection."""
        if not self.connected:
            raise os_error(errno.ENOTCONN)
        return super().send(data, flags, now, rights=rights)

    def recv_from(self, size: int, flags: int, now: int) -> Received | NotNow:
        """Do what a pair does; EINVAL without a connection."""
        if not self.connected:
            raise os_error(errno.EINVAL)
        return super().recv_from(size, flags, now)

    def shutdown(self, how: int, now: int) -> None:
        """End one direction or both; without a connection only what this socket may do."""
        if self.connected:
            super().shutdown(how, now)
            return
        check_how(how)
        self.incoming.deaf = self.incoming.deaf or how != names.SHUT_WR
        self.outgoing.ended = self.outgoing.ended or how != names.SHUT_RD
        self._wake(self, IN | OUT | RDHUP | HUP)

    def getsockopt(self, level: int, name: int, size: int, now: int) -> bytes:
        """Do what a pair does, and tell whether it listens (SO_ACCEPTCONN)."""
        if (level, name) == (names.SOL_SOCKET, names.SO_ACCEPTCONN):
            return int(self.listening).to_bytes(4, "little")[:size]
        return super().getsockopt(level, name, size, now)

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close it and give up its name; connections that nobody accepted are reset."""
        self.give_up_name()
        while self._queue:
            child = self._queue.popleft()
            child.peer.error = errno.ECONNRESET
            child.release(now)
        if self.listening:
            self.backlog = -1
            self._wake(self, IN | OUT | HUP)
        return super().release(now) if self.connected else None

    def mask(self, now: int) -> int:
        """Return the level of readiness, as unix_poll() has it."""
        if self.connected:
            return super().mask(now)
        ended = HUP if self.incoming.deaf and self.outgoing.ended else 0
        if self.listening:
            return (IN if self._queue or self.incoming.deaf else 0) | ended
        return OUT | HUP | (IN | RDHUP if self.incoming.deaf else 0)
