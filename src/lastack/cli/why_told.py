"""What `lastack why` prints: the answer, who has the port, what bind() and connect() say."""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

from lastack.live import (
    UNKNOWN,
    Cause,
    ConnectCause,
    Held,
    Saying,
    Why,
    WhyConnect,
    clears,
    endpoint,
    say_bind,
)
from lastack.report import Line

from .ls import Listed
from .saying import advice, answer, fact, show, some_rows

_YES_NO: Final = {True: "yes", False: "no", None: "not known"}


def show_bind(found: Why, said: Saying) -> None:
    """Print the answer about an address and a port."""
    free = found.cause is Cause.FREE
    style = "good" if free else "state" if found.reuseaddr_helps else "bad"
    more = f"lastack ls sport = :{found.port}" if found.port else ""
    rows = some_rows([_listed(held) for held in found.holders], more)
    show(answer(said.verdict, style), rows, [] if free else _facts(found), advice(said.advice))


def show_connect(found: WhyConnect, said: Saying) -> None:
    """Print the answer about a connection."""
    facts: list[Line] = []
    if found.source is not None:
        used, total = f"{found.used:,}", f"{found.settings.total:,}"
        facts += fact("from", f"{endpoint(found.source, 0)} ({used} of {total} automatic ports "
                      "in use towards it)")  # fmt: skip
    if found.attempt.tried:
        call = "bind()" if found.attempt.in_bind else "connect()"
        facts += fact(call, _errno(found.attempt.error) or "ok")
    holders = found.bind.holders if found.bind is not None else found.holders
    style = "good" if found.cause is ConnectCause.CONNECTED else "bad"
    rows = some_rows([_listed(held) for held in holders])
    show(answer(said.verdict, style), rows, facts, advice(said.advice))


def bind_json(found: Why, said: Saying) -> dict[str, Any]:
    """Return the object of docs/schema/why.json about bind()."""
    return {
        "schema": 1,
        "address": _address(found.address),
        "port": found.port,
        "plain": _errno(found.probe.plain),
        "with_reuseaddr": _errno(found.probe.with_reuseaddr),
        "with_reuseport": _errno(found.probe.with_reuseport),
        "probed": found.probe.asked,
        "cause": found.cause.value,
        "holders": [_held_json(held) for held in found.holders],
        "reuseaddr_helps": found.reuseaddr_helps,
        "old_had_reuseaddr": found.old_had_reuseaddr,
        "clears_in": None if found.clears_in is None else found.clears_in / 1e9,
        "kill_is_safe": found.kill_is_safe,
        "verdict": said.verdict,
        "advice": list(said.advice),
    }


def connect_json(found: WhyConnect, said: Saying) -> dict[str, Any]:
    """Return the object of docs/schema/why.json about connect()."""
    bind = found.bind
    return {
        "schema": 1,
        "local": None if found.local is None else endpoint(*found.local),
        "remote": endpoint(*found.remote),
        "error": _errno(found.attempt.error),
        "probed": found.attempt.tried,
        "cause": found.cause.value,
        "source": None if found.source is None else _address(found.source),
        "ports_used": found.used,
        "ports_total": found.settings.total,
        "syns_again": found.attempt.syns_again,
        "holders": [_held_json(held) for held in found.holders],
        "bind": None if bind is None else bind_json(bind, say_bind(bind)),
        "verdict": said.verdict,
        "advice": list(said.advice),
    }


def _held_json(held: Held) -> dict[str, Any]:
    return {
        **_listed(held).to_json(),
        "reuseaddr": held.reuseaddr,
        "outgoing": held.outgoing,
        "accept_queue": held.row.in_accept_queue,
        "owners": [owner._asdict() for owner in held.owners],
    }


def _listed(held: Held) -> Listed:
    return Listed(held.row, held.owners[0] if held.owners else None, held.options)


def _facts(found: Why) -> list[Line]:
    answers = (
        ("", found.probe.plain),
        ("SO_REUSEADDR: ", found.probe.with_reuseaddr),
        ("SO_REUSEPORT: ", found.probe.with_reuseport),
    )
    how = "bind()" if found.probe.asked else "bind() would"
    lines = fact(how, "; ".join(f"{name}{_errno(number) or 'ok'}" for name, number in answers))
    if found.holders and found.port:
        had = _YES_NO[found.old_had_reuseaddr]
        lines += fact("old socket", f"had SO_REUSEADDR: {had}")
    if found.in_the_way:
        slowest = max(
            found.in_the_way, key=lambda held: (not held.kernel_only, held.row.expires_in)
        )
        lines += fact("clears", clears(slowest))
    if found.kill_is_safe is not None:
        safe = "loses no byte, disturbs nobody" if found.kill_is_safe else "is not safe, or no use"
        lines += fact("destroying", safe)
    return lines


def _errno(number: int) -> str | None:
    if number == UNKNOWN:
        return "unknown"
    return errno.errorcode.get(number, str(number)) if number else None


def _address(packed: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
