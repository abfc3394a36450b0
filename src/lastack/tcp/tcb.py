"""The transmission control block: the variables of RFC 9293 section 3.3.1 under their names."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lastack.profile import Congestion, Profile
from lastack.state import CLOSED, SYN_RECEIVED, TIME_WAIT, TRANSITIONS, State
from lastack.trace import ErrorSet, Reason, Scribe, StateChanged
from lastack.wire import ABSENT, PLAIN_IP, SYN, Flow, Segment, seq

from .acking import Acking
from .buffers import Buffers
from .codepoints import NONE_CAME
from .congestion import NewReno
from .cubic import Cubic
from .entry import Entry
from .flight import Flight
from .mark import NO_MARK, Mark
from .prr import Prr
from .rack import Rack
from .recvq import NOTHING_RECEIVED
from .reduction import Reduction
from .right_sizing import RightSizing
from .rtt import Rtt
from .scoreboard import NOTHING_HELD, Scoreboard
from .sendq import NOTHING_QUEUED
from .settings import NO_SETTINGS
from .timers import Timers
from .whole_cubic import WholeCubic

READABLE: Final = 0x001
URGENT: Final = 0x002
WRITABLE: Final = 0x004
ERROR: Final = 0x008
HANGUP: Final = 0x010
READ_HANGUP: Final = 0x2000
"""Wake-ups for the owner, with the numbers of poll(2)."""

UNSET: Final = -1


def _control(kind: Congestion, profile: Profile, mss: int, segments: int) -> NewReno:
    whole = profile.start.counts_packets
    if kind is Congestion.RENO:
        return NewReno(mss, segments, whole=whole)
    return (WholeCubic if whole else Cubic)(mss, segments, hystart=profile.start.hystart)


@lru_cache(1024)
def _common(number: int) -> int:
    """Return the one object for a number that many connections have: an int takes 32 bytes."""
    return number


def default_congestion(profile: Profile) -> Congestion:
    """Return the congestion control that a new socket has."""
    return profile.start.congestion


class Tcb:
    """Everything one connection knows. Sequence numbers are modulo 2**32; offsets are positions in
    a stream, from 0, without SYN and FIN."""

    __slots__ = (
        "profile", "scribe", "conn", "flow", "state", "outbox", "ready", "timers", "rtt",
        "congestion", "buffers", "sendq", "recvq", "mark", "snd_up",
        "iss", "snd_una", "snd_nxt", "snd_wnd", "snd_wl1", "snd_wl2", "max_snd_wnd", "snd_wscale",
        "scale_ok",
        "irs", "rcv_nxt", "rcv_adv", "rcv_wup", "rcv_ssthresh", "rcv_wscale", "sizing",
        "mss", "advertised_mss", "peer_mss", "rcv_mss",
        "ts_ok", "ts_recent", "ts_recent_at", "ts_offset",
        "fin_queued", "fin_seq", "fin_alone", "fin_at", "fin_begins", "fin_received", "fin_unread",
        "out_of_order", "program_wrote",
        "shut_read", "closing", "orphan", "passive", "error", "soft_error", "cork", "more_end",
        "settings", "keep_sent", "heard_at", "nodelay", "wants_room", "writer_sleeps",
        "rxt_nxt", "recover", "recovering", "dupacks", "retransmits", "probes_out", "first_again",
        "probing_since",
        "timed_seq", "timed_at", "small_seq", "cwnd_full", "window_full", "buffer_full",
        "link_full", "cwnd_limited", "max_flight", "usage_seq",
        "sack_ok", "offers_sack", "board", "recent", "duplicate", "seen_blocks",
        "ecn_ok", "ecn_echo", "codepoints", "owes_cwr",
        "flight", "rack", "sent_at", "prr", "undo", "reducing", "probe_high", "probe_again",
        "acks", "challenge_at", "entry", "synack_accepted", "deferred",
        "offers_scale", "offers_ts", "ip",
    )  # fmt: skip

    def __init__(
        self, profile: Profile, flow: Flow, *, conn: int, iss: int, mss: int, buffers: Buffers,
        scribe: Scribe | None, ts_offset: int = 0,
    ) -> None:  # fmt: skip
        self.profile = profile
        self.scribe = scribe
        self.conn = conn
        self.flow = flow
        self.state: State = CLOSED
        self.outbox: list[Segment] | None = None
        self.ready = 0
        self.timers = Timers()
        self.acks = Acking(profile.acks)
        self.rtt = Rtt(profile.retransmission)
        self.congestion = _control(
            default_congestion(profile), profile, mss, profile.start.initial_cwnd
        )
        self.buffers = buffers
        self.sendq = NOTHING_QUEUED
        self.recvq = NOTHING_RECEIVED
        self.sizing: RightSizing | None = None  # from the first text on
        self.mark = NO_MARK
        self._begin_sequence_space(iss, mss)
        self._begin_ends(ts_offset)
        self._begin_recovery(iss)

    def _begin_sequence_space(self, iss: int, mss: int) -> None:
        # send sequence space
        self.iss = self.snd_una = self.snd_nxt = iss
        self.snd_wnd = 0
        self.snd_wl1 = 0
        self.snd_wl2 = 0
        self.max_snd_wnd = 0
        self.snd_wscale = 0
        self.snd_up = UNSET
        self.scale_ok = False
        self.offers_scale = False
        self.offers_ts = False
        self.ip = PLAIN_IP
        # receive sequence space; rcv_adv is the right edge of the window as last advertised
        self.irs = self.rcv_nxt = self.rcv_adv = self.rcv_wup = 0
        self.rcv_ssthresh = 0
        self.rcv_wscale = 0
        # sizes of segments: ours to send, what we advertise, what the peer said, what it sends
        self.mss = mss
        self.advertised_mss = mss
        self.peer_mss = 536 if len(self.flow.dst) == 4 else 1220  # MUST-15
        self.rcv_mss = 536

    def _begin_ends(self, ts_offset: int) -> None:
        # timestamps (RFC 7323)
        self.ts_ok = False
        self.ts_recent = 0
        self.ts_recent_at = 0
        self.ts_offset = ts_offset
        # the end of both directions
        self.fin_queued = False
        self.fin_seq = UNSET
        self.fin_alone = False
        # where the peer's FIN is in its stream, and where the segment with it began
        self.fin_at = self.fin_begins = UNSET
        # fin_unread: the program has not read as far as the peer's FIN
        self.fin_received = self.fin_unread = False
        # segments that came beyond a gap
        self.out_of_order = 0
        self.program_wrote = False
        self.shut_read = False
        self.closing = False
        self.orphan = False
        self.passive = False
        self.error = 0
        self.soft_error = 0
        self.nodelay = False
        self.cork = False
        self.more_end = UNSET
        self.settings = NO_SETTINGS
        self.wants_room = self.writer_sleeps = False

    def _begin_recovery(self, iss: int) -> None:
        # selective acknowledgment (RFC 2018)
        self.sack_ok = False
        self.offers_sack = False
        self.board = NOTHING_HELD
        self.recent: tuple[int, ...] = ()
        self.duplicate: tuple[int, int] | None = None
        self.seen_blocks: Sequence[tuple[int, int]] = ()
        # keep-alives
        self.keep_sent = 0
        self.heard_at = 0
        # retransmission and recovery
        self.rxt_nxt = UNSET
        self.recover = iss
        self.recovering = False
        # explicit congestion notification (RFC 3168)
        self.ecn_ok = False
        self.ecn_echo = False
        self.codepoints = NONE_CAME
        self.owes_cwr = False
        # from the first segment on, where cwnd counts packets or loss is found by time
        self.flight: Flight | None = None
        self.rack: Rack | None = None  # the same, on connections with SACK
        self.sent_at = 0
        self.prr: Prr | None = None
        self.undo: Reduction | None = None
        self.reducing = False
        self.probe_high = UNSET
        self.probe_again = False
        self.dupacks = 0
        self.retransmits = 0
        self.probes_out = 0
        self.first_again = 0
        self.probing_since = UNSET
        self.timed_seq = UNSET
        self.timed_at = 0
        self.small_seq = UNSET
        # cwnd_full: it holds text back now; the others are of this round trip
        self.cwnd_full = self.cwnd_limited = False
        # what else keeps text back: the peer's window, or the send buffer
        self.window_full = self.buffer_full = False
        # the queue in front of our link takes nothing: what would leave now does not
        self.link_full = False
        self.max_flight = 0
        self.usage_seq = iss
        self.challenge_at = UNSET
        self.entry: tuple[Entry, int] | None = None
        self.synack_accepted = False
        # TCP_DEFER_ACCEPT: the last ACK has come without text
        self.deferred = False

    def share_sizes(self) -> None:
        """The handshake is done: hold the sizes, which most connections have alike, in common."""
        self.mss = self.congestion.mss = _common(self.mss)
        self.advertised_mss = _common(self.advertised_mss)
        self.peer_mss = _common(self.peer_mss)
        self.rcv_ssthresh = _common(self.rcv_ssthresh)
        self.snd_wnd = _common(self.snd_wnd)
        self.max_snd_wnd = _common(self.max_snd_wnd)
        self.congestion.cwnd = _common(self.congestion.cwnd)
        self.buffers.send = _common(self.buffers.send)
        self.buffers.space = _common(self.buffers.space)
        # what the program is taken to read in a round trip, at first
        first = max(min(10 * self.largest_text(), self.rcv_ssthresh, self.rcv_wnd()), 1)
        self.buffers.read_per_trip = _common(first)

    # -- positions ---------------------------------------------------------------------------

    def seq_of(self, offset: int) -> int:
        """Return the sequence number of the stream byte at `offset`."""
        return (self.iss + 1 + offset) & seq.MASK

    def sent_end(self) -> int:
        """Return the stream offset after the last byte sent."""
        # seq.diff(snd_nxt, seq_of(start)), written out: asked seven times a segment.
        start = self.sendq.start
        beyond = ((self.snd_nxt - self.iss - 1 - start + seq.HALF) & seq.MASK) - seq.HALF
        if self.fin_seq != UNSET:
            beyond -= 1
        return start + beyond if beyond > 0 else start

    def position_of(self, number: int) -> int:
        """Return the stream offset of a sequence number of ours; our FIN has the last."""
        # seq.diff(number, seq_of(start)), written out
        start = self.sendq.start
        return start + ((number - self.iss - 1 - start + seq.HALF) & seq.MASK) - seq.HALF

    def network(self) -> int:
        """Return how much of ours is in the network, as cwnd counts it: RFC 6675's pipe where SACK
        tells of gaps."""
        if self.flight is not None:
            return self.flight.in_network
        if not (self.recovering and self.sack_ok):
            return self.in_flight()
        una, nxt = self.position_of(self.snd_una), self.position_of(self.snd_nxt)
        return self.board.pipe(una, nxt, self.mss)

    def in_flight(self) -> int:
        """Return how many sequence numbers are unacknowledged."""
        return (self.snd_nxt - self.snd_una) & seq.MASK

    def rcv_wnd(self) -> int:
        """Return what is left of the window as last advertised."""
        left = ((self.rcv_adv - self.rcv_nxt + seq.HALF) & seq.MASK) - seq.HALF
        return left if left > 0 else 0

    def rcv_acceptable(self) -> int:
        """Return RCV.WND for the check of sequence numbers: what was advertised, or all that the
        buffer has room for."""
        left = self.rcv_wnd()
        if self.buffers.at_once and not (self.passive and self.state is SYN_RECEIVED):
            return max(left, self.buffers.space - self.recvq.used)
        return left

    def window_told(self, seg: Segment) -> int:
        """Return the window that a segment tells of, of 30 bits (REC-1): a SYN's is not scaled
        (RFC 7323 section 2.2), but on Linux that of the SYN|ACK that ends a simultaneous open."""
        scaled = not seg.flags & SYN or self.profile.start.scales_last_syn_ack
        return seg.wnd << (self.snd_wscale if scaled else 0)

    def set_congestion(self, kind: Congestion) -> None:
        """Change the congestion control; cwnd and ssthresh stay as they are."""
        old = self.congestion
        self.congestion = _control(kind, self.profile, old.mss, old.initial_segments)
        self.congestion.cwnd, self.congestion.ssthresh = old.cwnd, old.ssthresh
        self.congestion.recovering = old.recovering

    def send_size(self) -> int:
        """Return the most text of one segment: the MSS, or half of the peer's largest window.

        Two segments shall fit into the window, or each would wait for the one before it
        (section 3.8.6.2.1: a window's half counts as a full segment).
        """
        largest = self.max_snd_wnd
        return largest // 2 if 536 < largest < 2 * self.mss else self.mss

    def largest_text(self) -> int:
        """Return the most text of a segment of the peer: the MSS that we advertise, less the option
        that every segment has."""
        return self.advertised_mss - (12 if self.ts_ok else 0)

    def window_left(self, number: int) -> int:
        """Return how much of the peer's window lies behind a sequence number; below 0 when the
        number is beyond it."""
        return seq.diff((self.snd_una + self.snd_wnd) & seq.MASK, number)

    def syn_acked(self) -> bool:
        """Tell whether our SYN was acknowledged; SND.UNA may be ISS again, 4 GiB later."""
        return self.snd_una != self.iss or self.sendq.start > 0

    def fin_acked(self) -> bool:
        """Tell whether our FIN was sent and acknowledged."""
        return self.fin_seq != UNSET and seq.gt(self.snd_una, self.fin_seq)

    # -- what every part may do --------------------------------------------------------------

    def own_board(self) -> Scoreboard:
        """Return the scoreboard to change it: until then all connections share one."""
        if self.board is NOTHING_HELD:
            self.board = Scoreboard()
        return self.board

    def own_mark(self) -> Mark:
        """Return the mark of the urgent byte to change it, likewise."""
        if self.mark is NO_MARK:
            self.mark = Mark()
        return self.mark

    def measured(self, rtt: int) -> None:
        """A round trip took `rtt` ns."""
        una, nxt = self.position_of(self.snd_una), self.position_of(self.snd_nxt)
        self.rtt.sample(rtt, una, nxt)

    def wake(self, events: int) -> None:
        """Note wake-ups for the owner."""
        self.ready |= events

    def fail(self, errno: int, reason: Reason, now: int) -> None:
        """Set the error that the program's next call is told."""
        self.error = errno
        self.wake(READABLE | WRITABLE | ERROR | HANGUP | READ_HANGUP)
        if self.scribe is not None:
            self.scribe.write(ErrorSet(self.conn, errno, reason), now)

    def timestamp(self, now: int) -> int:
        """Return our timestamp clock, which ticks every millisecond (RFC 7323 section 5.4)."""
        return (now // 1_000_000 + self.ts_offset) & seq.MASK

    def ts_fields(self, now: int) -> tuple[int, int]:
        """Return (TSval, TSecr) for a segment, ABSENT without the option."""
        if not self.ts_ok:
            return ABSENT, 0
        return (now // 1_000_000 + self.ts_offset) & seq.MASK, self.ts_recent  # timestamp(now)


def enter(tcb: Tcb, new: State, reason: Reason, now: int, *, quiet: bool = False) -> None:
    """Move to another state; the only assignment to `Tcb.state`.

    TIME-WAIT is no state of a Tcb: the host's table keeps it, and to its owner the connection is
    CLOSED. The trace shows the move into TIME-WAIT all the same. `quiet` leaves no trace: the
    table takes over an orphan in FIN-WAIT-2, and the connection goes on there.
    """
    old = tcb.state
    assert new in TRANSITIONS[old], f"{old.value} -> {new.value}: {reason.value}"
    tcb.state = CLOSED if new is TIME_WAIT else new
    if tcb.scribe is not None and not quiet:
        tcb.scribe.write(StateChanged(tcb.conn, old, new, reason), now)
