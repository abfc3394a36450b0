"""close(2) of a TCP socket: what `linger.plan_close` decides, done."""

from __future__ import annotations

import errno

from lastack.host import Listener
from lastack.profile import ListenerShutdown, WaitsFor
from lastack.state import (
    CLOSED,
    CLOSING,
    FIN_WAIT_1,
    LAST_ACK,
    SYN_RECEIVED,
    SYN_SENT,
)
from lastack.trace import Reason

from .errors import os_error
from .files import ERR, HUP, IN, OUT, RDHUP
from .linger import Call, ClosePlan, plan_close
from .parts import SocketParts

_FIN_UNACKED = frozenset({FIN_WAIT_1, CLOSING, LAST_ACK})


def release(sock: SocketParts, now: int, *, exiting: bool) -> ClosePlan | None:
    """Act as the last reference to the socket goes."""
    host = sock.host
    if sock.listener is not None and sock.listening:
        host.unlisten(sock.listener, Reason.LISTENER_CLOSED, now)
    if sock.endpoint is None or sock.state is CLOSED:
        _let_go(sock, now)
        return None
    tcp = sock.endpoint.connection
    profile = host.profile
    plan = plan_close(
        sock.options.linger, unread=tcp.unread > 0, out_of_order=tcp.out_of_order > 0,
        fin_possible=tcp.state not in (SYN_SENT, SYN_RECEIVED), exiting=exiting,
        nonblocking=sock.nonblocking, linger_rules=profile.linger,
        closing_rules=profile.closing, now=now,
    )  # fmt: skip
    if plan.call is Call.REFUSE:
        return plan
    if plan.call is Call.ABORT:
        tcp.abandon_reading(plan.reason, now)
        tcp.abort(plan.reason, now)
        _let_go(sock, now)
        return None
    tcp.abandon_reading(plan.reason, now)
    tcp.close(plan.reason, now)
    host.settle(sock.endpoint, now)
    if plan.wait_until and still_closing(sock, plan, now):
        return plan
    _orphan(sock, now)
    return None


def still_closing(sock: SocketParts, plan: ClosePlan, now: int) -> bool:
    """Tell whether a lingering close() has to wait on at `now`."""
    return now < plan.wait_until and _unfinished(sock, plan)


def _unfinished(sock: SocketParts, plan: ClosePlan) -> bool:
    assert sock.endpoint is not None
    tcp = sock.endpoint.connection
    if tcp.state is CLOSED:
        return False
    if plan.waits_for is WaitsFor.FIN_ACKED:
        return tcp.state in _FIN_UNACKED
    if plan.waits_for is WaitsFor.DATA_ACKED:
        return not tcp.data_acked
    return tcp.unsent > 0


def finish_close(sock: SocketParts, plan: ClosePlan, now: int, *, interrupted: bool) -> int:
    """End a close() that waited, or was refused; return its errno."""
    if plan.call is Call.REFUSE:
        return plan.expiry_errno
    assert sock.endpoint is not None
    unfinished = _unfinished(sock, plan)
    expired = unfinished and now >= plan.wait_until
    if expired and plan.expiry_aborts:
        sock.endpoint.connection.abort(Reason.LINGER_EXPIRED, now)
    _orphan(sock, now)
    if expired:
        return plan.expiry_errno
    return plan.signal_errno if interrupted and unfinished else 0


def _orphan(sock: SocketParts, now: int) -> None:
    """Hand the connection to the host: it ends without a program."""
    assert sock.endpoint is not None
    sock.endpoint.connection.orphan(now)
    _let_go(sock, now)


def _let_go(sock: SocketParts, now: int) -> None:
    endpoint = sock.endpoint
    if endpoint is None:
        sock.host.ports.release(sock.binding)
        return
    if endpoint.connection.state is CLOSED:
        endpoint.connection.abandon_reading(Reason.CLOSE_CALL, now)
    endpoint.owner = None
    sock.host.settle(endpoint, now)


def dissolve(sock: SocketParts, now: int, reason: Reason = Reason.DISCONNECT) -> None:
    """connect(2) to AF_UNSPEC: what there is ends at once (docs/kernel-notes/close.md)."""
    host = sock.host
    if sock.listener is not None and sock.listening:
        host.unlisten(sock.listener, reason, now)
        sock.listener = None
    elif sock.endpoint is not None:
        tcp = sock.endpoint.connection
        connecting = tcp.state is SYN_SENT
        sock._error = tcp.take_error()  # nobody was told
        tcp.abandon_reading(reason, now)
        if tcp.abort(reason, now) or connecting:
            sock._error = errno.ECONNRESET
        host.settle(sock.endpoint, now)
    sock.renew()
    sock._shut_read = sock._shut_write = False
    host.wake(sock, IN | OUT | ERR | HUP | RDHUP)


def shut_listener(sock: SocketParts, listener: Listener, now: int) -> None:
    """shutdown(SHUT_RD) of a listening socket: the port stays bound, waiting accepts fail."""
    if sock.host.profile.start.listener_shutdown is ListenerShutdown.ENOTCONN:
        raise os_error(errno.ENOTCONN)
    sock.host.unlisten(listener, Reason.LISTENER_CLOSED, now)
    sock._shut_read = sock._shut_write = False  # what was shut before listen() is forgotten
    sock.host.wake(sock, IN | HUP | RDHUP)
