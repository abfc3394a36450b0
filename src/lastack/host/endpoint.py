"""One end of a connection on this host: the TCP, the port it holds, and the file that owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastack.profile import NEVER
from lastack.state import State
from lastack.tcp import Connection

from .ports import Binding

if TYPE_CHECKING:
    from .listen import Listener


class Options(Protocol):
    """Socket options that an accepted connection inherits; the host only copies them."""

    def copy(self) -> Options:
        """Return options that can be changed independently."""


class Endpoint:
    """A connection in the host's table.

    owner is the file that gets its wake-ups, None for an orphan and before accept(). listener is
    the listening socket whose queue it is in, or will be in. inherited are the listener's options
    as of the end of the handshake.
    """

    __slots__ = ("connection", "binding", "owner", "listener", "queued", "inherited", "scheduled",
                 "refused")  # fmt: skip

    def __init__(self, connection: Connection, binding: Binding) -> None:
        self.connection = connection
        self.binding = binding
        self.owner: object = None
        self.listener: Listener | None = None
        self.queued = False
        self.inherited: Options | None = None
        self.scheduled = NEVER
        self.refused = False
        binding.owner = connection
        binding.connected = True

    @property
    def state(self) -> State:
        """The connection's state."""
        return self.connection.state
