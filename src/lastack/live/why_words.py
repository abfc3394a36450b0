"""Words for sockets: whose they are, when they go, what is at stake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lastack.state import CLOSE_WAIT, State
from lastack.verdict import seconds

from .addresses import endpoint
from .why import Held

_SHOWN: Final = 3


class Saying(NamedTuple):
    """verdict is one sentence without a full stop; advice are whole sentences and commands."""

    verdict: str
    advice: tuple[str, ...]


def owner_names(held: Sequence[Held]) -> str:
    """Return "python[12], python[13] and 4 more"; who is told when no process is known."""
    names = list(
        dict.fromkeys(f"{owner.name}[{owner.pid}]" for one in held for owner in one.owners)
    )
    if not names:
        return without_owner(held[0]) if held else "another socket"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def without_owner(held: Held) -> str:
    """Say whose a socket is for which no process was found."""
    if held.row.in_accept_queue:
        return "a connection that its listener has not accepted"
    if held.row.inode:
        return f"a process of uid {held.row.uid} that this user may not look into"
    return "the kernel alone"


def clears(held: Held) -> str:
    """Say when a socket gives its port back."""
    row = held.row
    if held.kernel_only:
        return f"in {short(row.expires_in)}, by itself"
    if row.state is CLOSE_WAIT:
        return "when its program closes it: the peer has left, no timer runs"
    if row.orphan:
        return "when the peer acknowledges, or the kernel gives up (tcp_orphan_retries)"
    if row.state is State.FIN_WAIT_2:
        return "when the peer closes or its program does: shut down, no timer runs"
    if row.state in (State.LISTEN, State.CLOSED):
        return "when every descriptor of it is closed"
    return "when its program or the peer ends it"


def short(ns: int) -> str:
    """Return a time to the tenth of a second."""
    return seconds((ns + 99_999_999) // 100_000_000 * 100_000_000)


def unacknowledged(held: Held) -> int:
    """Return the bytes that the peer's TCP has not acknowledged; a FIN in the queue is no byte."""
    row = held.row
    fin = row.state in (State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK)
    return max(row.send_queue - fin, 0)


def connections(held: Sequence[Held]) -> str:
    """Return the connection, the one that lasts longest first, and how many more there are."""
    first = max(held, key=lambda one: one.row.expires_in)
    text = f"{endpoint(*first.row.local)} - {endpoint(*first.row.remote)}"
    if not first.kernel_only or first.row.state is not State.TIME_WAIT:
        text += f" in {first.row.state.value}"
    if first.owners:
        text += f" of {owner_names([first])}"
    return text + (f" and {len(held) - 1:,} more" if len(held) > 1 else "")
