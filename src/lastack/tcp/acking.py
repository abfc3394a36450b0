"""When to acknowledge: at once, with company, or after a while (RFC 5681 section 4.2; SHLD-18).

Knows no Tcb: it is told what arrived and what was sent, and says whether an ACK is owed.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import AckRules

_NEVER_YET: Final = -1
_SURE_SIZE: Final = 536
_LEAST_SIZE: Final = 88
"""From so many bytes on two equal segments in a row are full-sized: with PSH, which may end what
was written, and without (TCP_MSS_DEFAULT, TCP_MIN_MSS)."""


def first_guess(mss: int, window: int) -> int:
    """Return what the size of the peer's full segments is taken to be before one has come: ours, no
    more than half of the window, 88 to 536 (tcp_initialize_rcv_mss)."""
    return max(min(mss, window // 2, _SURE_SIZE), _LEAST_SIZE)


class Acking:
    """The acknowledgment that is owed.

    at_once: send it with the next flush. due: it may wait for text or for the timer; soon: for the
    clock's next tick only. settled: it is known how long an ACK waits; the first text in order
    says so, or what was answered quickly before it, and then this is no beginning any more.
    received_at: when text came last, or the connection opened. last_size: of the segment before,
    where it may be a full one; sized: of the last that was larger than a full one. A new connection
    acknowledges quickly, so that the peer's window opens; one that talks back and forth lets its
    answers carry the ACKs.
    """

    __slots__ = (
        "rules", "at_once", "due", "quick", "conversing", "delay", "received_at", "forced",
        "pushed", "soon", "settled", "last_size", "sized",
    )  # fmt: skip

    def __init__(self, rules: AckRules) -> None:
        self.rules = rules
        self.at_once = False
        self.due = False
        self.quick = 0
        self.conversing = False
        self.delay = rules.delayed_min_ns
        self.received_at = _NEVER_YET
        self.forced = False
        self.pushed = 0
        self.soon = False
        self.settled = False
        self.last_size = 0
        self.sized = 0

    def opened(self, now: int) -> None:
        """The handshake is over: the time without text begins."""
        self.received_at = now

    def measured(self, size: int, now_full: int, *, ended: bool) -> int:
        """A segment of `size` bytes came; full-sized are so far `now_full`. Return what is from now
        on, and note whether the segment may be the end of what the peer wrote: `ended`, it has
        PSH, FIN or URG. (Linux tcp_measure_rcv_mss)"""
        before, self.last_size = self.last_size, 0
        if size >= now_full:
            if size > now_full:
                self.sized = size
            if ended and not self.pushed:
                self.pushed = 1
            return size
        if self.rules.size_follows and size >= (_SURE_SIZE if ended else _LEAST_SIZE):
            self.last_size = size
            if size == before:
                return size
        self.pushed = 2 if self.pushed else 1
        return now_full

    @property
    def hurries(self) -> bool:
        """Whether ACKs leave without delay: on a new connection, and after a repetition."""
        return self.quick > 0 and not self.conversing

    def window_opens(self) -> None:
        """The segment that has just come opens the window."""
        if self.rules.quick_while_opening:
            self.quick |= 1

    def text_received(self, *, urgent: bool, enough: bool) -> None:
        """Text arrived. `urgent`: it is not in order, or it filled a gap; `enough`: see
        `window.enough_to_acknowledge`."""
        # MAY-13: what is out of order at once
        self.forced = urgent or enough
        if self.forced or (self.quick and not self.conversing):
            self.at_once = True
        self.due = True

    def in_order(self, rto: int, now: int) -> bool:
        """Text in order arrived, and is looked at now: follow the time between arrivals, so that
        a delayed ACK waits about that long. Tell whether the connection begins, or does so anew
        after a pause: ACKs are quick then."""
        least = self.rules.delayed_min_ns
        begins = not self.settled
        if begins:
            self.settled = True
        else:
            gap = now - self.received_at
            if gap <= least // 2:
                self.delay = self.delay // 2 + least // 2
            elif gap < self.delay:
                self.delay = self.delay // 2 + gap
            elif gap > rto:
                begins = True
        self.received_at = now
        return begins

    def begin(self, quick: int) -> None:
        """It is a beginning: so many ACKs do not wait."""
        self.quick = max(self.quick, quick)

    def text_sent(self, now: int) -> None:
        """We sent text: if it answers what just came, ACKs can ride on answers from now on."""
        known = self.settled and self.received_at != _NEVER_YET
        if known and now - self.received_at < self.delay:
            self.conversing = True

    def sent(self) -> None:
        """A segment with ACK left: nothing is owed any more."""
        if self.due and self.quick:
            self.quick -= 1
            if not self.quick:
                self.delay = self.rules.delayed_min_ns
                self.settled = True
        self.at_once = self.due = self.soon = False
        self.pushed = 0

    def all_read(self) -> None:
        """The program has read everything: the end of what the peer wrote is acknowledged now,
        unless an answer is going to carry the ACK; the second such end in any case."""
        if self.due and (self.pushed == 2 or (self.pushed and not self.conversing)):
            self.at_once = True

    def fin_received(self, *, with_text: bool, full: bool) -> None:
        """The peer's FIN came: its ACK waits as that of text would (41 ms measured), and not even
        a new connection hurries: it is our turn to speak. Where there was no text at all, there
        is no delay yet either, and the ACK leaves with the next tick of the clock. `full`: more
        than a full-sized segment waits for its ACK, the FIN counted."""
        self.due = True
        self.forced = self.forced or full
        if not self.rules.fin_waits:
            self.at_once = True
            return
        if not self.settled:
            self.soon = not self.at_once
            return
        self.at_once = full or (self.at_once and (self.forced or not with_text))
        self.conversing = True

    def remind(self, due: int, now: int, *, enough: bool) -> None:
        """Another segment has come while an ACK is owed, whose timer expires at `due`: for the last
        quarter of its delay the ACK does not wait any longer, nor where ACKs are quick again, or
        `enough` waits for one."""
        if enough or self.hurries or self.soon or due - now <= self.delay // 4:
            self.at_once = True

    def timed_out(self, rto: int) -> None:
        """The delay was in vain: send now. No answer came that could have carried the ACK, so
        this is no conversation; if it was none, wait a little longer next time."""
        if self.soon:
            pass  # nothing was to be expected
        elif self.conversing:
            self.conversing = False
            self.delay = self.rules.delayed_min_ns
        else:
            self.delay = min(2 * self.delay, rto)
        self.at_once = True

    def wait(self, srtt: int) -> int:
        """Return how long an ACK may wait, ns (MUST-40: less than half a second).

        `srtt`: no longer than a round trip, so as not to cost the peer more than one; below 0
        when none was measured.
        """
        if self.soon:
            return self.rules.soon_ns
        least, most = self.rules.delayed_min_ns, self.rules.delayed_max_ns
        if srtt >= 0:
            most = min(most, max(srtt, least))
        return min(max(self.delay, least), most)

    def put_off(self) -> int:
        """The handshake's last ACK is owed, and text is expected to carry it: return how long it
        may wait, ns."""
        self.due = True
        return self.rules.delayed_max_ns

    def set_quick(self, on: bool, *, all_read: bool) -> None:
        """TCP_QUICKACK: no longer let answers carry the ACKs, or do. An ACK that is owed leaves
        now, or when the text has been read; the quick ACKs that are used up do not come back."""
        self.conversing = not on
        if on and self.due:
            self.pushed = max(self.pushed, 1)
            self.at_once = self.at_once or all_read

    def hurry(self, count: int) -> None:
        """Let the next `count` ACKs leave at once: the sender has to learn of congestion, or is
        repeating itself."""
        self.settled = True
        self.quick = max(self.quick, count)
        self.conversing = False
        self.delay = self.rules.delayed_min_ns

    def forget(self) -> None:
        """Nothing is acknowledged any more: the connection is gone."""
        self.at_once = self.due = False
