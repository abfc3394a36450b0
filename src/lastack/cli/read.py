"""lastack read: the endings of the connections in a packet capture."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from lastack.profile import S
from lastack.report import Line, ending_lines, ladder
from lastack.trace import Event
from lastack.verdict import (
    ConnectionStory,
    Evidence,
    count,
    endpoints,
    evidence,
    seconds,
    threw_away,
    verdict,
)
from lastack.wire import CaptureError

from .captures import Capture
from .paint import Painter
from .saying import fact

_CHUNK: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--no-ladder", is_flag=True, help="Endings only.")
@click.option("--unfold", is_flag=True, help="Every segment of long transfers.")
@click.option("--strict", is_flag=True, help="Exit 3 when bytes were lost.")
def read(file: str, as_json: bool, no_ladder: bool, unfold: bool, strict: bool) -> int:
    """Explain how the connections in a pcap or pcapng file ended; "-" is stdin.

    States, endings and bytes are told from what either end is seen to send.
    From stdin each connection is told a second after its end:

    \b
    tcpdump -i any -w - tcp | lastack read -

    Exit: 0 read, 2 no capture or wrong command line, 3 bytes were lost (with
    --strict).
    """
    capture = Capture()
    teller = _Teller(capture, with_ladder=not no_ladder, unfold=unfold)
    try:
        for data in _chunks(file):
            capture.feed(data)
            if file == "-" and not as_json:
                teller.tell(capture.ended())
        capture.finish()
    except CaptureError as error:
        raise click.ClickException(f"{_name(file)}: {error}") from None
    if not capture.segments and capture.unknown_links:
        types = ", ".join(map(str, capture.unknown_links))
        raise click.ClickException(f"{_name(file)}: link type {types} is not understood")
    if as_json:
        click.echo(json.dumps(_to_json(capture), indent=2))
    else:
        teller.tell(capture.rest())
        teller.tell_totals()
    lost = any(threw_away(verdict(story, capture.book)) for story in capture.book.stories)
    return 3 if strict and lost else 0


def _name(file: str) -> str:
    return "stdin" if file == "-" else file


def _chunks(file: str) -> Iterator[bytes]:
    """Return what is in a file as it comes. Ctrl-C, which a tcpdump in front of us gets as well,
    lets what is on its way arrive."""
    if file == "-" and sys.stdin.isatty():
        raise click.UsageError("stdin is a terminal; write FILE, or: tcpdump -w - | lastack read -")
    try:
        number = 0 if file == "-" else os.open(file, os.O_RDONLY)
        patience = 1
        while True:
            try:
                data = os.read(number, _CHUNK)
            except KeyboardInterrupt:
                if not patience:
                    return
                patience -= 1
                continue
            if not data:
                break
            yield data
        if number:
            os.close(number)
    except OSError as error:
        raise click.UsageError(f"{_name(file)}: {error.strerror}") from None


class _Teller:
    """Prints connections."""

    def __init__(self, capture: Capture, *, with_ladder: bool, unfold: bool) -> None:
        self._capture = capture
        self._painter = Painter()
        self._with_ladder = with_ladder
        self._unfold = unfold
        self._count = 0

    def tell(self, stories: Iterator[tuple[ConnectionStory, list[Event]]]) -> None:
        """Print each connection: its ladder, its ending, and how much of it was seen."""
        painter = self._painter
        for story, events in stories:
            names = self._capture.names
            self._count += 1
            if self._with_ladder:
                painter.lines(
                    ladder(story, events, names, unfold=self._unfold, glyphs=painter.glyphs)
                )
                painter.line()
            told = verdict(story, self._capture.book)
            painter.lines(ending_lines(told, names, glyphs=painter.glyphs))
            pair = self._capture.pair_of(story)
            if pair is not None:
                painter.lines(_seen(story, evidence(pair), names))
            painter.line()

    def tell_totals(self) -> None:
        """Print what was read, and what was not."""
        capture = self._capture
        parts = [
            count(capture.packets, "packet"), f"{capture.segments:,} of TCP",
            count(self._count, "connection"),
        ]  # fmt: skip
        if capture.copies:
            parts.append(f"{capture.copies:,} copies left out")
        if capture.icmp:
            parts.append(count(capture.icmp, "ICMP error"))
        if capture.packets:
            parts.append(f"{seconds(capture.now)} from {_start(capture)}")
        lines = fact("Read", "; ".join(parts))
        for text, number in sorted(capture.unread.items()):
            lines += fact("Not read", f"{count(number, 'packet')}: {text}")
        if capture.cut_off:
            lines += fact("Note", "the file ends in the middle of a packet")
        self._painter.lines(lines)


def _seen(
    story: ConnectionStory, parts: tuple[Evidence, Evidence], names: dict[bytes, str]
) -> list[Line]:
    lines: list[Line] = []
    for name, part in zip(endpoints(story, names), parts, strict=True):
        if not part.captured and not part.inferred:
            continue
        text = f"{name} sent {count(part.captured, 'byte')} in this capture"
        if part.inferred:
            text += f" and {part.inferred:,} that it does not have"
        text += f"; {part.acknowledged:,} were acknowledged. What was read of them is unknown."
        lines += fact("Seen", text)
    return lines


def _start(capture: Capture) -> str:
    moment = _EPOCH + timedelta(microseconds=capture.began // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _to_json(capture: Capture) -> dict[str, Any]:
    return {
        "schema": 1,
        "began_at": _start(capture),
        "seconds": capture.now / S,
        "packets": capture.packets,
        "tcp": capture.segments,
        "copies": capture.copies,
        "icmp": capture.icmp,
        "cut_off": capture.cut_off,
        "not_understood": [
            {"why": text, "packets": number} for text, number in sorted(capture.unread.items())
        ],
        "connections": capture.connections_json(),
    }
