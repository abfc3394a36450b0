"""The receive queue: bytes in order that wait to be read, and bytes that wait for a gap to close.

Positions are stream offsets from 0 (RFC 9293 section 3.10.7.4, seventh; SHLD-31 is that data out
of order is kept).
"""

from __future__ import annotations

from collections import deque
from typing import Final

_FRAGMENTS: Final = 17
_FRAGMENT: Final = 32_768
"""A packet of a kernel consists of so many fragments at most, which have so many bytes
(MAX_SKB_FRAGS, SKB_FRAG_PAGE_ORDER)."""
_LEAST_JOINED: Final = 8


def _first_packet(parts: list[bytes]) -> int:
    """Return how many bytes of these segments a kernel keeps in one packet."""
    left, size = _FRAGMENTS, 0
    for part in parts:
        left -= -(-len(part) // _FRAGMENT)
        if left < 0:
            break
        size += len(part)
    return size


class ReceiveQueue:
    """[read, ready) is in order and unread; `pieces` lie beyond a gap, sorted, not overlapping.
    `packet`: how much of what was taken last a kernel would have had in one packet, the first: it
    joins segments as they arrive, as many as a packet has room for (tcp_try_coalesce)."""

    __slots__ = ("read", "ready", "pieces", "waiting", "ready_before", "packet", "_chunks")

    def __init__(self) -> None:
        self.read = 0
        self.ready = 0
        self.pieces: list[tuple[int, bytes]] = []
        self.waiting = 0
        self.ready_before = 0
        self.packet = 0
        # None while nothing is readable: an empty deque would take as much as half a Tcb
        self._chunks: deque[bytes] | None = None

    def __len__(self) -> int:
        """Return the bytes that can be read."""
        return self.ready - self.read

    @property
    def used(self) -> int:
        """All bytes held, those beyond a gap included."""
        return self.ready - self.read + self.waiting

    def blocks(self) -> list[tuple[int, int]]:
        """Return what lies beyond a gap as ranges that do not touch."""
        found: list[tuple[int, int]] = []
        for first, piece in self.pieces:
            if found and found[-1][1] == first:
                found[-1] = (found[-1][0], first + len(piece))
            else:
                found.append((first, first + len(piece)))
        return found

    def insert(self, first: int, text: bytes) -> int:
        """Take text at offset `first`; return how many bytes became readable."""
        assert self is not NOTHING_RECEIVED
        if first > self.ready:
            self._keep(first, text)
            return 0
        before = self.ready
        self._push(first, text)
        while self.pieces and self.pieces[0][0] <= self.ready:
            begin, piece = self.pieces.pop(0)
            self.waiting -= len(piece)
            self._push(begin, piece)
        return self.ready - before

    def _push(self, first: int, text: bytes) -> None:
        fresh = text[self.ready - first :]
        if fresh:
            if self._chunks is None:
                self._chunks = deque()
            self._chunks.append(fresh)
            self.ready += len(fresh)

    def _keep(self, first: int, text: bytes) -> None:
        # What overlaps is taken from what is already here: a peer that sends two versions of the
        # same byte gets the first one delivered.
        kept: list[tuple[int, bytes]] = []
        for begin, piece in self.pieces:
            if first < begin and text:
                head = text[: begin - first]
                kept.append((first, head))
                text = text[len(head) :]
                first += len(head)
            kept.append((begin, piece))
            overlap = begin + len(piece) - first
            if overlap > 0 and first >= begin:
                text = text[overlap:]
                first += overlap
        if text:
            kept.append((first, text))
        self.pieces = kept
        self.waiting = sum(len(piece) for _, piece in kept)

    def take(self, size: int, *, peek: bool = False) -> bytes:
        """Return at most `size` readable bytes; with `peek` they stay."""
        parts: list[bytes] = []
        have = 0
        for chunk in self._chunks or ():
            if have >= size:
                break
            part = chunk[: size - have]
            parts.append(part)
            have += len(part)
        if not peek:
            self.packet = have if len(parts) <= _LEAST_JOINED else _first_packet(parts)
            self._skip(have)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _skip(self, count: int) -> None:
        self.read += count
        chunks = self._chunks
        while count and chunks:
            head = chunks[0]
            if len(head) <= count:
                chunks.popleft()
                count -= len(head)
            else:
                chunks[0] = head[count:]
                count = 0
        if not chunks:
            self._chunks = None

    def clear_unread(self) -> None:
        """Throw away what is in order, as if it had been read."""
        self.read = self.ready
        self._chunks = None

    def clear_beyond_gap(self) -> list[tuple[int, bytes]]:
        """Throw away what waits for a gap to close; return it."""
        pieces, self.pieces = self.pieces, []
        self.waiting = 0
        return pieces


NOTHING_RECEIVED: Final = ReceiveQueue()
"""The queue of every connection to which no text has come yet."""
