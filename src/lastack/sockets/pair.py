"""socketpair(2) and pipe(2): two ends on one host, and no network between them.

Both are made of `Channel`s, one for each direction. They answer as Linux does (unix(7), pipe(7)):
what was written stays readable after the writer has closed; writing to a reader that is gone
gives EPIPE; a socket that is closed with unread bytes resets its peer, a pipe does not.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from . import names
from .common import check_how
from .datagram import Received
from .errors import os_error
from .files import AGAIN, ERR, HUP, IN, OUT, RDHUP, File, NotNow
from .linger import ClosePlan
from .local import PAIR_BYTES, Local, UnixNames, Wake, check_rights, drop_rights

PIPE_BYTES: Final = 65_536
"""Bytes a pipe holds (pipe(7), since Linux 2.6.11)."""
PIPE_BUF: Final = 4_096
"""Up to this many bytes a write to a pipe is not split (pipe(7), PIPE_BUF)."""


class Rights(NamedTuple):
    """Descriptors under way (SCM_RIGHTS) with the bytes [begin, end) of a channel."""

    begin: int
    end: int
    files: tuple[File, ...]


class Channel:
    """Bytes on their way from one end to the other, at most `limit` of them."""

    __slots__ = ("limit", "data", "ended", "deaf", "passed", "rights")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.data = bytearray()
        self.passed = 0
        self.rights: deque[Rights] = deque()
        self.ended = False  # the writing end has closed or shut down
        self.deaf = False  # the reading end has

    @property
    def room(self) -> int:
        """How many bytes it takes now."""
        return self.limit - len(self.data)

    def put(self, data: bytes | memoryview) -> int:
        """Take what there is room for; return how much that was."""
        with memoryview(data) as whole, whole.cast("B") as view, view[: self.room] as part:
            self.data += part
            return len(part)

    def take(self, size: int, *, peek: bool = False, skip: int = 0) -> bytes:
        """Give up to `size` bytes, oldest first, leaving out `skip`; `peek` leaves them."""
        data = bytes(self.data[skip : skip + size])
        if not peek:
            del self.data[: len(data)]
            self.passed += len(data)
        return data

    def attach(self, files: Sequence[File], count: int) -> None:
        """Let descriptors travel with the `count` bytes that were put last; each file is held."""
        end = self.passed + len(self.data)
        self.rights.append(Rights(end - count, end, tuple(files)))
        for file in files:
            file.hold()

    def reach(self, size: int, skip: int) -> tuple[int, tuple[File, ...]]:
        """Return how many bytes a read of `size` behind `skip` gives, and the descriptors with
        them: it ends with the bytes that brought descriptors along."""
        first = self.passed + skip
        for begin, end, files in self.rights:
            if begin < first + size and end > first:
                return min(size, end - first), files
        return size, ()

    def forget_rights(self) -> tuple[File, ...]:
        """Return the descriptors of what has been read, and forget them."""
        gone: list[File] = []
        while self.rights and self.rights[0].begin < self.passed:
            gone += self.rights.popleft().files
        return tuple(gone)


class PairEnd(Local):
    """One socket of a socketpair: AF_UNIX, SOCK_STREAM."""

    kind = "pair"

    def __init__(
        self, incoming: Channel, outgoing: Channel, wake: Wake, sockets: UnixNames | None = None
    ) -> None:
        super().__init__(wake, sockets)
        self.incoming = incoming
        self.outgoing = outgoing
        self.peer: PairEnd

    def describe(self) -> str:
        """Return the socket for people."""
        return "a socketpair"

    def send(
        self, data: bytes | memoryview, flags: int, now: int, *, rights: Sequence[File] = ()
    ) -> int | NotNow:
        """Queue bytes for the peer, as many as there is room for; EPIPE if it reads no more.

        `rights` are the files of SCM_RIGHTS, EINVAL above 253: they travel with the first byte,
        and without one not at all.
        """
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        if self.error:
            raise os_error(self.take_error(now))
        if self.outgoing.ended or self.outgoing.deaf:
            raise os_error(errno.EPIPE)
        check_rights(rights)
        if not len(data):
            return 0
        if self.outgoing.room <= 0:
            return AGAIN
        taken = self.outgoing.put(data)
        if rights:
            self.outgoing.attach(rights, taken)
        self._wake(self.peer, IN)
        return taken

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """Return up to `size` bytes; b"" is the end; ECONNRESET if the peer left bytes unread.
        Descriptors that come with them are closed."""
        received = self.recv_from(size, flags, now)
        if received is AGAIN:
            return AGAIN
        drop_rights(received.rights, now)
        return received.text

    def recv_from(self, size: int, flags: int, now: int) -> Received | NotNow:
        """recvmsg(2): as `recv`, and the caller takes over `rights`, each of them held once."""
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        peek = bool(flags & names.MSG_PEEK)
        skip = self.peek_from if peek else 0
        if len(self.incoming.data) > skip:
            size, rights = self.incoming.reach(size, skip)
            text = self.incoming.take(size, peek=peek, skip=skip)
            self.looked(len(text), peek=peek)
            if peek:
                for file in rights:
                    file.hold()
            else:
                rights = self.incoming.forget_rights()
                if _writable(self.incoming):
                    self._wake(self.peer, OUT)
            return Received(text, len(text), None, rights=rights)
        if self.error:
            raise os_error(self.take_error(now))
        return Received(b"", 0, None) if self.incoming.ended or self.incoming.deaf else AGAIN

    def shutdown(self, how: int, now: int) -> None:
        """End one direction or both, at both ends (unix(7))."""
        check_how(how)
        if how != names.SHUT_WR:
            self.incoming.deaf = True
        if how != names.SHUT_RD:
            self.outgoing.ended = True
        self._wake(self, IN | OUT | RDHUP | HUP)
        self._wake(self.peer, IN | OUT | RDHUP | HUP)

    @property
    def send_buffer(self) -> int:
        """SO_SNDBUF."""
        return self.outgoing.limit

    @send_buffer.setter
    def send_buffer(self, size: int) -> None:
        self.outgoing.limit = size

    def unread(self) -> int:
        """Return how many bytes wait to be read (SIOCINQ)."""
        return len(self.incoming.data)

    def unsent(self) -> int:
        """Return how many bytes the peer has not read (SIOCOUTQ)."""
        return len(self.outgoing.data)

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close this end. Nobody ever waits for that."""
        if self.incoming.data:
            self.peer.error = errno.ECONNRESET
        self.incoming.deaf = self.outgoing.ended = True
        self.incoming.take(len(self.incoming.data))
        drop_rights(self.incoming.forget_rights(), now)
        self._wake(self.peer, IN | OUT | RDHUP | HUP)
        return None

    def mask(self, now: int) -> int:
        """Return the level of readiness, as unix_poll() has it."""
        ended = self.incoming.ended or self.incoming.deaf
        bits = IN if self.incoming.data else 0
        if ended:
            bits |= IN | RDHUP
            if self.outgoing.ended or self.outgoing.deaf:
                bits |= HUP
        if self.error:
            bits |= ERR
        if _writable(self.outgoing):
            bits |= OUT
        return bits


