"""Objects of another CPython process: what kind each is, and what it leads to."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .py_layout import Layout
from .py_memory import ITEMS, SIZE, TYPE, WORD, Memory, attributes

# Py_TPFLAGS_*, by which CPython itself tells these apart
_MANAGED_DICT, _INT, _LIST, _TUPLE = 1 << 4, 1 << 24, 1 << 25, 1 << 26
_BYTES, _STR, _DICT, _TYPE = 1 << 27, 1 << 28, 1 << 29, 1 << 31
_PLAIN: Final = _INT | _BYTES | _STR | _TYPE
_NOT_FOLLOWED: Final = ("module", "frame", "code")
"""Named by, or naming, whole programs: everything leads to everything through them."""

_NAME, _BASIC_SIZE = 24, 32  # of a type, behind its header of three words
_LARGEST: Final = 1024

DEEPEST: Final = 16
MOST: Final = 50_000
"""Objects that are looked at before a search is given up; about a second."""
MOST_ITEMS: Final = 10_000


@dataclass(frozen=True)
class Kind:
    """A type: Py_TPFLAGS_*, bytes of an instance, its name."""

    flags: int
    size: int
    name: str


class Objects:
    """Reads objects by their addresses; an address that holds none has no kind and no inside."""

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory = memory
        self._layout = layout
        self._kinds: dict[int, Kind | None] = {}

    def kind(self, address: int) -> Kind | None:
        """Return the type of the object, None when there is no object."""
        place = self._memory.word(address + TYPE)
        if place not in self._kinds:
            self._kinds[place] = self._read_kind(place)
        return self._kinds[place]

    def _read_kind(self, place: int) -> Kind | None:
        memory, flags = self._memory, self._layout.flags
        # what a type is is told by the type of the type
        if place % WORD or not memory.word(memory.word(place + TYPE) + flags) & _TYPE:
            return None
        name = memory.read(memory.word(place + _NAME), 80).partition(b"\0")[0]
        size = min(memory.word(place + _BASIC_SIZE), _LARGEST)
        return Kind(memory.word(place + flags), size, name.decode("ascii", "replace"))

    def reach(self, roots: Iterable[int], seen: set[int]) -> Iterator[int]:
        """Yield every object that the roots lead to and that was not seen, the nearest first."""
        queue = deque((root, 0) for root in roots)
        while queue and len(seen) < MOST:
            address, depth = queue.popleft()
            if not address or address in seen:
                continue
            seen.add(address)
            yield address
            if depth < DEEPEST:
                queue.extend((inner, depth + 1) for inner in self.inside(address))

    def socket(self, address: int) -> int:
        """Return the descriptor of a socket object, -1 for another object."""
        kind = self.kind(address)
        if kind is None or not kind.name.lower().endswith("socket"):
            return -1
        # struct PySocketSockObject: descriptor, family and type behind the header
        raw = self._memory.read(address + SIZE, 12)
        fd, family, type_ = (int.from_bytes(raw[i : i + 4], "little") for i in (0, 4, 8))
        families = (socket.AF_INET, socket.AF_INET6)
        return fd if family in families and type_ & 0xF == socket.SOCK_STREAM else -1

    def inside(self, address: int) -> list[int]:
        """Return what an object names: items, attributes, and the fields of its C structure."""
        memory, kind = self._memory, self.kind(address)
        if kind is None or kind.flags & _PLAIN or kind.name in _NOT_FOLLOWED:
            return []
        if "weak" in kind.name.lower():
            return []  # holds nothing
        if kind.flags & _DICT:
            return [value for _, value in self.entries(address)]
        found = memory.words(address + SIZE, (kind.size - SIZE) // WORD)
        number = min(memory.word(address + SIZE), MOST_ITEMS)
        if kind.flags & _TUPLE:
            found = memory.words(address + ITEMS, number)
        elif kind.flags & _LIST:
            found = memory.words(memory.word(address + ITEMS), number)
        elif kind.name == "function":
            # its defaults and its closure; not its globals
            return [o for o in found if (of := self.kind(o)) is not None and of.flags & _TUPLE]
        elif kind.name in ("set", "frozenset"):
            # struct PySetObject: a mask behind two counts, then the table of (key, hash)
            mask, table = memory.words(address + ITEMS + WORD, 2)
            found = memory.words(table, 2 * min(mask + 1, MOST_ITEMS))[::2]
        return found + (self._attributes(address) if kind.flags & _MANAGED_DICT else [])

    def _attributes(self, address: int) -> list[int]:
        memory, at = self._memory, self._layout
        found: list[int] = []
        if at.dict:
            found += [value for _, value in self.entries(memory.word(address + at.dict))]
        if at.values:
            values = memory.word(address + at.values) & ~1
            found += attributes(memory, values) if values else []
        return found

    def entries(self, address: int) -> list[tuple[int, int]]:
        """Return the (key, value) of a dict: struct PyDictObject, struct _dictkeysobject."""
        memory = self._memory
        kind = self.kind(address)
        if kind is None or not kind.flags & _DICT:
            return []
        keys, values = memory.words(address + ITEMS + WORD, 2)
        head = memory.read(keys, 32)
        if len(head) < 32 or values:
            return [(0, value) for value in attributes(memory, values)] if values else []
        number = min(int.from_bytes(head[24:32], "little"), MOST_ITEMS)
        if head[9] > 30:
            return []
        # a table for keys of any kind also keeps their hashes
        width = 3 if head[10] == 0 else 2
        row = memory.words(keys + 32 + (1 << head[9]), number * width)
        return list(zip(row[width - 2 :: width], row[width - 1 :: width], strict=False))
