"""Wrong engines: each mutation breaks one rule of how connections end.

A matrix, or a list of claims, that a mutation leaves as it is would not have noticed the mistake.

    with mutation.applied():
        ...
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from lastack.sockets import Call, ClosePlan, Linger
from lastack.trace import Reason

Make = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True)
class Mutation:
    """`name` is the mistake; `where` names the module or class, `what` the function in it;
    `make` turns the right function into the wrong one."""

    name: str
    where: str
    what: str
    make: Make

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the wrong function in the right one's place for a while."""
        owner = resolve_name(self.where)
        right = getattr(owner, self.what)
        setattr(owner, self.what, self.make(right))
        try:
            yield
        finally:
            setattr(owner, self.what, right)


def _nothing(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: None


def _reset_at_queue_end(send_reset: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(tcb: Any, reason: Reason, now: int) -> None:
        tcb.snd_nxt = tcb.seq_of(tcb.sendq.end)
        send_reset(tcb, reason, now)

    return wrong


def _no_fin(close: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(tcb: Any, reason: Reason, now: int) -> None:
        close(tcb, reason, now)
        tcb.fin_queued = False

    return wrong


def _queue_lost(close: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(tcb: Any, reason: Reason, now: int) -> None:
        tcb.sendq.end = min(tcb.sent_end(), tcb.sendq.end)
        close(tcb, reason, now)

    return wrong


def _orphan_dies(orphan: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(connection: Any, now: int) -> None:
        connection.vanish(Reason.CLOSE_CALL, now)

    return wrong


def _never(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: False


def _planned(change: Callable[[ClosePlan], ClosePlan]) -> Make:
    """Return what changes the plan of a close()."""
    return lambda plan_close: lambda *args, **kwargs: change(plan_close(*args, **kwargs))


def _twice(plan_close: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(linger: Linger, **kwargs: Any) -> ClosePlan:
        plan: ClosePlan = plan_close(linger, **kwargs)
        return plan._replace(wait_until=max(0, 2 * plan.wait_until - kwargs["now"]))

    return wrong


def _hasty(plan: ClosePlan) -> ClosePlan:
    return plan._replace(wait_until=0)


def _aborting(plan: ClosePlan) -> ClosePlan:
    return plan._replace(expiry_aborts=not plan.expiry_aborts)


def _reported(plan: ClosePlan) -> ClosePlan:
    other = 0 if plan.expiry_errno else errno.EWOULDBLOCK
    return plan._replace(expiry_errno=other)


def _graceful(plan: ClosePlan) -> ClosePlan:
    return ClosePlan(Call.CLOSE, Reason.CLOSE_CALL) if plan.reason is Reason.LINGER_ZERO else plan


def _always_on(plan_close: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(linger: Linger, **kwargs: Any) -> ClosePlan:
        plan: ClosePlan = plan_close(Linger(1, linger.linger), **kwargs)
        return plan

    return wrong


def _unread_ignored(plan_close: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(linger: Linger, **kwargs: Any) -> ClosePlan:
        plan: ClosePlan = plan_close(linger, **{**kwargs, "unread": False})
        return plan

    return wrong


def _data_only(right: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sock, plan: sock.endpoint is not None and not sock.endpoint.connection.data_acked


_CLOSING = "lastack.sockets.closing"

MUTATIONS = [
    Mutation("ABORT sends no RST", "lastack.tcp.emit", "send_reset", _nothing),
    Mutation("ABORT's RST stands at the end of the queue", "lastack.tcp.emit", "send_reset",
             _reset_at_queue_end),
    Mutation("CLOSE queues no FIN", "lastack.tcp.calls", "close", _no_fin),
    Mutation("CLOSE forgets what was not sent yet", "lastack.tcp.calls", "close", _queue_lost),
    Mutation("nothing goes on after close()", "lastack.tcp.connection:Connection", "orphan",
             _orphan_dies),
    Mutation("an orphan is never given up", "lastack.tcp.timeouts", "_data_given_up", _never),
    Mutation("a lost FIN is not sent again", "lastack.tcp.timeouts", "_retransmit", _nothing),
    Mutation("TIME-WAIT is not entered", "lastack.host.waiting:WaitingRoom", "enter", _never),
    Mutation("the last ACK is not sent", "lastack.tcp.emit", "send_ack", _nothing),
    Mutation("a segment for no connection draws no RST", "lastack.host.host:Host", "reply_reset",
             _nothing),
    Mutation("unread bytes do not count", _CLOSING, "plan_close", _unread_ignored),
    Mutation("l_linger 0 is no ABORT", _CLOSING, "plan_close", _planned(_graceful)),
    Mutation("l_linger counts although l_onoff is 0", _CLOSING, "plan_close", _always_on),
    Mutation("lingering never waits", _CLOSING, "plan_close", _planned(_hasty)),
    Mutation("l_linger counts double", _CLOSING, "plan_close", _twice),
    Mutation("at the limit RST and no RST are swapped", _CLOSING, "plan_close",
             _planned(_aborting)),
    Mutation("at the limit success and error are swapped", _CLOSING, "plan_close",
             _planned(_reported)),
    Mutation("lingering waits for data only", _CLOSING, "_unfinished", _data_only),
]  # fmt: skip
