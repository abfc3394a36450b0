"""One TCP connection, seen from outside: calls in, segments in, segments and wake-ups out.

Four kinds of method, in this order: calls from above (RFC 9293 section 3.10), events from below,
what comes out, and what may be looked at. Every call returns at once; `take_segments` gives what
there is to send, `next_timeout` says when to call `timeout`. Nothing here knows a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lastack.profile import NEVER, Congestion, Profile
from lastack.state import CLOSED, FIN_WAIT_2, SYN_RECEIVED, SYN_SENT, State
from lastack.trace import Reason, Scribe
from lastack.wire import Flow, IpFields, Segment

from . import (
    arrives,
    calls,
    emit,
    finwait,
    icmp,
    idle,
    keepalive,
    opening,
    readiness,
    recovery,
    sending,
    timeouts,
    timers,
    urgent,
)
from .buffers import Buffers
from .entry import Entry
from .info import Info, info_of
from .mark import Urgent
from .meter import Meter
from .tcb import UNSET, Tcb

OVER: Final = -1
"""A next timeout that will not be: the connection is CLOSED."""


class Connection:
    """A connection; it begins CLOSED, and after CLOSED it does nothing any more."""

    __slots__ = ("_tcb", "_meter")

    def __init__(
        self, profile: Profile, flow: Flow, *, conn: int, iss: int, mss: int, buffers: Buffers,
        scribe: Scribe | None = None, ts_offset: int = 0,
    ) -> None:  # fmt: skip
        """`flow` is ours (src is the local end); `mss` is what we advertise (MUST-14)."""
        self._tcb = Tcb(
            profile, flow, conn=conn, iss=iss, mss=mss, buffers=buffers, scribe=scribe,
            ts_offset=ts_offset,
        )  # fmt: skip
        self._meter = Meter(iss)

    # -- from above ----------------------------------------------------------------------------

    def open(self, now: int) -> None:
        """OPEN, active: send SYN."""
        opening.first_window(self._tcb)
        calls.open_active(self._tcb, now)

    def send(
        self, data: bytes | memoryview, now: int, *, push_urgent: bool = False, more: bool = False,
        record: bool = False,
    ) -> int:  # fmt: skip
        """SEND: take what the send buffer has room for, and return its length; 0 means wait.
        `push_urgent`: the last byte is urgent (MSG_OOB). `more`: this call sends as if TCP_CORK
        were set (MSG_MORE). `record`: what is taken ends a record, if it is all (MSG_EOR)."""
        tcb = self._tcb
        if tcb.snd_una == tcb.snd_nxt:
            idle.resume(tcb, self._meter, now)
        tcb.program_wrote = True
        if tcb.flight is not None:
            sending.note_pause(tcb, tcb.flight)
        count = sending.send(tcb, data, now, push_urgent=push_urgent, more=more, record=record)
        idle.note_time(tcb, self._meter, now)
        return count

    def note_early_send(self) -> None:
        """SEND was called before the connection is open, and has to wait."""
        self._tcb.program_wrote = True

    def receive(self, size: int, now: int, *, peek: bool = False) -> bytes:
        """RECEIVE: return up to `size` bytes in order, b"" if there is none."""
        text = calls.receive(self._tcb, size, now, peek=peek)
        if self._tcb.acks.at_once:
            emit.flush(self._tcb, now)
        return text

    def end_read(self) -> None:
        """RECEIVE told the program that the peer has closed: nothing waits to be read."""
        self._tcb.fin_unread = False

    def receive_urgent(self, now: int, *, peek: bool = False) -> bytes:
        """Return the urgent byte, which `urgent` says is HERE (MSG_OOB)."""
        return urgent.take(self._tcb, now, peek=peek)

    def set_ip_fields(self, fields: IpFields) -> None:
        """What every segment from now on carries in its IP header (SHLD-21)."""
        self._tcb.ip = fields

    def set_inline(self, on: bool) -> None:
        """SO_OOBINLINE: urgent bytes are read like the others (RFC 6093 section 6)."""
        if on != self._tcb.mark.inline:
            self._tcb.own_mark().inline = on

    def shutdown_receive(self, now: int) -> None:
        """Nobody will read what arrives from now on."""
        calls.shutdown_receive(self._tcb, now)

    def close(self, reason: Reason, now: int) -> None:
        """CLOSE: a FIN follows what is queued; receiving goes on."""
        calls.close(self._tcb, reason, now)
        emit.flush(self._tcb, now)

    def abandon_reading(self, reason: Reason, now: int) -> None:
        """close(2) was called: what is unread is thrown away, and data that still comes is met
        with a RST (section 3.6.1, MAY-1)."""
        self._tcb.closing = True
        self._tcb.shut_read = True
        calls.discard_unread(self._tcb, reason, now)

    def abort(self, reason: Reason, now: int) -> bool:
        """ABORT: RST, and both queues are destroyed. Tell whether the RST was sent."""
        return calls.abort(self._tcb, reason, now)

    def vanish(self, reason: Reason, now: int, *, error: int = 0) -> None:
        """End without a segment: the host lost power, or nobody waits for the handshake."""
        if self._tcb.state is not CLOSED:
            calls.gone(self._tcb, reason, now, error=error)

    def kill(self, error: int, now: int) -> None:
        """An administrator ends the connection: ABORT, and the program is told `error`."""
        tcb = self._tcb
        if tcb.state is SYN_RECEIVED and tcb.passive:
            calls.gone(tcb, Reason.KILLED, now)  # nobody knows of it yet, and nobody is told
        elif tcb.state is not CLOSED:
            calls.abort(tcb, Reason.KILLED, now)
            tcb.fail(error, Reason.KILLED, now)

    def orphan(self, now: int) -> None:
        """No program has the connection any more; it ends by itself."""
        tcb = self._tcb
        tcb.orphan = tcb.closing = True
        if tcb.state is FIN_WAIT_2 and tcb.settings.linger2 < UNSET:
            emit.send_reset(tcb, Reason.LINGER2_NEGATIVE, now)
            calls.gone(tcb, Reason.LINGER2_NEGATIVE, now)
        finwait.settle(tcb, now)

    def set_nodelay(self, on: bool, now: int) -> None:
        """TCP_NODELAY: switch Nagle's algorithm off (MUST-17), and send what it held back, and
        also what TCP_CORK holds back now; later text it holds all the same (tcp(7))."""
        tcb = self._tcb
        tcb.nodelay = on
        if on:
            corked, tcb.cork = tcb.cork, False
            emit.flush(tcb, now)
            tcb.cork = corked

    def set_cork(self, on: bool, now: int) -> None:
        """TCP_CORK: hold back what does not fill a segment; taking it out sends the rest. Like
        text that waits for window, it waits no longer than the persist timer."""
        self._tcb.cork = on
        if not on:
            emit.flush(self._tcb, now)

    def set_quickack(self, on: bool, now: int) -> None:
        """TCP_QUICKACK: acknowledge at once, until the connection turns to a conversation."""
        tcb = self._tcb
        tcb.acks.set_quick(on, all_read=not (tcb.recvq.used or tcb.fin_unread))
        emit.flush(tcb, now)

    @property
    def quickack(self) -> bool:
        """TCP_QUICKACK as getsockopt() shows it: False in a conversation."""
        return not self._tcb.acks.conversing

    def set_congestion(self, kind: Congestion) -> None:
        """TCP_CONGESTION: which congestion control; the windows stay as they are."""
        self._tcb.set_congestion(kind)

    def set_user_timeout(self, limit: int) -> None:
        """TCP_USER_TIMEOUT in ns, 0 for none: data may stay unacknowledged so long (MUST-21)."""
        self._tcb.settings = replace(self._tcb.settings, user_timeout=limit)

    def set_syn_retries(self, count: int) -> None:
        """TCP_SYNCNT: how often the SYN is sent again, 0 for the system's."""
        self._tcb.settings = replace(self._tcb.settings, syn_retries=count)

    def set_keepalive(
        self, on: bool, now: int, *, idle: int, interval: int, probes: int, anew: bool
    ) -> None:
        """SO_KEEPALIVE (MUST-24) with TCP_KEEPIDLE and TCP_KEEPINTVL in ns and TCP_KEEPCNT; 0 for
        the default. `anew`: the idle time counts from now, else from when the peer was heard last.
        """
        tcb = self._tcb
        old = tcb.settings
        tcb.settings = replace(
            old, keepalive=on, keep_idle=idle, keep_interval=interval, keep_probes=probes
        )
        same = on == old.keepalive and idle == old.keep_idle
        if not same:
            keepalive.begin(tcb, now if anew else tcb.heard_at, now)

    def set_linger2(self, limit: int) -> None:
        """TCP_LINGER2 in ns: -1 for the system's default, below that no FIN-WAIT-2 at all."""
        self._tcb.settings = replace(self._tcb.settings, linger2=limit)

    def may_establish(self, yes: bool) -> None:
        """Tell a passive connection whether the accept queue has a place for it."""
        self._tcb.synack_accepted = yes

    def set_defer(self, repeats: int) -> None:
        """TCP_DEFER_ACCEPT, in repeats of the SYN|ACK: a passive connection opens with the first
        text; the last ACK of an active one waits for text."""
        if repeats != self._tcb.settings.defer:
            self._tcb.settings = replace(self._tcb.settings, defer=repeats)

    def set_link_full(self, full: bool) -> None:
        """The queue in front of our link takes nothing: nothing leaves, and TCP knows it."""
        self._tcb.link_full = full

    # -- from below ----------------------------------------------------------------------------

    def syn_arrives(self, seg: Segment, now: int) -> None:
        """A SYN for a listening socket creates this connection: SYN-RECEIVED."""
        self._meter.segs_in += 1
        opening.passive(self._tcb, seg, now)

    def cookie_returns(self, syn: Segment, now: int) -> None:
        """The last ACK of a handshake brought a cookie: `syn` is what it remembers. The ACK
        itself is handed to `segment_arrives` next."""
        opening.cookie_returns(self._tcb, syn, now)

    def segment_arrives(self, seg: Segment, now: int) -> None:
        """SEGMENT ARRIVES (3.10.7.3, 3.10.7.4)."""
        tcb = self._tcb
        if tcb.state is CLOSED:
            return
        meter = self._meter
        if tcb.state is SYN_RECEIVED and tcb.passive:
            meter.begin()
        meter.arrived(seg, now)
        if tcb.state is SYN_SENT:
            opening.segment_arrives(tcb, seg, now)
        else:
            window = tcb.snd_wnd
            arrives.segment_arrives(tcb, seg, now)
            if tcb.snd_wnd != window and tcb.snd_una == tcb.snd_nxt and len(tcb.sendq):
                idle.resume(tcb, self._meter, now)  # what waited for window begins anew, too
        if meter.recovering_since >= 0 and not tcb.retransmits:
            meter.recovered(now)
        emit.flush(tcb, now)
        if tcb.wants_room:
            recovery.make_room(tcb)
        idle.note_time(tcb, self._meter, now)
        if tcb.orphan:
            finwait.settle(tcb, now)

    def icmp_arrives(
        self, error: int, quoted_seq: int, path_lost: bool, ends_request: bool, hard: bool,
        now: int,
    ) -> bool:  # fmt: skip
        """An ICMP error about a segment of ours, see `icmp.error_arrives`."""
        return icmp.error_arrives(self._tcb, error, quoted_seq, path_lost, ends_request, hard, now)

    def has_sent(self, quoted_seq: int) -> bool:
        """Whether an ICMP message about a number may be believed, see `icmp.has_sent`."""
        return icmp.has_sent(self._tcb, quoted_seq)

    def path_mtu(self, mss: int, now: int) -> bool:
        """ICMP tells how large a segment may be, see `icmp.path_mtu`."""
        return icmp.path_mtu(self._tcb, mss, now)

    def timeout(self, now: int) -> None:
        """Let timers that are due expire; an early or repeated call does nothing."""
        tcb = self._tcb
        if tcb.timers.earliest > now or tcb.state is CLOSED:
            return
        idle_over = tcb.timers.expired(timers.FIN_WAIT_2_IDLE, now)
        before = tcb.retransmits
        timeouts.timeout(tcb, now)
        if tcb.retransmits > before:
            half_open = tcb.state is SYN_RECEIVED and tcb.passive
            since = tcb.first_again if half_open else UNSET
            self._meter.timed_out(tcb.retransmits, now, request_since=since)
        emit.flush(tcb, now)
        if idle_over:
            finwait.idle_over(tcb, now)

    # -- out -----------------------------------------------------------------------------------

    def take_segments(self, now: int) -> list[Segment]:
        """Return what there is to send, and forget it."""
        out, self._tcb.outbox = self._tcb.outbox, None
        if out is None:
            return []
        self._meter.left(out, now)
        return out

    def take_news(self, now: int) -> tuple[Sequence[Segment], int, int]:
        """Do `take_segments`, and return also the wake-ups since the last call, as poll(2) bits,
        and the next timeout, OVER when the connection is CLOSED. The host asks for nothing else."""
        tcb = self._tcb
        ready, tcb.ready = tcb.ready, 0
        due = OVER if tcb.state is CLOSED else tcb.timers.earliest
        return () if tcb.outbox is None else self.take_segments(now), ready, due

    def take_entry(self) -> tuple[Entry, int] | None:
        """Return what the TIME-WAIT table has to take over, and for how long (ns); None: nothing.

        A duration of 0 stands for 2MSL.
        """
        entry, self._tcb.entry = self._tcb.entry, None
        return entry

    @property
    def next_timeout(self) -> int:
        """When to call `timeout`, NEVER if no timer runs."""
        return self._tcb.timers.earliest

    # -- to look at ----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The state; CLOSED also while the host's table holds a TIME-WAIT."""
        return self._tcb.state

    @property
    def flow(self) -> Flow:
        """Our flow: src is the local end."""
        return self._tcb.flow

    @property
    def conn(self) -> int:
        """The number by which the trace knows this incarnation."""
        return self._tcb.conn

    @property
    def error(self) -> int:
        """The errno that nobody has been told yet, 0 for none."""
        return self._tcb.error

    def take_error(self) -> int:
        """Return the error and forget it: it is told once."""
        error, self._tcb.error = self._tcb.error, 0
        return error

    def take_soft_error(self) -> int:
        """Return the ICMP error that only SO_ERROR tells, and forget it (MUST-47). Who does not
        ask is not disturbed (SHLD-20)."""
        error, self._tcb.soft_error = self._tcb.soft_error, 0
        return error

    @property
    def unread(self) -> int:
        """Bytes that can be read."""
        return len(self._tcb.recvq)

    @property
    def readable_before_mark(self) -> int:
        """Bytes that can be read without passing the urgent mark (SIOCINQ; MUST-33)."""
        recvq = self._tcb.recvq
        return self._tcb.mark.before(recvq.read, recvq.ready)

    @property
    def urgent(self) -> Urgent:
        """What is known of the peer's urgent byte."""
        return self._tcb.mark.stage

    @property
    def at_mark(self) -> bool:
        """Whether the next byte to be read is the urgent one (SIOCATMARK; MUST-33)."""
        mark = self._tcb.mark
        return mark.stage is not Urgent.NONE and mark.at == self._tcb.recvq.read

    @property
    def out_of_order(self) -> int:
        """Bytes that wait for a gap to close."""
        return self._tcb.recvq.waiting

    @property
    def unsent(self) -> int:
        """Bytes queued and never sent."""
        return self._tcb.sendq.end - min(self._tcb.sent_end(), self._tcb.sendq.end)

    @property
    def unacked(self) -> int:
        """Bytes queued and not acknowledged (SIOCOUTQ), see `calls.unacked`."""
        return calls.unacked(self._tcb)

    @property
    def data_acked(self) -> bool:
        """Whether no byte of ours is unacknowledged."""
        return len(self._tcb.sendq) == 0

    @property
    def fin_acked(self) -> bool:
        """Whether our FIN was acknowledged."""
        return self._tcb.fin_acked()

    @property
    def fin_queued(self) -> bool:
        """Whether CLOSE was called: nothing more can be sent."""
        return self._tcb.fin_queued

    @property
    def peer_closed(self) -> bool:
        """Whether the peer's FIN has arrived in order."""
        return self._tcb.fin_received

    @property
    def read_shut(self) -> bool:
        """Whether the receiving direction was shut down by the program."""
        return self._tcb.shut_read

    def poll(self, *, shut_write: bool) -> int:
        """Return the level of readiness as poll(2) bits. It is remembered that somebody asked who
        was told that there is no room. `shut_write`: nothing will be sent, whatever is queued."""
        return readiness.poll(self._tcb, shut_write=shut_write)

    @property
    def buffers(self) -> Buffers:
        """The limits of the queues, as SO_SNDBUF and SO_RCVBUF know them."""
        return self._tcb.buffers

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or in flight and no retransmission or probe is due."""
        running = self._tcb.timers.running
        waits = running(timers.RETRANSMIT) or running(timers.PERSIST)
        return not waits and not len(self._tcb.sendq) and not self._tcb.acks.due

    @property
    def is_orphan(self) -> bool:
        """Whether no program has the connection any more."""
        return self._tcb.orphan

    @property
    def timer(self) -> tuple[str, int]:
        """The timer that ss(8) would show, and when it expires; ("", 0) for none."""
        deadline = self._tcb.timers.deadline
        for kind in (timers.RETRANSMIT, timers.PERSIST, timers.FIN_WAIT_2_IDLE, timers.KEEPALIVE):
            if deadline[kind] != NEVER:
                due = deadline[kind]
                if kind == timers.RETRANSMIT:  # one timer with them, to ss(8)
                    due = min(due, deadline[timers.LOSS_PROBE], deadline[timers.REORDER])
                return timers.NAMES[kind], due
        return "", 0

    def info(self) -> Info:
        """Return what TCP_INFO tells."""
        return info_of(self._tcb, self._meter)
