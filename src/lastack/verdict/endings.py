"""How a connection ended: who closed first, by which segment, for which reason.

    fin      each direction was closed by a FIN that the other end took
    rst      a RST ended it
    timeout  it ended without a segment: retransmissions given up, a timer, a host gone
    refused  its SYN was refused
    open     it has not ended

`kind` is how the last of the two directions ended. A RST or a give-up takes both directions that
are still open at once, so it is `fin` only where both ended so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from lastack.state import ESTABLISHED, SYN_RECEIVED, SYN_SENT, TIME_WAIT
from lastack.trace import Queue, Reason

from .book import Book
from .story import ConnectionStory, End, Reset


class Kind(Enum):
    """How the last of the two directions ended."""

    FIN = "fin"
    RST = "rst"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    OPEN = "open"


class First(Enum):
    """Who began the end; `both` is a simultaneous close: neither had heard of the other's."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"
    NONE = "none"


@dataclass(frozen=True)
class Ending:
    """reason is None for an end by FIN that lost nothing, and while the connection is open. `by`
    is the host whose doing the reason was, `at` when (ns); conn is that end, 0 for a host
    without one. `reset` is the RST it was told by, where there was one."""

    kind: Kind
    first_closer: First
    reason: Reason | None
    at: int | None
    by: str
    conn: int = 0
    reset: Reset | None = None


ABORTS: Final = frozenset(
    {
        Reason.LINGER_ZERO,
        Reason.UNREAD_AT_CLOSE,
        Reason.LINGER_EXPIRED,
        Reason.LINGER2_NEGATIVE,
        Reason.DATA_AFTER_CLOSE,
        Reason.DATA_AFTER_SHUTDOWN,
        Reason.TEXT_ACROSS_FIN,
        Reason.LISTENER_CLOSED,
        Reason.DISCONNECT,
        Reason.KILLED,
        Reason.ABORTED,
        Reason.CLOSED_WHILE_CONNECTING,
        Reason.CLOSE_CALL,
    }
)
"""Ends of a host's own making."""


def ending(story: ConnectionStory, book: Book) -> Ending:
    """Return how the connection ended, as far as it has."""
    kind, first = _kind(story), _first_closer(story, book)
    if kind is Kind.OPEN:
        return Ending(kind, first, None, None, "")
    if kind is Kind.FIN:
        return _whole(story, first)
    abrupt = [end for end in story.ends if _how(end) is not Kind.FIN and end.terminal]
    root = min(abrupt, key=_when_gone)
    assert root.terminal is not None
    if root.reset_taken is not None and _told_by_reset(root):
        reset = book.resets.get(root.reset_taken.packet)
        if reset is not None:
            return Ending(kind, first, reset.reason, reset.at, reset.host, reset.conn, reset)
        reason = root.reset_taken.reason
        return Ending(kind, first, reason, root.terminal.at, _outside(story, root))
    if _sent_reset(root):
        assert root.reset_sent is not None
        why = root.reset_sent
        reset = Reset(root.host, why.at, why.reason, root.conn, root.reset_call, 0)
        return Ending(kind, first, why.reason, why.at, root.host, root.conn, reset)
    return Ending(kind, first, root.terminal.reason, root.terminal.at, root.host, root.conn)


def _whole(story: ConnectionStory, first: First) -> Ending:
    """An end by two FINs; its reason is what it lost, if it lost anything."""
    times = [at for end in story.ends for at in (end.fin_taken_at, end.fin_acked_at)]
    at = max((at for at in times if at is not None), default=story.opened_at)
    for end in story.ends:
        for event in end.destroyed:
            if event.queue is Queue.UNREAD and event.last > event.first:
                return Ending(Kind.FIN, first, event.reason, event.at, end.host, end.conn)
    return Ending(Kind.FIN, first, None, at, "")


def _kind(story: ConnectionStory) -> Kind:
    client = story.client
    if client is not None and _refused(client):
        return Kind.REFUSED
    ways = [_direction(story, story.client, story.server)]
    if not story.to_itself:
        ways.append(_direction(story, story.server, story.client))
    for kind in (Kind.OPEN, Kind.RST, Kind.TIMEOUT):
        if kind in ways:
            return kind
    return Kind.FIN


def _direction(story: ConnectionStory, sender: End | None, receiver: End | None) -> Kind:
    """Return how the stream from `sender` to `receiver` ended."""
    if receiver is not None and receiver.fin_taken_at is not None:
        return Kind.FIN
    if sender is not None and sender.fin_acked_at is not None:
        return Kind.FIN
    ways = {_how(end) for end in story.ends if end.gone}
    if Kind.RST in ways:
        return Kind.RST
    return Kind.TIMEOUT if ways else Kind.OPEN


def _how(end: End) -> Kind:
    """Return how one end came to CLOSED or TIME-WAIT."""
    if end.terminal is None:
        return Kind.OPEN
    if _told_by_reset(end) or _sent_reset(end):
        return Kind.RST
    if end.terminal.new is TIME_WAIT or end.terminal.reason is Reason.FIN_ACKED:
        return Kind.FIN
    return Kind.TIMEOUT


def _told_by_reset(end: End) -> bool:
    return (
        end.reset_taken is not None
        and end.terminal is not None
        and end.terminal.new is not TIME_WAIT
        and end.reset_taken.at <= end.terminal.at
    )


def _sent_reset(end: End) -> bool:
    """Whether its end was an ABORT: many a RST that a connection sends leaves it where it is."""
    return (
        end.reset_sent is not None
        and end.terminal is not None
        and (end.reset_sent.at, end.reset_sent.cause) == (end.terminal.at, end.terminal.cause)
        and end.terminal.new is not TIME_WAIT
    )


def _refused(client: End) -> bool:
    terminal = client.terminal
    if terminal is None or terminal.old is not SYN_SENT:
        return False
    return client.reset_taken is not None or terminal.reason is Reason.UNREACHABLE


def _outside(story: ConnectionStory, end: End) -> str:
    peer = story.peer(end)
    return peer.host if peer is not None else ""


def _first_closer(story: ConnectionStory, book: Book) -> First:
    client = _began(story.client, story.server, book)
    server = _began(story.server, story.client, book)
    if story.to_itself:
        return First.BOTH if client else First.NONE
    if client and server:
        return First.BOTH
    if client or server:
        return First.CLIENT if client else First.SERVER
    return First.NONE


def _began(end: End | None, other: End | None, book: Book) -> bool:
    """Whether an end closed or aborted before it had heard of its peer's close."""
    if end is None:
        return other is not None and _heard_first(other, book)
    if end.closed_first:
        return True
    terminal = end.terminal
    return (
        terminal is not None
        and terminal.old in (SYN_SENT, SYN_RECEIVED, ESTABLISHED)
        and terminal.reason in ABORTS
    )


def _heard_first(end: End, book: Book) -> bool:
    """Whether a peer that nobody watched began: its FIN or RST came before any close of ours."""
    if end.terminal is not None and end.terminal.old is SYN_SENT:
        return False  # refused: nothing was there to close
    if end.closed_first:
        return False
    if end.fin_taken_at is not None:
        return True
    taken = end.reset_taken
    return taken is not None and _told_by_reset(end) and taken.packet not in book.resets


def _when_gone(end: End) -> int:
    assert end.terminal is not None
    return end.terminal.n
