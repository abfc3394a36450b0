"""The other end of a case: a peer without a TCP, which does what its script says and no more.

Segments and time go in, segments come out, so that the same scripts can talk to a simulated host
and, over a TUN device, to a kernel. It offers MSS 1460, no window scale, no timestamps, and a
window of 65,535. It never retransmits, and what it has planned it does after a RST too.
"""

from __future__ import annotations

from typing import Final

from lastack.profile import MS, NEVER
from lastack.wire import ACK, FIN, PSH, RST, SYN, Flow, Segment, seq

from .cases import CLOSING_PEERS, Pending

MSS: Final = 1460
WINDOW: Final = 65535
ISS: Final = 1_000_000

SLOWNESS: Final = 500 * MS
"""How long the slow peer takes to acknowledge, ns."""
FIN_AFTER: Final = 100 * MS
SLOW_FIN_AFTER: Final = 800 * MS
"""How long after our FIN a peer that closes sends its own, ns."""

_ACKING: Final = frozenset({Pending.NONE, Pending.ACKED, Pending.FIN_ONLY})


class Peer:
    """One scripted peer. `taken` counts the bytes of the closer's stream that it took in order."""

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self.taken = 0
        self.got_fin = False
        self.got_reset = False
        self._flow: Flow | None = None
        self._snd_nxt = ISS
        self._rcv_nxt = 0
        self._window = WINDOW
        self._deaf = False
        self._ack_at: list[int] = []
        self._fin_at = NEVER

    # -- what the script of a case tells it ----------------------------------------------------

    def say(self, text: bytes) -> list[Segment]:
        """Send text to the closer."""
        return [self._segment(PSH | ACK, text)]

    def shut_window(self) -> list[Segment]:
        """Announce a window of 0, and keep to it."""
        self._window = 0
        return [self._segment(ACK)]

    def before_close(self) -> None:
        """The closer is about to call close(): from here on `finonly` hears nothing."""
        self._deaf = self.pending is Pending.FIN_ONLY

    # -- from below ----------------------------------------------------------------------------

    def segment_arrives(self, seg: Segment, now: int) -> list[Segment]:
        """Take a segment; return the answers to it."""
        if seg.flags & RST:
            return self._answer_reset(seg)
        if seg.flags & SYN:
            return self._answer_syn(seg)
        if self._deaf:
            return []
        if self.pending is Pending.ZERO_WINDOW_ANSWERING and self._window == 0:
            return [self._segment(ACK)]
        if not seg.length:
            return []
        if self.pending in _ACKING:
            self._take(seg, now)
            return [self._segment(ACK)]
        if self.pending is Pending.SLOW:
            self._take(seg, now)
            self._ack_at.append(now + SLOWNESS)
        return []

    @property
    def next_timeout(self) -> int:
        """When to call `timeout`, NEVER if nothing is planned."""
        return min(self._fin_at, *self._ack_at) if self._ack_at else self._fin_at

    def timeout(self, now: int) -> list[Segment]:
        """Return what the peer sends of its own accord at `now`."""
        out: list[Segment] = []
        due = [at for at in self._ack_at if at <= now]
        self._ack_at = self._ack_at[len(due) :]
        out += [self._segment(ACK) for _ in due]
        if self._fin_at <= now:
            self._fin_at = NEVER
            out.append(self._segment(FIN | ACK))
        return out

    # -- inside --------------------------------------------------------------------------------

    def _answer_syn(self, seg: Segment) -> list[Segment]:
        self._flow = seg.flow.reversed()
        self._rcv_nxt = (seg.seq + 1) & seq.MASK
        return [self._segment(SYN | ACK, mss=MSS)]

    def _answer_reset(self, seg: Segment) -> list[Segment]:
        """A peer that answers at all challenges a RST that is not at RCV.NXT (RFC 5961)."""
        self.got_reset = True
        self._fin_at = NEVER
        answers = self.pending in _ACKING or self.pending is Pending.SLOW
        if seg.seq == self._rcv_nxt or self._deaf or not answers:
            return []
        return [self._segment(ACK)]

    def _take(self, seg: Segment, now: int) -> None:
        """Take what is new of a segment; of one that begins beyond RCV.NXT, nothing."""
        behind = seq.diff(self._rcv_nxt, seg.seq)
        if not 0 <= behind < seg.length or self.got_fin:
            return
        self.taken += len(seg.text) - min(behind, len(seg.text))
        self._rcv_nxt = (seg.seq + seg.length) & seq.MASK
        if seg.flags & FIN:
            self.got_fin = True
            if self.pending in CLOSING_PEERS:
                wait = SLOW_FIN_AFTER if self.pending is Pending.SLOW else FIN_AFTER
                self._fin_at = now + wait

    def _segment(self, flags: int, text: bytes = b"", *, mss: int = 0) -> Segment:
        assert self._flow is not None, "the closer has not connected"
        seg = Segment(self._flow, self._snd_nxt, self._rcv_nxt, flags, self._window, text, mss=mss)
        self._snd_nxt = (self._snd_nxt + seg.length) & seq.MASK
        return seg
