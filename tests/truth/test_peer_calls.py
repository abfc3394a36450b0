"""What the other program's calls return, by how this one closed.

"a" closes, "b" looks; both are whole TCPs. Measured between two Linux 6.18 kernels
(docs/kernel-notes/peer-calls.md).
"""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.net import DROP
from lastack.sockets import AGAIN, ERR, HUP, IN, OUT, RDHUP, TcpSocket, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    TIME_WAIT,
    State,
)
from lastack.trace import StateChanged
from lastack.wire import RST, Segment
from tests.exchange import B, Lab, ms, s

from .peer import HandPeer, World, tries

Ends = tuple[Lab, TcpSocket, TcpSocket]


def ends(rcvbuf: int = 0) -> Ends:
    """An open connection; `rcvbuf` is the SO_RCVBUF that b inherits from its listener."""
    lab = Lab()
    listener = lab.listen()
    if rcvbuf:
        listener.setsockopt(names.SOL_SOCKET, names.SO_RCVBUF, struct.pack("i", rcvbuf), lab.now)
    a = lab.socket("a")
    assert a.connect(B, 80, lab.now) is AGAIN
    lab.run(ms(10))
    b = listener.accept(lab.now)
    assert b is not AGAIN
    b.hold()
    lab.close(listener)
    return lab, a, b


def linger(lab: Lab, sock: TcpSocket, onoff: int, seconds: int) -> None:
    sock.setsockopt(names.SOL_SOCKET, names.SO_LINGER, struct.pack("ii", onoff, seconds), lab.now)


def call(lab: Lab, sock: TcpSocket, what: bytes | str) -> bytes | int | str:
    """Try one call, and let its segments and their answers travel."""
    answer: object
    try:
        if isinstance(what, bytes):
            answer = sock.send(what, 0, lab.now)
        elif what == "recv":
            answer = sock.recv(1 << 20, 0, lab.now)
        elif what == "SO_ERROR":
            answer = errno.errorcode.get(sock.take_error(lab.now), "0")
        elif what == "shutdown":
            sock.shutdown(names.SHUT_RDWR, lab.now)
            answer = "ok"
        else:
            answer = sock.getpeername()
    except OSError as error:
        answer = errno.errorcode[error.errno or 0]
    lab.run(ms(10))
    if answer is AGAIN:
        return "AGAIN"
    assert isinstance(answer, bytes | int | str)
    return answer


def calls(lab: Lab, sock: TcpSocket, *what: bytes | str) -> list[bytes | int | str]:
    return [call(lab, sock, one) for one in what]


def fill(lab: Lab, sock: TcpSocket) -> int:
    """Send until the socket takes no more; return how much it took."""
    total = 0
    for _ in range(200):
        count = sock.send(b"x" * 4096, 0, lab.now)
        lab.flush()
        if count is AGAIN:
            break
        total += count
    lab.run(ms(100))
    return total


def read_on(lab: Lab, sock: TcpSocket) -> tuple[int, str]:
    """Read until EOF, an error, or 5 s without data; return (bytes, how it ended)."""
    total = 0
    while True:
        got = call(lab, sock, "recv")
        if isinstance(got, bytes) and got:
            total += len(got)
        elif got == "AGAIN" and lab.next() < lab.now + s(5):
            lab.run(s(1))
        else:
            return total, "EOF" if got == b"" else str(got)


def resets(lab: Lab, host: str) -> list[Segment]:
    return [one for one in lab.sent(host) if isinstance(one, Segment) and one.flags & RST]


def state(lab: Lab, host: str) -> State:
    """The state of the one connection of a host, orphans and TIME-WAIT included."""
    rows = lab.hosts[host].snapshot()
    return rows[0].state if rows else CLOSED


# -- close() with nothing unread ----------------------------------------------------------------


@pytest.mark.parametrize("seconds", [None, 2])
def test_after_a_plain_close_the_peer_reads_eof_and_its_second_send_fails(
    seconds: int | None,
) -> None:
    lab, a, b = ends()
    if seconds is not None:
        linger(lab, a, 1, seconds)
    lab.linger_close(a)
    lab.run(ms(10))
    assert (state(lab, "a"), b.state) == (FIN_WAIT_2, CLOSE_WAIT)
    assert calls(lab, b, "recv", "recv", b"r") == [b"", b"", 1]
    # The RST that this send drew found CLOSE-WAIT: EPIPE, not ECONNRESET.
    assert (state(lab, "a"), b.state) == (CLOSED, CLOSED)
    assert calls(lab, b, b"r", "recv", "SO_ERROR") == ["EPIPE", b"", "0"]


def test_a_reset_in_close_wait_is_epipe_in_so_error() -> None:
    lab, a, b = ends()
    lab.close(a)
    lab.run(ms(10))
    assert calls(lab, b, b"r", "SO_ERROR", b"r", "recv") == [1, "EPIPE", "EPIPE", b""]


