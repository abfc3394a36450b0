"""lastack audit: a Python program as it is, and what is wrong with its last closes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

import click
from rich.console import Console

from lastack.live import (
    AuditLog,
    AuditReport,
    NoPython,
    audit_environment,
    audit_lines,
    audit_summary,
    audit_total,
    need_linux,
    prepare_audit,
    python_command,
)
from lastack.report import ASCII, UNICODE

from .here import in_one_line
from .paint import Painter

_EACH: Final = 10
_EVERY: Final = 1 << 62
_LOOK: Final = 0.2
"""Seconds between two looks into the log."""


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="CMD [ARGS]...")
@click.option("--every", is_flag=True, help=f"Each ending, not the first {_EACH} of a place.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end, no text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Report to a file instead of stderr.")  # fmt: skip
def audit(command: tuple[str, ...], every: bool, as_json: bool, output: Path | None) -> int:
    """Run a Python program and tell what it does wrong when it closes TCP sockets.

    CMD is an interpreter, a console script, a .py file or -m MODULE; it runs as
    it is, on its real sockets. Told at each last close, with file and line:
    unread bytes (Linux sends an RST), bytes unacknowledged, SO_LINGER in force,
    a bind() without SO_REUSEADDR. Child processes that are Python are audited
    too.

    \b
    lastack audit -- -m http.server 8000

    The report goes to stderr or to a file: stdout is the program's own, and so
    is the exit status (128 + n after signal n).
    """
    with in_one_line():
        need_linux("lastack audit")
        try:
            arguments = python_command(command)
        except NoPython as error:
            raise click.UsageError(str(error)) from None
        with _stream(output) as stream, tempfile.TemporaryDirectory(prefix="lastack-") as name:
            told = _Told(AuditReport(), None if as_json else _painter(stream))
            status = _run(arguments, Path(name), told, _EVERY if every else _EACH)
            if as_json:
                head = {"schema": 1, "command": list(command), "status": status}
                click.echo(json.dumps({**head, **told.report.to_json()}), file=stream)
            else:
                told.end(status)
    return status


class _Told:
    """The report, and how it is shown while it grows; no painter: not at all."""

    def __init__(self, report: AuditReport, painter: Painter | None) -> None:
        self.report = report
        self._painter = painter

    def read(self, log: AuditLog) -> None:
        """Take what the processes wrote since the last call."""
        for record in log.read():
            ending = self.report.take(record)
            if ending is not None and self._painter is not None:
                self._painter.lines(audit_lines(ending))

    def end(self, status: int) -> None:
        """Show the summary."""
        painter = self._painter
        if painter is None:
            return
        report = self.report
        if not report.processes:
            painter.line("lastack: the program took no audit: python -I, -E, -S or older than 3.11")
            return
        spots = audit_summary(report)
        painter.line(f"lastack: {audit_total(report)}", "bad" if spots else "good")
        painter.lines(spots)
        if status > 128 and status - 128 in set(signal.Signals):
            by = signal.Signals(status - 128).name
            painter.line(f"It was ended by {by}; what was open then, nobody looked at.", "note")


def _run(arguments: list[str], directory: Path, told: _Told, each: int) -> int:
    """Run the program to its end and return its exit status as a shell tells it."""
    log = AuditLog(prepare_audit(directory))
    environment = audit_environment(directory, each)
    sys.stdout.flush()
    with _Signals() as signals:
        try:
            process = subprocess.Popen(arguments, env=environment)
        except OSError as error:
            raise click.ClickException(f"{arguments[0]}: {error.strerror}") from None
        signals.hand_on_to(process)
        ended = os.pidfd_open(process.pid)
        try:
            while not select.select([ended], (), (), _LOOK)[0]:
                told.read(log)
        finally:
            os.close(ended)
        status = process.wait()
    told.read(log)
    return status if status >= 0 else 128 - status


class _Signals:
    """Leaves the keyboard's signals to the program, and hands on what is sent to us alone."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._before: dict[int, Any] = {}

    def hand_on_to(self, process: subprocess.Popen[bytes]) -> None:
        """Name the program; it gets what came before it was there."""
        self._process = process
        for number in self._early:
            process.send_signal(number)

    def __enter__(self) -> _Signals:
        # a handler that does nothing, for the program would inherit SIG_IGN
        for number in (signal.SIGINT, signal.SIGQUIT):
            self._before[number] = signal.signal(number, lambda number, frame: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._hand_on)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)


@contextmanager
def _stream(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stderr
        return
    try:
        file = output.open("w", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"--output {output}: {error.strerror}") from None
    with file:
        yield file


def _painter(stream: TextIO) -> Painter:
    painter = Painter()
    painter.console = Console(
        file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True
    )
    utf8 = painter.console.encoding.lower().startswith("utf")
    painter.glyphs = UNICODE if utf8 else ASCII
    return painter
