"""What a simulated program writes to stdout and stderr, line by line, with the virtual time."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal, NamedTuple

Stream = Literal["stdout", "stderr"]


class Line(NamedTuple):
    """One line of output: when it was complete (ns), where it went, its text without newline."""

    at: int
    stream: Stream
    text: str


class Output:
    """The lines of one program, both streams in the order in which they were written."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.lines: list[Line] = []
        self.listener: Callable[[Line], None] | None = None
        self.shut = False
        self.clock = clock
        self.stdout_sink = Sink(self, "stdout")
        self.stderr_sink = Sink(self, "stderr")
        self.stdout = text_file(self.stdout_sink)
        self.stderr = text_file(self.stderr_sink)

    def add(self, stream: Stream, text: str) -> None:
        """Take a complete line. A program that has been stopped writes no more."""
        if self.shut:
            return
        line = Line(self.clock(), stream, text)
        self.lines.append(line)
        if self.listener is not None:
            self.listener(line)

    def close(self) -> None:
        """Take no more; what stands on unfinished lines counts as lines, too."""
        for file, sink in ((self.stdout, self.stdout_sink), (self.stderr, self.stderr_sink)):
            if not file.closed:
                file.flush()
            sink.finish()
        self.shut = True

    def text(self, stream: Stream | None = None) -> str:
        """Return what was written (to one of the streams), a newline after each line."""
        wanted = (line for line in self.lines if stream in (None, line.stream))
        return "".join(f"{line.text}\n" for line in wanted)


class Sink(io.RawIOBase):
    """The end of a program's stdout: a raw file without a descriptor."""

    def __init__(self, output: Output, stream: Stream) -> None:
        super().__init__()
        self._output = output
        self._stream: Stream = stream
        self._rest = b""

    def writable(self) -> bool:
        """Say yes: that is what it is for."""
        return True

    def write(self, data: object) -> int:
        """Take bytes; every newline completes a line."""
        with memoryview(data) as view:  # type: ignore[arg-type]  # any buffer, as io's own files
            block = bytes(view)
        *complete, self._rest = (self._rest + block).split(b"\n")
        for line in complete:
            self._output.add(self._stream, decode(line))
        return len(block)

    def finish(self) -> None:
        """Count an unfinished line as a line."""
        rest, self._rest = self._rest, b""
        if rest:
            self._output.add(self._stream, decode(rest))


def decode(line: bytes) -> str:
    """Return the text of a line; bytes that are no UTF-8 are shown escaped."""
    return line.decode("utf-8", "backslashreplace").removesuffix("\r")


def text_file(sink: Sink) -> io.TextIOWrapper:
    """Return the text file over a sink; a line leaves its buffers when it is complete."""
    return io.TextIOWrapper(
        io.BufferedWriter(sink), encoding="utf-8", errors="backslashreplace",
        newline="\n", line_buffering=True, write_through=True,
    )  # fmt: skip
