"""The send queue: bytes that the program has handed over and the peer has not acknowledged.

Positions are stream offsets from 0. The queue holds immutable bytes, never a caller's buffer,
because a segment in the network refers to them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Final


class SendQueue:
    """Bytes [start, end) of the stream. `records` are the positions at which a record of the
    program ends (MSG_EOR), in order: no segment goes beyond one.

    A kernel keeps the queue in blocks, and accounts for each of them beside the text: what leaves
    in one piece is one, what waits is filled up to a size. `blocks` are the positions at which they
    end, `left` is the position up to which pieces have left, `pushed` the end when everything was
    last to be sent. A block that was the last one then has PSH at its end, unless a later call
    adds to it: `marks`.
    """

    __slots__ = ("start", "end", "records", "blocks", "left", "pushed", "marks", "_chunks",
                 "_starts")  # fmt: skip

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self.records: tuple[int, ...] = ()
        self.blocks: list[int] = []
        self.marks: list[int] = []
        self.left = self.pushed = 0
        self._chunks: list[bytes] = []
        self._starts: list[int] = []

    def __len__(self) -> int:
        return self.end - self.start

    def append(self, data: bytes, *, fills: bool, begins: bool = True) -> None:
        """Queue bytes at the end, as a block of their own, or (`fills`) as more of the last one,
        whose mark goes where a call `begins` to fill it, and else moves with its end."""
        assert self is not NOTHING_QUEUED
        if data:
            self._chunks.append(data)
            self._starts.append(self.end)
            self.end += len(data)
            if fills:
                if self.marks and self.marks[-1] == self.blocks[-1]:
                    self.marks[-1:] = () if begins else (self.end,)
                self.blocks[-1] = self.end
            else:
                self.blocks.append(self.end)

    def last_block(self) -> int:
        """Return the size of the last block, 0 when nothing may be added to it: it has left, or a
        record ends there."""
        end = self.end
        if end == self.left or not self.blocks or (self.records and self.records[-1] == end):
            return 0
        return end - (self.blocks[-2] if len(self.blocks) > 1 else self.start)

    def mark(self) -> None:
        """What is queued shall be sent: the last block ends with PSH."""
        assert self is not NOTHING_QUEUED
        if self.end not in self.marks[-1:]:
            self.marks.append(self.end)

    def block_end(self, position: int) -> int:
        """Return where the block ends that goes on at a position."""
        at = bisect_right(self.blocks, position)
        return self.blocks[at] if at < len(self.blocks) else self.end

    def same_block(self, first: int, last: int) -> bool:
        """Tell whether two positions, of which the first is not the end of a block, are in one."""
        return bisect_right(self.blocks, first) == bisect_left(self.blocks, last)

    def is_block(self, first: int, last: int) -> bool:
        """Tell whether a block, or what is left of one, begins and ends at these positions."""
        at = bisect_left(self.blocks, first)
        begins = first == self.start or (at < len(self.blocks) and self.blocks[at] == first)
        return begins and self.block_end(first) == last

    def one_block_waits(self) -> bool:
        """Tell whether the last block is the only one of which nothing has left."""
        return len(self.blocks) < 2 or self.blocks[-2] <= self.left

    def piece_left(self, last: int) -> None:
        """What lies between the piece before and `last` has left in one piece, with its mark, if
        there is one, at the end."""
        blocks, marks = self.blocks, self.marks
        first, beyond = bisect_right(marks, self.left), bisect_right(marks, last)
        if first < beyond:
            marks[first:beyond] = (last,)
        blocks[bisect_right(blocks, self.left) : bisect_right(blocks, last)] = (last,)
        self.left = last

    def block_again(self, first: int, last: int) -> int:
        """Return where a segment ends that is sent again from `first` on and may end at `last`: it
        does not leave its block, and what is left of one is joined by whole blocks only. It is a
        block of its own from now on. A FIN alone is of no block."""
        if first == last:
            return last
        assert self is not NOTHING_QUEUED
        blocks = self.blocks
        at = beyond = bisect_right(blocks, first)
        if beyond < len(blocks) and blocks[beyond] < last:
            while beyond + 1 < len(blocks) and blocks[beyond + 1] <= last:
                beyond += 1
            last = blocks[beyond]
        begun = first > (blocks[at - 1] if at else self.start)
        blocks[at : bisect_right(blocks, last)] = (first, last) if begun else (last,)
        return last

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
        del self.blocks[: bisect_right(self.blocks, upto)]
        del self.marks[: bisect_right(self.marks, upto)]
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
        self.start = self.left = self.pushed = self.end
        self.records = ()
        self.blocks.clear()
        self.marks.clear()
        self._chunks.clear()
        self._starts.clear()


NOTHING_QUEUED: Final = SendQueue()
"""The queue of every connection that was never given anything to send."""
