"""CUBIC as Linux counts it (tcp_cubic.c): in whole segments.

cwnd grows by one when `pace` segments were acknowledged. What the pace is by the curve is looked up
now and then only, as measured: docs/kernel-notes/sending.md.
"""

from __future__ import annotations

from typing import Final

from .cubic import Cubic

_MS: Final = 1_000_000
_MS_CUBED_A_SEGMENT: Final = 2_500_000_000
"""1 / C, C = 0.4 segments a second cubed"""
_LOOKS_EVERY: Final = 30 * _MS
"""HZ / 32, seven ticks of 4 ms"""
_RENO: Final = 15
_FIRST_PACE: Final = 20
"""Before the first loss cwnd grows by a twentieth of what is acknowledged at least."""


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
        # what the curve is below or above its plateau, in whole segments
        t = (now + rtt - self.epoch) // _MS - self.k_ms
        away = abs(t) ** 3 // _MS_CUBED_A_SEGMENT
        target = self.w_max // self.mss + (away if t > 0 else -away)
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
