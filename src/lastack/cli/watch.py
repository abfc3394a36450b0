"""lastack watch: ends of connections as they happen, and the bytes that died with them."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack, suppress
from typing import Any, Final

import click

from lastack.live import Ended, EndKind, Metrics, Reset, Watch, endpoint, parse_filter, serve
from lastack.report import Line
from lastack.verdict import count

from .here import elsewhere, in_one_line, namespace
from .paint import Painter
from .saying import answer
from .values import Duration

_STYLES: Final = {
    EndKind.CLOSED_FIRST: "fin", EndKind.CLOSED_SECOND: "fin", EndKind.ABORTED: "rst",
    EndKind.CUT: "rst", EndKind.NEVER_CONNECTED: "note", EndKind.UNKNOWN: "note",
}  # fmt: skip
_INDENT: Final = " " * 16


class Tally:
    """What has been seen so far, for the last line."""

    def __init__(self) -> None:
        self.kinds: Counter[EndKind] = Counter()
        self.lost = self.unknown = self.resets = 0

    def add(self, event: Ended | Reset) -> None:
        """Count one event."""
        if isinstance(event, Reset):
            self.resets += 1
            return
        self.kinds[event.kind] += 1
        if event.lost is None:
            self.unknown += 1
        else:
            self.lost += event.lost

    def text(self, missed: int) -> str:
        """Return the last line."""
        kinds = ", ".join(f"{n} {kind.value}" for kind, n in self.kinds.most_common())
        text = f"{count(self.kinds.total(), 'ending')}{': ' if kinds else ''}{kinds}; "
        text += f"{count(self.lost, 'byte')} died"
        text += f", unknown of {self.unknown}" if self.unknown else ""
        return text + (f"; {missed} times too slow to hear all" if missed else "")


@click.command()
@click.argument("filter", nargs=-1)
@click.option("--why-rst", is_flag=True, help="Trace RSTs and tell their reasons; needs root.")
@click.option("--metrics", "port", type=click.IntRange(0, 65535), metavar="PORT",
              help="Serve OpenMetrics at 127.0.0.1:PORT/metrics.")  # fmt: skip
@click.option("--count", "most", type=click.IntRange(1), metavar="N", help="Stop after N endings.")
@click.option("--seconds", "length", type=Duration(), metavar="S", help="Stop after this time.")
@elsewhere
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each event.")
def watch(
    filter: tuple[str, ...], why_rst: bool, port: int | None, most: int | None,
    length: int | None, netns: str | None, pid: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell every end of a TCP connection, and which bytes died with it.

    FILTER is that of lastack ls without `state`. A connection ends when it is
    over and no descriptor is left. Needs no root; --why-rst does, and tells the
    RSTs of all network namespaces.
    """
    with in_one_line(), ExitStack() as stack:
        there = namespace(netns, pid)
        wanted = parse_filter(" ".join(filter))
        watching = stack.enter_context(Watch(wanted, resets=why_rst, namespace=there))
        metrics = Metrics(there)
        if port is not None:
            server = serve(port, metrics.text)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            port = server.server_address[1]
        painter = Painter()
        if as_json:
            _say_json({"event": "watching", "filter": wanted.text, "metrics": port})
        else:
            _begin(painter, wanted.text, why_rst, port)
        tally = Tally()
        with suppress(KeyboardInterrupt):  # the way to end it
            _follow(watching, metrics, tally, painter, as_json, most, length)
        if as_json:
            _say_json(_summary_json(tally, watching.missed))
        else:
            painter.lines(answer(tally.text(watching.missed), "title"))


def _follow(
    watching: Watch, metrics: Metrics, tally: Tally, painter: Painter, as_json: bool,
    most: int | None, length: int | None,
) -> None:  # fmt: skip
    end = None if length is None else time.monotonic_ns() + length
    while most is None or tally.kinds.total() < most:
        left = None if end is None else max(0, end - time.monotonic_ns())
        events = watching.read(left)
        metrics.missed = watching.missed
        for event in events:
            metrics.add(event)
            tally.add(event)
            if as_json:
                _say_json(_to_json(event))
            else:
                painter.lines(_lines(event, painter.glyphs.to))
            if tally.kinds.total() == most:
                return
        if end is not None and time.monotonic_ns() >= end:
            return


