"""The functions that a CPython process is in, and the objects that their variables lead to."""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from .py_layout import Layout, layout
from .py_memory import ITEMS, SIZE, TYPE, WORD, Memory, NoLayout, attributes, image

_MANAGED_DICT: Final = 1 << 4  # Py_TPFLAGS_MANAGED_DICT
_DEEPEST: Final = 6
_MOST: Final = 50_000
"""Objects that are looked at before the search is given up; a few seconds."""
_MOST_ITEMS: Final = 10_000
_FRAMES: Final = 1000


@dataclass(frozen=True)
class Found:
    """Where a search began: a variable or a global; inside: what it names only leads there.

    line and function: where the function that has the variable stands now; 0 and "" for a global.
    """

    file: str
    line: int
    function: str
    variable: str
    inside: bool


@dataclass(frozen=True)
class _Frame:
    address: int
    code: int


@dataclass(frozen=True)
class _Root:
    frame: _Frame
    name: str
    is_global: bool = False


class Process:
    """A running CPython of the same build as ours. Raises NoLayout, or PermissionError."""

    def __init__(self, pid: int, memory: Memory) -> None:
        self._memory = memory
        self._layout: Layout = layout()
        path, base = image(pid, path=self._layout.path)
        if not _same_file(path, f"/proc/{pid}/root{path}"):
            raise NoLayout("it runs another Python than lastack does")
        self._base = base
        self._types = {base + at: name for name, at in self._layout.types.items()}

    def find(self, fds: Container[int]) -> dict[int, Found]:
        """Return for each descriptor the nearest variable that leads to its socket object."""
        result: dict[int, Found] = {}
        seen: set[int] = set()
        queue = deque((address, 0, root) for address, root in self._roots())
        while queue and len(seen) < _MOST:
            address, depth, root = queue.popleft()
            if not address or address in seen:
                continue
            seen.add(address)
            fd = self._socket(address)
            if fd in fds:
                result.setdefault(fd, self._told(root, inside=depth > 0))
            elif depth < _DEEPEST:
                queue.extend((inner, depth + 1, root) for inner in self._inside(address))
        return result

    def _roots(self) -> Iterator[tuple[int, _Root]]:
        """Yield every variable of every function under way, then the globals that they see."""
        frames = list(self._frames())
        for frame in frames:
            names = self._names(frame)
            places = self._memory.words(frame.address + self._layout.locals, len(names))
            for address, name in zip(places, names, strict=False):
                yield address & ~3, _Root(frame, name)
        seen: set[int] = set()
        for frame in frames:
            named = self._memory.word(frame.address + self._layout.globals)
            if named not in seen:
                seen.add(named)
                for key, value in self._entries(named):
                    yield value, _Root(frame, self._text(key), is_global=True)

    def _frames(self) -> Iterator[_Frame]:
        memory, at = self._memory, self._layout
        thread = memory.word(memory.word(self._base + at.runtime + at.interpreter) + at.threads)
        while thread:
            frame = memory.word(thread + at.frame)
            if at.indirect is not None:
                frame = memory.word(frame + at.indirect)
            for _ in range(_FRAMES):
                if not frame:
                    break
                code = memory.word(frame + at.code) & ~3
                if self._kind(code) == "code":
                    yield _Frame(frame, code)
                frame = memory.word(frame + at.previous)
            thread = memory.word(thread + at.next)

    def _kind(self, address: int) -> str:
        return self._types.get(self._memory.word(address + TYPE), "")

    def _socket(self, address: int) -> int:
        """Return the descriptor of a socket object, -1 for another object."""
        # struct PySocketSockObject: descriptor, family and type behind the header
        raw = self._memory.read(address + SIZE, 12)
        fd, family, kind = (int.from_bytes(raw[i : i + 4], "little") for i in (0, 4, 8))
        if family not in (socket.AF_INET, socket.AF_INET6) or kind & 0xF != socket.SOCK_STREAM:
            return -1
        name = self._memory.word(self._memory.word(address + TYPE) + ITEMS)
        text = self._memory.read(name, 80).partition(b"\0")[0].lower()
        return fd if text.endswith(b"socket") else -1

    def _inside(self, address: int) -> list[int]:
        memory = self._memory
        kind = self._kind(address)
        if kind == "cell":
            return [memory.word(address + SIZE)]
        if kind == "tuple":
            return memory.words(address + ITEMS, self._size(address))
        if kind == "list":
            return memory.words(memory.word(address + ITEMS), self._size(address))
        if kind == "dict":
            return [value for _, value in self._entries(address)]
        if kind:
            return []
        flags = memory.word(memory.word(address + TYPE) + self._layout.flags)
        if not flags & _MANAGED_DICT:
            return []
        found: list[int] = []
        if self._layout.dict:
            named = memory.word(address + self._layout.dict)
            found += [value for _, value in self._entries(named)] if not named & 1 else []
        if self._layout.values:
            values = memory.word(address + self._layout.values) & ~1
            found += attributes(memory, values) if values else []
        return found

    def _size(self, address: int) -> int:
        return min(self._memory.word(address + SIZE), _MOST_ITEMS)

    def _entries(self, address: int) -> list[tuple[int, int]]:
        """Return the (key, value) of a dict: struct PyDictObject, struct _dictkeysobject."""
        memory = self._memory
        if self._kind(address) != "dict":
            return []
        keys, values = memory.words(address + ITEMS + WORD, 2)
        head = memory.read(keys, 32)
        if len(head) < 32 or values:
            return [(0, value) for value in attributes(memory, values)] if values else []
        number = min(int.from_bytes(head[24:32], "little"), _MOST_ITEMS)
        if head[9] > 30:
            return []
        # a table for keys of any kind also keeps their hashes
        width = 3 if head[10] == 0 else 2
        row = memory.words(keys + 32 + (1 << head[9]), number * width)
        return list(zip(row[width - 2 :: width], row[width - 1 :: width], strict=False))

    def _names(self, frame: _Frame) -> list[str]:
        names = self._memory.word(frame.code + self._layout.names)
        return [self._text(name) for name in self._memory.words(names + ITEMS, self._size(names))]

    def _text(self, address: int) -> str:
        """Return an ASCII str; "?" for another."""
        size = self._memory.word(address + SIZE)
        if not 0 < size < 4096:
            return "?"
        raw = self._memory.read(address + self._layout.text, size)
        return raw.decode("ascii") if raw.isascii() and len(raw) == size else "?"

    def _told(self, root: _Root, *, inside: bool) -> Found:
        at, memory, frame = self._layout, self._memory, root.frame
        file = self._text(memory.word(frame.code + at.filename))
        if root.is_global:
            return Found(file, 0, "", root.name, inside)
        function = self._text(memory.word(frame.code + at.qualname))
        return Found(file, self._line(frame), function, root.name, inside)

    def _line(self, frame: _Frame) -> int:
        """Return the line at which the function is; its own interpreter would read it so."""
        at, memory = self._layout, self._memory
        first = int.from_bytes(memory.read(frame.code + at.first_line, 4), "little")
        done = memory.word(frame.address + at.instruction) - frame.code - at.bytecode
        table = memory.word(frame.code + at.line_table)
        raw = memory.read(table + self._bytes_text(), min(self._size(table), 1 << 20))
        twin = (lambda: None).__code__.replace(co_linetable=raw, co_firstlineno=first)
        for start, end, line in twin.co_lines():
            if start <= done < end and line is not None:
                return line
        return first

    @staticmethod
    def _bytes_text() -> int:
        return b"".__sizeof__() - 1


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
