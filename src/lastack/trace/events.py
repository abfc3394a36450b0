"""What happened, as values. Everything that is reported is derived from these and nothing else.

Plain classes (a frozen dataclass costs four times as much to make), built only when somebody
listens. Every event carries

    at     virtual time in ns
    host   name of the host, or of the link for `Lost` and `Duplicated`
    n      number of the event in this world
    cause  n of the call, arrival or timer that was being worked on, 0 for none
    conn   number of the connection's incarnation on that host (flows are reused), 0 for none

Positions are offsets of stream bytes, from 0, as 64-bit integers: `first` included, `last` not.
SYN and FIN are no stream bytes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from lastack.state import State
from lastack.wire import Flow, Packet, Segment

from .reason import Reason


class Queue(Enum):
    """Where bytes were when they were destroyed."""

    UNSENT = "unsent"
    UNACKED = "unacked"
    UNREAD = "unread"
    OUT_OF_ORDER = "out-of-order"


class Event:
    """Base of all events."""

    __slots__ = ("at", "host", "n", "cause", "conn")
    at: int
    host: str
    n: int
    cause: int

    def __init__(self, conn: int) -> None:
        self.conn = conn

    def __repr__(self) -> str:
        parts = [f"{name}={getattr(self, name)!r}" for name in (*self.__slots__, "conn")]
        return f"<{type(self).__name__} {' '.join(parts)}>"


class Opened(Event):
    """A connection's incarnation begins. `flow` has the local end as src; `syn` is the number of
    the SYN packet that created it, 0 for an active open. `watched`: what its program reads and
    writes is told, too; of an end in a capture it is not."""

    __slots__ = ("flow", "active", "syn", "watched")

    def __init__(self, conn: int, flow: Flow, active: bool, syn: int, watched: bool = True) -> None:
        self.conn = conn
        self.flow = flow
        self.active = active
        self.syn = syn
        self.watched = watched


class Called(Event):
    """A program made a socket call; `text` is the call for people, "send 2000000 bytes"."""

    __slots__ = ("call", "text", "thread")

    def __init__(self, conn: int, call: str, text: str, thread: str = "") -> None:
        self.conn = conn
        self.call = call
        self.text = text
        self.thread = thread


class Returned(Event):
    """The call ended: its result for people, and errno (0 for success)."""

    __slots__ = ("call", "text", "errno")

    def __init__(self, conn: int, call: str, text: str, errno: int) -> None:
        self.conn = conn
        self.call = call
        self.text = text
        self.errno = errno


class Accepted(Event):
    """send() took the stream bytes [first, last) into the send queue."""

    __slots__ = ("first", "last")

    def __init__(self, conn: int, first: int, last: int) -> None:
        self.conn = conn
        self.first = first
        self.last = last


class Sent(Event):
    """A packet left the host. `again`: (part of) the text, SYN or FIN had been sent before.
    [first, last) are the stream bytes of its text."""

    __slots__ = ("packet", "what", "first", "last", "again")

    def __init__(
        self, conn: int, packet: int, what: Packet, first: int, last: int, again: bool
    ) -> None:
        self.conn = conn
        self.packet = packet
        self.what = what
        self.first = first
        self.last = last
        self.again = again


class Lost(Event):
    """A link did not deliver a packet."""

    __slots__ = ("packet", "reason", "rule")

    def __init__(self, packet: int, reason: Reason, rule: str = "") -> None:
        self.conn = 0
        self.packet = packet
        self.reason = reason
        self.rule = rule


class Duplicated(Event):
    """A link delivers a packet once more; both copies keep the number."""

    __slots__ = ("packet",)

    def __init__(self, packet: int) -> None:
        self.conn = 0
        self.packet = packet


class Arrived(Event):
    """A packet reached the host; `conn` is the connection it found, 0 for none."""

    __slots__ = ("packet", "what")

    def __init__(self, conn: int, packet: int, what: Packet) -> None:
        self.conn = conn
        self.packet = packet
        self.what = what


class Dropped(Event):
    """A packet that arrived was not taken (its acknowledgment may have been)."""

    __slots__ = ("packet", "reason")

    def __init__(self, conn: int, packet: int, reason: Reason) -> None:
        self.conn = conn
        self.packet = packet
        self.reason = reason


class Queued(Event):
    """Bytes [first, last) of the peer's stream reached the receive queue in order."""

    __slots__ = ("first", "last")

    def __init__(self, conn: int, first: int, last: int) -> None:
        self.conn = conn
        self.first = first
        self.last = last


