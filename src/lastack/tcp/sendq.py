"""The send queue: bytes that the program has handed over and the peer has not acknowledged.

Positions are stream offsets from 0. The queue holds immutable bytes, never a caller's buffer,
because a segment in the network refers to them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class SendQueue:
    """Bytes [start, end) of the stream. `records` are the positions at which a record of the
    program ends (MSG_EOR), in order: no segment goes beyond one."""

    __slots__ = ("start", "end", "records", "_chunks", "_starts")

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self.records: tuple[int, ...] = ()
        self._chunks: list[bytes] = []
        self._starts: list[int] = []

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, data: bytes) -> None:
        """Queue bytes at the end."""
        if data:
            self._chunks.append(data)
            self._starts.append(self.end)
            self.end += len(data)

    def end_record(self) -> None:
        """A record ends with the last byte queued."""
        if self.end > self.start and self.end not in self.records[-1:]:
            self.records += (self.end,)

    def record_after(self, position: int) -> int:
        """Return where the record ends that goes on at a position; the end when none does."""
        at = bisect_right(self.records, position)
        return self.records[at] if at < len(self.records) else self.end

    def ends_record(self, position: int) -> bool:
        """Tell whether a record ends at a position."""
        at = bisect_left(self.records, position)
        return at < len(self.records) and self.records[at] == position

    def slice(self, first: int, last: int) -> bytes:
        """Return the bytes [first, last), which must be in the queue."""
        at = bisect_right(self._starts, first) - 1
        chunk, begin = self._chunks[at], self._starts[at]
        if last <= begin + len(chunk):
            return chunk[first - begin : last - begin]
        parts = [chunk[first - begin :]]
        have = begin + len(chunk)
        while have < last:
            at += 1
            chunk = self._chunks[at]
            parts.append(chunk[: last - have])
            have += len(chunk)
        return b"".join(parts)

    def acknowledge(self, upto: int) -> None:
        """Drop the bytes before `upto`."""
        self.start = upto
        if self.records:
            self.records = self.records[bisect_right(self.records, upto) :]
        gone = bisect_right(self._starts, upto) - 1
        if upto == self.end:
            gone = len(self._chunks)
        # Only now and then: deleting from the front of a list costs what stays in it.
        if gone > 32 or gone == len(self._chunks):
            del self._chunks[:gone]
            del self._starts[:gone]

    def clear(self) -> None:
        """Drop everything; `start` moves to `end`."""
        self.start = self.end
        self.records = ()
        self._chunks.clear()
        self._starts.clear()
