"""What a reduction of cwnd needs in order to be undone. Knows no Tcb."""

from __future__ import annotations

from typing import Final

ALL_REPORTED: Final = -1


class Reduction:
    """cwnd and ssthresh before it, in bytes; `stamp`: our timestamp at its first repetition;
    `marker`: the position of SND.UNA then. repeats: how many repetitions no D-SACK has told of;
    ALL_REPORTED once each is told of. timer: it was a time-out; doubts: which may have been for
    nothing, as new text can show; sends_new: that text leaves now, in place of what would be sent
    again. over: all that was in flight then is acknowledged."""

    __slots__ = (
        "cwnd", "ssthresh", "stamp", "marker", "repeats", "timer", "doubts", "sends_new", "over",
    )  # fmt: skip

    def __init__(self, cwnd: int, ssthresh: int, stamp: int, marker: int, *, timer: bool) -> None:
        self.cwnd = cwnd
        self.ssthresh = ssthresh
        self.stamp = stamp
        self.marker = marker
        self.repeats = 0
        self.timer = self.doubts = timer
        self.sends_new = self.over = False

    def sent_again(self) -> None:
        """A segment leaves again."""
        self.repeats = max(self.repeats, 0) + 1