def _writable(channel: Channel) -> bool:
    """Tell whether poll() calls a socket writable: three quarters are free."""
    return len(channel.data) * 4 <= channel.limit


class PipeReader(File):
    """The end of a pipe that is read."""

    kind = "pipe"

    def __init__(self, channel: Channel, wake: Wake) -> None:
        super().__init__()
        self.channel = channel
        self.peer: PipeWriter
        self._wake = wake

    def describe(self) -> str:
        """Return the file for people."""
        return "the reading end of a pipe"

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """Return up to `size` bytes; b"" when no writer is left."""
        if self.channel.data:
            data = self.channel.take(size)
            if self.channel.room >= PIPE_BUF:
                self._wake(self.peer, OUT)
            return data
        return b"" if self.channel.ended or not size else AGAIN

    def send(self, data: bytes | memoryview, flags: int, now: int) -> int | NotNow:
        """Fail: this end is open for reading."""
        raise os_error(errno.EBADF)

    def unread(self) -> int:
        """Return how many bytes wait to be read (FIONREAD)."""
        return len(self.channel.data)

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close this end: what is in the pipe is gone, and writing to it gives EPIPE."""
        self.channel.deaf = True
        self.channel.data.clear()
        self._wake(self.peer, OUT | ERR)
        return None

    def mask(self, now: int) -> int:
        """Return the level of readiness, as pipe_poll() has it."""
        return (IN if self.channel.data else 0) | (HUP if self.channel.ended else 0)


class PipeWriter(File):
    """The end of a pipe that is written."""

    kind = "pipe"

    def __init__(self, channel: Channel, wake: Wake) -> None:
        super().__init__()
        self.channel = channel
        self.peer: PipeReader
        self._wake = wake

    def describe(self) -> str:
        """Return the file for people."""
        return "the writing end of a pipe"

    def send(self, data: bytes | memoryview, flags: int, now: int) -> int | NotNow:
        """Write; up to PIPE_BUF bytes go in whole or not yet, more may go in parts."""
        if self.channel.deaf:
            raise os_error(errno.EPIPE)
        if not len(data):
            return 0
        if self.channel.room < min(len(data), PIPE_BUF):
            return AGAIN
        taken = self.channel.put(data)
        self._wake(self.peer, IN)
        return taken

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """Fail: this end is open for writing."""
        raise os_error(errno.EBADF)

    def unread(self) -> int:
        """Return how many bytes the reader has before it (FIONREAD answers at both ends)."""
        return len(self.channel.data)

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close this end: the reader gets what is in the pipe, then the end."""
        self.channel.ended = True
        self._wake(self.peer, IN | HUP)
        return None

    def mask(self, now: int) -> int:
        """Return the level of readiness, as pipe_poll() has it."""
        bits = OUT if self.channel.room >= PIPE_BUF else 0
        return bits | (ERR if self.channel.deaf else 0)


def socketpair(wake: Wake) -> tuple[PairEnd, PairEnd]:
    """Make two connected sockets (AF_UNIX, SOCK_STREAM). The caller holds them."""
    there, back = Channel(PAIR_BYTES), Channel(PAIR_BYTES)
    a, b = PairEnd(back, there, wake), PairEnd(there, back, wake)
    a.peer, b.peer = b, a
    return a, b


def pipe(wake: Wake) -> tuple[PipeReader, PipeWriter]:
    """Make a pipe: the end to read from, the end to write to. The caller holds them."""
    channel = Channel(PIPE_BYTES)
    reader, writer = PipeReader(channel, wake), PipeWriter(channel, wake)
    reader.peer, writer.peer = writer, reader
    return reader, writer
