"""What a kernel tells about a socket, and a descriptor of our own through which to ask.

Linux: SIOCOUTQ and SIOCOUTQNSD (tcp(7), include/uapi/linux/sockios.h), tcp_info. Other systems by
their documents, not run here: SO_NWRITE on Darwin, FIONWRITE on FreeBSD (both count what is
unacknowledged; neither tells how much of it was sent). Windows tells nothing of the kind.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from typing import Protocol, overload, runtime_checkable

SIOCOUTQ = 0x5411
SIOCOUTQNSD = 0x894B
FIONWRITE = 0x40046677
SO_NWRITE = 0x1024

STATES = (
    "", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE",
    "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECV",
)  # fmt: skip
"""ss(8)'s names by the numbers of include/net/tcp_states.h."""

FIN_SENT = frozenset({"FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK", "TIME-WAIT"})
FIN_UNACKED = frozenset({"FIN-WAIT-1", "CLOSING", "LAST-ACK"})
"""States in which the FIN is in the send queue, where SIOCOUTQ counts it as one."""
PEER_OPEN = frozenset({"ESTAB", "FIN-WAIT-1", "FIN-WAIT-2"})

NO_WAIT: int = getattr(socket, "MSG_DONTWAIT", 0)
"""0 on Windows, where our descriptor is made non-blocking instead."""


@runtime_checkable
class Socketlike(Protocol):
    """A socket, or what asyncio and trio show of one."""

    def fileno(self) -> int:
        """Return the descriptor, -1 when closed."""
        ...

    @overload
    def getsockopt(self, level: int, optname: int, /) -> int: ...
    @overload
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes: ...


def descriptor(sock: object) -> int:
    """Return the descriptor of a TCP socket that is open.

    Raise TypeError for what is no socket, OSError(EBADF) for a closed one, ValueError for one that
    is not TCP.
    """
    if not isinstance(sock, Socketlike):
        raise TypeError(f"a socket is needed, not {type(sock).__name__}")
    fd = sock.fileno()
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) != socket.SOCK_STREAM:
        raise ValueError("not a TCP socket")
    if getattr(sock, "family", socket.AF_INET) not in (socket.AF_INET, socket.AF_INET6):
        raise ValueError("not a TCP socket")
    return fd


def borrow(sock: object) -> tuple[socket.socket, int | None]:
    """Return a second descriptor of a connection, plain even where `sock` speaks TLS, and an errno.

    The descriptor outlives what others do to theirs: asyncio closes its own as soon as it sees a
    reset, and then nothing can be asked any more. The errno is None for a connection that stands,
    the error it had to tell for one that is gone, 0 for one gone without (or with an error that
    the program has been told before). Besides the errors of `descriptor`, raise OSError(ENOTCONN)
    for a socket that never was connected.
    """
    raw = socket.socket(fileno=socket.dup(descriptor(sock)))
    try:
        if not NO_WAIT:
            raw.setblocking(False)
        return raw, _gone(raw)
    except BaseException:
        raw.close()
        raise


def _gone(raw: socket.socket) -> int | None:
    """Tell a lost connection from one that never was; for both getpeername(2) says ENOTCONN.

    recv(2) knows: what was connected once is at its end of file, or has an error to tell.
    """
    try:
        raw.getpeername()
    except OSError as unconnected:
        if tcp_state(raw) in ("LISTEN", "SYN-SENT", "SYN-RECV"):
            raise
        try:
            raw.recv(1, socket.MSG_PEEK | NO_WAIT)
        except OSError as error:
            if error.errno == errno.ENOTCONN or isinstance(error, BlockingIOError):
                raise unconnected from None
            return error.errno
        return 0
    return None


def tcp_state(sock: Socketlike) -> str | None:
    """Return the state as ss(8) spells it, None where the kernel does not tell (Linux does)."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return STATES[sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]
    except (OSError, IndexError):
        return None


def in_flight(sock: Socketlike) -> int | None:
    """Return what is written and not acknowledged, a FIN counting one; None: nobody tells."""
    if sys.platform == "darwin":
        return _option(sock, SO_NWRITE)
    return _ioctl(sock, FIONWRITE if sys.platform.startswith("freebsd") else SIOCOUTQ)


def unacked(sock: Socketlike) -> int | None:
    """Return how many bytes the peer's TCP has not acknowledged; None where nobody can tell.

    What a program above the kernel still holds (an asyncio transport) is not in it. After a reset
    the number is that of the moment of the reset; whether a FIN is in it the kernel has then
    forgotten. Raise TypeError, ValueError and OSError as `descriptor` does, OSError(EINVAL) for a
    listener as Linux does.
    """
    descriptor(sock)
    _refuse_listener(sock)
    return _without_fin(sock, in_flight(sock))


def unsent(sock: Socketlike) -> int | None:
    """Return how many bytes of `unacked` have not left yet; Linux only, else None."""
    descriptor(sock)
    _refuse_listener(sock)
    return _without_fin(sock, not_sent(sock))


def not_sent(sock: Socketlike) -> int | None:
    """Return what is written and not sent, a FIN counting one; Linux only, else None."""
    return _ioctl(sock, SIOCOUTQNSD) if sys.platform.startswith("linux") else None


def _without_fin(sock: Socketlike, waiting: int | None) -> int | None:
    """Take the FIN off a count: it is the last thing in the queue, so in it if anything is."""
    return waiting - 1 if waiting and tcp_state(sock) in FIN_UNACKED else waiting


def _refuse_listener(sock: Socketlike) -> None:
    if tcp_state(sock) == "LISTEN":
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _ioctl(sock: Socketlike, request: int) -> int | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    try:
        answer = fcntl.ioctl(sock.fileno(), request, struct.pack("i", 0))
    except OSError:
        return None
    return int(struct.unpack("i", answer)[0])


def _option(sock: Socketlike, name: int) -> int | None:
    try:
        return sock.getsockopt(socket.SOL_SOCKET, name)
    except OSError:
        return None
