"""What a TCP socket consists of; the calls are in `socket`, `options`, `ready` and `closing`."""

from __future__ import annotations

from lastack.host import Endpoint, Host, Listener
from lastack.state import CLOSED, State
from lastack.tcp import Buffers
from lastack.trace import ErrorTold
from lastack.wire import show_endpoint

from . import addresses, names
from .control import IpOptions
from .error_queue import ErrorQueue
from .files import File
from .stored import DEFAULTS, SocketOptions


class SocketParts(File):
    """State of a socket: unconnected, with a listener, or with a connection."""

    __slots__ = (
        "host", "family", "options", "buffers", "binding", "endpoint", "listener", "conn",
        "_opened", "_connecting", "_connect_spoilt", "_shut_read", "_shut_write", "_error",
        "_named", "_errors",
    )  # fmt: skip
    kind = "tcp"

    def __init__(
        self, host: Host, family: int = names.AF_INET, accepted: Endpoint | None = None
    ) -> None:
        """`accepted`: the connection that an accepted socket has from the beginning."""
        super().__init__()
        self.host = host
        self.family = family
        self.options = DEFAULTS
        if accepted is None:
            self.buffers = Buffers(host.profile.buffers)
            self.binding = addresses.new_binding(family, host.profile.ports)
        else:
            self.buffers = accepted.connection.buffers
            self.binding = accepted.binding
        self.endpoint = accepted
        self.listener: Listener | None = None
        self.conn = host.new_conn()
        self._opened = False
        self._connecting = self._connect_spoilt = False
        self._shut_read = False
        self._shut_write = False
        self._error = 0
        self._named = addresses.wildcard(family)
        self._errors: ErrorQueue | None = None

    def own_options(self) -> SocketOptions:
        """Return the options to change one of them: until then all sockets share theirs."""
        if self.options is DEFAULTS:
            self.options = SocketOptions()
            if self.listener is not None:
                self.listener.options = self.options
        return self.options

    def own_ip(self) -> IpOptions:
        """Return the options of level IP likewise."""
        return self.own_options().own_ip()

    @property
    def state(self) -> State:
        """The state of RFC 9293; CLOSED also when only a TIME-WAIT is left."""
        if self.listener is not None:
            return self.listener.state
        return CLOSED if self.endpoint is None else self.endpoint.connection.state

    @property
    def listening(self) -> bool:
        """Whether the socket accepts connections."""
        return self.listener is not None and self.listener.state is not CLOSED

    def getsockname(self) -> tuple[bytes, int]:
        """getsockname(2): the wildcard and port 0 while unbound; a port that was given back is
        still told."""
        port = self.binding.port or self.binding.shown
        return addresses.shown(self.binding.address, self.family), port

    @property
    def peer(self) -> tuple[bytes, int]:
        """Address and port of the other end, also when the connection is over."""
        assert self.endpoint is not None
        flow = self.endpoint.connection.flow
        return addresses.shown(flow.dst, self.family), flow.dport

    @property
    def path_mtu(self) -> int:
        """The MTU of the path to the other end, in octets."""
        assert self.endpoint is not None
        link = self.host.mtu_to(self.endpoint.connection.flow.dst)
        return min(link, self.endpoint.path_mtu or link)

    def describe(self) -> str:
        """Return the socket for people: "ESTABLISHED 10.0.0.1:80 > 10.0.0.2:40000"."""
        local = show_endpoint(*self.getsockname())
        if self.endpoint is None:
            return f"{'LISTEN' if self.listening else 'unconnected'} {local}"
        return f"{self.state.value} {local} > {show_endpoint(*self.peer)}"

    def error_queue(self, *, new: bool = False) -> ErrorQueue | None:
        """Return what MSG_ERRQUEUE reads, None while nothing was ever there; `new`: make one."""
        told = None if self.endpoint is None else self.endpoint.refused_by
        if self._errors is None and (new or told is not None):
            self._errors = ErrorQueue()
        if told is not None and self._errors is not None and self.endpoint is not None:
            self._errors.icmp_arrived(*told)
            self.endpoint.refused_by = None
        return self._errors

    def renew(self) -> None:
        """Forget a connection that never came about, or is over: the socket is as new, but for its
        error queue."""
        self.error_queue()
        self._connect_spoilt = False
        if self.endpoint is not None:
            self.endpoint.owner = None
        self.endpoint = None
        if self.binding.auto or self.binding.inherited or not self.binding.port:
            self.host.ports.release(self.binding)
        self.binding.address = self._named
        self.binding.connected = False
        self.binding.owner = None

    @property
    def error(self) -> int:
        """The errno of a socket without a connection that nobody has been told yet, 0 for none."""
        return self._error or (0 if self.listener is None else self.listener.error)

    def _forget_error(self) -> None:
        self._error = 0
        if self.listener is not None:
            self.listener.error = 0

    def take_error(self, now: int) -> int:
        """SO_ERROR: the errno that nobody has been told yet, and forget it."""
        if self.endpoint is None:
            error = self.error
            self._forget_error()
        else:
            tcp = self.endpoint.connection
            error = tcp.take_error() or tcp.take_soft_error()
        if error:
            self.tell(error, "SO_ERROR", now)
        return error

    def tell(self, error: int, call: str, now: int) -> None:
        """Write down that a call told the program an error."""
        if self.host.scribe is not None:
            self.host.scribe.write(ErrorTold(self.conn, error, call), now)
