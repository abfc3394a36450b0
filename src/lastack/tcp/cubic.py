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


class _SlowStart:
    """What HyStart has seen: the shortest round trip of all (`least`) and of this round, in ns."""

    __slots__ = ("least", "found", "round_at", "round_end", "last_at", "round_least", "samples")

    def __init__(self) -> None:
        self.least = NEVER
        self.found = False
        self.round_at = self.last_at = self.round_end = -1
        self.round_least = NEVER
        self.samples = 0


class Cubic(NewReno):
    """cwnd of one connection; times in ns, windows in bytes."""

    __slots__ = ("w_max", "epoch", "k_ms", "w_est", "_hystart", "_seen")

    def __init__(
        self, mss: int, initial_segments: int, *, hystart: bool = False, whole: bool = False
    ) -> None:
        self.w_max = 0
        self.epoch = -1
        self.k_ms = 0
        self.w_est = 0
        self._hystart = hystart
        self._seen: _SlowStart | None = None
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
        if not self._hystart:
            return
        seen = self._seen
        if seen is None:
            seen = self._seen = _SlowStart()
        seen.least = min(seen.least, max(rtt, 1000))
        if seen.found or self.cwnd >= self.ssthresh:
            return
        if una > seen.round_end:
            seen.round_at = seen.last_at = now
            seen.round_end = nxt
            seen.round_least = NEVER
            seen.samples = 0
        if self.cwnd < _HYSTART_WINDOW * self.mss:
            return
        if now - seen.last_at <= _ACK_GAP:
            seen.last_at = now
            train = min(_FOUR_TRAINS * srtt // (2 * self.cwnd), _MS)
            seen.found = now - seen.round_at > (seen.least + train) // 2
        seen.round_least = min(seen.round_least, rtt)
        if seen.samples < _HYSTART_SAMPLES:
            seen.samples += 1
        elif seen.round_least > seen.least + min(max(seen.least >> 3, 4 * _MS), 16 * _MS):
            seen.found = True
        if seen.found:
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

    def reduced(self, in_flight: int) -> int:
        """Return ssthresh after a loss: beta = 0.7 (4.6)."""
        return max(self._part(in_flight, 7, 10), 2 * self.mss)

    def lost(self, in_flight: int, *, by_sack: bool) -> None:
        """Multiplicative decrease by beta = 0.7 (4.6) and fast convergence (4.7)."""
        self._remember()
        self.ssthresh = self.reduced(in_flight)
        self.cwnd = self.ssthresh + (0 if by_sack else 3 * self.mss)
        self.recovering = True

    def expired(self, in_flight: int, *, first: bool) -> None:
        """The retransmission timer fired; the plateau is where slow start ends (4.8)."""
        if first:
            self.ssthresh = self.reduced(in_flight)
        self.w_max = 0
        self.cwnd = self.mss
        self.counted = 0
        self.recovering = False
        self.epoch = -1
        self._seen = None

    def _remember(self) -> None:
        # A window below the last plateau: somebody else needs room, so give some (4.7).
        shrinking = self.cwnd < self.w_max
        self.w_max = self._part(self.cwnd, 17, 20) if shrinking else self.cwnd
        self.epoch = -1
