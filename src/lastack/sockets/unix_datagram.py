"""AF_UNIX datagram sockets of one host (unix(7)), and socketpairs of them.

A datagram is put into its receiver's queue whole, or not yet, or not at all. What waits is charged
to its sender until it is read. Measured: docs/kernel-notes/unix-datagrams.md.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from . import names
from .common import check_how
from .datagram import Received
from .errors import os_error
from .files import AGAIN, ERR, HUP, IN, OUT, RDHUP, File, NotNow
from .linger import ClosePlan
from .local import PAIR_BYTES, Local, UnixName, UnixNames, Wake, check_rights, drop_rights

QUEUE: Final = 10
"""net.unix.max_dgram_qlen as the kernel has it: one more than these wait at a receiver."""
_NOT_TEXT: Final = 32
"""SO_SNDBUF less this is the longest datagram."""

_LINE, _SHARED, _HEAD, _LEAST = 64, 320, 256, 512
_PAGE: Final = 4096
_LINEAR: Final = 16_064
_MOST_PAGED: Final = 17 * _PAGE
"""How Linux lays a packet out: in cache lines with struct skb_shared_info behind them, which
kmalloc() rounds up to a power of two, struct sk_buff beside it, and the rest in pages."""


def charge(size: int) -> int:
    """Return the octets that a datagram of `size` takes of its sender's buffer (skb->truesize)."""
    paged = max(size - _LINEAR, 0)
    paged = min(-(-paged // _PAGE) * _PAGE, _MOST_PAGED)
    linear = -(-max(size - paged, 0) // _LINE) * _LINE + _SHARED
    return max(1 << (linear - 1).bit_length(), _LEAST) + _HEAD + paged


@dataclass(frozen=True)
class _Letter:
    text: bytes
    sender: UnixDatagram
    name: bytes
    """The sender's, when it sent it."""
    rights: tuple[File, ...]


class UnixDatagram(Local):
    """A datagram socket. `peer` is whom connect() named, or the other end of a socketpair."""

    kind = "unix datagram"
    type = names.SOCK_DGRAM

    def __init__(self, wake: Wake, sockets: UnixNames | None = None) -> None:
        super().__init__(wake, sockets)
        self.peer: UnixDatagram | None = None
        self.charged = 0
        self._limit = PAIR_BYTES
        self._queue: deque[_Letter] = deque()
        self._wait_for_room: dict[UnixDatagram, None] = {}
        self._deaf = False
        self._mute = False
        self._dead = False

    def describe(self) -> str:
        """Return the socket for people."""
        shown = self.address.replace(b"\0", b"@")
        return f"a Unix datagram socket {shown.decode(errors='replace')}".rstrip()

    @property
    def send_buffer(self) -> int:
        """SO_SNDBUF."""
        return self._limit

    @send_buffer.setter
    def send_buffer(self, size: int) -> None:
        self._limit = size

    # -- names

    def connect(self, key: UnixName | None, now: int) -> None:
        """Send to who has that name, and take from him alone; may be repeated. The errors of
        `find`; EPERM when he has another peer. What has come from a former peer is lost, and he
        is told ECONNRESET if there was something and he is still connected here."""
        other = self.find(key)
        assert isinstance(other, UnixDatagram)
        if not self._may_send_to(other):
            raise os_error(errno.EPERM)
        former, self.peer = self.peer, other
        if former is not None and former is not other:
            self._part_from(former, now)

    def getpeername(self) -> bytes:
        """Return the peer's name, b"" if he has none; ENOTCONN."""
        if self.peer is None:
            raise os_error(errno.ENOTCONN)
        return self.peer.address

    def _may_send_to(self, other: UnixDatagram) -> bool:
        return other.peer is None or other.peer is self

    def _part_from(self, former: UnixDatagram, now: int) -> None:
        if self._queue:
            self._throw_away(now)
            if not former._dead and former.peer is self:
                former.error = errno.ECONNRESET
                former._wake(former, IN | OUT | ERR)

    # -- data

    def send(
        self, data: bytes | memoryview, flags: int, now: int, *, rights: Sequence[File] = ()
    ) -> int | NotNow:
        """Send to the peer, as `send_to`; ENOTCONN without one."""
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        if self.peer is None:
            raise os_error(errno.ENOTCONN)
        return self._send(data, self.peer, rights, now)

    def send_to(
        self, data: bytes | memoryview, flags: int, key: UnixName | None, now: int, *,
        rights: Sequence[File] = (),
    ) -> int | NotNow:  # fmt: skip
        """Send one datagram to a name; AGAIN while it, or the receiver's queue, has no room.

        EOPNOTSUPP for MSG_OOB, EMSGSIZE, EPIPE after shutdown at either end, the errors of `find`,
        EPERM when the receiver has another peer, ECONNREFUSED when the peer has closed.
        """
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        other = self.find(key)
        assert isinstance(other, UnixDatagram)
        return self._send(data, other, rights, now)

    def _send(
        self, data: bytes | memoryview, other: UnixDatagram, rights: Sequence[File], now: int
    ) -> int | NotNow:
        if len(data) > self._limit - _NOT_TEXT:
            raise os_error(errno.EMSGSIZE)
        check_rights(rights)
        if self.error:
            raise os_error(self.take_error(now))
        if self._mute:
            raise os_error(errno.EPIPE)
        if self.charged >= self._limit:
            return AGAIN
        if not self._may_send_to(other):
            raise os_error(errno.EPERM)
        if other._dead:
            self.peer = None
            self._throw_away(now)
            raise os_error(errno.ECONNREFUSED)
        if other._deaf:
            raise os_error(errno.EPIPE)
        if other is not self and other._full_for(self):
            return AGAIN
        for file in rights:
            file.hold()
        other._queue.append(_Letter(bytes(data), self, self.address, tuple(rights)))
        self.charged += charge(len(data))
        self._wake(other, IN)
        return len(data)

    def _full_for(self, sender: UnixDatagram) -> bool:
        """Whether the queue is full, and remember who is to know when it is not. It never is for
        one's own peer: what that one has sent is limited by its size."""
        if self.peer is sender or len(self._queue) <= QUEUE:
            return False
        self._wait_for_room[sender] = None
        return True

    def recv_from(self, size: int, flags: int, now: int) -> Received | NotNow:
        """recvmsg(2): the oldest datagram, of which what exceeds `size` is lost; `source` is the
        sender's name and 0. The caller takes over `rights`. After SHUT_RD an empty queue reads as
        b"" where the call may wait."""
        if flags & names.MSG_OOB:
            raise os_error(errno.EOPNOTSUPP)
        if self.error:
            raise os_error(self.take_error(now))
        peek = bool(flags & names.MSG_PEEK)
        found = self._behind(self.peek_from if peek else 0)
        if found is None:
            waits = not (self.nonblocking or flags & names.MSG_DONTWAIT)
            return Received(b"", 0, None) if self._deaf and waits else AGAIN
        letter, skip = found
        if peek:
            for file in letter.rights:
                file.hold()
        else:
            self._queue.popleft()
            self._refund(letter, now)
        whole = letter.text[skip:]
        text = whole[:size]
        self.looked(len(text) if peek else len(whole), peek=peek)
        cut = names.MSG_TRUNC if len(whole) > size else 0
        source = (letter.name, 0)
        return Received(text, len(whole), source, flags=cut, rights=letter.rights)

    def recv(self, size: int, flags: int, now: int) -> bytes | NotNow:
        """recv(2). Descriptors that come with the datagram are closed."""
        received = self.recv_from(size, flags, now)
        if received is AGAIN:
            return AGAIN
        drop_rights(received.rights, now)
        return received.text

    def _behind(self, offset: int) -> tuple[_Letter, int] | None:
        """Return the datagram at an offset of all that waits, and how much of it to leave out."""
        for letter in self._queue:
            if offset < len(letter.text) or not offset:
                return letter, offset
            offset -= len(letter.text)
        return None

    def _refund(self, letter: _Letter, now: int) -> None:
        sender = letter.sender
        sender.charged -= charge(len(letter.text))
        self._wake(sender, OUT)
        waiting, self._wait_for_room = self._wait_for_room, {}
        for other in waiting:
            self._wake(other, OUT)

    def _throw_away(self, now: int) -> None:
        while self._queue:
            letter = self._queue.popleft()
            drop_rights(letter.rights, now)
            self._refund(letter, now)

    def unread(self) -> int:
        """Return the size of the next datagram (SIOCINQ)."""
        return len(self._queue[0].text) if self._queue else 0

    def unsent(self) -> int:
        """Return what is charged for those that nobody has read (SIOCOUTQ)."""
        return self.charged

    # -- readiness and the end

    def shutdown(self, how: int, now: int) -> None:
        """End one direction or both, at this end alone; no peer is needed."""
        check_how(how)
        self._deaf = self._deaf or how != names.SHUT_WR
        self._mute = self._mute or how != names.SHUT_RD
        self._wake(self, IN | OUT | RDHUP | HUP)
        for other in self._wait_for_room:
            self._wake(other, OUT)

    def release(self, now: int, *, exiting: bool = False) -> ClosePlan | None:
        """Close it and give up its name; what is unread is lost, and nobody is told."""
        self.give_up_name()
        self._dead = self._deaf = self._mute = True
        self._throw_away(now)
        for other in self._wait_for_room:
            self._wake(other, OUT)
        self.peer = None
        return None

    def mask(self, now: int) -> int:
        """Return the level of readiness, as unix_dgram_poll() has it."""
        bits = IN if self._queue else 0
        if self.error:
            bits |= ERR
        if self._deaf:
            bits |= IN | RDHUP | (HUP if self._mute else 0)
        if self.charged * 4 <= self._limit:
            full = self.peer is not None and self.peer._full_for(self)
            bits |= 0 if full else OUT
        return bits


def datagram_pair(wake: Wake) -> tuple[UnixDatagram, UnixDatagram]:
    """Make two connected sockets (AF_UNIX, SOCK_DGRAM). The caller holds them."""
    a, b = UnixDatagram(wake), UnixDatagram(wake)
    a.peer, b.peer = b, a
    return a, b
