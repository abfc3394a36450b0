"""Every TCP socket of the running kernel: list, count, look again, destroy (sock_diag(7)).

/proc/net/tcp tells neither how long a timer has left in TIME-WAIT's own table nor which sockets
are merely bound, takes the kernel several times as long, and cannot destroy.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Final

from lastack.state import LISTEN, TIME_WAIT, State

from .errors import Unsupported
from .filters import EVERYTHING, Filter, parse_filter
from .namespaces import Namespace
from .netlink import (
    BY_FAMILY,
    DESTROY,
    EXT_INFO,
    EXT_SHUTDOWN,
    any_id,
    ask,
    connect,
    dump,
    messages,
    request,
    stride,
)
from .row import ID, STATES, Row

_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_HEADER: Final = 16
_GONE: Final = (errno.ENOENT, errno.ESTALE)
_ANY_STATE: Final = 0xFFFFFFFF


def sockets(
    filter: Filter | str = EVERYTHING, *, info: bool = False, namespace: Namespace | None = None
) -> list[Row]:
    """Return the TCP sockets that the filter keeps: IPv4 first, listeners before connections.

    `info` also asks for struct tcp_info. Needs no privilege. Sockets that are only bound are told
    since Linux 6.8. A socket that changes its state while the kernel lists may be told twice or
    not at all, as in every list of a live table.
    Raises Unsupported where there is no sock_diag(7), FilterError (a ValueError).
    """
    wanted = _understood(filter)
    rows: list[Row] = []
    for chunk in _chunks(wanted, EXT_SHUTDOWN | (EXT_INFO if info else 0), namespace):
        length = stride(chunk)
        if length:
            bodies = struct.iter_unpack(f"{_HEADER}x{length - _HEADER}s", chunk)
            rows.extend([Row(body) for (body,) in bodies])
        else:
            rows.extend(map(Row, messages(chunk)))
    # the kernel does not apply the ports to sockets that are only bound, nor an expression at all
    return rows if wanted.test is None else [row for row in rows if wanted.keeps(row)]


def count(
    filter: Filter | str = EVERYTHING, *, namespace: Namespace | None = None
) -> Counter[State]:
    """Return how many of the sockets are in each state; decodes the states alone if it can."""
    wanted = _understood(filter)
    if wanted.test is not None:
        return Counter(row.state for row in sockets(wanted, namespace=namespace))
    numbers: Counter[int] = Counter()
    for chunk in _chunks(wanted, 0, namespace):
        length = stride(chunk)
        if length:
            numbers.update(chunk[_HEADER + 1 :: length])
        else:
            numbers.update(body[1] for body in messages(chunk))
    states: Counter[State] = Counter()
    for number, times in numbers.items():
        states[STATES[number]] += times
    return states


def look(row: Row, *, info: bool = False, namespace: Namespace | None = None) -> Row | None:
    """Return the same socket as it is now, found by addresses and cookie; None: it is gone."""
    if row.bound_only:
        # the kernel finds these in a dump only
        found = sockets("state closed", namespace=namespace)
        return next((other for other in found if other.cookie == row.cookie), None)
    extensions = EXT_SHUTDOWN | (EXT_INFO if info else 0)
    body = request(row.family, _ANY_STATE, extensions, row.raw[ID])
    with connect(namespace) as netlink:
        try:
            return Row(ask(netlink, BY_FAMILY, body))
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise


def kill(row: Row, *, namespace: Namespace | None = None) -> None:
    """Destroy exactly this socket (SOCK_DESTROY); needs CAP_NET_ADMIN.

    The request carries the cookie: a newer socket with the same addresses is not touched.
    Raises ProcessLookupError when it is gone, PermissionError, ValueError for one that listens or
    is only bound (its port would stay taken), Unsupported where the kernel cannot: in TIME-WAIT
    before Linux 6.0, or built without CONFIG_INET_DIAG_DESTROY.
    """
    if row.state is LISTEN or row.bound_only:
        raise ValueError(f"{row.state.value}: only its owner can give the port back, by close()")
    with connect(namespace) as netlink:
        try:
            ask(netlink, DESTROY, request(row.family, _ANY_STATE, 0, row.raw[ID]))
        except OSError as error:
            raise _explained(error, row) from None


def _explained(error: OSError, row: Row) -> OSError:
    if error.errno in _GONE:
        return ProcessLookupError(errno.ESRCH, "the socket is gone")
    if error.errno in (errno.EPERM, errno.EACCES):
        return PermissionError(errno.EPERM, "destroying a socket needs CAP_NET_ADMIN (root)")
    if error.errno == errno.EOPNOTSUPP:
        since = "TIME-WAIT: since Linux 6.0; " if row.state is TIME_WAIT else ""
        return Unsupported(f"this kernel destroys no such socket ({since}CONFIG_INET_DIAG_DESTROY)")
    return error


def _understood(filter: Filter | str) -> Filter:
    return filter if isinstance(filter, Filter) else parse_filter(filter)


def _chunks(wanted: Filter, extensions: int, namespace: Namespace | None) -> Iterator[bytes]:
    with connect(namespace) as netlink:
        for family in _FAMILIES:
            ports = any_id(wanted.sport, wanted.dport)
            try:
                yield from dump(netlink, request(family, wanted.states, extensions, ports))
            except OSError as error:
                if error.errno == errno.ENOENT:
                    raise Unsupported("this kernel has no tcp_diag (CONFIG_INET_DIAG)") from None
                raise
