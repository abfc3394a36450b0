"""The row of the socket table, as ss(8) shows it; `host.snapshot` fills it, reports print it."""

from __future__ import annotations

from dataclasses import dataclass

from lastack.state import State


@dataclass(frozen=True)
class SocketRow:
    """One TCP socket or TIME-WAIT of one host.

    local and remote are "address:port". timer is "", "retransmit", "persist", "fin-wait-2" or
    "time-wait", and expires_at is when it fires in ns (0: no timer). recv_queue and send_queue are
    in bytes; for a listening socket they are the accept queue's length and limit.
    """

    state: State
    local: str
    remote: str
    recv_queue: int
    send_queue: int
    timer: str = ""
    expires_at: int = 0
    orphan: bool = False
    conn: int = 0
