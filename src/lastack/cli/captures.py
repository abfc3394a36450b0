"""A capture that is being read: octets in, connections out, one by one as they end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lastack.profile import S
from lastack.trace import Event, Journal
from lastack.verdict import (
    Book,
    ConnectionStory,
    Observer,
    Pair,
    Sightings,
    evidence,
    threads,
    to_json,
)
from lastack.wire import (
    LINKS,
    CaptureReader,
    Frame,
    IcmpMessage,
    Segment,
    WireError,
    is_loopback,
    read_frame,
    show_address,
)

_QUIET: int = S
"""How long after its end a connection is told: a late RST still belongs to it."""


class Capture:
    """Feed it octets; `ended` gives what is over, `rest` what is left at the end of the file."""

    def __init__(self) -> None:
        self._reader = CaptureReader()
        journal = Journal()
        self.book = Book()
        self.events: list[Event] = []
        journal.listeners += [self.events.append, self.book]
        self._observer = Observer(journal)
        self._names = self._reader.contents.names
        self._sightings = Sightings(
            journal, self._observer, self._reader.contents.interfaces, self._names
        )
        self.packets = 0
        self.segments = 0
        self.icmp = 0
        self.unread: dict[str, int] = {}
        """What could not be understood, and how often."""
        self.began = 0
        self.now = 0
        self._told: set[ConnectionStory] = set()

    def feed(self, data: bytes) -> None:
        """Take more octets. CaptureError if they are none of a capture."""
        for frame in self._reader.feed(data):
            self._take(frame)

    def finish(self) -> None:
        """The file is at its end. CaptureError if it never was a capture."""
        self._reader.finish()
        self._sightings.finish()

    def _take(self, frame: Frame) -> None:
        if not self.packets:
            self.began = frame.at
        self.packets += 1
        self.now = max(self.now, frame.at - self.began)
        face = self._reader.contents.interfaces[frame.interface]
        try:
            seen = read_frame(frame, face)
        except WireError as error:
            text = str(error)
            if len(self.unread) < 100 or text in self.unread:
                self.unread[text] = self.unread.get(text, 0) + 1
            return
        if seen is None:
            return
        if isinstance(seen.packet, IcmpMessage):
            self.icmp += 1
        if isinstance(seen.packet, Segment):
            self.segments += 1
            self._sightings.take(seen, frame.interface, max(frame.at - self.began, 0))

    # -- what it tells -------------------------------------------------------------------------

    @property
    def names(self) -> dict[bytes, str]:
        """The names of addresses; a loopback address that no host owns goes by itself."""
        owned = any(face.addresses for face in self._reader.contents.interfaces)
        ends = {end.flow.src for story in self.book.stories for end in story.ends}
        loopback = {} if owned else {one: show_address(one) for one in ends if is_loopback(one)}
        return {**loopback, **self._names}

    @property
    def cut_off(self) -> bool:
        """Whether the file ends in the middle of a packet."""
        return self._reader.cut_off

    @property
    def copies(self) -> int:
        """How many segments were further copies of others."""
        return self._sightings.copies

    @property
    def unknown_links(self) -> list[int]:
        """The link types of which no packet can be understood."""
        found = {face.link_type for face in self._reader.contents.interfaces}
        return sorted(found - LINKS)

    def ended(self) -> Iterator[tuple[ConnectionStory, list[Event]]]:
        """Return the connections that are over and have not been told, with their events."""
        over = [
            story for story in self.book.stories
            if story not in self._told and _over(story) and self._is_quiet(story)
        ]  # fmt: skip
        if over:
            yield from self._tell(over)

    def rest(self) -> Iterator[tuple[ConnectionStory, list[Event]]]:
        """Return every connection that has not been told."""
        yield from self._tell([one for one in self.book.stories if one not in self._told])

    def _tell(
        self, stories: list[ConnectionStory]
    ) -> Iterator[tuple[ConnectionStory, list[Event]]]:
        found = threads(self.events, self.book)
        for story in stories:
            self._told.add(story)
            yield story, found[story]
        spent = {id(event) for story in stories for event in found[story]}
        self.events[:] = [event for event in self.events if id(event) not in spent]

    def _is_quiet(self, story: ConnectionStory) -> bool:
        return self.now - (story.ended_at or 0) > _QUIET

    def pair_of(self, story: ConnectionStory) -> Pair | None:
        """Return the observed ends of a connection."""
        conns = {end.conn for end in story.ends}
        for pair in self._observer.pairs:
            if conns & {half.conn for half in pair.halves}:
                return pair
        return None

    def connections_json(self) -> list[dict[str, Any]]:
        """Return the connections as `run --json` has them, each with its evidence."""
        told: list[dict[str, Any]] = to_json(self.book, self.names)["connections"]
        pairs = {half.conn: pair for pair in self._observer.pairs for half in pair.halves}
        for story, one in zip(self.book.stories, told, strict=True):
            seen = evidence(pairs[story.ends[0].conn])
            one["evidence"] = {
                name: {
                    "captured": part.captured, "inferred": part.inferred,
                    "acknowledged": part.acknowledged,
                }
                for name, part in zip(("client_to_server", "server_to_client"), seen, strict=True)
            }  # fmt: skip
            one["midway"] = pairs[story.ends[0].conn].midway
        return told


def _over(story: ConnectionStory) -> bool:
    return all(end.gone for end in story.ends)
