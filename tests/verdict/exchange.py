"""Exchanges written down as an engine would: events through a Journal, in a lawful order."""

from __future__ import annotations

from lastack import state as st
from lastack.state import State
from lastack.trace import (
    Accepted,
    Acked,
    Arrived,
    Called,
    Destroyed,
    Event,
    Journal,
    Lost,
    Opened,
    Queue,
    Queued,
    Read,
    Reason,
    ResetSent,
    ResetTaken,
    Returned,
    Sent,
    StateChanged,
    Waiting,
)
from lastack.verdict import Book, ConnectionStory
from lastack.wire import ACK, FIN, RST, SYN, Flow, Segment

MS = 1_000_000
SECOND = 1_000_000_000
CLIENT = bytes((10, 0, 0, 1))
SERVER = bytes((10, 0, 0, 2))
NAMES = {CLIENT: "get", SERVER: "web"}
FLOW = Flow(CLIENT, 40000, SERVER, 80)


class World:
    """Two hosts, `get` and `web`, and all that is written about them."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.book = Book()
        self.events: list[Event] = []
        self.journal.listeners += [self.book, self.events.append]
        self.now = 0

    @property
    def story(self) -> ConnectionStory:
        return self.book.stories[-1]

    def wait(self, ns: int = MS) -> None:
        self.now += ns

    def lose(self, packet: int, reason: Reason = Reason.LOSS) -> None:
        self.journal.write(Lost(packet, reason), "get>web", 0, self.now)


class Side:
    """One end, in the words of its host."""

    def __init__(self, world: World, host: str, flow: Flow, *, syn: int = 0) -> None:
        self.world, self.host, self.flow = world, host, flow
        self.scribe = world.journal.scribe(host)
        self.conn = world.journal.next_conn()
        self.iss = 1000 * self.conn
        self.state: State = st.CLOSED
        self.accepted = 0
        self.next = 0  # offset of the next byte to send
        self.taken = 0  # offset up to which the peer's bytes are queued here
        self.fin = False
        self.took_fin = False
        self.peer_iss = 0
        self.write(Opened(self.conn, flow, syn == 0, syn))

    def write(self, event: Event) -> None:
        self.scribe.write(event, self.world.now)

    def call(self, name: str, text: str = "") -> None:
        self.scribe.begin(Called(self.conn, name, text or f"{name}()"), self.world.now)

    def returns(self, name: str, text: str = "0", errno: int = 0) -> None:
        self.write(Returned(self.conn, name, text, errno))

    def move(self, new: State, reason: Reason) -> None:
        old, self.state = self.state, new
        self.write(StateChanged(self.conn, old, new, reason))

    # -- packets -----------------------------------------------------------------------------

    def packet(self, flags: int, size: int = 0, *, at: int | None = None, wnd: int = 65535) -> int:
        """Send a segment; `at` sends the bytes from there again."""
        first = self.next if at is None else at
        again = at is not None
        number = self.world.journal.next_packet()
        number_of = 0 if flags & SYN else 1 + first + (self.fin and flags & (FIN | SYN) == 0)
        ack = (self.peer_iss + 1 + self.taken + self.took_fin) if flags & ACK else 0
        seg = Segment(
            self.flow, self.iss + number_of, ack, flags, wnd, bytes(size), number=number
        )  # fmt: skip
        self.write(Sent(self.conn, number, seg, first, first + size, again))
        self.next = max(self.next, first + size)
        self.fin = self.fin or bool(flags & FIN)
        self.last = seg
        return number

    def arrive(self, seg: Segment, number: int) -> None:
        self.scribe.begin(Arrived(self.conn, number, seg), self.world.now)

    # -- calls -------------------------------------------------------------------------------

    def give(self, size: int) -> None:
        """send() takes `size` bytes; nothing leaves yet."""
        self.call("send", f"send {size} bytes")
        self.write(Accepted(self.conn, self.accepted, self.accepted + size))
        self.accepted += size
        self.returns("send", str(size))

    def read(self, first: int, last: int) -> None:
        self.call("recv", "recv 65536")
        self.write(Read(self.conn, first, last))
        self.returns("recv", f"{last - first} bytes")

    def destroy(self, queue: Queue, first: int, last: int, reason: Reason) -> None:
        if last > first:
            self.write(Destroyed(self.conn, queue, first, last, reason))

    def abort(self, reason: Reason, *, unread: tuple[int, int] = (0, 0), acked: int = 0) -> int:
        """What an ABORT writes (RFC 9293 section 3.10.5); return the RST's packet number."""
        self.destroy(Queue.UNREAD, *unread, reason)
        self.destroy(Queue.UNACKED, acked, self.next, reason)
        self.destroy(Queue.UNSENT, self.next, self.accepted, reason)
        self.write(ResetSent(self.conn, reason, 0))
        number = self.packet(RST | ACK)
        self.move(st.CLOSED, reason)
        return number

    def take_reset(self, packet: int, *, acked: int = 0) -> None:
        refused = self.state is st.SYN_SENT
        reason = Reason.REFUSED if refused else Reason.RESET_BY_PEER
        seg = Segment(self.flow.reversed(), 0, 0, RST | ACK, 0, number=packet)
        self.arrive(seg, packet)
        self.write(ResetTaken(self.conn, packet, reason))
        self.destroy(Queue.UNACKED, acked, self.next, reason)
        self.destroy(Queue.UNSENT, self.next, self.accepted, reason)
        self.move(st.CLOSED, reason)


