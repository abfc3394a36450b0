"""The functions that a CPython process is in, and the objects that their variables lead to."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Final

from .py_layout import Layout, layout
from .py_memory import ITEMS, SIZE, TYPE, Memory, NoLayout, image
from .py_objects import DEEPEST, MOST, MOST_ITEMS, Objects

_COROUTINES: Final = ("coroutine", "generator", "async_generator")
_FRAMES: Final = 1000
_STACK: Final = 8
"""Words behind the variables of a coroutine in which the coroutine is that it awaits."""


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
    library: bool
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
        self._objects = Objects(memory, self._layout)

    def find(self, fds: Container[int]) -> dict[int, Found]:
        """Return for each descriptor the nearest variable that leads to its socket object.

        Variables of the program go before those of libraries, variables before globals.
        """
        frames: list[_Frame] = []
        fresh, seen = list(self._frames()), set[int]()
        while fresh:
            # the variables of suspended coroutines count as much, and lead to others
            frames += fresh
            reached = self._objects.reach([o for f in fresh for o, _ in self._roots(f)], seen)
            fresh = [frame for address in reached for frame in self._suspended(address)]
        result: dict[int, Found] = {}
        seen = set()
        locals_ = [root for frame in frames for root in self._roots(frame)]
        globals_ = [root for frame in frames for root in self._globals(frame, seen)]
        groups = [
            [(o, root) for o, root in roots if root.library is library]
            for library in (False, True)
            for roots in (locals_, globals_)
        ]
        seen = set()
        for group in groups:
            for address, depth, root in self._search(group, seen):
                fd = self._objects.socket(address)
                if fd in fds:
                    result.setdefault(fd, self._told(root, inside=depth > 0))
        return result

    def _search(
        self, roots: list[tuple[int, _Root]], seen: set[int]
    ) -> Iterator[tuple[int, int, _Root]]:
        queue = deque((address, 0, root) for address, root in roots)
        while queue and len(seen) < MOST:
            address, depth, root = queue.popleft()
            if not address or address in seen:
                continue
            seen.add(address)
            yield address, depth, root
            if depth < DEEPEST:
                queue.extend((o, depth + 1, root) for o in self._objects.inside(address))

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
                yield from self._frame(frame)
                frame = memory.word(frame + at.previous)
            thread = memory.word(thread + at.next)

    def _frame(self, address: int) -> Iterator[_Frame]:
        code = self._memory.word(address + self._layout.code) & ~3
        if self._memory.word(code + TYPE) == self._base + self._layout.code_type:
            yield _Frame(address, code)

    def _suspended(self, address: int) -> Iterator[_Frame]:
        kind = self._objects.kind(address)
        if kind is None or kind.name not in _COROUTINES:
            return
        state = self._memory.read(address + self._layout.state, 1)
        if state >= b"\x80":
            yield from self._frame(address + self._layout.generator)

    def _roots(self, frame: _Frame) -> list[tuple[int, _Root]]:
        names = self._names(frame)
        library = _is_library(self._file(frame))
        places = self._memory.words(frame.address + self._layout.locals, len(names) + _STACK)
        found = [
            (address & ~3, _Root(frame, name, library))
            for address, name in zip(places, names, strict=False)
        ]
        for address in places[len(names) :]:
            kind = self._objects.kind(address & ~3)
            if kind is not None and kind.name in _COROUTINES:
                found.append((address & ~3, _Root(frame, "(awaited)", library)))
        return found

    def _globals(self, frame: _Frame, seen: set[int]) -> list[tuple[int, _Root]]:
        named = self._memory.word(frame.address + self._layout.globals)
        if named in seen:
            return []
        seen.add(named)
        library = _is_library(self._file(frame))
        return [
            (value, _Root(frame, self._text(key), library, is_global=True))
            for key, value in self._objects.entries(named)
        ]

    def _file(self, frame: _Frame) -> str:
        return self._text(self._memory.word(frame.code + self._layout.filename))

    def _names(self, frame: _Frame) -> list[str]:
        names = self._memory.word(frame.code + self._layout.names)
        number = min(self._memory.word(names + SIZE), MOST_ITEMS)
        return [self._text(name) for name in self._memory.words(names + ITEMS, number)]

    def _text(self, address: int) -> str:
        """Return an ASCII str; "?" for another."""
        size = self._memory.word(address + SIZE)
        if not 0 < size < 4096:
            return "?"
        raw = self._memory.read(address + self._layout.text, size)
        return raw.decode("ascii") if raw.isascii() and len(raw) == size else "?"

    def _told(self, root: _Root, *, inside: bool) -> Found:
        frame = root.frame
        file = self._file(frame)
        if root.is_global:
            return Found(file, 0, "", root.name, inside)
        function = self._text(self._memory.word(frame.code + self._layout.qualname))
        return Found(file, self._line(frame), function, root.name, inside)

    def _line(self, frame: _Frame) -> int:
        """Return the line at which the function is; its own interpreter would read it so."""
        at, memory = self._layout, self._memory
        first = int.from_bytes(memory.read(frame.code + at.first_line, 4), "little")
        done = memory.word(frame.address + at.instruction) - frame.code - at.bytecode
        table = memory.word(frame.code + at.line_table)
        raw = memory.read(table + self._bytes_text(), min(memory.word(table + SIZE), 1 << 20))
        twin = (lambda: None).__code__.replace(co_linetable=raw, co_firstlineno=first)
        for start, end, line in twin.co_lines():
            if start <= done < end and line is not None:
                return line
        return first

    @staticmethod
    def _bytes_text() -> int:
        return b"".__sizeof__() - 1


def _is_library(file: str) -> bool:
    return file.startswith("<") or "/lib/python" in file


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
