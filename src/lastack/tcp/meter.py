"""What passed through a connection, counted for TCP_INFO (RFC 4898 has most of the names).

Knows no Tcb: it sees every segment as it leaves and as it arrives. Times are in ns, -1 for never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lastack.wire import ACK, FIN, RST, SYN, Segment, seq

_SYN_ACK: Final = SYN | ACK
_SYN_FIN: Final = SYN | FIN
IDLE: Final = 0
BUSY: Final = 1
WINDOW: Final = 2
BUFFER: Final = 3
"""What the sender was doing: nothing; sending; waiting for the peer's window, or, with nothing left
to send, for a program that waits for room in the send buffer."""

_NOTHING: Final = [0, 0, 0, 0]
"""What every sender has spent that never had anything to do."""


class Meter:
    """Counters of one connection.

    answered: our SYN|ACK has left. high: the sequence number after the highest that left; below it
    everything is a repetition.
    spent: how long the sender did each of IDLE to BUFFER, until `doing_since`.
    """

    __slots__ = (
        "segs_out", "segs_in", "data_segs_out", "data_segs_in", "bytes_sent", "bytes_retrans",
        "total_retrans", "answered", "timeouts", "rehashes", "recoveries", "recovering_since",
        "recovery_time", "data_sent_at", "data_received_at", "ack_received_at", "high",
        "doing", "doing_since", "spent",
    )  # fmt: skip

    def __init__(self, iss: int) -> None:
        self.segs_out = self.segs_in = 0
        self.data_segs_out = self.data_segs_in = 0
        self.bytes_sent = self.bytes_retrans = 0
        self.total_retrans = 0
        self.answered = False
        self.timeouts = self.recoveries = self.rehashes = 0
        self.recovering_since = -1
        self.recovery_time = 0
        self.data_sent_at = self.data_received_at = self.ack_received_at = -1
        self.high = iss
        self.doing = IDLE
        self.doing_since = 0
        self.spent = _NOTHING

    def begin(self) -> None:
        """A segment comes for a half-open request, which counts nothing but the SYN and what its
        repeats are: if it opens the connection, that begins with it."""
        self.segs_in, self.segs_out, self.data_segs_in = 1, 0, 0

    def left(self, segments: Sequence[Segment], now: int) -> None:
        """Count what leaves. Hot."""
        self.segs_out += len(segments)
        for one in segments:
            size, flags = len(one.text), one.flags
            if not (size or flags & _SYN_FIN):
                if flags & RST and not (flags & ACK and one.seq):
                    self.segs_out -= 1  # the system says that there is no connection
                continue
            if flags & _SYN_ACK == _SYN_ACK and not self.answered:
                self.answered = True
                self.high = one.seq + 1 & seq.MASK
                continue  # our SYN may have left before, but this is no repetition of it
            if size:
                self.data_segs_out += 1
                self.bytes_sent += size
                self.data_sent_at = now
            end = one.seq + size + (flags & FIN) + (flags >> 1 & 1) & seq.MASK
            if one.seq == self.high:
                self.high = end
                continue
            if seq.lt(one.seq, self.high):
                self.total_retrans += 1
                self.bytes_retrans += size
            if seq.gt(end, self.high):
                self.high = end

    def arrived(self, one: Segment, now: int) -> None:
        """Count what arrives for an open connection."""
        self.segs_in += 1
        self.ack_received_at = now
        if self.data_received_at < 0:
            self.data_received_at = now  # the time without text begins with the handshake
        if one.text:
            self.data_segs_in += 1
            self.data_received_at = now

    def turns_to(self, doing: int, now: int) -> None:
        """The sender does something else from now on."""
        if self.spent is _NOTHING:
            self.spent = _NOTHING.copy()
        self.spent[self.doing] += now - self.doing_since
        self.doing, self.doing_since = doing, now

    def spent_until(self, now: int) -> list[int]:
        """Return how long the sender has been idle, busy, short of window and of buffer."""
        self.turns_to(self.doing, now)
        return list(self.spent)

    def timed_out(self, retransmits: int, now: int, *, request_since: int = -1) -> None:
        """The retransmission timer has expired for the `retransmits`th time in a row. Of a
        half-open request the time counts from its first SYN|ACK, at `request_since`, and it takes
        no other path through the network."""
        self.timeouts += 1
        self.rehashes += request_since < 0
        if retransmits == 1:
            self.recoveries += 1
            self.recovering_since = max(now if request_since < 0 else request_since, 0)

    def recovered(self, now: int) -> None:
        """New data was acknowledged after a timeout."""
        if self.recovering_since >= 0:
            self.recovery_time += now - self.recovering_since
            self.recovering_since = -1