def _begin(painter: Painter, filter: str, why_rst: bool, port: int | None) -> None:
    what = f"ends of TCP connections{f' with {filter}' if filter else ''}"
    painter.line(f"Watching {what}{', and all RSTs' if why_rst else ''}; Ctrl-C ends.", "title")
    if port is not None:
        painter.line(f"metrics: http://127.0.0.1:{port}/metrics", "note")


def _lines(event: Ended | Reset, arrow: str) -> list[Line]:
    if isinstance(event, Reset):
        way = "RST sent" if event.sent else "RST received"
        return _told(way, "rst", event, f"{event.why}" if event.sent else "", arrow)
    text = _fate(event)
    if event.why:
        text += f"; {event.why}"
    return _told(event.kind.value, _STYLES[event.kind], event, text, arrow)


def _told(head: str, style: str, event: Ended | Reset, text: str, arrow: str) -> list[Line]:
    """Return "closed-first    LOCAL to REMOTE  text", the text below if it does not fit."""
    ends = f"{endpoint(*event.local)} {arrow} {endpoint(*event.remote)}"
    first: Line = ((head.ljust(len(_INDENT)), style), (ends, ""))
    if len(_INDENT + ends) + 2 + len(text) <= 80:
        return [(*first, (f"  {text}" if text else "", ""))]
    room = 80 - len(_INDENT)
    lines = [first]
    if len(_INDENT + ends) > 80:
        lines = [
            ((head.ljust(len(_INDENT)), style), (f"{endpoint(*event.local)} {arrow}", "")),
            ((_INDENT + endpoint(*event.remote), ""),),
        ]
    row = ""
    for word in text.split():
        if row and len(row) + 1 + len(word) > room:
            lines.append(((_INDENT + row, ""),))
            row = ""
        row += f" {word}" if row else word
    return [*lines, ((_INDENT + row, ""),)]


def _fate(event: Ended) -> str:
    if event.kind is EndKind.NEVER_CONNECTED:
        return "no bytes"
    if event.lost is None:
        return "bytes that died: unknown, the kernel has erased its queues"
    if event.lost == 0:
        return f"{event.acknowledged or 0:,} out, {event.received or 0:,} in, none died"
    died: list[str] = []
    if event.unacknowledged:
        unsent = f" ({event.unsent:,} never sent)" if event.unsent else ""
        died.append(f"{event.unacknowledged:,} unacknowledged{unsent}")
    if event.unread:
        died.append(f"{event.unread:,} unread")
    tries = f"; {count(event.tries, 'retry').replace('retrys', 'retries')}" if event.tries else ""
    return f"died: {', '.join(died)}{tries}"


def _to_json(event: Ended | Reset) -> dict[str, Any]:
    ends = {"local": endpoint(*event.local), "remote": endpoint(*event.remote)}
    if isinstance(event, Reset):
        return {
            "event": "reset", "direction": "sent" if event.sent else "received", **ends,
            "reason": event.code or None, "why": event.why,
        }  # fmt: skip
    return {
        "event": "ending", "kind": event.kind.value, **ends, "accepted": event.accepted,
        "unacknowledged": event.unacknowledged, "unsent": event.unsent, "unread": event.unread,
        "acknowledged": event.acknowledged, "received": event.received,
        "retransmissions": event.tries, "cookie": event.cookie, "why": event.why or None,
    }  # fmt: skip


def _summary_json(tally: Tally, missed: int) -> dict[str, Any]:
    return {
        "event": "summary", "endings": {kind.value: n for kind, n in tally.kinds.items()},
        "lost": tally.lost, "unknown": tally.unknown, "resets": tally.resets, "missed": missed,
    }  # fmt: skip


def _say_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema": 1, **value}))
