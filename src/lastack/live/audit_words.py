"""An audit in words, as lines of styled text of 80 columns."""

from __future__ import annotations

import os
from textwrap import wrap
from typing import Final

from lastack.trace import Reason
from lastack.verdict import SENTENCES, count, seconds

from .audit_report import AuditEnding, AuditReport

Line = tuple[tuple[str, str], ...]
"""Pairs of a text and the name of its style, as `lastack.report` has them."""

_WIDTH: Final = 80
_CALLS: Final = {
    "close": "close", "collected": "collected, never closed:", "exit": "still open:",
    "listen": "listen",
}  # fmt: skip
_WHAT: Final = {
    "unread": "unread bytes, so an RST", "linger": "SO_LINGER in force",
    "unacked": "bytes unacknowledged", "reuseaddr": "no SO_REUSEADDR",
    "queued": "accept queue not empty",
}  # fmt: skip
_REMEDIES: Final = {
    "unread": SENTENCES[Reason.UNREAD_AT_CLOSE].remedy,
    "linger": SENTENCES[Reason.LINGER_ZERO].remedy,
    "unacked": "Unacknowledged bytes are still sent after close(), and nobody is told whether they "
    "arrive: where that matters, lastack.close() waits and says so.",
    "reuseaddr": SENTENCES[Reason.PORT_IN_TIME_WAIT].remedy,
    "queued": SENTENCES[Reason.LISTENER_CLOSED].remedy,
}


def audit_lines(ending: AuditEnding) -> list[Line]:
    """Return where a connection ended and what was wrong with that."""
    where = _where(ending.file, ending.line, ending.function, ending.via)
    what = f"{_CALLS[ending.call]} {ending.local}"
    if ending.remote:
        what += f" to {ending.remote}, {ending.state.value}"
    lines = _wrapped(f"{where}: {what}", "call", "")
    for text, style in _sentences(ending):
        lines += _wrapped(text, style, "  ")
    return lines


def audit_summary(report: AuditReport) -> list[Line]:
    """Return the table of places with a finding and, for each kind of finding, what to do."""
    spots = report.spots()
    lines: list[Line] = []
    if spots:
        lines.append((("   times       amount  finding                  where", "note"),))
    for spot in spots:
        amount = f"{report.amounts[spot]:,}" if report.amounts[spot] else "-"
        head = f"{report.times[spot]:>8,}  {amount:>11}  {_WHAT[spot.finding]:<23}  "
        where = _where(spot.file, spot.line, "", spot.via)
        style = "bad" if spot.finding == "unread" else "again"
        first, *rest = wrap(where, _WIDTH - len(head), break_on_hyphens=False) or [""]
        lines.append(((head, style), (first, "")))
        lines += [((" " * len(head) + more, ""),) for more in rest]
    for finding in dict.fromkeys(spot.finding for spot in spots):
        lines += _wrapped(_REMEDIES[finding], "remedy", "  ")
    return lines


def audit_total(report: AuditReport) -> str:
    """Return how many sockets were closed and how many findings there are."""
    closed = f"{count(report.closed, 'TCP socket')} closed"
    number = len(report.processes)
    if number > 1:
        closed += f" in {number} processes"
    found = sum(report.times.values())
    return f"{closed}, {count(found, 'finding') if found else 'nothing to report'}"


def _sentences(ending: AuditEnding) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    lost = ""
    if ending.reset and ending.unacked:
        lost = f"; of its own, {count(ending.unacked, 'byte')} were unacknowledged and may be lost"
    if "unread" in ending.findings:
        told.append((f"{count(ending.unread, 'byte')} unread: Linux sends an RST{lost}", "bad"))
        lost = ""
    if ending.linger == 0 and "linger" in ending.findings:
        told.append((f"SO_LINGER with l_linger 0: an RST instead of a FIN{lost}", "bad"))
    elif "linger" in ending.findings:
        waited = f"; this close() took {seconds(ending.waited)}" if ending.waited else ""
        text = f"SO_LINGER {ending.linger} s: close() waits, even on a non-blocking socket{waited}"
        told.append((text, "again"))
    if "unacked" in ending.findings and not ending.reset:
        text = f"{count(ending.unacked, 'byte')} unacknowledged: the kernel goes on sending"
        told.append((text, "note"))
    if "reuseaddr" in ending.findings:
        text = "bound to this port without SO_REUSEADDR: it cannot be bound again while one of its "
        told.append((text + "connections is in TIME-WAIT", "again"))
    if "queued" in ending.findings:
        number = count(ending.queued, "connection")
        told.append((f"{number} not accepted yet: an RST for each", "bad"))
    return told


def _where(file: str, line: int, function: str, via: str) -> str:
    if not file:
        return "at exit"
    near = os.path.relpath(file)
    place = f"{file if near.startswith('..') else near}:{line}"
    if function and function != "<module>":
        place += f" in {function}"
    return f"{place} (by {via})" if via else place


def _wrapped(text: str, style: str, indent: str) -> list[Line]:
    rows = wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )  # fmt: skip
    return [((row, style),) for row in rows]
