"""The events of one connection, picked out of the events of a world.

A loss knows its packet only, and a RST from nowhere its flow only; both belong to a connection
all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lastack.trace import (
    Arrived,
    Dropped,
    Duplicated,
    Event,
    Fault,
    Lost,
    Opened,
    ResetSent,
    Sent,
    segment_of,
)
from lastack.wire import SYN

from .book import Book
from .story import ConnectionStory


def threads(events: Iterable[Event], book: Book) -> dict[ConnectionStory, list[Event]]:
    """Return the events of every connection, in order. One pass; calls on no connection and other
    sockets' events are left out."""
    found: dict[ConnectionStory, list[Event]] = {story: [] for story in book.stories}
    packets: dict[int, ConnectionStory] = {}
    arrived: dict[int, Arrived] = {}  # SYNs of peers outside, before there is a connection
    waiting: dict[str, ResetSent] = {}
    for event in events:
        story = book.story_of(event.conn)
        if isinstance(event, Sent | Arrived):
            if story is None:
                story = packets.get(event.packet) or _answered(event, waiting, packets)
            if story is not None:
                packets.setdefault(event.packet, story)
            elif isinstance(event, Arrived) and _is_syn(event):
                arrived[event.packet] = event
        elif isinstance(event, Opened) and story is not None and event.syn in arrived:
            found[story].append(arrived.pop(event.syn))
            packets[event.syn] = story
        elif isinstance(event, Lost | Duplicated | Dropped):
            story = story or packets.get(event.packet)
        elif isinstance(event, ResetSent) and story is None:
            story = packets.get(event.reply_to)
            waiting[event.host] = event
        elif isinstance(event, Fault):
            for concerned in _on(event, book):
                found[concerned].append(event)
        if story is not None:
            found[story].append(event)
    return found


def _on(event: Fault, book: Book) -> Iterator[ConnectionStory]:
    """Yield the connections that the host of a fault has at that moment, TIME-WAIT included."""
    for story in book.stories:
        for end in story.ends:
            last = end.time_wait.expires_at if end.time_wait is not None else end.ended_at
            alive = end.opened_at <= event.at and (last is None or event.at <= last)
            if end.host == event.host and alive:
                yield story
                break


def _is_syn(event: Arrived) -> bool:
    seg = segment_of(event.what)
    return seg is not None and seg.flags & SYN != 0


def _answered(
    event: Sent | Arrived, waiting: dict[str, ResetSent], packets: dict[int, ConnectionStory]
) -> ConnectionStory | None:
    """Return the connection whose segment a RST from nowhere answers."""
    if isinstance(event, Arrived) or segment_of(event.what) is None:
        return None
    why = waiting.pop(event.host, None)
    return packets.get(why.reply_to) if why is not None else None
