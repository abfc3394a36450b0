"""RFC 9293 section 3.10.7.4, sixth: check the URG bit; section 3.8.5; MSG_OOB (urgent.md)."""

from __future__ import annotations

import pytest

from lastack.profile import MS
from lastack.sockets import AGAIN, IN, PRI, TcpSocket, names
from lastack.state import CLOSE_WAIT, ESTABLISHED
from lastack.trace import Destroyed, Queue, Reason
from lastack.wire import URG, Segment
from tests.exchange import Lab
from tests.truth.peer import tries

from .reach import reach


def oob(lab: Lab, sock: TcpSocket, *, peek: bool = False) -> object:
    """recv(1, MSG_OOB): the byte, or the errno."""
    try:
        return sock.recv(1, names.MSG_OOB | (names.MSG_PEEK if peek else 0), lab.now)
    except OSError as error:
        return error.args[0]
    finally:
        lab.flush()


def recv(lab: Lab, sock: TcpSocket, *, peek: bool = False) -> object:
    return sock.recv(100, names.MSG_PEEK if peek else 0, lab.now)


def told(lab: Lab, sock: TcpSocket) -> tuple[int, int, int]:
    """What poll, SIOCINQ and SIOCATMARK say."""
    bits = sock.mask(lab.now) & (IN | PRI)
    return bits, sock.ioctl(names.SIOCINQ), sock.ioctl(names.SIOCATMARK)


def send(lab: Lab, sock: TcpSocket, text: bytes, *, urgent: bool = False) -> None:
    assert sock.send(text, names.MSG_OOB if urgent else 0, lab.now) == len(text)
    lab.run(50 * MS)


def test_the_reader_stops_at_the_mark_and_goes_on_behind_the_byte() -> None:
    lab = Lab()
    client, server = lab.connection()
    assert oob(lab, server) == 22
    send(lab, client, b"abX", urgent=True)
    send(lab, client, b"cd")
    assert told(lab, server) == (IN | PRI, 2, 0)
    assert recv(lab, server) == b"ab"
    assert told(lab, server) == (IN | PRI, 0, 1)
    assert recv(lab, server, peek=True) == b"cd"
    assert oob(lab, server, peek=True) == b"X"
    assert oob(lab, server) == b"X"
    assert oob(lab, server) == 22
    assert told(lab, server) == (IN, 0, 1)
    assert recv(lab, server) == b"cd"
    assert told(lab, server) == (0, 0, 0)


def test_recv_in_place_of_msg_oob_throws_the_byte_away() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"X", urgent=True)
    assert told(lab, server) == (PRI, 0, 1)
    assert recv(lab, server) is AGAIN
    assert oob(lab, server) == 22
    gone = [event for event in lab.events if isinstance(event, Destroyed)]
    assert [(e.queue, e.first, e.last, e.reason) for e in gone] == [
        (Queue.UNREAD, 0, 1, Reason.URGENT_SKIPPED)
    ]


def test_a_skipped_byte_counts_as_read_at_close() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"X", urgent=True)
    assert recv(lab, server) is AGAIN
    assert lab.close(server) is None
    lab.run(50 * MS)
    assert recv(lab, client) == b""


def test_a_byte_that_only_msg_oob_took_is_unread_at_close() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"X", urgent=True)
    assert oob(lab, server) == b"X"
    lab.close(server)
    lab.run(50 * MS)
    assert client.take_error(lab.now) == 104


def test_in_line() -> None:
    lab = Lab()
    client, server = lab.connection()
    server.setsockopt(names.SOL_SOCKET, names.SO_OOBINLINE, b"\1\0\0\0", lab.now)
    send(lab, client, b"abX", urgent=True)
    send(lab, client, b"cd")
    assert told(lab, server) == (IN | PRI, 5, 0)
    assert oob(lab, server) == 22
    assert recv(lab, server) == b"ab"
    assert told(lab, server) == (IN | PRI, 3, 1)
    assert recv(lab, server) == b"Xcd"


def test_a_second_urgent_byte_takes_the_place_of_the_first() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"abX", urgent=True)
    send(lab, client, b"cdY", urgent=True)
    assert told(lab, server) == (IN | PRI, 5, 0)
    assert oob(lab, server) == b"Y"
    assert recv(lab, server) == b"abXcd"


