"""One socket call: its place in the trace, and the reference that it holds while it lasts."""

from __future__ import annotations

import errno
from functools import lru_cache, partial
from types import TracebackType

from lastack.sockets import File

from .baton import SimThread
from .blocking import close_file
from .process import POWERLESS


class Account:
    """Around a call: Called as it begins, Returned as it ends, whatever ends it.

    However long the call blocks, there is one pair. It holds the file: when another thread closes
    the descriptor meanwhile, the file is closed as this call ends, in this thread, as on Linux.
    close() itself holds nothing.
    """

    __slots__ = ("file", "call", "text", "result", "_holds", "_thread")

    def __init__(
        self, thread: SimThread, file: File, call: str, text: str, *, holds: bool = True
    ) -> None:
        self.file = file
        self.call = call
        self.text = text
        self.result = "ok"
        self._holds = holds
        self._thread = thread

    def __enter__(self) -> Account:
        if self._holds:
            self.file.refs += 1
        thread = self._thread
        name = "" if thread.process.main is thread else thread.name
        self.file.called(self.call, self.text, name, thread.world.now)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        thread, file = self._thread, self.file
        world = thread.world
        if isinstance(error, OSError):
            # The errno says it all: the program's traceback ends where it made the call.
            error.__traceback__ = None
        if not world.over and thread.process.ended_by != POWERLESS:
            text, number = (self.result, 0) if error is None else failure(error)
            file.returned(self.call, text, number, world.now)
        if self._holds:
            if file.refs > 1:
                file.refs -= 1
            else:
                give_back(file, thread)


def failure(error: BaseException) -> tuple[str, int]:
    """Return how an exception reads in the trace, and its errno."""
    if isinstance(error, OSError) and error.errno:
        return errno.errorcode.get(error.errno, str(error.errno)), error.errno
    if isinstance(error, TimeoutError):
        return "timed out", errno.EAGAIN
    return "interrupted", errno.EINTR


def give_back(file: File, thread: SimThread) -> int:
    """Give back a reference; the last one closes the file. Return the errno of close(2), or 0."""
    world = thread.world
    if file.refs > 1:
        file.drop(world.now)
        return 0
    if thread.killed:
        if not world.over:
            world.engine(thread.process.node, partial(_drop, file))
        return 0
    return close_file(file, thread.process.node)


def _drop(file: File, now: int) -> None:
    file.drop(now, exiting=True)


@lru_cache  # the same few numbers come again and again, and their words were 2 % of an echo
def size_text(count: int) -> str:
    """Return "1 byte", "2,000,000 bytes"."""
    return "1 byte" if count == 1 else f"{count:,} bytes"


@lru_cache
def room_text(call: str, limit: int) -> str:
    """Return "recv up to 65,536"."""
    return f"{call} up to {limit:,}"
