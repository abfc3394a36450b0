"""From the events of a connection to the items of its ladder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from lastack.trace import (
    Arrived,
    Called,
    Destroyed,
    Dropped,
    Duplicated,
    Event,
    Fault,
    Lost,
    ResetIgnored,
    ResetSent,
    Returned,
    Sent,
    StateChanged,
    TimerFired,
    Waiting,
    segment_of,
)
from lastack.verdict import ConnectionStory, count, seconds
from lastack.wire import FIN, RST, SYN, Segment

from .item import LEFT, RIGHT, Item, Shape
from .segments import Numbers, fresh_bytes, label, style

_MOVING: Final = frozenset(
    {"send", "sendall", "sendmsg", "write"}
    | {"recv", "recv_into", "recvfrom", "recvmsg", "read"}
    | {"poll", "select"}
)
"""Calls that a bulk transfer makes by the thousand."""

_EOF: Final = frozenset({"EOF", "0", "0 bytes", "b''"})

KEPT: Final = 12
"""How many losses, first retransmissions and shut windows a folded ladder shows one by one."""


class Scene:
    """Builds the items; `items` is complete when all events have been taken."""

    def __init__(self, story: ConnectionStory) -> None:
        self.items: list[Item] = []
        self._story = story
        self._numbers = Numbers()
        self._packets: dict[int, Item] = {}
        self._open: dict[int, Item] = {}  # conn -> its last call
        self._repeated: set[tuple[int, int]] = set()
        self._moved_before: set[tuple[int, str]] = set()
        self._rare = {"lost": 0, "again": 0, "shut": 0}
        self._take: dict[type[Event], Callable[[Any], None]] = {
            Called: self._called,
            Returned: self._returned,
            Sent: self._sent,
            Arrived: self._arrived,
            Lost: self._lost,
            Duplicated: self._duplicated,
            Dropped: self._dropped,
            ResetSent: self._reset_sent,
            ResetIgnored: self._reset_ignored,
            StateChanged: self._moved,
            Destroyed: self._destroyed,
            TimerFired: self._timer,
            Waiting: self._waiting,
            Fault: self._fault,
        }

    def build(self, events: Iterable[Event]) -> list[Item]:
        """Take the events of one connection (`verdict.threads`) and return the items."""
        for event in events:
            take = self._take.get(type(event))
            if take is not None:
                take(event)
        return self.items

    # -- where -------------------------------------------------------------------------------

    def _side(self, event: Event) -> int:
        server = self._story.server
        if server is not None and event.conn == server.conn and not self._story.to_itself:
            return RIGHT
        return LEFT

    def _receiver(self, event: Event, packet: int) -> int:
        """Return the side of an event that may know its packet only."""
        item = self._packets.get(packet)
        return self._side(event) if event.conn or item is None else 1 - item.side

    def _add(self, event: Event, shape: Shape, text: str, name: str, side: int) -> Item:
        item = Item(event.at, side, shape, text, name)
        self.items.append(item)
        return item

    # -- calls -------------------------------------------------------------------------------

    def _called(self, event: Called) -> None:
        item = self._add(event, Shape.CALL, event.text or event.call, "call", self._side(event))
        self._open[event.conn] = item

    def _returned(self, event: Returned) -> None:
        call = self._open.pop(event.conn, None)
        eof = event.text in _EOF and event.call.startswith(("recv", "read"))
        kind = (self._side(event), event.call)
        dull = event.call in _MOVING and not event.errno and not eof and kind in self._moved_before
        self._moved_before.add(kind)
        result = event.text or "0"
        if call is not None:
            call.dull = dull
        if call is not None and call.at == event.at:
            call.text += f" = {result}"
            return
        text = f"{event.call} = {result}"
        self._add(event, Shape.CALL, text, "call", self._side(event)).dull = dull

    # -- packets -----------------------------------------------------------------------------

    def _sent(self, event: Sent) -> None:
        seg = segment_of(event.what)
        if seg is None:
            return
        item = self._segment(event, seg, again=event.again)
        item.size = fresh_bytes(event)
        key = (item.side, seg.seq)
        if event.again and key not in self._repeated:
            self._repeated.add(key)
            self._keep(item, "again")

    def _arrived(self, event: Arrived) -> None:
        seg = segment_of(event.what)
        if seg is not None and event.packet not in self._packets:
            self._segment(event, seg, again=False)  # from a peer outside: seen at its arrival

    def _segment(self, event: Sent | Arrived, seg: Segment, *, again: bool) -> Item:
        self._numbers.seen(seg)
        text = label(seg, self._numbers, again=again)
        side = LEFT if seg.flow == self._story.flow else RIGHT
        item = self._add(event, Shape.SEGMENT, text, style(seg, again=again), side)
        item.again = again
        item.dull = not seg.flags & (SYN | FIN | RST)
        if seg.wnd == 0 and item.dull:
            self._keep(item, "shut")
        self._packets[event.packet] = item
        return item

    def _keep(self, item: Item, what: str) -> None:
        """Keep an item out of the folds, unless it is one of too many of its sort."""
        self._rare[what] += 1
        if self._rare[what] <= KEPT:
            item.dull = False

    def _lost(self, event: Lost) -> None:
        item = self._packets.get(event.packet)
        if item is not None and not item.lost:
            item.lost = event.reason.value
            if item.style != "ack":  # the next ACK says as much
                self._keep(item, "lost")

    def _duplicated(self, event: Duplicated) -> None:
        item = self._packets.get(event.packet)
        if item is not None:
            item.text += " twice"

    def _dropped(self, event: Dropped) -> None:
        side = self._receiver(event, event.packet)
        item = self._add(event, Shape.NOTE, f"dropped: {event.reason.value}", "note", side)
        item.dull = True

    def _reset_sent(self, event: ResetSent) -> None:
        side = self._receiver(event, event.reply_to)
        self._add(event, Shape.NOTE, f"RST: {event.reason.value}", "note", side)

    def _reset_ignored(self, event: ResetIgnored) -> None:
        side = self._receiver(event, event.packet)
        self._add(event, Shape.NOTE, f"RST ignored: {event.reason.value}", "note", side)

    # -- what became of it -------------------------------------------------------------------

    def _moved(self, event: StateChanged) -> None:
        side = self._side(event)
        losses = []
        # What a RST destroyed reads better after the state that it led to.
        while self.items and self.items[-1].at == event.at and self.items[-1].style == "bad":
            losses.append(self.items.pop())
        self._add(event, Shape.STATE, event.new.value, "state", side)
        self.items += reversed(losses)

    def _fault(self, event: Fault) -> None:
        server = self._story.server
        here = server is not None and server.host == event.host and not self._story.to_itself
        self._add(event, Shape.NOTE, event.what, "title", RIGHT if here else LEFT)

    def _destroyed(self, event: Destroyed) -> None:
        size = count(event.last - event.first, f"{event.queue.value} byte")
        self._add(event, Shape.NOTE, f"{size} thrown away", "bad", self._side(event))

    def _timer(self, event: TimerFired) -> None:
        if event.timer == "delayed-ack":
            return
        times = f", {event.count} in a row" if event.count > 1 else ""
        text = f"{event.timer} timer{times}"
        self._add(event, Shape.NOTE, text, "note", self._side(event)).dull = event.count > 1

    def _waiting(self, event: Waiting) -> None:
        said = {
            "entered": f"TIME-WAIT until {seconds(event.until)}",
            "restarted": f"TIME-WAIT again, until {seconds(event.until)}",
            "ended": f"no TIME-WAIT any more: {event.reason.value}",
        }
        self._add(event, Shape.NOTE, said[event.what], "note", self._side(event))
