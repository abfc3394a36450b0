"""TIME-WAIT on this host: entries come in from connections, segments for them are answered here.

What to answer is `tcp.answer`; this file does it: sends, restarts, removes, and writes it down.
"""

from __future__ import annotations

from lastack.profile import MS, NEVER, Profile
from lastack.state import CLOSED, FIN_WAIT_2, TIME_WAIT
from lastack.tcp import Action, Entry, Reply, answer, reset_for, timestamp_offset
from lastack.trace import Dropped, Reason, ResetSent, Scribe, Sent, StateChanged, Waiting
from lastack.wire import ABSENT, ACK, PLAIN_IP, Flow, Packet, Segment, ip_fields, seq

from .timewaits import TimeWaits


class WaitingRoom:
    """The TIME-WAIT table together with the rules of the profile."""

    def __init__(
        self, profile: Profile, table: TimeWaits, secret: bytes, scribe: Scribe | None
    ) -> None:
        self.table = table
        self._secret = secret
        self.rules = profile.time_wait
        self._scribe = scribe
        self._answered: dict[Flow, int] = {}

    def enter(self, entry: Entry, duration: int, now: int) -> bool:
        """Take over a connection for `duration` ns (0: 2MSL, MUST-13); False when there is no
        room."""
        taken = self.table.add(entry, duration or self.rules.length_ns, now)
        if not taken:
            old = FIN_WAIT_2 if entry.fin_wait_2 else TIME_WAIT
            self._write(StateChanged(entry.conn, old, CLOSED, Reason.TIME_WAIT_LIMIT), now)
        elif not entry.fin_wait_2:
            self._note(entry, "entered", now + self.rules.length_ns, Reason.FIN_ARRIVED, now)
        return taken

    def expire(self, now: int) -> None:
        """Remove what is over."""
        for entry in self.table.expire(now):
            over = Reason.FIN_WAIT_2_OVER if entry.fin_wait_2 else Reason.TIME_WAIT_OVER
            self.ended(entry, over, now)

    def ended(self, entry: Entry, reason: Reason, now: int) -> None:
        """Write down that an entry is gone."""
        self._answered.pop(entry.flow, None)
        if self._scribe is None:
            return
        old = FIN_WAIT_2 if entry.fin_wait_2 else TIME_WAIT
        self._write(StateChanged(entry.conn, old, CLOSED, reason), now)
        if not entry.fin_wait_2:
            self._note(entry, "ended", now, reason, now)

    def remove(self, flow: Flow, reason: Reason, now: int) -> Entry | None:
        """Take an entry out, and write down why."""
        entry = self.table.remove(flow)
        if entry is not None:
            self.ended(entry, reason, now)
        return entry

    def segment_arrives(
        self, entry: Entry, seg: Segment, out: list[Packet], *, listening: bool, now: int
    ) -> Entry | None:
        """Answer a segment. Returns the entry when its SYN shall open a new connection."""
        action, reply, reason = answer(entry, seg, self.rules)
        if action is Action.REOPEN:
            if listening:
                return self.remove(entry.flow, reason, now)
            action, reply, reason = Action.KEEP, Reply.ACK, Reason.TIME_WAIT_ANSWER
        if action is Action.KILL:
            self.remove(entry.flow, reason, now)
        elif action is Action.RESTART:
            self.table.restart(entry.flow, self.rules.length_ns, now)
            if reply is Reply.NOTHING and entry.ts_ok and seg.tsval != ABSENT:
                # in order, so TS.Recent follows it (RFC 7323 section 4.3)
                self.table.change(entry.flow, ts_recent=seg.tsval)
            again = Reason.TIME_WAIT_RESTARTED
            self._note(entry, "restarted", now + self.rules.length_ns, again, now)
        elif action is Action.CLOSE:
            entry = self._fin(entry, seg, now)
        elif self._scribe is not None:
            self._write(Dropped(entry.conn, seg.number, reason), now)
        if reply is Reply.RESET:
            self._write(ResetSent(entry.conn, reason, seg.number), now)
            self._send(entry, reset_for(seg, self._number()), out, now)
        elif reply is Reply.ACK or (reply is Reply.LIMITED_ACK and self._may_answer(entry, now)):
            self._send(entry, self._ack(entry, now), out, now)
        return None

    def _fin(self, entry: Entry, seg: Segment, now: int) -> Entry:
        """FIN-WAIT-2 in the table becomes TIME-WAIT, with a 2MSL of its own."""
        rcv_nxt = (seg.seq + seg.length) & seq.MASK
        recent = entry.ts_recent if seg.tsval == ABSENT else seg.tsval
        self.table.change(entry.flow, rcv_nxt=rcv_nxt, ts_recent=recent, fin_wait_2=False)
        self.table.restart(entry.flow, self.rules.length_ns, now)
        arrived = Reason.FIN_ARRIVED
        self._write(StateChanged(entry.conn, FIN_WAIT_2, TIME_WAIT, arrived), now)
        self._note(entry, "entered", now + self.rules.length_ns, arrived, now)
        return entry._replace(rcv_nxt=rcv_nxt, ts_recent=recent, fin_wait_2=False)

    def _may_answer(self, entry: Entry, now: int) -> bool:
        last = self._answered.get(entry.flow, -NEVER)
        if now - last < self.rules.answer_gap_ns:
            return False
        self._answered[entry.flow] = now
        return True

    def _ack(self, entry: Entry, now: int) -> Segment:
        flow = entry.flow.reversed()
        stamp = ABSENT
        if entry.ts_ok:
            stamp = (now // MS + timestamp_offset(flow, self._secret)) & seq.MASK
        return Segment(
            flow, entry.snd_nxt, entry.rcv_nxt, ACK, entry.window,
            tsval=stamp, tsecr=entry.ts_recent if entry.ts_ok else 0, number=self._number(),
            ip=ip_fields(entry.tos, PLAIN_IP.ttl),
        )  # fmt: skip

    def _number(self) -> int:
        return self._scribe.journal.next_packet() if self._scribe is not None else 0

    def _send(self, entry: Entry, seg: Segment, out: list[Packet], now: int) -> None:
        out.append(seg)
        if self._scribe is not None:
            self._scribe.write(Sent(entry.conn, seg.number, seg, 0, 0, False), now)

    def _write(self, event: StateChanged | Dropped | ResetSent, now: int) -> None:
        if self._scribe is not None:
            self._scribe.write(event, now)

    def _note(self, entry: Entry, what: str, until: int, reason: Reason, now: int) -> None:
        if self._scribe is not None:
            flow = entry.flow.reversed()
            self._scribe.write(Waiting(entry.conn, flow, what, until, reason), now)
