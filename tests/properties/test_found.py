"""What the random walks found, shrunk by hand to the shortest exchange."""

from struct import pack

from lastack.net import DROP, PASS, Fate
from lastack.profile import LINUX, WindowCheck
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import CLOSED, FIN_WAIT_1, FIN_WAIT_2
from lastack.trace import TimerFired
from lastack.verdict import Book
from lastack.wire import ACK, FIN, SYN, Packet, Segment, seq
from tests.exchange import A, B, Lab, ms, s


def dial(lab: Lab, host: str, port: int, address: bytes, other: int, receive: int = 0) -> TcpSocket:
    """Connect from a port of one's own; `receive`: SO_RCVBUF."""
    sock = lab.socket(host)
    if receive:
        sock.setsockopt(names.SOL_SOCKET, names.SO_RCVBUF, pack("i", receive), lab.now)
    sock.bind(bytes(4), port, lab.now)
    assert sock.connect(address, other, lab.now) is AGAIN
    return sock


def test_a_listener_that_was_shut_down_can_connect() -> None:
    lab = Lab()
    lab.listen("b")
    sock = lab.listen("a", 81)
    sock.shutdown(names.SHUT_RD, lab.now)
    assert sock.connect(B, 80, lab.now) is AGAIN
    lab.run(ms(10))
    assert sock.connected(lab.now) is None


def test_close_in_syn_received_outlives_the_loss_of_its_syn() -> None:
    """RFC 9293 section 3.10.4."""

    def no_answers(packet: Packet, now: int) -> Fate:
        flags = packet.flags if isinstance(packet, Segment) else 0
        return DROP if flags & FIN or flags & (SYN | ACK) == SYN | ACK else PASS

    lab = Lab()
    guard = lab.network.add_rule(no_answers)
    first = dial(lab, "a", 5000, B, 5001)
    second = dial(lab, "b", 5001, A, 5000)
    lab.run(ms(1.5))
    lab.close(first)
    lab.run(s(3))
    guard.remove()
    lab.run(s(30))
    assert second.endpoint is not None
    assert second.endpoint.connection.peer_closed


def test_a_repeated_syn_is_no_measure_of_the_round_trip() -> None:
    """Karn's algorithm (RFC 6298 section 3)."""
    lab = Lab()
    lab.listen("b")
    seen: list[Packet] = []

    def first_two_lost(packet: Packet, now: int) -> Fate:
        seen.append(packet)
        return DROP if len(seen) <= 2 else PASS

    lab.network.add_rule(first_two_lost)
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.run(s(10))
    assert client.endpoint is not None
    assert client.endpoint.connection.info().rtt == ms(2)


def test_who_dials_the_same_4_tuple_again_is_the_one_that_is_met() -> None:
    """A simultaneous open whose first half gave up belongs to the second half (section 3.5)."""
    lab = Lab()
    book = Book()
    lab.journal.listeners.append(book)
    gone = dial(lab, "a", 5000, B, 5001)
    met = dial(lab, "b", 5001, A, 5000)
    lab.close(gone)
    again = dial(lab, "a", 5000, B, 5001)
    lab.run(s(1))
    story = book.story_of(again.conn)
    assert story is book.story_of(met.conn)
    assert story is not book.story_of(gone.conn)


def test_a_window_that_scaling_rounded_down_stops_no_simultaneous_open() -> None:
    """The window of a SYN is not scaled, the next one is and comes out smaller."""
    lab = Lab()
    ends = dial(lab, "a", 5000, B, 5001, 1), dial(lab, "b", 5001, A, 5000, 1)
    lab.run(ms(5))
    for sock in ends:
        assert sock.send(bytes(20_000), 0, lab.now)
    lab.run(s(3))
    timers = [event.timer for event in lab.events if isinstance(event, TimerFired)]
    assert "retransmit" not in timers
    assert "persist" in timers  # the readers do not read
    assert all(sock.state is not CLOSED for sock in ends)


def test_a_shut_window_takes_the_ack_of_our_fin_as_any_other() -> None:
    """The allowance of step one is for ACKs that step five finds valid (section 3.10.7.4)."""
    exact = LINUX.with_field("window_scale", -1)  # a scaled window is rounded and stays ajar
    exact = exact.with_field("window_check", WindowCheck.OVERLAP)
    lab = Lab(exact, exact)
    listener = lab.listen()
    listener.setsockopt(names.SOL_SOCKET, names.SO_RCVBUF, pack("i", 1), lab.now)
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.run(ms(10))
    server = listener.accept(lab.now)
    assert isinstance(server, TcpSocket)
    client.send(bytes(20_000), 0, lab.now)
    lab.run(s(2))
    assert server.endpoint is not None
    tcp = server.endpoint.connection
    lab.network.add_rule(lambda packet, now: DROP)
    server.shutdown(names.SHUT_WR, lab.now)
    lab.flush()
    ours = lab.sent("b")[-1]
    assert isinstance(ours, Segment)
    for beyond, state in ((1000, FIN_WAIT_1), (0, FIN_WAIT_2)):
        acked = ours.seq + ours.length + beyond & seq.MASK
        stamp = ours.tsecr + 5000
        text = Segment(
            ours.flow.reversed(), ours.ack, acked, ACK, 90, b"x", tsval=stamp, tsecr=ours.tsval
        )
        lab.b.packet_arrives(text, lab.now)
        assert tcp.state is state


def test_who_dials_the_same_4_tuple_again_is_the_one_that_is_accepted() -> None:
    """The SYN of a client that gave up makes the connection; the next client, alike, has it."""
    lab = Lab()
    book = Book()
    lab.journal.listeners.append(book)
    listener = lab.listen("b")
    gone = dial(lab, "a", 5000, B, 80)
    lab.close(gone)
    again = dial(lab, "a", 5000, B, 80)
    lab.run(s(1))
    server = listener.accept(lab.now)
    assert isinstance(server, TcpSocket)
    story = book.story_of(again.conn)
    assert story is book.story_of(server.conn)
    assert story is not book.story_of(gone.conn)
