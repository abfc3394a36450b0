"""A simulated host as the closer of a case, on a wire without delay, loss or order of its own."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterable
from typing import Final

from lastack.host import Host
from lastack.profile import Profile, S
from lastack.sockets import AGAIN, Linger, TcpSocket, names
from lastack.state import TIME_WAIT
from lastack.trace import Journal, Listener
from lastack.wire import Segment, pack_address

from .peer import Peer

_CLOSER: Final = pack_address("10.0.0.1")
_PEER: Final = pack_address("10.0.0.2")
_PORT: Final = 80
_PATIENCE: Final = 3600 * S
"""Longer than l_linger in any case, ns."""
_STORM: Final = 10_000
"""More segments than any case has; reached at one point in time, the ends answer each other."""


class Simulated:
    """One connection of one host to a scripted peer. `sent` is all that the closer sent."""

    def __init__(self, profile: Profile, listeners: Iterable[Listener] = ()) -> None:
        """`listeners` see the trace; without any none is made."""
        self.name = profile.name
        self.now = 0
        self.sent: list[Segment] = []
        journal = Journal()
        journal.listeners += listeners
        scribe = journal.scribe("closer") if journal.listeners else None
        self._host = Host("closer", profile, [_CLOSER], scribe=scribe)
        self._socket = TcpSocket(self._host)
        self._socket.hold()
        self._peer: Peer | None = None

    # -- what a case does ----------------------------------------------------------------------

    def open(self, peer: Peer) -> None:
        """Connect the closer to the peer."""
        self._peer = peer
        self._socket.connect(_PEER, _PORT, self.now)
        self._exchange(())
        assert self._socket.connected(self.now) is None

    def set_linger(self, onoff: int, linger: int) -> int:
        """setsockopt(SO_LINGER); return its errno."""
        raw = Linger(onoff, linger).pack()
        try:
            self._socket.setsockopt(names.SOL_SOCKET, names.SO_LINGER, raw, self.now)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def inject(self, segments: Iterable[Segment]) -> None:
        """Hand segments of the peer to the closer."""
        self._exchange(segments)

    def write(self, size: int) -> int:
        """Send as much of `size` bytes as the closer's socket takes without waiting."""
        written = 0
        while written < size:
            count = self._socket.send(bytes(size - written), 0, self.now)
            self._exchange(())
            if count is AGAIN:
                break
            written += count
        return written

    def pause(self, duration: int) -> None:
        """Let `duration` ns pass."""
        end = self.now + duration
        while self._next() <= end:
            self._step()
        self.now = end

    def close(self, *, blocking: bool) -> tuple[int, int]:
        """close(2) the closer's socket; return (errno, ns that the call took)."""
        begun = self.now
        self._socket.nonblocking = not blocking
        plan = self._socket.drop(self.now)
        self._exchange(())
        if plan is None:
            return 0, 0
        while self._socket.still_closing(plan, self.now):
            if self.now - begun > _PATIENCE:
                raise RuntimeError(f"{self.name}: close() does not return")
            if self._next() >= plan.wait_until:
                self.now = plan.wait_until
            else:
                self._step()
        number = self._socket.finish_close(plan, self.now)
        self._exchange(())
        return number, self.now - begun

    def run_out(self, limit: int) -> None:
        """Let time pass until both ends are gone, `limit` ns at the most."""
        end = self.now + limit
        while (self.alive or self.peer.next_timeout <= end) and self._next() <= end:
            self._step()

    # -- what can be seen ----------------------------------------------------------------------

    @property
    def peer(self) -> Peer:
        """The peer that the closer is connected to."""
        assert self._peer is not None, "not connected yet"
        return self._peer

    @property
    def alive(self) -> bool:
        """Whether the closer's host has the connection still; a TIME-WAIT is none."""
        return any(row.state is not TIME_WAIT for row in self._host.snapshot())

    @property
    def time_wait(self) -> bool:
        """Whether the closer's host has a TIME-WAIT."""
        return any(row.state is TIME_WAIT for row in self._host.snapshot())

    # -- time ----------------------------------------------------------------------------------

    def _next(self) -> int:
        return min(self._host.next_timeout, self.peer.next_timeout)

    def _step(self) -> None:
        """Let the next thing happen. What the peer does at one point in time it does at once."""
        self.now = max(self.now, self._next())
        out = self.peer.timeout(self.now)
        if not out:
            self._host.timeout(self.now)
        self._exchange(out)

    def _exchange(self, segments: Iterable[Segment]) -> None:
        """Carry segments to and fro until neither end has anything to say."""
        arriving = deque(segments)
        for _ in range(_STORM):
            self._host.take_ready()
            for packet in self._host.take_packets():
                assert isinstance(packet, Segment)
                self.sent.append(packet)
                arriving += self.peer.segment_arrives(packet, self.now)
            if not arriving:
                return
            self._host.packet_arrives(arriving.popleft(), self.now)
        raise RuntimeError(f"{self.name}: the two ends answer each other without end")
