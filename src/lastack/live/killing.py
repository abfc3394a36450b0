"""Destroying sockets on purpose: what it would do to whom, told before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    TIME_WAIT,
)
from lastack.verdict import count

from .diag import kill, sockets
from .filters import Filter
from .namespaces import Namespace
from .owners import Owner, owners
from .row import Row

# States in which the kernel tells the peer (tcp_need_reset() of net/ipv4/tcp.c).
_RESETS: Final = frozenset({SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT})
_FIN_QUEUED: Final = frozenset({FIN_WAIT_1, CLOSING, LAST_ACK})
_FIN_RECEIVED: Final = frozenset({CLOSE_WAIT, CLOSING, LAST_ACK})


@dataclass(frozen=True)
class Victim:
    """A socket that would be destroyed, and what that means.

    unacknowledged: bytes that the peer's TCP has not confirmed; they are lost, although some may
    be under way. unread: bytes that the owner has not read; it still can afterwards, an orphan's
    were lost already.
    """

    row: Row
    owners: tuple[Owner, ...]

    @property
    def kernel_only(self) -> bool:
        """Whether it is in the kernel's table of TIME-WAITs, with nothing left to lose."""
        return self.row.state is TIME_WAIT or self.row.timer == "fin-wait-2"

    @property
    def unacknowledged(self) -> int:
        """Bytes lost on the way to the peer; a FIN in the queue is no byte."""
        return max(self.row.send_queue - (self.row.state in _FIN_QUEUED), 0)

    @property
    def unread(self) -> int:
        """Bytes that arrived and were not read; the peer's FIN in the queue is no byte."""
        return max(self.row.recv_queue - (self.row.state in _FIN_RECEIVED), 0)

    @property
    def owner_sees(self) -> str:
        """What the owner's next calls give."""
        if self.row.in_accept_queue:
            return "accept() still returns it; its calls then fail"
        if not self.row.inode:
            return "nobody: no process has it any more"
        first = f"recv() the {count(self.unread, 'unread byte')}, then " if self.unread else ""
        if self.row.state is CLOSE_WAIT:
            return f"{first or 'recv() '}end of file as before; send() ECONNABORTED, then EPIPE"
        return f"{first}ECONNABORTED once, then recv() end of file, send() EPIPE"

    @property
    def peer_sees(self) -> str:
        """What is sent, and what the peer's program makes of it."""
        if self.kernel_only:
            return "nothing; a late segment of its would be answered with an RST"
        if self.row.state in _RESETS:
            return "an RST: ECONNRESET after what it has received"
        return "nothing now; its next segment is answered with an RST"

    @property
    def safe(self) -> bool:
        """Whether no byte is lost and nobody is disturbed."""
        return self.kernel_only


@dataclass(frozen=True)
class Killed:
    """What came of one victim: error is "" when it is destroyed, else one line; gone: it had
    ended by itself, or by the destruction of its other end on this machine."""

    victim: Victim
    error: str = ""
    gone: bool = False


def victims(filter: Filter, *, namespace: Namespace | None = None) -> list[Victim]:
    """Return what the filter means, for `kill_all`.

    Raises ValueError, in one line, for an empty filter, for one that keeps nothing, and for one
    that keeps a socket whose port would stay taken: it listens, or is merely bound.
    """
    if filter.empty:
        raise ValueError("an empty filter means every socket of this machine: name some")
    rows = sockets(filter, namespace=namespace)
    if not rows:
        raise ValueError(f"no socket is kept by the filter {filter.text!r}")
    whose = owners({row.inode for row in rows if row.inode})
    found = [Victim(row, whose.get(row.inode, ())) for row in rows]
    for victim in found:
        _refuse(victim)
    return found


def kill_all(found: Sequence[Victim], *, namespace: Namespace | None = None) -> list[Killed]:
    """Destroy exactly these sockets, each by its cookie; needs CAP_NET_ADMIN.

    Raises PermissionError or Unsupported when the first is refused; later refusals are told in
    the result.
    """
    results: list[Killed] = []
    for victim in found:
        try:
            kill(victim.row, namespace=namespace)
        except ProcessLookupError:
            results.append(Killed(victim, gone=True))
        except OSError as error:
            if not results:
                raise
            results.append(Killed(victim, error.strerror or str(error)))
        else:
            results.append(Killed(victim))
    return results


def _refuse(victim: Victim) -> None:
    if victim.row.state not in (LISTEN, CLOSED):
        return
    what, name = ("listens", "listening") if victim.row.state is LISTEN else ("is bound", "closed")
    who = ", ".join(f"{owner.name}[{owner.pid}]" for owner in victim.owners[:3]) or "its program"
    raise ValueError(
        f"the filter keeps a socket that {what}; destroyed, its port would stay taken: "
        f"stop {who}, or add: exclude {name}"
    )