def test_close_with_data_pending_delivers_all_of_it() -> None:
    lab, a, b = ends(rcvbuf=4096)
    written = fill(lab, a)
    lab.close(a)
    assert state(lab, "a") is FIN_WAIT_1
    assert read_on(lab, b) == (written, "EOF")
    assert calls(lab, b, b"r", b"r") == [1, "EPIPE"]


# -- resets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("onoff", "seconds", "unread"), [(0, 0, True), (1, 0, False), (1, 0, True), (1, 2, True)]
)
def test_after_a_reset_the_peer_gets_the_error_once(onoff: int, seconds: int, unread: bool) -> None:
    lab, a, b = ends()
    linger(lab, a, onoff, seconds)
    if unread:
        call(lab, b, b"for-A")
    assert lab.close(a) is None
    lab.run(ms(10))
    assert (state(lab, "a"), state(lab, "b")) == (CLOSED, CLOSED)
    assert calls(lab, b, "recv", "recv", b"r", b"r", "recv") == [
        "ECONNRESET", b"", "EPIPE", "EPIPE", b"",
    ]  # fmt: skip
    assert len(resets(lab, "a")) == 1
    assert resets(lab, "b") == []


@pytest.mark.parametrize(("zero", "unread"), [(True, False), (False, True), (True, True)])
def test_a_reset_leaves_readable_what_was_already_queued(zero: bool, unread: bool) -> None:
    lab, a, b = ends(rcvbuf=4096)
    if unread:
        call(lab, b, b"for-A")
    if zero:
        linger(lab, a, 1, 0)
    written = fill(lab, a)
    queued = b.ioctl(names.SIOCINQ)
    assert 0 < queued < written
    lab.close(a)
    lab.run(ms(10))
    assert read_on(lab, b) == (queued, "ECONNRESET")
    assert calls(lab, b, "recv", b"r") == [b"", "EPIPE"]


def test_a_reset_after_shut_wr_is_never_seen_by_recv() -> None:
    lab, a, b = ends()
    linger(lab, a, 1, 0)
    a.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(10))
    assert (a.state, b.state) == (FIN_WAIT_2, CLOSE_WAIT)
    lab.close(a)
    lab.run(ms(10))
    assert calls(lab, b, "recv", "recv", b"r", b"r") == [b"", b"", "EPIPE", "EPIPE"]


def test_a_reset_wakes_a_recv_that_waits() -> None:
    lab, a, b = ends()
    linger(lab, a, 1, 0)
    assert b.recv(5, 0, lab.now) is AGAIN
    assert not b.mask(lab.now) & IN
    lab.close(a)
    lab.run(ms(10))
    assert b.mask(lab.now) & (IN | ERR) == IN | ERR
    assert call(lab, b, "recv") == "ECONNRESET"


def test_both_sides_reset_and_one_rst_is_enough() -> None:
    lab, a, b = ends()
    linger(lab, a, 1, 0)
    linger(lab, b, 1, 0)
    lab.close(a)
    lab.run(ms(10))
    lab.close(b)
    lab.run(ms(10))
    assert len(resets(lab, "a") + resets(lab, "b")) == 1


# -- lingering ----------------------------------------------------------------------------------


def test_linger_runs_out_while_the_peer_reads_nothing_and_data_flows_later() -> None:
    lab, a, b = ends(rcvbuf=4096)
    linger(lab, a, 1, 2)
    written = fill(lab, a)
    error, waited = lab.linger_close(a)
    assert error == 0
    assert s(2) <= waited <= s(2.05)
    assert (state(lab, "a"), b.state) == (FIN_WAIT_1, ESTABLISHED)
    assert read_on(lab, b) == (written, "EOF")


def test_a_send_of_the_peer_destroys_what_a_lingering_close_left() -> None:
    lab, a, b = ends(rcvbuf=4096)
    linger(lab, a, 1, 2)
    written = fill(lab, a)
    lab.linger_close(a)
    first = call(lab, b, "recv")
    assert isinstance(first, bytes)
    assert call(lab, b, b"r") == 1
    lab.run(ms(10))
    assert (state(lab, "a"), b.state) == (CLOSED, CLOSED)
    assert call(lab, b, b"r") == "ECONNRESET"
    rest, ending = read_on(lab, b)
    assert ending == "EOF"
    assert len(first) + rest < written


