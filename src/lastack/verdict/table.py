"""The verdicts of a run as plain data, for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lastack.wire import is_loopback, show_endpoint

from .book import Book
from .causes import Verdict, verdict
from .ledger import Account
from .story import ConnectionStory, End, TimeWait

Names = Mapping[bytes, str]
"""Address -> name of its host."""


def to_json(book: Book, names: Names) -> dict[str, Any]:
    """Return {"connections": [...], "time_wait": [...]}: times in seconds of virtual time, ends
    as "host:port", states as RFC 9293 writes them, reasons by their names in `Reason`."""
    return {
        "connections": [_connection(verdict(story, book), names) for story in book.stories],
        "time_wait": [_time_wait(wait, names) for wait in book.time_waits()],
    }


def endpoint(address: bytes, port: int, host: str, names: Names) -> str:
    """Return "web:8000"; `host` is whose loopback addresses are meant."""
    name = names.get(address) or (host if is_loopback(address) else "")
    return f"{name}:{port}" if name else show_endpoint(address, port)


def endpoints(story: ConnectionStory, names: Names) -> tuple[str, str]:
    """Return the client's and the server's endpoint."""
    flow, host = story.flow, story.ends[0].host
    return (
        endpoint(flow.src, flow.sport, host, names),
        endpoint(flow.dst, flow.dport, host, names),
    )


def _connection(one: Verdict, names: Names) -> dict[str, Any]:
    story, ended_at = one.story, one.story.ended_at
    client, server = endpoints(story, names)
    return {
        "client": client,
        "server": server,
        "opened_at": _seconds(story.opened_at),
        "ended_at": None if ended_at is None else _seconds(ended_at),
        "client_states": _states(story.client),
        "server_states": _states(story.server),
        "ending": {
            "kind": one.ending.kind.value,
            "first_closer": one.ending.first_closer.value,
            "why": one.why,
            "remedy": one.remedy,
            "reason": None if one.ending.reason is None else one.ending.reason.name,
            "by": one.ending.by or None,
            "source": one.source,
        },
        "bytes": {
            "client_to_server": _account(one.ledger.client_to_server),
            "server_to_client": _account(one.ledger.server_to_client),
        },
        "destroyed": [
            {
                "host": loss.host,
                "queue": loss.queue.value,
                "bytes": loss.bytes,
                "at": _seconds(loss.at),
                "reason": loss.reason.name,
            }
            for loss in one.ledger.losses
        ],
    }


def _states(end: End | None) -> list[str]:
    return [] if end is None else [step.state.value for step in end.steps]


def _account(one: Account) -> dict[str, int]:
    counts = {
        "accepted": one.accepted,
        "read": one.read,
        "unread": one.unread,
        "queued": one.queued,
        "destroyed": one.destroyed,
    }
    # Only a peer outside the world has bytes of which nobody knows.
    return {**counts, "unknown": one.unknown} if one.unknown else counts


def _time_wait(wait: TimeWait, names: Names) -> dict[str, Any]:
    flow = wait.flow
    return {
        "host": wait.host,
        "local": endpoint(flow.src, flow.sport, wait.host, names),
        "remote": endpoint(flow.dst, flow.dport, wait.host, names),
        "entered_at": _seconds(wait.entered_at),
        "expires_at": _seconds(wait.expires_at),
    }


def _seconds(ns: int) -> float:
    return ns / 1_000_000_000


def threw_away(one: Verdict) -> bool:
    """Tell whether bytes were destroyed or thrown away unread."""
    return bool(one.ledger.losses)
