"""Where CPython keeps what in its frames, code objects and instances, learned from this very one.

Offsets in CPython's structures differ from version to version and are promised to nobody. So they
are not written down here: a frame, a code object and an instance of our own are looked at in our
own memory, and where their known contents stand tells the offsets. They hold for a process that
runs the same interpreter, and for no other.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, FrameType
from typing import Any, Final

from .py_memory import FRAME, ITEMS, SIZE, WORD, Memory, NoLayout, attributes, image, words_of

_ORDER: Final = sys.byteorder


@dataclass(frozen=True)
class Layout:
    """Offsets in bytes; `code_type` and `runtime` from the lowest address of the image `path`.

    generator: of the frame in a generator or coroutine; state: there, a signed byte, below 0 while
    it has variables. indirect: of the frame behind the pointer at `frame` in a thread state, None:
    that is the frame itself. values and dict: of an instance's attributes before the instance.
    """

    path: str
    runtime: int
    code_type: int
    interpreter: int
    threads: int
    next: int
    frame: int
    indirect: int | None
    previous: int
    code: int
    globals: int
    instruction: int
    locals: int
    filename: int
    qualname: int
    line_table: int
    first_line: int
    names: int
    bytecode: int
    text: int
    generator: int
    state: int
    flags: int
    values: int
    dict: int


@cache
def layout() -> Layout:
    """Learn the offsets from ourselves; raises NoLayout where they are not found."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != WORD:
        raise NoLayout("only a 64-bit CPython is understood")
    with Memory("self") as memory:
        path, base = image("self", holding=id(CodeType))
        try:
            runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
        except ValueError:
            raise NoLayout("this Python does not name its runtime") from None
        return Layout(
            path, runtime - base, id(CodeType) - base,
            **_threads(memory, runtime), **_frame(memory, object()), **_code(memory),
            **_instance(memory),
        )  # fmt: skip


def _find(raw: bytes, value: int, what: str) -> int:
    for at, word in enumerate(words_of(raw)):
        if word == value:
            return at * WORD
    raise NoLayout(f"{what} was not found in this Python")


def _api(name: str, *arguments: int) -> int:
    function = ctypes.pythonapi[name]
    function.restype = ctypes.c_void_p
    return int(function(*(ctypes.c_void_p(argument) for argument in arguments)) or 0)


def _threads(memory: Memory, runtime: int) -> dict[str, int]:
    # a second thread, so that the head of the list is not the thread that runs
    over = threading.Event()
    other = threading.Thread(target=over.wait, daemon=True)
    other.start()
    try:
        interpreter = _api("PyInterpreterState_Main")
        head = _api("PyInterpreterState_ThreadHead", interpreter)
        behind = _api("PyThreadState_Next", head)
        return {
            "interpreter": _find(memory.read(runtime, 1 << 16), interpreter, "the interpreter"),
            "threads": _find(memory.read(interpreter, 1 << 17), head, "the list of threads"),
            "next": _find(memory.read(head, 128), behind, "the next thread"),
        }
    finally:
        over.set()
        other.join()


def _frame(memory: Memory, mark: object) -> dict[str, Any]:
    mine = sys._getframe()
    caller = mine.f_back
    assert caller is not None
    frame = memory.word(id(mine) + FRAME)
    thread = _api("PyThreadState_Get")
    raw = memory.read(frame, 256)
    code = _find(raw, id(mine.f_code), "the code of a frame")
    # `mark` is the second local
    found: dict[str, Any] = {
        "code": code,
        "globals": _find(raw, id(mine.f_globals), "the globals of a frame"),
        "previous": _find(raw, memory.word(id(caller) + FRAME), "the calling frame"),
        "locals": _find(raw, id(mark), "the locals of a frame") - WORD,
    }
    # read by os.pread itself: a function of ours would be the current frame while it reads
    fd = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        state = words_of(os.pread(fd, 512, thread))
        if frame in state:
            return {**found, "frame": state.index(frame) * WORD, "indirect": None}
        for at, pointer in enumerate(state):
            for inner in (0, WORD):
                try:
                    value = os.pread(fd, WORD, pointer + inner) if pointer < 1 << 56 else b""
                except OSError:
                    continue
                if int.from_bytes(value, _ORDER) == frame:
                    return {**found, "frame": at * WORD, "indirect": inner}
    finally:
        os.close(fd)
    raise NoLayout("the current frame was not found in this Python")


