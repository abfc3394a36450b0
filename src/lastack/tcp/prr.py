"""Proportional rate reduction (RFC 6937): during recovery, send in proportion to what arrives.

Knows no Tcb. Sizes are in bytes; a segment is the unit in which shares are rounded up.
"""

from __future__ import annotations


class Prr:
    """One reduction of the window, from `prior` in flight down to `target`."""

    __slots__ = ("prior", "target", "mss", "delivered", "out")

    def __init__(self, prior: int, target: int, mss: int) -> None:
        self.prior = max(prior, mss)
        self.target = target
        self.mss = mss
        self.delivered = 0
        self.out = 0

    def window(self, pipe: int, news: int, *, safe: bool) -> int:
        """`news` bytes have arrived, `pipe` are in the network: return cwnd. `safe`: the ACK
        moved SND.UNA and showed no further loss (slow start reduction bound), else no more may
        leave than has arrived (conservative bound)."""
        self.delivered += news
        if pipe > self.target:
            share = -(-self.target * self.delivered // (self.prior * self.mss)) * self.mss
            count = share - self.out
        else:
            bound = max(self.delivered - self.out, news)
            count = min(bound + self.mss if safe else bound, self.target - pipe)
        # the first segment of a recovery leaves in any case
        return pipe + max(count, 0 if self.out else self.mss)
