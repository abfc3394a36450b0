"""The events of one connection, picked out of the events of a world.

A loss knows its packet only, and a RST from nowhere its flow only; both belong to a connection
all the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from lastack.trace import (
    Arrived,
    Dropped,
    Duplicated,
    Event,
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
        if story is not None:
            found[story].append(event)
    return found


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