def test_the_first_is_gone_when_the_reader_stood_at_its_mark() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"X", urgent=True)
    send(lab, client, b"Y", urgent=True)
    assert told(lab, server) == (PRI, 0, 1)
    assert oob(lab, server) == b"Y"
    assert recv(lab, server) is AGAIN


def test_fin_behind_the_byte() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"abX", urgent=True)
    lab.close(client)
    lab.run(50 * MS)
    assert recv(lab, server) == b"ab"
    assert recv(lab, server) == b""


def test_a_reset_takes_the_byte_along() -> None:
    lab = Lab()
    client, server = lab.connection()
    send(lab, client, b"X", urgent=True)
    client.setsockopt(names.SOL_SOCKET, names.SO_LINGER, b"\1\0\0\0\0\0\0\0", lab.now)
    lab.close(client)
    lab.run(50 * MS)
    assert oob(lab, server) == 107


def test_the_pointer_is_the_number_behind_the_byte() -> None:
    """MUST-62; and what follows an acknowledged urgent byte points no more."""
    world, peer, sock = reach(ESTABLISHED)
    mark = peer.mark()
    assert sock.send(b"abX", names.MSG_OOB, world.now) == 3
    world.flush()
    (one,) = peer.since(mark)
    assert (one.flags, one.seq, one.segment.up) == ("ACK|URG", 1, 3)
    peer.ack()
    mark = peer.mark()
    tries(world, sock, b"cd")
    peer.answers(mark, "ACK", seq=4)


def test_urgent_data_longer_than_the_pointer() -> None:
    """MUST-31: a segment whose pointer would not reach says nothing while others follow it."""
    lab = Lab()
    client, server = lab.connection()
    for _ in range(20):
        lab.run(20 * MS)
        client.send(bytes(100_000), names.MSG_OOB, lab.now)
        while (got := server.recv(1 << 20, 0, lab.now)) not in (AGAIN, b""):
            assert got
            lab.flush()
    lab.run(500 * MS)
    marked = [s for s in lab.sent("a") if isinstance(s, Segment) and s.flags & URG]
    assert marked
    assert all(0 < seg.up <= 0xFFFF for seg in marked)


def test_which_byte_a_pointer_means() -> None:
    world, peer, sock = reach(ESTABLISHED)
    for up, text, byte in ((3, b"abX", b"X"), (0, b"abX", b"a"), (1, b"abX", b"a")):
        peer.tx("ACK|URG", text, up=up)
        assert sock.recv(1, names.MSG_OOB, world.now) == byte


def test_a_pointer_beyond_the_text_waits_for_the_byte() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.tx("ACK|URG", b"ab", up=4)
    assert not sock.mask(world.now) & PRI
    with pytest.raises(BlockingIOError):
        sock.recv(1, names.MSG_OOB, world.now)
    peer.data(b"cXe")
    assert sock.mask(world.now) & PRI
    assert sock.recv(1, names.MSG_OOB, world.now) == b"X"


def test_an_old_pointer_says_nothing() -> None:
    world, peer, sock = reach(ESTABLISHED)
    peer.tx("ACK|URG", b"ab", up=1)
    assert sock.recv(1, names.MSG_OOB, world.now) == b"a"
    peer.tx("ACK|URG", b"ab", seq=1, up=1)
    assert not sock.mask(world.now) & PRI


def test_urgent_text_after_the_fin_is_ignored() -> None:
    world, peer, sock = reach(CLOSE_WAIT)
    peer.tx("ACK|URG", b"x", up=1)
    assert not sock.mask(world.now) & PRI


def test_nagle_does_not_hold_back_what_is_urgent() -> None:
    world, peer, sock = reach(ESTABLISHED)
    tries(world, sock, b"a")
    mark = peer.mark()
    tries(world, sock, b"b")
    peer.silent(mark)
    assert sock.send(b"c", names.MSG_OOB, world.now) == 1
    world.flush()
    peer.answers(mark, "ACK|URG", seq=2, len=2)


def test_sending_msg_oob_where_there_is_no_connection() -> None:
    lab = Lab()
    listener = lab.listen()
    with pytest.raises(BrokenPipeError):
        listener.send(b"x", names.MSG_OOB, lab.now)
    assert oob(lab, listener) == 107
    assert oob(lab, lab.socket("a")) == 22