class Exchange(World):
    """A world with one connection, opened at 0 and established after 1.5 round trips of 2 ms."""

    def __init__(self, flow: Flow = FLOW) -> None:
        super().__init__()
        self.flow = flow
        self.reopen()

    def reopen(self) -> None:
        """Open one more connection with the same ports."""
        self.client = client = Side(self, "get", self.flow)
        client.call("connect", "connect web:80")
        client.move(st.SYN_SENT, Reason.OPEN_CALL)
        syn = client.packet(SYN)
        self.wait()
        self.server = server = Side(self, "web", self.flow.reversed(), syn=syn)
        server.arrive(client.last, syn)
        server.peer_iss = client.iss
        server.move(st.SYN_RECEIVED, Reason.SYN_ARRIVED)
        number = server.packet(SYN | ACK)
        self.wait()
        client.arrive(server.last, number)
        client.peer_iss = server.iss
        client.move(st.ESTABLISHED, Reason.SYN_ACK_ARRIVED)
        number = client.packet(ACK)
        client.returns("connect")
        self.wait()
        server.arrive(client.last, number)
        server.move(st.ESTABLISHED, Reason.HANDSHAKE_DONE)

    def peer(self, side: Side) -> Side:
        return self.server if side is self.client else self.client

    def carry(self, side: Side, size: int, *, at: int | None = None) -> None:
        """One data segment arrives in order and is acknowledged."""
        other = self.peer(side)
        first = side.next if at is None else at
        number = side.packet(ACK, size, at=at)
        seg = side.last
        self.wait()
        other.arrive(seg, number)
        other.write(Queued(other.conn, first, first + size))
        other.taken = first + size
        number = other.packet(ACK)
        self.wait()
        side.arrive(other.last, number)
        side.write(Acked(side.conn, first, first + size))

    def carry_all(self, side: Side, size: int, segment: int = 1460) -> None:
        side.give(size)
        while side.next < side.accepted:
            self.carry(side, min(segment, side.accepted - side.next))

    def fin(self, side: Side, reason: Reason = Reason.CLOSE_CALL) -> None:
        """close() or shutdown() on one side; its FIN arrives and is acknowledged."""
        other = self.peer(side)
        side.call("close" if reason is Reason.CLOSE_CALL else "shutdown")
        side.move(st.LAST_ACK if side.state is st.CLOSE_WAIT else st.FIN_WAIT_1, reason)
        number = side.packet(FIN | ACK)
        seg = side.last
        side.returns("close" if reason is Reason.CLOSE_CALL else "shutdown")
        self.wait()
        other.arrive(seg, number)
        other.took_fin = True
        if other.state is st.ESTABLISHED:
            other.move(st.CLOSE_WAIT, Reason.FIN_ARRIVED)
        else:
            self.time_wait(other)
        number = other.packet(ACK)
        self.wait()
        side.arrive(other.last, number)
        if side.state is st.FIN_WAIT_1:
            side.move(st.FIN_WAIT_2, Reason.FIN_ACKED)
        else:
            side.move(st.CLOSED, Reason.FIN_ACKED)

    def time_wait(self, side: Side) -> None:
        side.move(st.TIME_WAIT, Reason.FIN_ARRIVED)
        until = self.now + 60 * SECOND
        side.write(Waiting(side.conn, side.flow, "entered", until, Reason.FIN_ARRIVED))


def lost_answer() -> Exchange:
    """The server reads 1 byte of 1000, answers 2000 and closes; 500 of its bytes were delivered,
    300 more are on their way and arrive before the RST; 400 of the request never left."""
    world = Exchange()
    client, server = world.client, world.server
    client.give(1000)
    world.carry(client, 600)
    server.read(0, 1)
    server.give(2000)
    world.carry(server, 500)
    client.read(0, 200)
    flying = server.packet(ACK, 300)
    segment = server.last
    server.call("close")
    reset = server.abort(Reason.UNREAD_AT_CLOSE, unread=(1, 600), acked=500)
    server.returns("close")
    world.wait()
    client.arrive(segment, flying)
    client.write(Queued(client.conn, 500, 800))
    client.take_reset(reset, acked=600)
    return world
