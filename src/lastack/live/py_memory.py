"""The memory of another process, read word by word through /proc/PID/mem."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

WORD: Final = 8
_ORDER: Final = sys.byteorder
# the first fields of every object have not changed since Python 2: count, type, size
TYPE, SIZE, ITEMS = 8, 16, 24
FRAME: Final = 24
"""In struct _frame behind the header and f_back: the interpreter's own frame."""


class NoLayout(Exception):
    """The process cannot be understood; the message says why."""


class Memory:
    """The memory of a process; a context manager. What is not there reads as b"" or 0."""

    def __init__(self, pid: int | str) -> None:
        self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def read(self, address: int, size: int) -> bytes:
        """Return the bytes; fewer or none where nothing is mapped."""
        if not 0 < address < 1 << 56 or size <= 0:
            return b""
        try:
            return os.pread(self._fd, size, address)
        except OSError:
            return b""

    def word(self, address: int) -> int:
        """Return one pointer."""
        return int.from_bytes(self.read(address, WORD), _ORDER)

    def words(self, address: int, number: int) -> list[int]:
        """Return pointers side by side."""
        return words_of(self.read(address, WORD * number))

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def words_of(raw: bytes) -> list[int]:
    """Return the whole pointers in some bytes."""
    whole = range(0, len(raw) - WORD + 1, WORD)
    return [int.from_bytes(raw[at : at + WORD], _ORDER) for at in whole]


def image(pid: int | str, holding: int | None = None, path: str = "") -> tuple[str, int]:
    """Return (path, lowest address) of the mapped file that holds an address or has a path."""
    lowest: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) < 6 or not fields[5].startswith("/"):
            continue
        first, last = (int(end, 16) for end in fields[0].split("-"))
        lowest.setdefault(fields[5], first)
        if fields[5] == path or (holding is not None and first <= holding < last):
            return fields[5], lowest[fields[5]]
    raise NoLayout("its interpreter is not where ours is")


def attributes(memory: Memory, values: int) -> list[int]:
    """Return the attributes in an array of values; which are set stands in bytes before it."""
    raw = memory.read(values - 32, 32)[::-1]
    if len(raw) < 32:
        return []
    # the length of all that stands before, how many are set, and which, in their order
    found = memory.words(values, 32)
    order = raw[2 : 2 + min(raw[1], len(found))]
    return [found[number] for number in order if number < len(found)]