class Read(Event):
    """The program took bytes [first, last) of the peer's stream."""

    __slots__ = ("first", "last")

    def __init__(self, conn: int, first: int, last: int) -> None:
        self.conn = conn
        self.first = first
        self.last = last


class Acked(Event):
    """The peer acknowledged our stream bytes [first, last)."""

    __slots__ = ("first", "last")

    def __init__(self, conn: int, first: int, last: int) -> None:
        self.conn = conn
        self.first = first
        self.last = last


class StateChanged(Event):
    """The connection moved along figure 5 of RFC 9293."""

    __slots__ = ("old", "new", "reason")

    def __init__(self, conn: int, old: State, new: State, reason: Reason) -> None:
        self.conn = conn
        self.old = old
        self.new = new
        self.reason = reason


class TimerFired(Event):
    """A timer of the connection expired; `count` is how often in a row."""

    __slots__ = ("timer", "count")

    def __init__(self, conn: int, timer: str, count: int) -> None:
        self.conn = conn
        self.timer = timer
        self.count = count


class ResetSent(Event):
    """A RST is about to leave: why, and the packet it answers (0: it answers none)."""

    __slots__ = ("reason", "reply_to")

    def __init__(self, conn: int, reason: Reason, reply_to: int) -> None:
        self.conn = conn
        self.reason = reason
        self.reply_to = reply_to


class ResetTaken(Event):
    """A RST ended the connection."""

    __slots__ = ("packet", "reason")

    def __init__(self, conn: int, packet: int, reason: Reason) -> None:
        self.conn = conn
        self.packet = packet
        self.reason = reason


class ResetIgnored(Event):
    """A RST arrived and changed nothing."""

    __slots__ = ("packet", "reason")

    def __init__(self, conn: int, packet: int, reason: Reason) -> None:
        self.conn = conn
        self.packet = packet
        self.reason = reason


class ErrorSet(Event):
    """The connection has an error that the next call will tell (SO_ERROR)."""

    __slots__ = ("errno", "reason")

    def __init__(self, conn: int, errno: int, reason: Reason) -> None:
        self.conn = conn
        self.errno = errno
        self.reason = reason


class ErrorTold(Event):
    """A call told the program the error."""

    __slots__ = ("errno", "call")

    def __init__(self, conn: int, errno: int, call: str) -> None:
        self.conn = conn
        self.errno = errno
        self.call = call


class Destroyed(Event):
    """Bytes were thrown away. UNSENT and UNACKED are positions in our own stream, UNREAD and
    OUT_OF_ORDER in the peer's. The peer may have got UNACKED bytes all the same."""

    __slots__ = ("queue", "first", "last", "reason")

    def __init__(self, conn: int, queue: Queue, first: int, last: int, reason: Reason) -> None:
        self.conn = conn
        self.queue = queue
        self.first = first
        self.last = last
        self.reason = reason


class Refused(Event):
    """bind(), listen() or connect() failed: errno, why, and who holds what was asked for."""

    __slots__ = ("call", "errno", "reason", "holders")

    def __init__(
        self, conn: int, call: str, errno: int, reason: Reason, holders: tuple[str, ...] = ()
    ) -> None:
        self.conn = conn
        self.call = call
        self.errno = errno
        self.reason = reason
        self.holders = holders


class Waiting(Event):
    """TIME-WAIT was entered, restarted or ended; `until` is when it will end (ended: has)."""

    __slots__ = ("flow", "what", "until", "reason")

    def __init__(self, conn: int, flow: Flow, what: str, until: int, reason: Reason) -> None:
        self.conn = conn
        self.flow = flow
        self.what = what
        self.until = until
        self.reason = reason


POWER_CUT: Final = "power cut"
POWER_ON: Final = "power on"


class Fault(Event):
    """Something was done to the host: POWER_CUT, POWER_ON, "network restart"."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.conn = 0
        self.what = what


def segment_of(packet: Packet) -> Segment | None:
    """Return the packet if it is a TCP segment."""
    return packet if isinstance(packet, Segment) else None
