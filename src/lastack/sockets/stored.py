"""The options of a socket as they are stored."""

from __future__ import annotations

from typing import Final

from lastack.profile import MS, NEVER, Congestion, S
from lastack.tcp import Connection
from lastack.wire import PLAIN_IP, Flow, IpFields

from .control import DEFAULT_IP, IpOptions
from .linger import Linger

_NO_LINGER: Final = Linger()
_NO_TIMEOUTS: Final = (NEVER, NEVER)
_IPV4: Final = 4
"""Octets of an address."""


class SocketOptions:
    """Options that an accepted connection inherits, as of the end of its handshake."""

    __slots__ = (
        "linger", "linger2_s", "keepalive", "nodelay", "maxseg", "cork", "user_timeout_ms",
        "syn_retries", "keep_idle_s", "keep_interval_s", "keep_probes", "congestion", "inline",
        "defer_accept", "timeouts", "ip", "inq", "zerocopy",
    )  # fmt: skip

    def __init__(self) -> None:
        self.linger = _NO_LINGER
        self.linger2_s = 0
        self.keepalive = False
        self.inline = False
        self.defer_accept = 0
        self.inq = False
        self.zerocopy = False
        self.timeouts = _NO_TIMEOUTS
        self.nodelay = False
        self.maxseg = 0
        self.cork = False
        self.congestion: Congestion | None = None
        self.user_timeout_ms = 0
        self.syn_retries = 0
        self.keep_idle_s = self.keep_interval_s = self.keep_probes = 0
        self.ip = DEFAULT_IP

    def copy(self) -> SocketOptions:
        """Return the options of an accepted connection; TCP_DEFER_ACCEPT is the listener's own."""
        if self is DEFAULTS:
            return self
        twin = SocketOptions()
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.defer_accept = 0
        if twin.ip is not DEFAULT_IP:
            twin.ip = self.ip.copy()
        return twin

    def own_ip(self) -> IpOptions:
        """Return the options of level IP to change one of them."""
        if self.ip is DEFAULT_IP:
            self.ip = IpOptions()
        return self.ip

    def ip_fields(self, flow: Flow) -> IpFields:
        """Return what segments of a connection carry in their IP header."""
        if self.ip is DEFAULT_IP:
            return PLAIN_IP
        return self.ip.fields(ipv6=len(flow.dst) != _IPV4)

    def apply(self, tcp: Connection, now: int) -> None:
        """Hand over to a new connection what it has to know."""
        if self is DEFAULTS:
            return
        if self.linger2_s:
            tcp.set_linger2(self.linger2_ns())
        if self.inline:
            tcp.set_inline(True)
        if self.defer_accept:
            tcp.set_defer(self.defer_accept)
        if self.user_timeout_ms:
            tcp.set_user_timeout(self.user_timeout_ms * MS)
        if self.syn_retries:
            tcp.set_syn_retries(self.syn_retries)
        if self.congestion is not None:
            tcp.set_congestion(self.congestion)
        if self.nodelay:
            tcp.set_nodelay(True, now)
        if self.cork:
            tcp.set_cork(True, now)
        if self.keepalive:
            self.apply_keepalive(tcp, now)

    def apply_keepalive(self, tcp: Connection, now: int, *, anew: bool = False) -> None:
        """Hand over the keep-alive options. `anew`: SO_KEEPALIVE was switched on just now; else
        the time counts that the connection has been idle already (docs/kernel-notes/keepalive.md).
        """
        tcp.set_keepalive(
            self.keepalive, now, idle=self.keep_idle_s * S, interval=self.keep_interval_s * S,
            probes=self.keep_probes, anew=anew,
        )  # fmt: skip

    def linger2_ns(self) -> int:
        """TCP_LINGER2 as `Connection.set_linger2` takes it."""
        if self.linger2_s < 0:
            return -2
        return self.linger2_s * S if self.linger2_s else -1


class _Defaults(SocketOptions):
    """Those of a socket that was told none; a copy-on-write page, as it were."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        assert not hasattr(self, name), "many sockets share these: ask for own_options()"
        super().__setattr__(name, value)


DEFAULTS: Final[SocketOptions] = _Defaults()


def defer_repeats(seconds: int) -> int:
    """Return in how many repeats of the SYN|ACK, 1, 2, 4 ... seconds apart, so many seconds pass
    (TCP_DEFER_ACCEPT; docs/kernel-notes/defer-accept.md)."""
    repeats = 0
    while seconds > defer_seconds(repeats):
        repeats += 1
    return min(repeats, 255)


def defer_seconds(repeats: int) -> int:
    """Return the seconds that so many repeats take; the pause between two is 120 s at most."""
    return sum(min(1 << n, 120) for n in range(repeats))
