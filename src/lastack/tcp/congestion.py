"""Congestion control: NewReno (MUST-19: RFC 5681, RFC 6582, RFC 6928). Windows are in bytes.

Knows no Tcb: it is told what was acknowledged and what was lost, and says how much may be in
flight.
"""

from __future__ import annotations

from lastack.profile import UNLIMITED


class NewReno:
    """cwnd and ssthresh of one connection. `whole`: both are whole segments, as where cwnd counts
    packets. `used`: the most segments in flight since cwnd was last what held the sender back;
    `used_at`: when that was, or an ACK has come since."""

    __slots__ = (
        "initial_segments", "whole", "mss", "cwnd", "ssthresh", "counted", "recovering", "used",
        "used_at",
    )  # fmt: skip

    def __init__(self, mss: int, initial_segments: int, *, whole: bool = False) -> None:
        self.initial_segments = initial_segments
        self.whole = whole
        self.begin(mss)
        self.ssthresh = UNLIMITED
        self.counted = 0
        self.recovering = False
        self.used = 0
        self.used_at = -1

    def begin(self, mss: int) -> None:
        """The handshake has settled the MSS: the initial window (RFC 6928)."""
        self.mss = mss
        self.cwnd = self.initial_segments * mss

    def resize(self, mss: int) -> None:
        """The path takes smaller segments only: cwnd and ssthresh stay as many as they were."""
        if self.whole and self.ssthresh < UNLIMITED:
            self.ssthresh = self.ssthresh // self.mss * mss
        self.cwnd = self.cwnd // self.mss * mss
        self.mss = mss

    def acked(self, count: int, *, limited: bool, now: int, rtt: int) -> None:
        """`count` new bytes are acknowledged; `limited`: cwnd was what held the sender back.

        A window that is not used does not grow (RFC 7661 section 4.3).
        """
        if self.recovering or not limited:
            return
        count = self.slow_start(count)
        if count:
            # congestion avoidance, one MSS for each window acknowledged
            self.counted += count
            if self.counted >= self.cwnd:
                self.counted -= self.cwnd
                self.cwnd += self.mss

    def measured(self, rtt: int, srtt: int, una: int, nxt: int, now: int) -> None:
        """An ACK took `rtt` ns; `una` and `nxt` are the positions of SND.UNA and SND.NXT. It comes
        before `acked`, and says nothing here."""

    def slow_start(self, count: int) -> int:
        """Grow by RFC 5681 (2), with L = what was acknowledged (RFC 3465), up to ssthresh and no
        further; return what is left of the `count` bytes for congestion avoidance."""
        grown = min(count, max(self.ssthresh - self.cwnd, 0))
        self.cwnd += grown
        return count - grown

    def unused(self) -> None:
        """For an RTO nothing came that would let cwnd grow, and it is more than what was `used`: it
        goes half the way to that, or to the initial window; ssthresh remembers three quarters of it
        (RFC 2861 section 3.1)."""
        cwnd, used = self.cwnd // self.mss, max(self.used, self.initial_segments)
        if used < cwnd:
            self.ssthresh = max(self.ssthresh, self._part(self.cwnd, 3, 4))
            self.cwnd = (cwnd + used >> 1) * self.mss
        self.used = 0

    def resume(self, timeouts: int, now: int) -> None:
        """Nothing was sent for so many retransmission timeouts: cwnd is halved for each, down to
        the initial window; ssthresh remembers three quarters of it."""
        self.used, self.used_at = 0, now
        least = min(self.initial_segments * self.mss, self.cwnd)
        self.ssthresh = max(self.ssthresh, self._part(self.cwnd, 3, 4))
        segments = self.cwnd // self.mss >> min(timeouts, 32)
        self.cwnd = max(segments * self.mss, least)

    def _part(self, window: int, share: int, of: int) -> int:
        """Return a part of a window; what is more than whole segments is left out if need be."""
        part = window * share // of
        return part - part % self.mss if self.whole else part

    def reduced(self, in_flight: int) -> int:
        """Return ssthresh after a loss (RFC 5681 (4))."""
        return max(self._part(in_flight, 1, 2), 2 * self.mss)

    def lost(self, in_flight: int, *, by_sack: bool) -> None:
        """A loss was found: fast retransmit begins (RFC 6582 section 3.2 step 2).

        With SACK what is in the network is known and the window need not be inflated for it
        (RFC 6675 section 5 step 4).
        """
        self.ssthresh = self.reduced(in_flight)
        self.cwnd = self.ssthresh + (0 if by_sack else 3 * self.mss)
        self.recovering = True

    def inflate(self) -> None:
        """Another duplicate ACK during recovery (step 3)."""
        self.cwnd += self.mss

    def partial(self, count: int) -> None:
        """An ACK that does not reach `recover` (step 5, partial acknowledgment)."""
        self.cwnd = max(self.cwnd - count, self.mss)
        if count >= self.mss:
            self.cwnd += self.mss

    def recovered(self, in_flight: int) -> None:
        """An ACK that reaches `recover` (step 5, full acknowledgment)."""
        self.cwnd = max(min(self.ssthresh, in_flight + self.mss), 2 * self.mss)
        self.recovering = False

    def settled(self) -> None:
        """A recovery whose window went down step by step (PRR) is over: cwnd is at its goal."""
        self.cwnd = self.ssthresh
        self.recovering = False

    def expired(self, in_flight: int, *, first: bool) -> None:
        """The retransmission timer fired (RFC 5681 section 3.1); `first` of a row."""
        if first:
            self.ssthresh = self.reduced(in_flight)
        self.cwnd = self.mss
        self.counted = 0
        self.recovering = False
