"""How a connection ended and which bytes died with it, from the kernel's last word about it.

docs/kernel-notes/destroyed.md has what that last word still holds after each kind of ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .row import Row


class EndKind(Enum):
    """The ways to end that the kernel's message tells apart.

    CLOSED_FIRST: this side's FIN came first, a TIME-WAIT (or FIN-WAIT-2) is left. CLOSED_SECOND:
    both FINs, the peer's first. ABORTED: dissolved by this side, by SO_LINGER 0 or a listener that
    closed before accept(); the kernel has erased what was queued. CUT: no exchange of FINs: an RST
    in either direction, unread bytes at close(), a kill, or the kernel gave up. NEVER_CONNECTED:
    connect() failed. UNKNOWN: a kernel before Linux 5.4 tells too little.
    """

    CLOSED_FIRST = "closed-first"
    CLOSED_SECOND = "closed-second"
    ABORTED = "aborted"
    CUT = "cut"
    NEVER_CONNECTED = "never-connected"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Ended:
    """One connection's end.

    remote: port 0 when the kernel has erased it. accepted: whether its port had a listener here.
    Counts are bytes, None where the kernel has erased them: unacknowledged was written and not
    acknowledged (a FIN in the queue counts as one), unsent is the part of it that never left,
    unread came and was not read (the peer's FIN counts as one), received came in order (the FIN
    counts as one unless closed second).
    tries: retransmissions since the last acknowledgment. why: the reason of the RST, "" unknown.
    """

    kind: EndKind
    local: tuple[bytes, int]
    remote: tuple[bytes, int]
    accepted: bool
    unacknowledged: int | None
    unsent: int | None
    unread: int | None
    acknowledged: int | None
    received: int | None
    tries: int
    cookie: int
    why: str = ""

    @property
    def lost(self) -> int | None:
        """Bytes that died in both queues, None: not known."""
        if self.unacknowledged is None or self.unread is None:
            return None
        return self.unacknowledged + self.unread


def judge(row: Row, *, accepted: bool, waiting: bool) -> Ended | None:
    """Return how a destroyed socket's connection ended; None: it was no connection.

    waiting: whether a TIME-WAIT or a FIN-WAIT-2 without a socket has its addresses now.
    """
    if not any(row.remote[0]):
        return None  # it listened, or was only bound
    info = row.tcp_info
    if info is None:
        return _known(row, EndKind.UNKNOWN, accepted, None, None)
    if not row.remote[1]:
        # dissolved: of all time stamps only that of the last data sent, or the handshake, is left
        if info.last_data_sent == info.last_data_recv:
            return _known(row, EndKind.NEVER_CONNECTED, accepted, 0, 0)
        return _known(row, EndKind.ABORTED, accepted, None, None)
    if waiting:
        return _known(row, EndKind.CLOSED_FIRST, accepted, 0, 0)
    # what was acknowledged beyond the bytes sent: the FIN, and the SYN of the side that connected
    beyond = info.bytes_acked - (info.bytes_sent - info.bytes_retrans)
    fin_acknowledged = row.send_queue == 0 and beyond >= (1 if accepted else 2)
    if fin_acknowledged and row.recv_queue <= 1:
        return _known(row, EndKind.CLOSED_SECOND, accepted, 0, 0)
    return _known(row, EndKind.CUT, accepted, row.send_queue, row.recv_queue)


def _known(
    row: Row, kind: EndKind, accepted: bool, unacknowledged: int | None, unread: int | None
) -> Ended:
    info = row.tcp_info
    told = info is not None and kind is not EndKind.ABORTED
    unsent = 0 if unacknowledged == 0 else None
    if unacknowledged and info is not None:
        unsent = min(info.notsent_bytes, unacknowledged)
    if info is None or not told:
        acknowledged = received = None
    else:
        # sequence numbers of SYNs and FINs are no bytes, as far as it is known that they are in
        sent = info.bytes_sent - info.bytes_retrans
        acknowledged = max(0, min(info.bytes_acked - (not accepted), sent))
        received = max(0, info.bytes_received - (kind is EndKind.CLOSED_SECOND))
    return Ended(
        kind, row.local, row.remote, accepted, unacknowledged, unsent, unread, acknowledged,
        received, info.retransmits if info is not None else 0, row.cookie,
    )  # fmt: skip
