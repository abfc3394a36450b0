"""LISTEN: the accept queue, and what arrives at a listening socket (RFC 9293 section 3.10.7.2)."""

from __future__ import annotations

from collections import deque

from lastack.profile import AcceptanceRules, StartRules
from lastack.state import CLOSED, LISTEN, State
from lastack.tcp import Buffers
from lastack.trace import Reason
from lastack.wire import ACK, FIN, RST, SYN, Segment

from .endpoint import Endpoint, Options
from .ports import Binding


class Listener:
    """A listening socket. `options` and `buffers` are what its connections inherit."""

    def __init__(
        self, conn: int, binding: Binding, backlog: int, options: Options, buffers: Buffers,
        owner: object, rules: StartRules,
    ) -> None:  # fmt: skip
        self.conn = conn
        self.binding = binding
        self.options = options
        self.buffers = buffers
        self.owner = owner
        self.state: State = LISTEN
        self.queue: deque[Endpoint] = deque()
        self._rules = rules
        self.limit = 0
        self.set_backlog(backlog)

    def set_backlog(self, backlog: int) -> None:
        """listen(2): a negative backlog counts as unlimited (MUST-67 leaves the limit to us)."""
        most = self._rules.somaxconn
        limit = most if backlog < 0 else min(backlog, most)
        self.limit = limit + self._rules.backlog_extra

    @property
    def full(self) -> bool:
        """Whether another connection would not find a place in the accept queue."""
        return len(self.queue) >= self.limit

    def take(self) -> Endpoint | None:
        """Take the oldest connection out of the accept queue, None when it is empty."""
        if not self.queue:
            return None
        endpoint = self.queue.popleft()
        endpoint.queued = False
        endpoint.listener = None
        return endpoint

    def stop(self) -> None:
        """The socket listens no more."""
        self.state = CLOSED


def judge(seg: Segment, rules: AcceptanceRules, *, full: bool) -> Reason:
    """Say what a listening socket makes of a segment: SYN_ARRIVED opens a connection,
    ACK_IN_LISTEN draws a RST, anything else drops the segment."""
    # First, check for a RST: ignored
    if seg.flags & RST:
        return Reason.LISTEN_IGNORES
    # Second, check for an ACK: RST
    if seg.flags & ACK:
        return Reason.ACK_IN_LISTEN
    # Third, check for a SYN
    if not seg.flags & SYN or (seg.flags & FIN and not rules.syn_with_fin):
        return Reason.LISTEN_IGNORES
    return Reason.ACCEPT_QUEUE_FULL if full else Reason.SYN_ARRIVED
