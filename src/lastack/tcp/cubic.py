"""CUBIC congestion control (RFC 9438; MAY-18), in integers so that every machine computes the same.

After a loss the window grows along a cubic curve whose plateau is the window of that loss, and at
least as fast as Reno's would.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import NEVER

from .congestion import NewReno

_MS: Final = 1_000_000
_HYSTART_WINDOW: Final = 16
_HYSTART_SAMPLES: Final = 8
_ACK_GAP: Final = 2 * _MS
_FOUR_TRAINS: Final = 4 * 65536
_LOOKS_EVERY: Final = 30 * _MS
"""HZ / 32, seven ticks of 4 ms"""
_RENO: Final = 15
_FIRST_PACE: Final = 20
"""Before the first loss cwnd grows by a twentieth of what is acknowledged at least."""
_SCALE: Final = 1_000_000
"""Windows of the curve are in millionths of a segment."""


def cube_root(n: int) -> int:
    """Return the integer part of the cube root of n >= 0."""
    if n < 8:
        return int(n > 0)
    x = 1 << -(-n.bit_length() // 3)
    while True:
        y = (2 * x + n // (x * x)) // 3
        if y >= x:
            return x
        x = y


class Cubic(NewReno):
    """cwnd of one connection; times in ns, windows in bytes."""

    __slots__ = ("w_max", "epoch", "k_ms", "w_est", "hystart", "least", "found",
                 "round_at", "round_end", "last_at", "round_least", "samples")  # fmt: skip

    def __init__(
        self, mss: int, initial_segments: int, *, hystart: bool = False, whole: bool = False
    ) -> None:
        self.hystart = hystart
        self.least = NEVER
        self.found = False
        self.round_at = self.last_at = self.round_end = -1
        self.round_least = NEVER
        self.samples = 0
        self.w_max = 0
        self.epoch = -1
        self.k_ms = 0
        self.w_est = 0
        super().__init__(mss, initial_segments, whole=whole)

    def acked(self, count: int, *, limited: bool, now: int, rtt: int) -> None:
        """New data is acknowledged (sections 4.2 to 4.5)."""
        if self.recovering or not limited:
            return
        count = self.slow_start(count)
        if not count:
            return
        if self.epoch < 0:
            self._begin_epoch(now)
        # Reno-friendly region (4.3): alpha = 3 (1 - beta) / (1 + beta) = 9/17
        self.w_est += 9 * count * self.mss // (17 * max(self.cwnd, 1))
        target = self._curve(now + rtt)
        if target < self.w_est:
            self.cwnd = max(self.cwnd, self.w_est)
            return
        # (4.4, 4.5) reach the target one round trip from now, growing by half at the most
        target = min(max(target, self.cwnd), 3 * self.cwnd // 2)
        self.counted += (target - self.cwnd) * count
        step = self.counted // max(self.cwnd, 1)
        self.counted -= step * self.cwnd
        self.cwnd += step

    def measured(self, rtt: int, srtt: int, una: int, nxt: int, now: int) -> None:
        """HyStart, as Linux has it (hystart_detect 3): slow start ends where ACKs in a row come
        over more than half of the shortest round trip, or where the shortest of a round has
        become longer by an eighth (4 to 16 ms). docs/kernel-notes/sending.md"""
        if self.epoch >= 0 and now - self.epoch < 1000 * _MS:
            return  # right after a recovery
        self.least = min(self.least, max(rtt, 1000))
        if not self.hystart or self.found or self.cwnd >= self.ssthresh:
            return
        if una > self.round_end:
            self.round_at = self.last_at = now
            self.round_end = nxt
            self.round_least = NEVER
            self.samples = 0
        if self.cwnd < _HYSTART_WINDOW * self.mss:
            return
        if now - self.last_at <= _ACK_GAP:
            self.last_at = now
            train = min(_FOUR_TRAINS * srtt // (2 * self.cwnd), _MS)
            self.found = now - self.round_at > (self.least + train) // 2
        self.round_least = min(self.round_least, rtt)
        if self.samples < _HYSTART_SAMPLES:
            self.samples += 1
        elif self.round_least > self.least + min(max(self.least >> 3, 4 * _MS), 16 * _MS):
            self.found = True
        if self.found:
            self.ssthresh = self.cwnd

    def _begin_epoch(self, now: int) -> None:
        self.epoch = now
        self.w_est = self.cwnd
        self.w_max = max(self.w_max, self.cwnd)
        self.counted = 0
        # K = cbrt((W_max - cwnd) / C), C = 0.4; segments and seconds -> ms: 2.5e9 ms^3 a segment
        missing = (self.w_max - self.cwnd) * _SCALE // self.mss
        self.k_ms = cube_root(missing * 2_500_000_000 // _SCALE)

    def _curve(self, at: int) -> int:
        """W_cubic (4.2): C (t - K)^3 + W_max, in bytes."""
        t = (at - self.epoch) // _MS - self.k_ms
        return self.w_max + t * t * t * self.mss // 2_500_000_000

    def lost(self, in_flight: int, *, by_sack: bool) -> None:
        """Multiplicative decrease by beta = 0.7 (4.6) and fast convergence (4.7)."""
        self._remember()
        self.ssthresh = max(self._part(in_flight, 7, 10), 2 * self.mss)
        self.cwnd = self.ssthresh + (0 if by_sack else 3 * self.mss)
        self.recovering = True

    def expired(self, in_flight: int, *, first: bool) -> None:
        """The retransmission timer fired; the plateau is where slow start ends (4.8)."""
        if first:
            self.ssthresh = max(self._part(in_flight, 7, 10), 2 * self.mss)
        self.w_max = 0
        self.cwnd = self.mss
        self.counted = 0
        self.recovering = False
        self.epoch = -1
        self.found = False
        self.least = NEVER
        self.round_end = -1

    def _remember(self) -> None:
        # A window below the last plateau: somebody else needs room, so give some (4.7).
        shrinking = self.cwnd < self.w_max
        self.w_max = self._part(self.cwnd, 17, 20) if shrinking else self.cwnd
        self.epoch = -1


class WholeCubic(Cubic):
    """As Linux counts it, in whole segments (tcp_cubic.c): `pace` segments acknowledged make cwnd
    grow by one; what it is by the curve is looked up now and then only."""

    __slots__ = ("pace", "looked_at", "looked_cwnd", "credit", "lost_before")

    def __init__(self, mss: int, initial_segments: int, *, hystart: bool = False) -> None:
        super().__init__(mss, initial_segments, hystart=hystart, whole=True)
        self.pace = 1
        self.lost_before = False
        self.looked_at = self.looked_cwnd = -1
        self.credit = 0

    def acked(self, count: int, *, limited: bool, now: int, rtt: int) -> None:
        """New segments are acknowledged."""
        if self.recovering or not limited:
            return
        segments = self.slow_start(count) // self.mss
        if not segments:
            return
        if self.epoch < 0:
            self.lost_before = self.w_max > 0
            self._begin_epoch(now)
            self.credit = 0
            self.looked_cwnd = -1
        self.credit += segments
        if self.cwnd != self.looked_cwnd or now - self.looked_at > _LOOKS_EVERY:
            self._look(now, rtt)
        if self.counted >= self.pace:
            self.counted = 0
            self.cwnd += self.mss
        grown, self.counted = divmod(self.counted + segments, self.pace)
        self.cwnd += grown * self.mss

    def _look(self, now: int, rtt: int) -> None:
        cwnd = self.cwnd // self.mss
        self.looked_at, self.looked_cwnd = now, self.cwnd
        target = self._curve(now + rtt) // self.mss
        pace = cwnd // (target - cwnd) if target > cwnd else 100 * cwnd
        if not self.lost_before:
            pace = min(pace, _FIRST_PACE)
        # the Reno-friendly region (4.3): cwnd * 8 (1 + beta) / (3 (1 - beta)) / 8, in integers
        each = cwnd * _RENO >> 3
        while self.credit > each:
            self.credit -= each
            self.w_est += self.mss
        if self.w_est > self.cwnd:
            pace = min(pace, self.cwnd // (self.w_est - self.cwnd))
        self.pace = max(pace, 2)
