"""A simulated host as the ground of the atlas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lastack.host import Host
from lastack.profile import Profile
from lastack.sockets import AGAIN, Linger, TcpSocket, names
from lastack.state import CLOSED, LISTEN, State
from lastack.trace import Event, Journal, Opened
from lastack.wire import Flow, Segment, show_address

from .atlas_ground import HOST, PEER, PEER_PORT, PORT, Returned
from .play import errno_name

_HOW: Final = {
    names.SHUT_RD: "SHUT_RD", names.SHUT_WR: "SHUT_WR", names.SHUT_RDWR: "SHUT_RDWR",
}  # fmt: skip
_REMOTE: Final = f"{show_address(PEER)}:{PEER_PORT}"


class SimulatedGround:
    """A host of a profile; `events` is all that it told."""

    flow = Flow(HOST, PORT, PEER, PEER_PORT)

    def __init__(self, profile: Profile) -> None:
        self.now = 0
        self.events: list[Event] = []
        journal = Journal()
        journal.listeners.append(self.events.append)
        self._journal = journal
        self._host = Host("host", profile, [HOST], scribe=journal.scribe("host"))
        self._sock: TcpSocket | None = None
        self._sent: list[tuple[int, Segment]] = []

    # -- the way there -------------------------------------------------------------------------

    def open(self) -> None:
        """Give the program a socket."""
        self._sock = TcpSocket(self._host)
        self._sock.hold()

    def bind(self) -> None:
        """Bind it to the port."""
        self._program.bind(bytes(4), PORT, self.now)

    def listen(self) -> None:
        """Let it listen."""
        self._program.listen(5, self.now)

    def connect(self) -> None:
        """Begin to connect it."""
        self._program.connect(PEER, PEER_PORT, self.now)
        self._flush()

    def connected(self) -> None:
        """Learn that it is connected."""
        if self._program.connected(self.now) is AGAIN:
            raise RuntimeError("no connection")

    def accept(self) -> None:
        """Give the program the accepted socket; the listening one stays."""
        sock = self._program.accept(self.now)
        if sock is AGAIN:
            raise RuntimeError("no connection to accept")
        sock.hold()
        self._sock = sock

    def write(self, size: int) -> None:
        """send(2), before it all begins."""
        self._program.send(bytes(size), 0, self.now)
        self._flush()

    def drop(self) -> None:
        """close(2), before it all begins."""
        self._drop(exiting=False)

    def half_close(self) -> None:
        """shutdown(SHUT_WR), before it all begins."""
        self._program.shutdown(names.SHUT_WR, self.now)
        self._flush()

    # -- calls that are looked at ----------------------------------------------------------------

    def shutdown(self, how: int) -> Returned:
        """shutdown(2)."""
        text = f"shutdown({_HOW[how]})"
        return self._call("shutdown", text, lambda sock: sock.shutdown(how, self.now))

    def send(self, size: int) -> Returned:
        """send(2)."""
        return self._call("send", f"send {size}", lambda sock: sock.send(bytes(size), 0, self.now))

    def recv(self) -> Returned:
        """recv(2)."""
        return self._call("recv", "recv", lambda sock: sock.recv(4096, 0, self.now))

    def close(self, linger: int | None, *, nonblocking: bool) -> Returned:
        """close(2), where the profile has SO_LINGER or none is asked for."""
        sock = self._program
        if linger is not None:
            raw = Linger(1, linger).pack()
            try:
                sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, raw, self.now)
            except OSError as error:
                return f"setsockopt() = {errno_name(error.errno or 0)}", 0
        sock.nonblocking = nonblocking
        return self._end("close", exiting=False)

    def exit(self) -> Returned:
        """End the process."""
        self._program.nonblocking = False
        return self._end("exit", exiting=True)

    def kill(self) -> None:
        """Let the administrator destroy the connection."""
        opened = [event.conn for event in self.events if isinstance(event, Opened)]
        self._host.kill(opened[-1] if opened else 0, self.now)
        self._flush()

    @property
    def _program(self) -> TcpSocket:
        if self._sock is None:
            raise RuntimeError("the program has no socket")
        return self._sock

    def _call(self, call: str, text: str, attempt: Callable[[TcpSocket], object]) -> Returned:
        """Make a call; on the ladder it stands with its result."""
        sock, begun = self._program, self.now
        sock.called(call, text, "", begun)
        try:
            value = attempt(sock)
        except OSError as error:
            number = error.errno or 0
            sock.returned(call, errno_name(number), number, self.now)
            self._flush()
            return errno_name(number), self.now - begun
        told = _told(value)
        sock.returned(call, told, 0, self.now)
        self._flush()
        return told, self.now - begun

    def _end(self, call: str, *, exiting: bool) -> Returned:
        sock = self._program
        sock.called(call, call, "", self.now)
        number, took = self._drop(exiting=exiting)
        told = errno_name(number) or "0"
        sock.returned(call, told, number, self.now)
        return told, took

    def _drop(self, *, exiting: bool) -> tuple[int, int]:
        """close(2) to its end, or the end of the process; return (errno, ns that it took)."""
        sock, self._sock = self._program, None
        begun = self.now
        plan = sock.drop(self.now, exiting=exiting)
        self._flush()
        if plan is None:
            return 0, 0
        while sock.still_closing(plan, self.now):
            self.pass_time(min(plan.wait_until, max(self._host.next_timeout, self.now)))
        number = sock.finish_close(plan, self.now)
        self._flush()
        if sock.refs:
            self._sock = sock  # refused: the socket stays
        return number, self.now - begun

    # -- packets and time ------------------------------------------------------------------------

    def arrive(self, seg: Segment) -> None:
        """Let a segment of the peer arrive."""
        seg.number = self._journal.next_packet()
        self._host.packet_arrives(seg, self.now)
        self._flush()

    def take(self) -> list[tuple[int, Segment]]:
        """Return what was sent since the last call, with its times."""
        sent, self._sent = self._sent, []
        return sent

    def pass_time(self, until: int) -> None:
        """Let timers expire until then."""
        while self.next_event <= until:
            self.step()
        self.now = max(self.now, until)

    @property
    def next_event(self) -> int:
        """When a timer expires, NEVER without one."""
        return self._host.next_timeout

    def step(self) -> None:
        """Let the next timer expire."""
        self.now = max(self.now, self._host.next_timeout)
        self._host.timeout(self.now)
        self._flush()

    def _flush(self) -> None:
        self._host.take_ready()
        for packet in self._host.take_packets():
            if not isinstance(packet, Segment):
                raise TypeError("a host of the atlas sends segments of TCP only")
            self._sent.append((self.now, packet))

    # -- what can be seen ------------------------------------------------------------------------

    @property
    def has_socket(self) -> bool:
        """Whether the program has a socket that does not listen."""
        return self._sock is not None and not self._sock.listening

    @property
    def state(self) -> State:
        """The state in the host's socket table; CLOSED when the connection is not there."""
        rows = [row for row in self._host.snapshot() if row.state is not LISTEN]
        return next((row.state for row in rows if row.remote == _REMOTE), CLOSED)

    @property
    def listens(self) -> bool:
        """Whether a listening socket is in the host's table."""
        return any(row.state is LISTEN for row in self._host.snapshot())


def _told(value: object) -> str:
    if value is AGAIN:
        return "EAGAIN"
    if isinstance(value, bytes):
        return f"{len(value)} bytes" if value else "EOF"
    if isinstance(value, int) and value:
        return f"{value} bytes"
    return "0"