def test_data_that_a_silent_network_held_up_arrives_after_the_linger_time() -> None:
    lab, a, b = ends()
    linger(lab, a, 1, 1)
    mute = lab.network.add_rule(lambda packet, now: DROP, link=("a", "b"))
    assert a.send(b"important", 0, lab.now) == 9
    error, waited = lab.linger_close(a)
    assert error == 0
    assert s(1) <= waited <= s(1.05)
    assert state(lab, "a") is FIN_WAIT_1
    mute.remove()
    assert read_on(lab, b) == (9, "EOF")
    lab.close(b)
    lab.run(ms(10))
    assert (state(lab, "a"), state(lab, "b")) == (TIME_WAIT, CLOSED)


# -- simultaneous closing, listeners ------------------------------------------------------------


def test_both_shut_down_at_once() -> None:
    lab, a, b = ends()
    a.shutdown(names.SHUT_WR, lab.now)
    b.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(10))
    assert (state(lab, "a"), state(lab, "b")) == (TIME_WAIT, TIME_WAIT)
    for host in "ab":
        seen = [
            event.new for event in lab.events
            if isinstance(event, StateChanged) and event.host == host
        ]  # fmt: skip
        assert seen[-3:] == [FIN_WAIT_1, CLOSING, TIME_WAIT]
    assert calls(lab, a, "recv", b"x") == [b"", "EPIPE"]


def test_one_shuts_down_as_the_others_fin_is_acknowledged() -> None:
    lab, a, b = ends()
    a.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(5))
    b.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(5))
    assert (state(lab, "a"), state(lab, "b")) == (TIME_WAIT, CLOSED)


def test_a_client_in_the_accept_queue_of_a_listener_that_closes() -> None:
    lab = Lab()
    listener = lab.listen()
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.run(ms(10))
    assert client.connected(lab.now) is None
    lab.close(listener)
    lab.run(ms(10))
    assert calls(lab, client, "recv", b"x") == ["ECONNRESET", "EPIPE"]


# -- which call is told the error ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "answers"),
    [
        ([b"x", "recv", "SO_ERROR", b"x"], ["ECONNRESET", b"", "0", "EPIPE"]),
        (["recv", b"x", "SO_ERROR", "recv"], ["ECONNRESET", "EPIPE", "0", b""]),
        (["SO_ERROR", "recv", b"x"], ["ECONNRESET", b"", "EPIPE"]),
        (["shutdown", "recv", b"x"], ["ENOTCONN", "ECONNRESET", "EPIPE"]),
        (["getpeername", "recv", b"x"], ["ENOTCONN", "ECONNRESET", "EPIPE"]),
    ],
)
def test_the_first_of_recv_send_so_error_is_told(
    order: list[bytes | str], answers: list[bytes | str]
) -> None:
    lab, a, b = ends()
    linger(lab, a, 1, 0)
    lab.close(a)
    lab.run(ms(10))
    assert calls(lab, b, *order) == answers


def test_poll_after_a_reset_with_unread_data() -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    peer.data(b"hello")
    peer.rst()
    assert sock.mask(world.now) == IN | OUT | ERR | HUP | RDHUP
    assert sock.recv(2, 0, world.now) == b"he"
    assert [tries(world, sock, what) for what in ("recv", "recv", "recv", b"x")] == [
        b"llo", "ECONNRESET", b"", "EPIPE",
    ]  # fmt: skip


def test_a_reset_while_connecting_refuses() -> None:
    world = World()
    peer = HandPeer(world)
    sock = peer.begin_from_k()
    peer.tx("RST|ACK")
    with pytest.raises(ConnectionRefusedError):
        sock.connected(world.now)


@pytest.mark.parametrize("number", [2, 1])
def test_a_reset_in_close_wait(number: int) -> None:
    """The FIN's own number is exact too: the peer may not have counted its FIN."""
    world = World()
    peer = HandPeer(world)
    sock = peer.accept_from_k()
    peer.data(b"hello")
    peer.fin()
    peer.rst(seq=number + 5)
    assert sock.state is CLOSED
    assert sock.take_error(world.now) == errno.EPIPE
    assert [tries(world, sock, what) for what in ("recv", "recv", b"x")] == [
        b"hello", b"", "EPIPE",
    ]  # fmt: skip


def test_a_reset_in_last_ack_is_told_to_send() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    peer.fin()
    sock.shutdown(names.SHUT_WR, world.now)
    world.flush()
    peer.rst(seq=2)
    assert [tries(world, sock, what) for what in ("recv", "recv", b"x", b"x")] == [
        b"", b"", "ECONNRESET", "EPIPE",
    ]  # fmt: skip


def test_a_reset_on_a_connection_in_the_accept_queue() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world)
    peer.handshake()
    peer.rst()
    sock = listener.accept(world.now)
    assert sock is not AGAIN
    sock.hold()
    with pytest.raises(OSError, match="not connected"):
        sock.getpeername()
    assert [tries(world, sock, what) for what in ("recv", "recv", b"x")] == [
        "ECONNRESET", b"", "EPIPE",
    ]  # fmt: skip
