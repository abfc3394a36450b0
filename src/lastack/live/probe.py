"""What bind() says: asked of the kernel, or foretold from the sockets that are there.

Asking takes the port for some microseconds, without listening on it; a program that starts in
just that moment would be refused. Hence the second way.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from lastack.profile import LINUX, Applicant, Holder, Use, conflict, overlap
from lastack.state import CLOSED, LISTEN, TIME_WAIT

from .borrow import SocketOptions
from .namespaces import Namespace
from .ports import PortSettings
from .row import Row

UNKNOWN: Final = -1
"""An answer of bind() that cannot be foretold."""
_NET_BIND_SERVICE: Final = 10
_BOTH: Final = (False, True)


@dataclass(frozen=True)
class Probe:
    """errno of bind() of a plain socket, one with SO_REUSEADDR, one with SO_REUSEPORT.

    0 is success, UNKNOWN what cannot be foretold. asked: the kernel was asked.
    """

    plain: int
    with_reuseaddr: int
    with_reuseport: int
    asked: bool = True


def probe_bind(address: bytes, port: int, *, namespace: Namespace | None = None) -> Probe:
    """Bind three sockets, one after the other, and close each at once."""
    return Probe(
        _bind(address, port, None, namespace),
        _bind(address, port, socket.SO_REUSEADDR, namespace),
        _bind(address, port, socket.SO_REUSEPORT, namespace),
    )


def foretell_bind(
    applicant: Applicant,
    port: int,
    held: Iterable[tuple[Row, SocketOptions | None]],
    settings: PortSettings,
    *,
    namespace: Namespace | None = None,
) -> Probe:
    """Foretell the same without taking the port, from the sockets that have it."""
    refused = 0
    if port and port < settings.unprivileged and not _may_bind_all():
        refused = errno.EACCES
    if not refused and any(applicant.address):
        with _made(applicant.address, socket.SOCK_DGRAM, namespace) as sock:
            # an address is this host's for UDP as for TCP, and UDP's ports are others
            refused = _errno_of_bind(sock, applicant.address, 0)
    if refused:
        return Probe(refused, refused, refused, asked=False)
    known = list(held)
    return Probe(
        _foretold(known, applicant),
        _foretold(known, applicant._replace(reuseaddr=True)),
        _foretold(known, applicant._replace(reuseport=True)),
        asked=False,
    )


def holder_of(row: Row) -> Holder:
    """Return what the rule of bind() sees of a socket, but for its options."""
    use = Use.CONNECTED
    if row.state is LISTEN:
        use = Use.LISTENING
    elif row.state is CLOSED:
        use = Use.BOUND
    elif row.state is TIME_WAIT or row.timer == "fin-wait-2":
        use = Use.TIME_WAIT
    return Holder(row.local[0], use, v6only=bool(row.v6only), uid=row.uid)


def stands(row: Row, applicant: Applicant) -> bool:
    """Tell whether the socket has the applicant's port on an address that overlaps."""
    # a connection request has no port of its own, its listener has
    return row.raw[1] != 12 and overlap(holder_of(row), applicant)


def conflicts(row: Row, options: SocketOptions | None, applicant: Applicant) -> bool | None:
    """Tell whether this socket refuses the applicant; None when its unknown options decide."""
    holder = holder_of(row)
    if not row.inode:
        # the kernel remembers whose it was and tells 0
        holder = holder._replace(uid=applicant.uid)
    return _refuses(holder, options, applicant)


@lru_cache(maxsize=1024)
def _refuses(
    holder: Holder, options: SocketOptions | None, applicant: Applicant
) -> bool | None:  # fmt: skip
    # cached because a hundred thousand TIME-WAITs of one port are all alike
    if options is not None:
        held = [holder._replace(reuseaddr=options.reuseaddr, reuseport=options.reuseport)]
    else:
        held = [holder._replace(reuseaddr=a, reuseport=p) for a in _BOTH for p in _BOTH]
    answers = {conflict(one, applicant, LINUX.ports) for one in held}
    return answers.pop() if len(answers) == 1 else None


def applicant_for(address: bytes, namespace: Namespace | None = None) -> Applicant:
    """Return a plain applicant of this user; IPV6_V6ONLY as net.ipv6.bindv6only has it."""
    v6only = False
    if len(address) == 16:
        with _made(address, socket.SOCK_STREAM, namespace) as sock:
            v6only = bool(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
    return Applicant(address, v6only=v6only, uid=os.geteuid())


def _foretold(held: list[tuple[Row, SocketOptions | None]], applicant: Applicant) -> int:
    answers = {conflicts(row, options, applicant) for row, options in held}
    if True in answers:
        return errno.EADDRINUSE
    return UNKNOWN if None in answers else 0


def _bind(address: bytes, port: int, option: int | None, namespace: Namespace | None) -> int:
    with _made(address, socket.SOCK_STREAM, namespace) as sock:
        if option is not None:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        return _errno_of_bind(sock, address, port)


def _errno_of_bind(sock: socket.socket, address: bytes, port: int) -> int:
    try:
        sock.bind((socket.inet_ntop(sock.family, address), port))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


@contextmanager
def _made(address: bytes, kind: int, namespace: Namespace | None) -> Iterator[socket.socket]:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    if namespace is None:
        sock = socket.socket(family, kind)
    else:
        sock = namespace.open_socket(family, kind)
    with sock:
        yield sock


def _may_bind_all() -> bool:
    """Tell whether this process has CAP_NET_BIND_SERVICE (capabilities(7))."""
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> _NET_BIND_SERVICE & 1)
    return False