def _suspended(value: object) -> Iterator[object]:
    yield value


def _code(memory: Memory) -> dict[str, int]:
    code = _suspended.__code__
    numbered = code.replace(co_firstlineno=0x1BADCAFE)
    raw = memory.read(id(code), 512)
    generator = _suspended(code)
    next(generator)
    suspended: FrameType = generator.gi_frame  # type: ignore[attr-defined]
    frame = memory.read(memory.word(id(suspended) + FRAME), 256)
    inside = range(id(code), id(code) + sys.getsizeof(code))
    places = [at * WORD for at, word in enumerate(words_of(frame)) if word - 1 in inside]
    if len(places) != 1:
        raise NoLayout("the instruction of a frame was not found in this Python")
    at = int.from_bytes(frame[places[0] : places[0] + WORD], _ORDER)
    first = memory.read(id(numbered), 512).find((0x1BADCAFE).to_bytes(4, _ORDER))
    names = next(
        (
            place * WORD
            for place, word in enumerate(words_of(raw))
            if memory.word(word + SIZE) == 1 and memory.word(word + ITEMS) == _id_of_value(code)
        ),
        -1,
    )
    if first < 0 or names < 0:
        raise NoLayout("the code object was not understood in this Python")
    inner = memory.word(id(suspended) + FRAME) - id(generator)
    return {
        "generator": inner, "state": _state(memory, inner),
        "instruction": places[0], "bytecode": at - id(code) - suspended.f_lasti,
        "filename": _find(raw, id(code.co_filename), "a file name"),
        "qualname": _find(raw, id(code.co_qualname), "a function's name"),
        "line_table": _find(raw, id(code.co_linetable), "the lines"),
        "first_line": first, "names": names,
        "text": memory.read(id(code.co_qualname), 128).find(code.co_qualname.encode()),
    }  # fmt: skip


def _state(memory: Memory, inner: int) -> int:
    """Find the byte that tells new, suspended and finished generators apart.

    Several of each: a structure has gaps, in which anything can stand.
    """
    kinds: list[list[bytes]] = []
    generators = [[_suspended(number) for _ in range(8)] for number in range(3)]
    for steps, those in enumerate(generators):
        for one in those:
            for _ in range(steps):
                next(one, None)
        kinds.append([memory.read(id(one), inner) for one in those])
    for at in range(ITEMS, inner):
        new, suspended, finished = ({raw[at] for raw in raws} for raws in kinds)
        if len(new) == len(suspended) == len(finished) == 1 and new != suspended:
            if min(new | suspended) >= 0x80 > max(finished):
                return at
    raise NoLayout("the state of a coroutine was not found in this Python")


def _id_of_value(code: CodeType) -> int:
    return id(code.co_varnames[0])


class _Sample:
    def __init__(self, mark: object) -> None:
        self.mark = mark


def _instance(memory: Memory) -> dict[str, int]:
    mark = object()
    plain, with_dict = _Sample(mark), _Sample(mark)
    as_dict = with_dict.__dict__
    flags = _find(memory.read(id(_Sample), 512), _Sample.__flags__, "the flags of a class")
    places = (-4 * WORD, -3 * WORD, -2 * WORD, -WORD)
    values = [
        at for at in places
        if id(mark) in memory.words(memory.word(id(plain) + at) & ~1, 4)
    ]  # fmt: skip
    dicts = [at for at in places if memory.word(id(with_dict) + at) == id(as_dict)]
    # 0: not understood; such attributes are then not followed
    return {
        "flags": flags,
        "values": next(
            (
                at
                for at in values
                if attributes(memory, memory.word(id(plain) + at) & ~1) == [id(mark)]
            ),
            0,
        ),
        "dict": dicts[0] if dicts else 0,
    }
