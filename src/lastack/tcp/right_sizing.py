"""The receiver's own round trip, and what the program reads in one (dynamic right-sizing).

A receiver of a stream sends nothing that it could time. With timestamps it takes how old the echo
is that comes with a full segment; without, how long a whole window takes to arrive, which is one
round trip of a sender that the window holds back (M. Fisk, W. Feng: Dynamic Right-Sizing in TCP,
2001; Linux tcp_rcv_rtt_measure; measured: docs/kernel-notes/tcp-info.md). Knows no Tcb.
"""

from __future__ import annotations

from typing import Final

_UNIT: Final = 8
"""The mean is kept in eighths: each measurement changes it by one."""


_COPIED: Final = 3
"""Tenths of a nanosecond in which a kernel copies a byte."""


class RightSizing:
    """`eighths`: 8 round trips, ns; 0 before the first measurement. `echo`: the newest of our
    timestamps that text brought back."""

    __slots__ = ("eighths", "_window_end", "_window_since", "echo", "_copied", "_since")

    def __init__(self, since: int) -> None:
        """`since`: when the handshake was over."""
        self.eighths = 0
        self._window_end = 0
        self._window_since = -1
        self.echo = 0
        self._copied = 0
        self._since = since

    @property
    def round_trip(self) -> int:
        """The round trip, ns; 0 before the first measurement."""
        return self.eighths // _UNIT

    def echoed(self, echo: int, age: int, *, full: bool, all_read: bool) -> None:
        """Text came with another `echo`, of a timestamp that we sent `age` ns ago; `full`: in a
        full-sized segment. `all_read`: nothing waits for the program, whose pauses are no round
        trip."""
        self.echo = echo
        if not full or age <= 0:
            return
        if not self.eighths or age * _UNIT < self.eighths:
            self.eighths = age * _UNIT
        elif all_read:
            self.eighths += age - self.eighths // _UNIT

    def in_order(self, ready: int, window: int, now: int) -> None:
        """Text in order came, which ends at position `ready`; the peer may send `window` more. As
        soon as that has come, a round trip is over. The shortest counts."""
        if self._window_since >= 0:
            if ready < self._window_end:
                return
            least = max(now - self._window_since, 1_000) * _UNIT
            if not self.eighths or least < self.eighths:
                self.eighths = least
        self._window_end, self._window_since = ready + window, now

    def program_read(self, count: int, now: int) -> bool:
        """The program has read `count` bytes. Tell whether a round trip is over; then `copied` is
        to be asked."""
        self._copied += count
        return self.eighths > 0 and now - self._since >= self.eighths // _UNIT

    def copied(self, count: int, first: int, unread: int, now: int) -> int:
        """A round trip is over. Of what the program has read just now, `count` bytes, the `first`
        came from one packet of the queue; `unread` wait. Return what it had taken with that packet,
        less what waited then. The other packets belong to the next round trip, unless that takes
        no longer than to copy them."""
        rest = count - first
        if self.eighths // _UNIT <= rest * _COPIED // 10:
            rest = 0
        copied = self._copied - 2 * rest - unread
        self._copied, self._since = rest, now
        return copied
