"""Playing a script on a target, event after event.

An event that acts (a call, a packet of the peer, a command) happens at its time. An event that
expects a packet takes the next one that leaves, and both what it is and when it left have to be
right. Times written with + count from when the event before took place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NoReturn

from lastack.wire import Segment

from . import syntax as s
from .calls import Caller, Mismatch
from .code import Interpreter
from .match import compare, note_stamp, show_expected, show_sent
from .shell import Drop, Query, Setting, Sleep, effects
from .syntax import Unsupported
from .target import Answer, Left, Pending, Request, Target
from .translate import Wire, refuse

_MS: Final = 1_000_000
_US: Final = 1_000
_TOLERANCE_US: Final = 4_000
_RELATIVE_TOLERANCE: Final = 8
"""A time may be off by an eighth of the distance from the event before, or by the tolerance."""
PATIENCE: Final = 600_000 * _MS
"""How long an event without a time waits for its packet, ns."""
_TCP_INFO: Final = (6, 11, 256)


class Result(Enum):
    """What became of a script."""

    PASS = "pass"
    FAIL = "fail"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Verdict:
    """The result with its line (0: none), what was expected there and what came; ns that the
    script took, virtual unless it was played on a kernel."""

    path: str
    result: Result
    line: int = 0
    expected: str = ""
    actual: str = ""
    virtual: int = 0


class Failure(Exception):
    """The script does not hold."""

    def __init__(self, line: int, mismatch: Mismatch) -> None:
        super().__init__(mismatch.actual)
        self.line = line
        self.mismatch = mismatch


@dataclass(frozen=True)
class Tolerance:
    """By how much a time may be off: `least` ns, or an eighth, and `slack` more where time is
    real; nothing at all if `exact`."""

    least: int = _TOLERANCE_US * _US
    exact: bool = False
    slack: int = 0

    def of(self, distance: int) -> int:
        """Return the tolerance of an event that is `distance` behind the one before."""
        if self.exact:
            return 0
        return max(self.least, distance // _RELATIVE_TOLERANCE) + self.slack


@dataclass
class _Blocked:
    """A call that may still be under way."""

    event: s.Event
    call: s.Call
    pending: Pending
    due: int
    tolerance: int


class Runner:
    """One script on one target."""

    def __init__(
        self, script: s.Script, target: Target, caller: Caller, wire: Wire, tolerance: Tolerance
    ) -> None:
        self._script = script
        self._target = target
        self._caller = caller
        self._wire = wire
        self._tolerance = tolerance
        self._tick = script.number("tcp_ts_tick_usecs", 0) * _US
        self._strict = any(name == "strict_segments" for name, _ in script.options)
        self._lenient_calls = "syscall" in script.option("non_fatal")
        self._interpreter = Interpreter()
        self._left: deque[Left] = deque()
        self._blocked: _Blocked | None = None
        self._previous = 0
        self._line = 0

    def play(self, begin: int) -> None:
        """Play from event number `begin` on, the times of those before counted.

        Failure, Unsupported.
        """
        events = self._script.events
        for at, event in enumerate(events):
            self._line = event.line
            if at >= begin:
                self._event(event)
            elif event.when.anchor is s.Anchor.PREVIOUS:
                self._previous += event.when.first
            else:
                self._previous = event.when.first
        self._await_blocked()
        if self._tolerance.exact:
            self._nothing_left_over()

    @property
    def line(self) -> int:
        """The line of the event that is being played."""
        return self._line

    def _event(self, event: s.Event) -> None:
        action = event.action
        if isinstance(action, s.TcpPacket | s.UdpPacket | s.IcmpPacket) and not action.inbound:
            if not isinstance(action, s.TcpPacket):
                raise Unsupported(f"expecting {event.source}")
            self._expect(event, action)
            return
        at = max(self._due(event.when)[0], self._target.now)
        self._advance(at)
        self._previous = at
        if isinstance(action, s.TcpPacket):
            self._target.inject(self._wire.segment(action))
        elif isinstance(action, s.IcmpPacket):
            self._target.inject(self._wire.icmp(action))
        elif isinstance(action, s.UdpPacket):
            raise Unsupported("UDP packets")
        elif isinstance(action, s.Call):
            self._call(event, action)
        elif isinstance(action, s.Command):
            self._command(event, action)
        else:
            self._code(event, action)

    def _due(self, when: s.When) -> tuple[int, int]:
        """Return the first and last time of an event."""
        if when.anchor is s.Anchor.NONE:
            return 0, self._previous + PATIENCE
        base = self._previous if when.anchor is s.Anchor.PREVIOUS else 0
        return base + when.first, base + when.last

    # -- time ----------------------------------------------------------------------------------

    def _advance(self, until: int) -> None:
        """Let time pass until `until`, whatever leaves meanwhile."""
        while True:
            self._target.run(until)
            self._left += self._target.take()
            self._settle_blocked()
            if self._target.now >= until:
                break
        self._target.run(until)
        self._left += self._target.take()

    def _next_packet(self, until: int) -> Left | None:
        """Wait for a packet until `until`."""
        while not self._left:
            self._target.run(until)
            self._left += self._target.take()
            self._settle_blocked()
            if not self._left and self._target.now >= until:
                return None
        return self._left.popleft()

    # -- packets -------------------------------------------------------------------------------

    def _expect(self, event: s.Event, packet: s.TcpPacket) -> None:
        refuse(packet)
        first, last = self._due(event.when)
        tolerance = self._tolerance.of(max(last - self._previous, 0))
        left = self._next_packet(last + tolerance)
        if left is None:
            self._fail(event, show_expected(packet), f"nothing by {_time(last + tolerance)}")
        segments = self._gather(left, packet, last + tolerance)
        seg = segments[0]
        conversation = self._wire.conversation(packet, seg)
        if conversation is None:
            self._fail(event, show_expected(packet), f"{show_sent(seg, None)} ({_ports(seg)})")
        difference = compare(packet, segments, conversation)
        if difference is not None:
            self._fail(event, difference.expected, difference.actual)
        if "S" not in packet.flags:
            self._wire.established()
        if not first - tolerance <= left.at <= last + tolerance:
            what = show_expected(packet)
            expected = _time(first) if first == last else f"{_time(first)} to {_time(last)}"
            self._fail(event, f"{what} at {expected}", f"it at {_time(left.at)}")
        self._check_stamp(event, packet, seg, left.at)
        self._previous = left.at

    def _gather(self, left: Left, packet: s.TcpPacket, until: int) -> list[Segment]:
        """Return the segments that together may be the packet: a script speaks of what the
        stack hands to segmentation offload, the wire shows what comes of it."""
        seg = left.packet
        if not isinstance(seg, Segment):
            raise Unsupported("a packet that is not TCP")
        segments = [seg]
        length = len(seg.text)
        while length < packet.span.length and length and not self._strict:
            following = self._next_packet(until)
            if following is None:
                break
            more = following.packet
            if not isinstance(more, Segment) or not more.text or more.flow != seg.flow:
                self._left.appendleft(following)
                break
            segments.append(more)
            length += len(more.text)
        return segments

    def _check_stamp(self, event: s.Event, packet: s.TcpPacket, seg: Segment, at: int) -> None:
        conversation = self._wire.current
        assert conversation is not None
        off = note_stamp(packet, seg, conversation)
        if off is None or not self._tick:
            return
        if abs(off) * self._tick > self._tolerance.least + self._tolerance.slack:
            self._fail(event, show_expected(packet), f"TS val {off:+d} ticks off at {_time(at)}")

    def _nothing_left_over(self) -> None:
        """With exact times every packet has to be expected that left before the last event."""
        for left in self._left:
            if left.at < self._previous and isinstance(left.packet, Segment):
                sent = show_sent(left.packet, self._wire.current)
                raise Failure(self._line, Mismatch("no packet", f"{sent} at {_time(left.at)}"))

    # -- calls ---------------------------------------------------------------------------------

    def _call(self, event: s.Event, call: s.Call) -> None:
        self._await_blocked()
        request = self._caller.request(call)
        begun = self._target.now
        pending = self._target.begin(request)
        if call.name == "listen":
            self._wire.listening()
        self._left += self._target.take()
        distance = 0 if call.until is None else call.until - event.when.first
        due = begun + distance
        self._blocked = _Blocked(event, call, pending, due, self._tolerance.of(distance))
        if call.until is None:
            self._await_blocked()
        else:
            self._settle_blocked()

    def _settle_blocked(self) -> None:
        """Judge the call under way if it has ended."""
        blocked = self._blocked
        if blocked is None or blocked.pending.answer is None:
            return
        self._blocked = None
        ended, due = blocked.pending.ended, blocked.due
        difference = self._caller.judge(blocked.call, blocked.pending.answer)
        if difference is None and abs(ended - due) > blocked.tolerance:
            name = blocked.call.name
            difference = Mismatch(
                f"{name}() returns at {_time(due)}", f"it returned at {_time(ended)}"
            )
        if difference is not None and not self._lenient_calls:
            raise Failure(blocked.event.line, difference)

    def _await_blocked(self) -> None:
        """Wait for the end of the call under way as long as it may take; Failure after that."""
        while (blocked := self._still_blocked()) is not None:
            until = blocked.due + blocked.tolerance
            over = self._target.now >= until
            self._target.run(until)
            self._left += self._target.take()
            if over and blocked.pending.answer is None:
                name = blocked.call.name
                expected = f"{name}() returns at {_time(blocked.due)}"
                actual = f"it still blocks at {_time(self._target.now)}"
                raise Failure(blocked.event.line, Mismatch(expected, actual))

    def _still_blocked(self) -> _Blocked | None:
        self._settle_blocked()
        return self._blocked

    # -- commands and code ---------------------------------------------------------------------

    def _command(self, event: s.Event, command: s.Command) -> None:
        for effect in effects(command.text, Path(self._script.path).parent):
            if isinstance(effect, Query):
                found = self._target.states().count(effect.state)
                if found != effect.number:
                    self._fail(
                        event, f"{effect.number} in {effect.state}", f"{found} in {effect.state}"
                    )
            elif isinstance(effect, Setting):
                holds = self._target.change(effect.name, effect.value)
                if not holds and not self._all_over(event):
                    raise Unsupported(f"sysctl {effect.name} while the host runs")
            elif isinstance(effect, Drop):
                self._target.forget(effect.state)
            elif isinstance(effect, Sleep):
                self._advance(self._target.now + effect.duration)

    def _all_over(self, event: s.Event) -> bool:
        """Tell whether nothing but commands and close() comes after an event."""
        events = self._script.events
        rest = [other.action for other in events[events.index(event) + 1 :]]
        return all(
            isinstance(action, s.Command) or (isinstance(action, s.Call) and action.name == "close")
            for action in rest
        )

    def _code(self, event: s.Event, code: s.Code) -> None:
        pending = self._target.begin(Request("getsockopt", self._caller.newest, _TCP_INFO))
        answer = pending.answer or Answer(-1)
        difference = self._interpreter.run(code.text, answer.data)
        if difference is not None:
            self._fail(event, difference.expected, difference.actual)

    def _fail(self, event: s.Event, expected: str, actual: str) -> NoReturn:
        raise Failure(event.line, Mismatch(expected, actual))


def _time(at: int) -> str:
    return f"{at / 1e9:.6f} s".replace("000 s", " s")


def _ports(seg: Segment) -> str:
    return f"from port {seg.flow.sport} to {seg.flow.dport}"
