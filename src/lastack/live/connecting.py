"""Why connect() fails here: what the kernel says, and what its tables say about the reason."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lastack.profile import Applicant, unmapped
from lastack.state import LISTEN

from .connecting_try import Attempt, Where, is_ours, source_of, try_connect
from .diag import sockets
from .namespaces import Namespace
from .ports import PortSettings, port_settings, ports_towards
from .probe import UNKNOWN, stands
from .row import Row
from .why import Held, Why
from .why_find import hold, why_bind

SECOND: Final = 1_000_000_000


class ConnectCause(Enum):
    """What becomes of a connect()."""

    CONNECTED = "connected"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    PROHIBITED = "prohibited"
    TIMED_OUT = "timed-out"
    QUEUE_FULL = "accept-queue-full"
    PORTS_EXHAUSTED = "ports-exhausted"
    NO_SOURCE = "no-source-address"
    LOCAL_REFUSED = "local-refused"
    EXISTS = "exists"
    UNTRIED = "untried"
    OTHER = "other"


_BY_ERRNO: Final = {
    0: ConnectCause.CONNECTED,
    errno.ECONNREFUSED: ConnectCause.REFUSED,
    errno.EHOSTUNREACH: ConnectCause.UNREACHABLE,
    errno.ENETUNREACH: ConnectCause.UNREACHABLE,
    errno.EHOSTDOWN: ConnectCause.UNREACHABLE,
    errno.EACCES: ConnectCause.PROHIBITED,
    errno.EPERM: ConnectCause.PROHIBITED,
    errno.ETIMEDOUT: ConnectCause.TIMED_OUT,
    UNKNOWN: ConnectCause.UNTRIED,
}


@dataclass(frozen=True)
class WhyConnect:
    """The answer for one connection.

    local: what was asked for, None for the kernel's choice. source: the address that connections
    to this peer have here, None where no route leads. used: how many automatic ports of `source`
    have a connection to this peer. remote_is_ours: the peer is this network namespace itself.
    holders: the connection itself if it exists, else those who listen on the peer's port.
    bind: why the local address is refused, if it is.
    """

    local: Where | None
    remote: Where
    attempt: Attempt
    cause: ConnectCause
    source: bytes | None
    used: int
    settings: PortSettings
    remote_is_ours: bool
    holders: tuple[Held, ...]
    bind: Why | None = None


def why_connect(
    remote: Where,
    local: Where | None = None,
    *,
    probe: bool = True,
    timeout: int = 5 * SECOND,
    namespace: Namespace | None = None,
) -> WhyConnect:
    """Say why a connection to `remote` cannot be made, from `local` if one is given.

    With `probe` one connection is really tried, for at most `timeout` ns, and closed at once
    without a byte. Raises Unsupported, PermissionError.
    """
    settings = port_settings(namespace)
    towards = sockets(f"dport = :{remote[1]}", namespace=namespace)
    if local is not None and local[1]:
        same = [row for row in towards if _same(row, local, remote)]
        if same:
            held, _, _ = hold(same, settings)
            return WhyConnect(
                local, remote, Attempt(UNKNOWN, tried=False), ConnectCause.EXISTS, local[0],
                _used(towards, settings, remote, local[0]), settings, False, held,
            )  # fmt: skip
    bind = None if local is None else why_bind(*local, probe=probe, namespace=namespace)
    if bind is not None and bind.probe.plain in (0, UNKNOWN):
        bind = None
    source, no_route = source_of(remote, local, namespace)
    used = _used(towards, settings, remote, source)
    ours = is_ours(remote[0], namespace)
    listeners, _, _ = hold(_listeners(remote, namespace) if ours else (), settings)
    if bind is not None:
        attempt = Attempt(bind.probe.plain, in_bind=True, tried=bind.probe.asked)
    elif probe:
        attempt = try_connect(remote, local, timeout, namespace)
    else:
        full = local is None and used >= settings.total
        attempt = Attempt(_foretold(remote, no_route, full, ours, listeners), tried=False)
    cause = _cause(attempt, local, used, remote, listeners)
    return WhyConnect(
        local, remote, attempt, cause, source, used, settings, ours, listeners, bind
    )  # fmt: skip


def serves(held: Held, remote: Where) -> bool:
    """Tell whether a listener takes connections to this address and port."""
    return stands(held.row, Applicant(remote[0], uid=os.geteuid()))


def queue_full(held: Held) -> bool:
    """Tell whether a listener drops SYNs: its accept queue is longer than its limit allows."""
    return held.row.state is LISTEN and held.row.recv_queue > held.row.send_queue


def _cause(
    attempt: Attempt, local: Where | None, used: int, remote: Where, listeners: Sequence[Held]
) -> ConnectCause:
    error = attempt.error
    if attempt.in_bind:
        exhausted = error == errno.EADDRINUSE and local is not None and local[1] == 0
        return ConnectCause.PORTS_EXHAUSTED if exhausted else ConnectCause.LOCAL_REFUSED
    if error == errno.EADDRNOTAVAIL:
        return ConnectCause.PORTS_EXHAUSTED if used else ConnectCause.NO_SOURCE
    if error == errno.ETIMEDOUT and any(
        queue_full(held) and serves(held, remote) for held in listeners
    ):
        return ConnectCause.QUEUE_FULL
    return _BY_ERRNO.get(error, ConnectCause.OTHER)


def _foretold(
    remote: Where, no_route: int, full: bool, ours: bool, listeners: Sequence[Held]
) -> int:
    """Return the errno that connect() would give as far as our own tables decide it."""
    if no_route:
        return no_route
    if full:
        return errno.EADDRNOTAVAIL
    if not ours:
        return UNKNOWN
    serving = [held for held in listeners if serves(held, remote)]
    if not serving:
        return errno.ECONNREFUSED
    return errno.ETIMEDOUT if all(queue_full(held) for held in serving) else 0


def _listeners(remote: Where, namespace: Namespace | None) -> list[Row]:
    return sockets(f"state listening sport = :{remote[1]}", namespace=namespace)


def _used(
    towards: Sequence[Row], settings: PortSettings, remote: Where, source: bytes | None
) -> int:
    return 0 if source is None else ports_towards(towards, settings, remote, source)


def _same(row: Row, local: Where, remote: Where) -> bool:
    return _plain(row.local) == _plain(local) and _plain(row.remote) == _plain(remote)


def _plain(where: Where) -> Where:
    return unmapped(where[0]), where[1]
