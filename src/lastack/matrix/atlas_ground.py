"""What a cell of the atlas is played on: one connection of some TCP, and a peer made by hand."""

from __future__ import annotations

from typing import Final, Protocol

from lastack.state import State
from lastack.wire import Flow, Segment, pack_address

HOST: Final = pack_address("10.0.0.1")
PEER: Final = pack_address("10.0.0.2")
PORT: Final = 80
PEER_PORT: Final = 40_000

Returned = tuple[str, int]
"""What a call returned ("0", "ECONNRESET", "100 bytes", "EOF"), and the ns that it took."""


class Ground(Protocol):
    """A TCP with one socket of a program at a time, simulated or real; times in ns.

    Sockets are bound to the port of `flow`, whose source is the host. No call waits, but for a
    close() that lingers.
    """

    @property
    def now(self) -> int:
        """The time; it begins near 0."""

    @property
    def flow(self) -> Flow:
        """The connection, as the host sees it."""

    @property
    def state(self) -> State:
        """The state in the host's socket table; CLOSED when the connection is not there."""

    @property
    def listens(self) -> bool:
        """Whether somebody listens on the port."""

    @property
    def has_socket(self) -> bool:
        """Whether the program has a socket that does not listen."""

    def open(self) -> None:
        """Give the program a socket."""

    def bind(self) -> None:
        """Bind it to the port."""

    def listen(self) -> None:
        """Let it listen."""

    def connect(self) -> None:
        """Begin to connect it."""

    def connected(self) -> None:
        """Learn that it is connected."""

    def accept(self) -> None:
        """Give the program the accepted socket in its place; the listening one stays."""

    def write(self, size: int) -> None:
        """send(2), before it all begins."""

    def drop(self) -> None:
        """close(2), before it all begins."""

    def half_close(self) -> None:
        """shutdown(SHUT_WR), before it all begins."""

    def shutdown(self, how: int) -> Returned:
        """shutdown(2)."""

    def send(self, size: int) -> Returned:
        """send(2)."""

    def recv(self) -> Returned:
        """recv(2)."""

    def close(self, linger: int | None, *, nonblocking: bool) -> Returned:
        """close(2), with SO_LINGER on and so many seconds unless `linger` is None. A socket that
        has no such option stays: "setsockopt() = ENOPROTOOPT"."""

    def exit(self) -> Returned:
        """End the process."""

    def kill(self) -> None:
        """Let the administrator destroy the connection."""

    def arrive(self, seg: Segment) -> None:
        """Let a segment of the peer arrive."""

    def take(self) -> list[tuple[int, Segment]]:
        """Return what was sent since the last call, with its times."""

    def pass_time(self, until: int) -> None:
        """Let time pass until then."""
