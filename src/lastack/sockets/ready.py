"""What poll(2) says of a TCP socket (docs/kernel-notes/peer-calls.md; Linux tcp_poll)."""

from __future__ import annotations

from lastack.state import CLOSED, SYN_RECEIVED, SYN_SENT
from lastack.tcp import Urgent

from .files import ERR, HUP, IN, OUT, PRI, RDHUP
from .parts import SocketParts


def mask(sock: SocketParts) -> int:
    """Return the level of readiness as poll bits."""
    listener = sock.listener
    if listener is not None and sock.listening:
        return IN if listener.queue else 0
    if sock.endpoint is None:
        bits = OUT | HUP | (ERR if sock.error else 0)
        return bits | IN | RDHUP if listener is not None and listener.killed else bits
    tcp = sock.endpoint.connection
    bits = ERR if tcp.error else 0
    if tcp.state in (SYN_SENT, SYN_RECEIVED):
        return bits
    over = tcp.state is CLOSED
    no_more_in = tcp.peer_closed or tcp.read_shut or over
    no_more_out = tcp.fin_queued or sock._shut_write or over
    if no_more_in:
        bits |= IN | RDHUP
    if (no_more_in and no_more_out) or over:
        bits |= HUP
    if tcp.readable:
        bits |= IN
    if tcp.urgent is Urgent.HERE:
        bits |= PRI
    if no_more_out or tcp.writable:
        bits |= OUT
    return bits
