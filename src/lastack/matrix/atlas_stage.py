"""One simulated host in a state, and a peer made by hand: the stage of the atlas.

Times are ns; the state is reached at 0, and what the cell is about happens at `MOMENT`. Sequence
and acknowledgment numbers of the peer count from its and our initial sequence number, so that the
first byte of either stream is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from lastack.host import Host
from lastack.profile import MS, Profile
from lastack.sockets import AGAIN, Linger, TcpSocket, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    SYN_RECEIVED,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from lastack.trace import Event, Journal, Opened
from lastack.wire import ACK, FIN, PSH, RST, SYN, Flow, Segment, pack_address, seq

HOST: Final = pack_address("10.0.0.1")
PEER: Final = pack_address("10.0.0.2")
NAMES: Final = {HOST: "host", PEER: "peer"}
PORT: Final = 80
PEER_PORT: Final = 40_000
MOMENT: Final = 10 * MS

WRITTEN: Final = 300
"""Bytes that the host's program writes where the state allows it; they are not acknowledged,
unless the state says that its FIN is."""
UNREAD: Final = 100
"""Bytes of the peer that wait to be read, in cells about unread data."""
UNSENT: Final = 200
"""Bytes that the program has written behind a window that is shut, in cells about unsent data."""


class Before(Enum):
    """What else is so when it happens."""

    NOTHING = "nothing"
    UNREAD = "bytes of the peer were not read"
    UNSENT = "the peer's window is shut, and text waits for it"
    ACKED = "everything written was acknowledged"


_PEER_ISS: Final = 5_000_000


@dataclass(frozen=True)
class Position:
    """A state, and whether a program still has the socket: after close() nobody has."""

    state: State
    closed: bool = False

    @property
    def slug(self) -> str:
        """The name of its file: "fin-wait-1-closed"."""
        return f"{self.state.value.lower()}{'-closed' if self.closed else ''}"

    @property
    def title(self) -> str:
        """The name for people."""
        if self.state in (FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK):
            return f"{self.state.value} after {'close()' if self.closed else 'shutdown(SHUT_WR)'}"
        return f"{self.state.value}"


POSITIONS: Final = (
    Position(CLOSED), Position(LISTEN), Position(SYN_SENT), Position(SYN_RECEIVED),
    Position(ESTABLISHED), Position(FIN_WAIT_1), Position(FIN_WAIT_1, True),
    Position(FIN_WAIT_2), Position(FIN_WAIT_2, True), Position(CLOSE_WAIT), Position(CLOSING),
    Position(CLOSING, True), Position(LAST_ACK), Position(LAST_ACK, True), Position(TIME_WAIT),
)  # fmt: skip


class Stage:
    """A host of a profile. `sock` is the program's socket, None when it has none."""

    def __init__(self, profile: Profile) -> None:
        self.now = 0
        self.events: list[Event] = []
        self.sent: list[tuple[int, Segment]] = []
        journal = Journal()
        journal.listeners.append(self.events.append)
        self._journal = journal
        self.host = Host("host", profile, [HOST], scribe=journal.scribe("host"))
        self.sock: TcpSocket | None = None
        self.flow = Flow(HOST, PORT, PEER, PEER_PORT)
        self.iss = 0
        self.peer_nxt = 0  # of the peer: the next number of its own stream
        self.peer_got = 0  # and the next one it expects of ours
        self._acked = 0

    # -- the state -----------------------------------------------------------------------------

    def reach(self, position: Position, before: Before) -> None:
        """Bring the host into the state, and let time pass until `MOMENT`."""
        state = position.state
        if state is not CLOSED:
            self._open(state)
        else:
            self.sock = self.new_socket()
        if state not in (CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED):
            self._end(position, before)
        if state is not LISTEN and self.state is not state:
            raise RuntimeError(f"{self.state.value} was reached instead of {state.value}")
        self.pass_time(MOMENT)

    def new_socket(self) -> TcpSocket:
        """Return a socket with one descriptor."""
        sock = TcpSocket(self.host)
        sock.hold()
        return sock

    def _open(self, state: State) -> None:
        self.sock = self.new_socket()
        self.sock.bind(bytes(4), PORT, 0)
        if state in (LISTEN, SYN_RECEIVED, TIME_WAIT):
            self.sock.listen(5, 0)
            if state is not LISTEN:
                self.send("SYN", ack=0)
            if state is TIME_WAIT:
                self._accept(self.sock)
            return
        self.sock.connect(PEER, PEER_PORT, 0)
        self.flush()
        if state is not SYN_SENT:
            self.send("SYN|ACK")
            assert self.sock.connected(0) is None

    def _accept(self, listener: TcpSocket) -> None:
        """The listening socket stays: a SYN may open the connection again."""
        self.send("ACK")
        sock = listener.accept(0)
        assert sock is not AGAIN
        sock.hold()
        self.sock = sock

    def _end(self, position: Position, before: Before) -> None:
        assert self.sock is not None
        state = position.state
        if state not in (FIN_WAIT_2, TIME_WAIT):
            self.write(WRITTEN)
        if before is Before.UNREAD:
            self.send("ACK", bytes(UNREAD), ack=1)
        elif before is Before.ACKED:
            self.send("ACK")
        elif before is Before.UNSENT:
            self.send("ACK", ack=1, window=0)
            self.write(UNSENT)
        if state in (CLOSE_WAIT, LAST_ACK):
            self.send("FIN|ACK", ack=1)
        if state not in (ESTABLISHED, CLOSE_WAIT):
            if position.closed:
                self.drop()
            else:
                self.sock.shutdown(names.SHUT_WR, self.now)
            self.flush()
        if state is CLOSING:
            self.send("FIN|ACK", ack=1)
        if state in (FIN_WAIT_2, TIME_WAIT):
            self.send("ACK")
        if state is TIME_WAIT:
            self.send("FIN|ACK")

    # -- the peer ------------------------------------------------------------------------------

    def send(
        self, flags: str, text: bytes = b"", *, at: int | None = None, ack: int | None = None,
        window: int = 65_000,
    ) -> None:  # fmt: skip
        """Let a segment of the peer arrive. `at` is its sequence number, RCV.NXT without; `ack`
        what it acknowledges, everything without."""
        which = _bits(flags)
        number = self.peer_nxt if at is None else at
        acked = (self.iss + (self.peer_got if ack is None else ack)) & seq.MASK
        seg = Segment(
            self.flow.reversed(), (_PEER_ISS + number) & seq.MASK, acked if which & ACK else 0,
            which, window, text, mss=1460 if which & SYN else 0,
            number=self._journal.next_packet(),
        )  # fmt: skip
        if at is None:
            self.peer_nxt += seg.length
            self._acked = max(self._acked, self.peer_got if ack is None else ack)
        self.host.packet_arrives(seg, self.now)
        self.flush()

    # -- the program ---------------------------------------------------------------------------

    def write(self, size: int) -> int:
        """send(2) of so many bytes."""
        assert self.sock is not None
        count = self.sock.send(bytes(size), 0, self.now)
        self.flush()
        return 0 if count is AGAIN else count

    def drop(self, *, exiting: bool = False) -> tuple[int, int]:
        """close(2) to its end, or the end of the process; return (errno, ns that it took)."""
        assert self.sock is not None
        sock, self.sock = self.sock, None
        begun = self.now
        plan = sock.drop(self.now, exiting=exiting)
        self.flush()
        if plan is None:
            return 0, 0
        while sock.still_closing(plan, self.now):
            self.pass_time(min(plan.wait_until, max(self.host.next_timeout, self.now)))
        number = sock.finish_close(plan, self.now)
        self.flush()
        if sock.refs:
            self.sock = sock  # refused: the socket stays
        return number, self.now - begun

    def linger(self, seconds: int) -> None:
        """SO_LINGER on; OSError when the system has no such option."""
        assert self.sock is not None
        raw = Linger(1, seconds).pack()
        self.sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, raw, self.now)

    # -- time ----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Take what the host sends."""
        self.host.take_ready()
        for packet in self.host.take_packets():
            assert isinstance(packet, Segment)
            self.sent.append((self.now, packet))
            if packet.flags & SYN:
                self.iss = packet.seq
            elif packet.flags & RST:
                continue
            end = seq.sub((packet.seq + packet.length) & seq.MASK, self.iss)
            self.peer_got = max(self.peer_got, end if packet.length else 0)

    def pass_time(self, until: int) -> None:
        """Let timers expire until then."""
        while self.host.next_timeout <= until:
            self.now = max(self.now, self.host.next_timeout)
            self.host.timeout(self.now)
            self.flush()
        self.now = max(self.now, until)

    # -- what can be seen ----------------------------------------------------------------------

    @property
    def una(self) -> int:
        """What acknowledges nothing new, but is acceptable: in a handshake there is no such thing,
        and it is everything."""
        return self.peer_got if self.state in (SYN_SENT, SYN_RECEIVED) else self._acked

    @property
    def conn(self) -> int:
        """The number of the connection's incarnation in the trace, 0 before there is one."""
        opened = [event.conn for event in self.events if isinstance(event, Opened)]
        return opened[-1] if opened else 0

    @property
    def state(self) -> State:
        """The state in the host's socket table; CLOSED when the connection is not there."""
        remote = f"10.0.0.2:{PEER_PORT}"
        rows = [row for row in self.host.snapshot() if row.state is not LISTEN]
        return next((row.state for row in rows if row.remote == remote), CLOSED)

    @property
    def listens(self) -> bool:
        """Whether a listening socket is in the host's table."""
        return any(row.state is LISTEN for row in self.host.snapshot())


_BITS: Final = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK}


def _bits(flags: str) -> int:
    return sum(_BITS[name] for name in flags.split("|") if name)


def flag_names(flags: int) -> str:
    """Return "FIN|ACK"; PSH, which only says that a burst ends, is left out."""
    return "|".join(name for name, bit in _BITS.items() if flags & bit & ~PSH) or "no flags"
