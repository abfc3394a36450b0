"""The socket table of a host, as ss(8) shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lastack.state import FIN_WAIT_2, TIME_WAIT
from lastack.tcp import Entry
from lastack.trace import SocketRow
from lastack.wire import is_any, show_endpoint

from .endpoint import Endpoint, Listener


def find(
    conn: int, listeners: Iterable[Listener], endpoints: Iterable[Endpoint], table: Iterable[Entry]
) -> Listener | Endpoint | Entry | None:
    """Return what the trace knows by this number."""
    for endpoint in endpoints:
        if endpoint.connection.conn == conn:
            return endpoint
    for listener in listeners:
        if listener.conn == conn:
            return listener
    return next((entry for entry in table if entry.conn == conn), None)


def rows(
    listeners: Iterable[Listener], endpoints: Iterable[Endpoint], entries: Iterable[Entry]
) -> Iterator[SocketRow]:
    """Yield a row for each listening socket, connection and TIME-WAIT.

    A listener for both families is at "*:80", one for IPv6 at "[::]:80"; connections have the
    addresses of their packets, where ss(8) shows those of AF_INET6 sockets as ::ffff:a.b.c.d.
    """
    for listener in listeners:
        binding = listener.binding
        both = len(binding.address) == 16 and is_any(binding.address) and not binding.v6only
        local = f"*:{binding.port}" if both else show_endpoint(binding.address, binding.port)
        remote = "*:0" if both else show_endpoint(bytes(len(binding.address)), 0)
        yield SocketRow(
            listener.state, local, remote, len(listener.queue), listener.backlog, conn=listener.conn
        )
    for endpoint in endpoints:
        tcp = endpoint.connection
        flow = tcp.flow
        timer, expires = tcp.timer
        yield SocketRow(
            tcp.state, show_endpoint(flow.src, flow.sport), show_endpoint(flow.dst, flow.dport),
            tcp.unread, tcp.unacked, timer, expires, tcp.is_orphan, tcp.conn,
        )  # fmt: skip
    for entry in entries:
        flow = entry.flow
        yield SocketRow(
            FIN_WAIT_2 if entry.fin_wait_2 else TIME_WAIT,
            show_endpoint(flow.dst, flow.dport), show_endpoint(flow.src, flow.sport), 0, 0,
            "time-wait", entry.expires, True, entry.conn,
        )  # fmt: skip
