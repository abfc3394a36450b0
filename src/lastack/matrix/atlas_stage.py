"""A host in a state, and a peer made by hand: the stage of the atlas.

Times are ns; the state is reached at 0, and what the cell is about happens at `MOMENT`. Sequence
and acknowledgment numbers of the peer count from its and our initial sequence number, so that the
first byte of either stream is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from lastack.profile import MS, S
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
from lastack.wire import ACK, FIN, PSH, RST, SYN, Segment, seq

from .atlas_ground import Ground

MOMENT: Final = 10 * MS
"""When it happens, ns."""
LATER: Final = 3600 * S
"""How long a connection is left alone then, ns."""

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
    """A ground that is brought into a state, and the peer. `sent`: what the host sent, and when."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.sent: list[tuple[int, Segment]] = []
        self.iss = 0
        self.peer_nxt = 0  # of the peer: the next number of its own stream
        self.peer_got = 0  # and the next one it expects of ours
        self._acked = 0

    # -- the state -----------------------------------------------------------------------------

    def reach(self, position: Position, before: Before) -> None:
        """Bring the host into the state."""
        state, ground = position.state, self.ground
        ground.open()
        if state is not CLOSED:
            self._open(state)
        if state not in (CLOSED, LISTEN, SYN_SENT, SYN_RECEIVED):
            self._end(position, before)

    def pause(self) -> None:
        """Let time pass until `MOMENT`: what the host does at its next tick is done."""
        self.ground.pass_time(MOMENT)
        self.look()

    def check(self, position: Position) -> None:
        """RuntimeError when it is not the state that was to be reached."""
        wanted, state = position.state, self.ground.state
        if wanted is not LISTEN and state is not wanted:
            raise RuntimeError(f"{state.value} was reached instead of {wanted.value}")

    def _open(self, state: State) -> None:
        ground = self.ground
        ground.bind()
        if state in (LISTEN, SYN_RECEIVED, TIME_WAIT):
            ground.listen()
            if state is not LISTEN:
                self.send("SYN", ack=0)
            if state is TIME_WAIT:
                self.send("ACK")
                ground.accept()  # the listening socket stays: a SYN may open the connection again
            return
        ground.connect()
        self.look()
        if state is not SYN_SENT:
            self.send("SYN|ACK")
            ground.connected()

    def _end(self, position: Position, before: Before) -> None:
        state, ground = position.state, self.ground
        if state not in (FIN_WAIT_2, TIME_WAIT):
            ground.write(WRITTEN)
            self.look()
        if before is Before.UNREAD:
            self.send("ACK", bytes(UNREAD), ack=1)
        elif before is Before.ACKED:
            self.send("ACK")
        elif before is Before.UNSENT:
            self.send("ACK", ack=1, window=0)
            ground.write(UNSENT)
        if state in (CLOSE_WAIT, LAST_ACK):
            self.send("FIN|ACK", ack=1)
        if state not in (ESTABLISHED, CLOSE_WAIT):
            if position.closed:
                ground.drop()
            else:
                ground.half_close()
            self.look()
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
            self.ground.flow.reversed(), (_PEER_ISS + number) & seq.MASK,
            acked if which & ACK else 0, which, window, text, mss=1460 if which & SYN else 0,
        )  # fmt: skip
        if at is None:
            self.peer_nxt += seg.length
            self._acked = max(self._acked, self.peer_got if ack is None else ack)
        self.ground.arrive(seg)
        self.look()

    def look(self) -> None:
        """Take what the host sent."""
        for at, packet in self.ground.take():
            self.sent.append((at, packet))
            if packet.flags & SYN:
                self.iss = packet.seq
            elif packet.flags & RST:
                continue
            end = seq.sub((packet.seq + packet.length) & seq.MASK, self.iss)
            self.peer_got = max(self.peer_got, end if packet.length else 0)

    # -- what can be seen ----------------------------------------------------------------------

    @property
    def una(self) -> int:
        """What acknowledges nothing new, but is acceptable: in a handshake there is no such thing,
        and it is everything."""
        return self.peer_got if self.ground.state in (SYN_SENT, SYN_RECEIVED) else self._acked

    def state_of(self, position: Position) -> State:
        """Return the state; back in LISTEN is where no connection came about yet."""
        state = self.ground.state
        early = position.state in (LISTEN, SYN_RECEIVED)
        return LISTEN if early and state is CLOSED and self.ground.listens else state


_BITS: Final = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK}


def _bits(flags: str) -> int:
    return sum(_BITS[name] for name in flags.split("|") if name)


def flag_names(flags: int) -> str:
    """Return "FIN|ACK"; PSH, which only says that a burst ends, is left out."""
    return "|".join(name for name, bit in _BITS.items() if flags & bit & ~PSH) or "no flags"
