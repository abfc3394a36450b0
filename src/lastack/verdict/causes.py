"""The verdict on a connection: what happened to its end, what it cost, what to do.

Everything is derived from events, so a stored trace and a live run give the same text.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastack.trace import Called, Reason, Refused

from .book import Book
from .endings import Ending, Kind, ending
from .ledger import Account, Ledger, discarded, ledger
from .sentences import SENTENCES, Figures, cause, count, seconds
from .story import ConnectionStory, End


@dataclass(frozen=True)
class Verdict:
    """ending and ledger, and in words: `why` it ended so and what was lost, `remedy`, `source` (the
    RFC section or manual page) and `measured` (the note with the measurement, may be "")."""

    story: ConnectionStory
    ending: Ending
    ledger: Ledger
    why: str
    remedy: str
    source: str
    measured: str


def verdict(story: ConnectionStory, book: Book) -> Verdict:
    """Judge one connection as it stands."""
    end, accounts = ending(story, book), ledger(story)
    told = end.conn if end.reason is Reason.UNREAD_AT_CLOSE else 0
    losses = " ".join(_losses(story, accounts, told))
    head = _head(story, end)
    learnt = _learnt(story, end, book)
    why = " ".join(part for part in (head, learnt, losses) if part)
    if end.reason is None:
        remedy = "Nothing to do." if end.kind is Kind.FIN else "It has not ended."
        return Verdict(story, end, accounts, why, remedy, "RFC 9293 section 3.6", "")
    row = SENTENCES[end.reason]
    host, peer = _names(story, end)
    remedy = row.remedy.format(host=host, peer=peer)
    return Verdict(story, end, accounts, why, remedy, row.source, row.measured)


def refusal(event: Refused) -> tuple[str, str]:
    """Return why a call was refused, and the remedy."""
    holders = ", ".join(event.holders) or "another socket"
    why = cause(event.reason, Figures(host=event.host, call=f"{event.call}()", holders=holders))
    remedy = SENTENCES[event.reason].remedy.format(host=event.host, peer="the peer")
    return f"{event.call}() on {event.host}: {why}.", remedy


_ENDS = {"exit": "the end of the program", "kill": "the kill of the program"}
"""Calls that nobody made, in words."""

_GIVEN_UP = {
    Reason.GIVE_UP_DATA,
    Reason.GIVE_UP_ORPHAN,
    Reason.GIVE_UP_SYN,
    Reason.GIVE_UP_SYN_ACK,
    Reason.GIVE_UP_ZERO_WINDOW,
    Reason.KEEPALIVE_UNANSWERED,
    Reason.USER_TIMEOUT,
}

_VERB = {
    Kind.FIN: "FIN",
    Kind.RST: "RST",
    Kind.TIMEOUT: "Ended without a segment",
    Kind.REFUSED: "Refused",
}


def _head(story: ConnectionStory, end: Ending) -> str:
    if end.kind is Kind.OPEN:
        states = ", ".join(f"{known.host} is in {known.state.value}" for known in story.ends)
        return f"Still open: {states}."
    at = seconds(end.at or 0)
    if end.reason is None:
        return f"FIN at {at}: both directions were closed in order."
    # The RST may have come late; it is the moment of the cause that is told.
    verb = "Ended" if end.reason is Reason.HOST_GONE else _VERB[end.kind]
    return f"{verb} at {at}: {cause(end.reason, _figures(story, end))}."


def _names(story: ConnectionStory, end: Ending) -> tuple[str, str]:
    """Return whose doing the reason was, and the name of the other end."""
    mine = next((known for known in story.ends if known.conn == end.conn), None)
    if mine is not None:
        other = story.peer(mine)
    else:
        other = next((known for known in story.ends if known.host != end.by), None)
        other = other or next(iter(story.ends))
    return end.by or "the peer", other.host if other is not None else "the peer"


def _figures(story: ConnectionStory, end: Ending) -> Figures:
    host, peer = _names(story, end)
    mine = next((known for known in story.ends if known.conn == end.conn), None)
    call = end.reset.call if end.reset is not None else None
    if call is None and mine is not None:
        call = mine.last_call
    waited = "its time"
    if mine is not None and mine.close_at is not None and end.at is not None:
        waited = seconds(end.at - mine.close_at)
    return Figures(
        host=host,
        peer=peer,
        call=_call(call),
        unread=count(_unread_thrown_away(mine), "unread byte"),
        waited=waited,
        tries=_tries(mine, end.reason),
    )


def _call(call: Called | None) -> str:
    if call is None or not call.call.isidentifier():
        return "close()"
    return _ENDS.get(call.call, f"{call.call}()")


def _learnt(story: ConnectionStory, end: Ending, book: Book) -> str:
    """Say how the other end learns of a host that lost its power, which told it nothing."""
    if end.reason is not Reason.HOST_GONE:
        return ""
    mine = next((known for known in story.ends if known.conn == end.conn), None)
    other = story.peer(mine) if mine is not None else None
    if mine is None or other is None or other is mine:
        return ""
    if other.terminal is None:
        told = f"{other.host} has not learnt it: it is in {other.state.value}, and"
        if mine.host in book.powerless:
            return (
                f"{told} {mine.host} is still off. With something to send it will give up in the "
                "end; without, only keep-alives would tell it."
            )
        return (
            f"{told} its next segment will be answered with a RST, since {mine.host} is on again "
            "and has forgotten the connection."
        )
    at, reason = seconds(other.terminal.at), other.terminal.reason
    if reason is Reason.HOST_GONE:
        return f"{other.host} was switched off, too, at {at}."
    if other.reset_taken is not None:
        return f"{other.host} learnt it at {at} by a RST, the answer to its next segment."
    if reason in _GIVEN_UP:
        names = Figures(host=other.host, peer=mine.host, tries=_tries(other, reason))
        return f"{other.host} learnt it at {at} by time-out: {cause(reason, names)}."
    return f"{other.host} had ended at {at} without learning it."


def _unread_thrown_away(end: End | None) -> int:
    return sum(loss.bytes for loss in discarded(end)) if end is not None else 0


def _tries(end: End | None, reason: Reason | None) -> str:
    word = "probe" if reason is Reason.GIVE_UP_ZERO_WINDOW else "retransmission"
    # The expiry at which it gave up sent nothing any more.
    return count(max(end.tries - 1, 0), word) if end is not None else f"{word}s"


def _losses(story: ConnectionStory, accounts: Ledger, told: int) -> list[str]:
    """Return what was destroyed and what was thrown away unread, with figures, for each side;
    `told` is the end whose unread bytes the cause has already told."""
    found = []
    parts = (
        (accounts.client_to_server, story.client),
        (accounts.server_to_client, story.server),
    )
    for one, sender in parts:
        name = sender.host if sender is not None else "the peer"
        if one.destroyed:
            found.append(f"Lost: {_share(one.destroyed, one, name)}.")
        reader = story.peer(sender) if sender is not None else None
        unread = _unread_thrown_away(reader)
        if unread and reader is not None and reader.conn != told:
            found.append(f"Thrown away unread: {_share(unread, one, name)}.")
    return found


def _share(part: int, one: Account, name: str) -> str:
    if part == one.accepted:
        return f"all {count(part, 'byte')} of {name}" if part > 1 else f"the 1 byte of {name}"
    return f"{part:,} of {name}'s {count(one.accepted, 'byte')}"
