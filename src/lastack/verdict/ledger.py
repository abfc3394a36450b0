"""The ledger: where every byte is that a program gave to send().

One account for each direction, joined by offset: the sender says what it accepted and what it
threw away, the receiver what reached its queue and what was read. Always

    accepted = read + unread + queued + destroyed + unknown

    read       the receiving program took it
    unread     it reached the receive queue in order and was never read, also when close() found
               it there and threw it away
    queued     it may still arrive
    destroyed  it never reached the receive queue and never will: the sender's queue is gone. (A
               copy that is under way at that moment may still come; the byte then moves.)
    unknown    it was sent to a peer that nobody watches, or it reached the receive queue of one
               whose calls nobody sees (in a capture)

SYN and FIN are no stream bytes. Bytes that a receiver held out of order are still in the sender's
queue, and it is that queue's fate that decides theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastack.trace import Destroyed, Queue, Reason

from .story import ConnectionStory, End


@dataclass(frozen=True)
class Account:
    """Bytes of one direction."""

    accepted: int = 0
    read: int = 0
    unread: int = 0
    queued: int = 0
    destroyed: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Loss:
    """Bytes that were thrown away: where, from which queue, when (ns), why.

    The bytes of the queues "unsent" and "unacked" are the account's `destroyed`; those of the queue
    "unread" are counted there as `unread`.
    """

    host: str
    queue: Queue
    bytes: int
    at: int
    reason: Reason


@dataclass(frozen=True)
class Ledger:
    """Both accounts of a connection and what was thrown away in either direction."""

    client_to_server: Account
    server_to_client: Account
    losses: tuple[Loss, ...]


def ledger(story: ConnectionStory) -> Ledger:
    """Return the accounts as they stand."""
    losses = sorted((loss for end in story.ends for loss in _losses(story, end)), key=_when)
    back = Account() if story.to_itself else account(story, story.server)
    return Ledger(account(story, story.client), back, tuple(losses))


def account(story: ConnectionStory, sender: End | None) -> Account:
    """Return the account of the bytes that one end of the connection sends."""
    if sender is None:
        receiver = story.client if story.server is None else story.server
    else:
        receiver = sender if story.to_itself else story.peer(sender)
    if receiver is None:
        return _to_outside(sender) if sender is not None else Account()
    arrived = accepted = receiver.queued
    destroyed = 0
    if sender is not None:
        accepted = max(sender.accepted, arrived)
        destroyed = sum(loss.bytes for loss in _thrown_away(sender, arrived))
    queued = accepted - arrived - destroyed
    if not receiver.watched:
        return Account(accepted, queued=queued, destroyed=destroyed, unknown=arrived)
    return Account(accepted, receiver.read, arrived - receiver.read, queued, destroyed)


def _to_outside(sender: End) -> Account:
    """Account for bytes sent to a peer outside: what has left is out of sight."""
    known = _out_of_sight(sender)
    destroyed = sum(loss.bytes for loss in _thrown_away(sender, known))
    queued = sender.accepted - known - destroyed
    return Account(sender.accepted, queued=queued, destroyed=destroyed, unknown=known)


def _out_of_sight(sender: End) -> int:
    # What a living sender has not seen acknowledged it may have to send again; after its end
    # nobody can tell whether that arrived.
    return max(sender.sent, sender.acked) if sender.gone else sender.acked


def _losses(story: ConnectionStory, end: End) -> list[Loss]:
    """Return what an end threw away of its peer's stream and of its own."""
    receiver = end if story.to_itself else story.peer(end)
    arrived = receiver.queued if receiver is not None else _out_of_sight(end)
    return discarded(end) + _thrown_away(end, arrived)


def discarded(end: End) -> list[Loss]:
    """Return what an end threw away of its receive queue, in order and unread, no byte twice."""
    found: list[Loss] = []
    covered = 0
    for event in end.destroyed:
        first = max(event.first, covered)
        if event.queue is Queue.UNREAD and event.last > first:
            found.append(Loss(end.host, event.queue, event.last - first, event.at, event.reason))
            covered = event.last
    return found


def _thrown_away(sender: End, arrived: int) -> list[Loss]:
    """Return what the sender threw away of its stream from `arrived` on, no byte twice.

    What a vanished sender left behind without a word (its host was switched off) went with it:
    nobody is left to send it.
    """
    found: list[Loss] = []
    own = [event for event in sender.destroyed if event.queue in (Queue.UNACKED, Queue.UNSENT)]
    covered = arrived
    for event in sorted(own, key=_first):
        if sender.gone:
            found += _left_behind(sender, covered, event.first)
            covered = max(covered, event.first)
        first, last = max(event.first, covered), min(event.last, sender.accepted)
        if last > first:
            found.append(Loss(sender.host, event.queue, last - first, event.at, event.reason))
            covered = last
    if sender.gone:
        found += _left_behind(sender, covered, sender.accepted)
    return found


def _left_behind(sender: End, first: int, last: int) -> list[Loss]:
    assert sender.terminal is not None
    sent = min(max(sender.sent, first), last)
    parts = ((Queue.UNACKED, sent - first), (Queue.UNSENT, last - sent))
    return [
        Loss(sender.host, queue, size, sender.terminal.at, sender.terminal.reason)
        for queue, size in parts
        if size > 0
    ]


def _first(event: Destroyed) -> int:
    return event.first


def _when(loss: Loss) -> int:
    return loss.at
