"""The calls of watched programs, laid beside their packets.

They tell what packets cannot: which bytes were read, how many send() took, whether a FIN was a
close() or a shutdown(), and why a RST was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from errno import ETIMEDOUT
from typing import Final

from lastack.state import SYN_SENT, TIME_WAIT
from lastack.trace import Accepted, Called, Event, Journal, Read, Reason, Returned
from lastack.wire import Flow, is_loopback

from .observed import Half
from .observer import Observer


@dataclass(frozen=True)
class CallSeen:
    """One socket call of a program: begun and ended in ns. flow has the program's end as source,
    None where it has no connection. text and result are for people; moved are the bytes that it
    read or handed over."""

    host: str
    thread: str
    call: str
    text: str
    result: str
    errno: int
    moved: int
    flow: Flow | None
    begun: int
    ended: int
    lingers: tuple[int, int] | None = None
    peer: tuple[frozenset[bytes], int] | None = None
    limited: bool = False


_SENDS: Final = frozenset({"send", "sendall", "sendmsg", "sendfile"})
_CLOSINGS: Final = {"close": Reason.CLOSE_CALL, "shutdown": Reason.SHUTDOWN_CALL}


class Calls:
    """Tells an observer of calls as they begin and end, between the packets."""

    def __init__(self, journal: Journal, observer: Observer, names: Mapping[bytes, str]) -> None:
        self._journal = journal
        self._observer = observer
        self._names = names
        self._connecting: dict[tuple[str, str], int] = {}

    def begins(self, call: CallSeen, at: int) -> None:
        """A call begins."""
        half = self._half(call)
        if call.peer is not None:
            self._connecting[call.host, call.thread] = len(self._observer.pairs)
        if call.call == "connect" and call.flow is not None:
            hosts = (call.host, self._names.get(call.flow.dst, call.host))
            half = self._observer.expect(call.flow, hosts, at, _scope(call))
        conn = half.conn if half is not None else 0
        event = Called(conn, call.call, call.text, call.thread)
        number = self._journal.write(event, call.host, 0, at)
        if half is not None:
            half.call = number
            if call.call == "close" and half.state is SYN_SENT:
                self._observer.rules.end(half, Reason.CLOSED_WHILE_CONNECTING, at)
            half.closed |= call.call == "close"
            if call.call == "close" and half.state is TIME_WAIT:
                self._observer.rules.throw_away(half, Reason.CLOSE_CALL, at)
            half.closing = _CLOSINGS.get(call.call, half.closing)
            if call.lingers is not None:
                half.lingers_zero = call.lingers[0] != 0 and call.lingers[1] == 0

    def ends(self, call: CallSeen, at: int) -> None:
        """A call ends."""
        half = self._half(call) or self._given_up(call)
        if half is None:
            self._write(call, 0, Returned(0, call.call, call.result, call.errno), at)
            return
        if call.call in _SENDS:
            half.handed += call.moved
            if half.handed > half.given:
                self._write(call, half.call, Accepted(half.conn, half.given, half.handed), at)
                half.given = half.handed
        elif call.moved and half.opened:
            self._read(call, half, at)
        if call.errno == ETIMEDOUT and half.opened and not half.over:
            why = Reason.GIVE_UP_SYN if half.state is SYN_SENT else Reason.GIVE_UP_DATA
            self._observer.rules.end(half, Reason.USER_TIMEOUT if call.limited else why, at)
        self._write(call, half.call, Returned(half.conn, call.call, call.result, call.errno), at)
        half.call = 0

    def _read(self, call: CallSeen, half: Half, at: int) -> None:
        last = half.read + call.moved
        if last > half.proven:
            self._observer.rules.queue(half, last, at)
        self._write(call, half.call, Read(half.conn, half.read, last), at)
        half.read = last

    def _half(self, call: CallSeen) -> Half | None:
        if call.flow is None:
            return None
        return self._observer.half_of(call.flow, _scope(call))

    def _given_up(self, call: CallSeen) -> Half | None:
        """Return the end of a connect() that nothing answered: afterwards its socket has no address
        that would tell."""
        if call.errno != ETIMEDOUT or call.flow is not None or call.peer is None:
            return None
        addresses, port = call.peer
        for pair in self._observer.pairs[self._connecting.get((call.host, call.thread), 0) :]:
            half = pair.client
            asked = half.flow.dst in addresses and half.flow.dport == port
            if half.host == call.host and asked and half.state is SYN_SENT and not half.over:
                return half
        return None

    def _write(self, call: CallSeen, cause: int, event: Event, at: int) -> None:
        self._journal.write(event, call.host, cause, at)


def _scope(call: CallSeen) -> str:
    return call.host if call.flow is not None and is_loopback(call.flow.src) else ""
