"""What poll(2) says of a TCP socket (docs/kernel-notes/peer-calls.md; Linux tcp_poll)."""

from __future__ import annotations

from lastack.state import CLOSED

from .files import ERR, HUP, IN, OUT, RDHUP
from .parts import SocketParts


def mask(sock: SocketParts) -> int:
    """Return the level of readiness as poll bits."""
    listener = sock.listener
    if listener is not None and listener.state is not CLOSED:
        return IN if listener.queue else 0
    if sock.endpoint is None:
        bits = OUT | HUP | (ERR if sock.error else 0)
        return bits | IN | RDHUP if listener is not None and listener.killed else bits
    return sock.endpoint.connection.poll(shut_write=sock._shut_write)
