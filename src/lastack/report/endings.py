"""The ending block: who closed first, how it ended and why, what to do, where every byte went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lastack.trace import Refused
from lastack.verdict import (
    Account,
    First,
    Kind,
    TimeWait,
    Verdict,
    endpoints,
    refusal,
    seconds,
    threw_away,
)

from .line import UNICODE, WIDTH, Glyphs, Line, fit, line, paragraph
from .rows import time_wait_line

_INDENT: Final = " " * 10
_COLUMNS: Final = ("accepted", "read", "unread", "queued", "destroyed")
_KINDS: Final = {
    Kind.FIN: "FIN",
    Kind.RST: "RST",
    Kind.TIMEOUT: "without a segment",
    Kind.REFUSED: "refused",
    Kind.OPEN: "still open",
}


def ending_lines(
    one: Verdict,
    names: Mapping[bytes, str],
    standing: Iterable[TimeWait] = (),
    *,
    glyphs: Glyphs = UNICODE,
) -> list[Line]:
    """Return the block about one connection. `standing` are the TIME-WAITs of the world that have
    not ended (`Book.time_waits`); those of this connection are shown."""
    client, server = endpoints(one.story, names)
    bad = one.ending.kind in (Kind.RST, Kind.TIMEOUT, Kind.REFUSED) or threw_away(one)
    lines = [
        *_title(f"{client} {glyphs.to} {server}", _span(one), glyphs),
        line(
            ("Ending".ljust(10), ""),
            (_KINDS[one.ending.kind], "bad" if bad else "good"),
            (f", {_first(one)}", ""),
        ),
    ]
    lines += paragraph(glyphs.clean(one.why), first="Why", indent=_INDENT)
    remedy = f"{one.remedy} ({one.source})"
    lines += paragraph(glyphs.clean(remedy), "remedy", first="Remedy", indent=_INDENT)
    lines += _ledger(one, client, server, glyphs)
    conns = {end.conn for end in one.story.ends}
    lines += [time_wait_line(wait, names, glyphs) for wait in standing if wait.conn in conns]
    return lines


def refusal_lines(event: Refused, *, glyphs: Glyphs = UNICODE) -> list[Line]:
    """Return the block about a bind(), listen() or connect() that was refused."""
    why, remedy = refusal(event)
    return [
        *paragraph(glyphs.clean(f"{seconds(event.at)}: {why}"), first="Refused", indent=_INDENT),
        *paragraph(glyphs.clean(remedy), "remedy", first="Remedy", indent=_INDENT),
    ]


def _title(who: str, when: str, glyphs: Glyphs) -> list[Line]:
    if len(who) + 2 + len(when) <= WIDTH:
        return [line((who, "title"), (f"  {when}", "time"))]
    return [line((fit(who, WIDTH, glyphs), "title")), line((when, "time"))]


def _span(one: Verdict) -> str:
    ended = one.story.ended_at
    end = "not ended at both ends" if ended is None else f"ended {seconds(ended)}"
    return f"opened {seconds(one.story.opened_at)}, {end}"


def _first(one: Verdict) -> str:
    who = one.ending.first_closer
    if who is First.NONE:
        return "nobody closed"
    if who is First.BOTH:
        return "both closed at once"
    end = one.story.client if who is First.CLIENT else one.story.server
    host = f" ({end.host})" if end is not None else ""
    return f"the {who.value}{host} closed first"


def _ledger(one: Verdict, client: str, server: str, glyphs: Glyphs) -> list[Line]:
    accounts = (one.ledger.client_to_server, one.ledger.server_to_client)
    columns = _COLUMNS + (("unknown",) if any(account.unknown for account in accounts) else ())
    left, right = client.rpartition(":")[0], server.rpartition(":")[0]
    if left == right:
        left, right = client[len(left) :], server[len(right) :]
    heads = (f"{left} {glyphs.to} {right}", f"{right} {glyphs.to} {left}")
    rows = [(head, _values(account)) for head, account in zip(heads, accounts, strict=True)]
    widths = [
        max(len(name), *(len(values[i]) for _, values in rows)) for i, name in enumerate(columns)
    ]
    room = WIDTH - sum(widths) - 2 * len(widths)
    head = "  ".join(name.rjust(width) for name, width in zip(columns, widths, strict=True))
    margin = max(10, *(min(len(name), room) for name, _ in rows))
    lines = [line(("Bytes".ljust(margin), ""), ("  " + head, "title"))]
    for name, values in rows:
        spans = [(name[:margin].ljust(margin), "host")]
        for column, value, width in zip(columns, values, widths, strict=False):
            loss = value != "0" and column in ("destroyed", "unread")
            spans += [("  ", ""), (value.rjust(width), "bad" if loss else "")]
        lines.append(line(*spans))
    return lines


def _values(account: Account) -> tuple[str, ...]:
    found = (
        account.accepted,
        account.read,
        account.unread,
        account.queued,
        account.destroyed,
        account.unknown,
    )
    return tuple(f"{number:,}" for number in found)
