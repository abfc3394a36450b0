"""The options of a socket as they are stored."""

from __future__ import annotations

from lastack.profile import S

from .linger import Linger


class SocketOptions:
    """Options that an accepted connection inherits, as of the end of its handshake."""

    __slots__ = ("linger", "linger2_s", "keepalive", "nodelay", "maxseg")

    def __init__(self) -> None:
        self.linger = Linger()
        self.linger2_s = 0
        self.keepalive = False
        self.nodelay = False
        self.maxseg = 0

    def copy(self) -> SocketOptions:
        """Return options that can be changed independently."""
        twin = SocketOptions()
        for name in self.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def linger2_ns(self) -> int:
        """TCP_LINGER2 as `Connection.set_linger2` takes it."""
        if self.linger2_s < 0:
            return -2
        return self.linger2_s * S if self.linger2_s else -1
