"""What the host's tables hold: connections with the port and the file they belong to, and
listening sockets with their accept queues."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from lastack.profile import NEVER, StartRules
from lastack.state import CLOSED, LISTEN, State
from lastack.tcp import Buffers, Connection
from lastack.wire import Flow, IcmpMessage, IpFields

from .ports import Binding


class Options(Protocol):
    """Socket options that an accepted connection inherits; the host only copies them.

    defer_accept: TCP_DEFER_ACCEPT, in repeats of the SYN|ACK; maxseg: TCP_MAXSEG, 0 if not set.
    """

    defer_accept: int
    maxseg: int

    def copy(self) -> Options:
        """Return options that can be changed independently."""

    def ip_fields(self, flow: Flow) -> IpFields:
        """Return what segments of a connection carry in their IP header."""


def header_length(flow: Flow) -> int:
    """Return the octets of the IP and TCP headers without options: an MSS is the MTU less these
    (MUST-67)."""
    return 40 if len(flow.dst) == 4 else 60


class Endpoint:
    """A connection in the host's table.

    owner is the file that gets its wake-ups, None for an orphan and before accept(). listener is
    the listening socket whose queue it is in, or will be in. inherited are the listener's options
    as of the end of the handshake. path_mtu is what ICMP told of the path, 0 for nothing;
    it may say nothing where the program has asked for that (follows_path_mtu, IP_MTU_DISCOVER).
    refused_by is the ICMP error, and its errno, that ended the handshake and that the owner has to
    put into its error queue.
    """

    __slots__ = (
        "connection", "binding", "owner", "listener", "queued", "inherited", "scheduled",
        "path_mtu", "follows_path_mtu", "refused_by",
    )  # fmt: skip

    def __init__(self, connection: Connection, binding: Binding) -> None:
        self.connection = connection
        self.binding = binding
        self.owner: object = None
        self.listener: Listener | None = None
        self.queued = False
        self.inherited: Options | None = None
        self.scheduled = NEVER
        self.path_mtu = 0
        self.follows_path_mtu = True
        self.refused_by: tuple[int, IcmpMessage] | None = None
        binding.owner = connection
        binding.connected = True

    @property
    def state(self) -> State:
        """The connection's state."""
        return self.connection.state


class Listener:
    """A listening socket. `options` and `buffers` are what its connections inherit; `error` is
    an errno not yet told, after it was `killed`."""

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
        self.error = 0
        self.killed = False
        self.queue: deque[Endpoint] = deque()
        self.requests: set[Endpoint] = set()
        self.cookies_until = -1
        self._rules = rules
        self.limit = 0
        self.set_backlog(backlog)

    def set_backlog(self, backlog: int) -> None:
        """listen(2): a negative backlog counts as unlimited."""
        most = self._rules.somaxconn
        self.backlog = most if backlog < 0 else min(backlog, most)
        self.limit = self.backlog + self._rules.backlog_extra

    @property
    def full(self) -> bool:
        """Whether another connection would not find a place in the accept queue."""
        return len(self.queue) >= self.limit

    @property
    def crowded(self) -> bool:
        """Whether another handshake would be one too many (docs/kernel-notes/syn-cookies.md)."""
        return len(self.requests) > self.backlog

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
