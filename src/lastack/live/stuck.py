"""Connections whose end does not come: who must act, what is at stake, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lastack.state import CLOSE_WAIT, CLOSING, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK

from .diag import sockets
from .filters import Filter, parse_filter
from .holder import Holder, holders
from .namespaces import Namespace
from .owners import Owner, owners
from .row import Row

_STATES: Final = "state close-wait state fin-wait-1 state fin-wait-2 state last-ack state closing"
_FIN_CAME: Final = (CLOSE_WAIT, LAST_ACK, CLOSING)
_FIN_QUEUED: Final = (FIN_WAIT_1, LAST_ACK, CLOSING)
_RTO_MAX: Final = 120_000_000_000


@dataclass(frozen=True)
class Stuck:
    """One connection.

    at_least: ns that it has been so at the least, None where the kernel keeps no trace of it.
    unread and unacknowledged: bytes, without FINs. holder: file and line in a Python owner, or why
    not. hidden: whether there is an owner that this user cannot see. advice: one sentence.
    """

    row: Row
    owner: Owner | None
    hidden: bool
    at_least: int | None
    unread: int
    unacknowledged: int
    holder: Holder | None
    advice: str


def stuck(
    filter: Filter | str = "", *, older: int = 0, namespace: Namespace | None = None
) -> list[Stuck]:
    """Return what waits, the longest waiting first; `older` ns leaves out what may yet move.

    FIN-WAIT-2 and TIME-WAIT without an owner end by a timer and are not listed.
    """
    wanted = filter if isinstance(filter, Filter) else parse_filter(filter)
    rows = [
        row
        for row in sockets(_STATES, info=True, namespace=namespace)
        if wanted.keeps(row) and not (row.state is FIN_WAIT_2 and row.inode == 0)
    ]
    whose = owners({row.inode for row in rows if row.inode})
    rows = [row for row in rows if (_at_least(row) or 0) >= older]
    held = _held([those[0] for row in rows if (those := whose.get(row.inode))])
    found = [_stuck(row, whose.get(row.inode, ()), held) for row in rows]
    return sorted(found, key=lambda one: -(one.at_least or 0))


def _held(those: list[Owner]) -> dict[Owner, Holder]:
    """Look into each process once."""
    fds: dict[int, set[int]] = {}
    for owner in those:
        fds.setdefault(owner.pid, set()).add(owner.fd)
    by_process = {pid: holders(pid, wanted) for pid, wanted in fds.items()}
    return {o: by_process[o.pid][o.fd] for o in those if o.fd in by_process[o.pid]}


def _stuck(row: Row, whose: tuple[Owner, ...], held: dict[Owner, Holder]) -> Stuck:
    owner = whose[0] if whose else None
    # a FIN that was not yet read stands behind all data and counts as one
    unread = max(0, row.recv_queue - (row.state in _FIN_CAME))
    unacknowledged = max(0, row.send_queue - (row.state in _FIN_QUEUED))
    return Stuck(
        row, owner, owner is None and row.inode != 0, _at_least(row), unread, unacknowledged,
        None if owner is None else held.get(owner), _advice(row, owner),
    )  # fmt: skip


def _at_least(row: Row) -> int | None:
    """Return how long the state has lasted at the least.

    Both CLOSE-WAIT and FIN-WAIT-2 begin with a segment that acknowledges; acknowledgments of data
    sent since make the answer too small, never too large. Behind our own FIN the retransmission
    timer tells: it doubles, so the time before it is known.
    """
    info = row.tcp_info
    if info is None:
        return None
    if row.state in (CLOSE_WAIT, FIN_WAIT_2):
        return info.last_ack_recv
    if row.timer == "retransmit" and info.backoff:
        # rto has been doubled already
        waited = min(info.rto, _RTO_MAX)
        return max(0, waited - (waited >> info.backoff) + waited - row.expires_in)
    if row.timer == "persist" and info.backoff:
        # the interval of the probes doubles, rto does not
        waits = [min(info.rto << tries, _RTO_MAX) for tries in range(info.backoff + 1)]
        return max(0, sum(waits) - row.expires_in)
    return 0


def _advice(row: Row, owner: Owner | None) -> str:
    who = f"{owner.name}[{owner.pid}]" if owner else "its program"
    if row.in_accept_queue:
        return "The program that listens does not accept(): it is stuck or overloaded."
    if row.state is CLOSE_WAIT:
        where = f" (now: lastack fix fin --pid {owner.pid} --fd {owner.fd})" if owner else ""
        return f"{who} has not closed after the peer did; no timer helps: close() it there{where}."
    if row.state is FIN_WAIT_2:
        return (
            f"{who} called shutdown() and waits for the peer's FIN without end: read until EOF "
            "under a time limit, then close()."
        )
    if row.timer == "persist":
        return "The peer's window is shut: it does not read. Its program must read or close."
    return (
        "The peer does not acknowledge: it is gone or the path is cut; the kernel gives up later."
    )
