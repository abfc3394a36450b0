"""UDP sockets, without programs (docs/kernel-notes/datagrams.md has the kernel's answers)."""

import errno
import struct
from collections.abc import Callable

import pytest

from lastack.host import BROADCAST
from lastack.net import LinkRules
from lastack.sockets import AGAIN, ERR, HUP, IN, OUT, RDHUP, Received, UdpSocket, names
from lastack.trace import Called, Dropped, ErrorTold, Lost, Reason, Refused, Returned
from lastack.wire import ANY4, LOOPBACK4
from tests.exchange import A, B, Lab, ms

INT = struct.Struct("i")
LINGER = struct.Struct("ii")
SOL = names.SOL_SOCKET


def fails(number: int, call: Callable[..., object], *args: object) -> None:
    with pytest.raises(OSError) as caught:
        call(*args)
    assert caught.value.errno == number, caught.value


def udp(lab: Lab, host: str = "a", port: int | None = None) -> UdpSocket:
    sock = UdpSocket(lab.hosts[host])
    sock.hold()
    if port is not None:
        sock.bind(ANY4, port, lab.now)
    return sock


def option(sock: UdpSocket, name: int, value: int) -> int:
    sock.setsockopt(SOL, name, INT.pack(value), 0)
    (stored,) = INT.unpack(sock.getsockopt(SOL, name, 4, 0))
    assert isinstance(stored, int)
    return stored


@pytest.mark.parametrize("wire", [False, True])
def test_a_question_and_an_answer(wire: bool) -> None:
    lab = Lab(wire=wire)
    server, client = udp(lab, "b", 53), udp(lab)
    assert server.recv_from(100, 0, lab.now) is AGAIN
    assert client.send_to(b"question", 0, B, 53, lab.now) == 8
    lab.run(ms(1))
    asked = server.recv_from(100, 0, lab.now)
    assert asked == Received(b"question", 8, (A, client.getsockname()[1]))
    assert asked.source is not None
    server.send_to(b"answer", 0, *asked.source, lab.now)
    lab.run(ms(1))
    assert client.recv(100, 0, lab.now) == b"answer"
    assert client.getsockname()[0] == ANY4


def test_datagrams_keep_their_bounds() -> None:
    lab = Lab()
    server, client = udp(lab, "b", 53), udp(lab)
    for text in (b"hello", b"", b"world"):
        client.send_to(text, 0, B, 53, lab.now)
    lab.run(ms(1))
    peek = names.MSG_PEEK
    assert [server.recv(3, peek, 0), server.recv(3, 0, 0)] == [b"hel", b"hel"]
    assert server.ioctl(names.SIOCINQ) == 0
    assert [server.recv(9, 0, 0), server.ioctl(names.SIOCINQ)] == [b"", 5]
    assert server.recv_from(2, 0, 0) == Received(
        b"wo", 5, (A, client.getsockname()[1]), flags=names.MSG_TRUNC
    )
    assert server.recv(9, 0, 0) is AGAIN
    fails(errno.ENOTTY, server.ioctl, names.SIOCOUTQNSD)


def test_the_largest_and_one_more() -> None:
    lab = Lab(link=LinkRules(mtu=1500), wire=True)
    server, client = udp(lab, "b", 53), udp(lab)
    assert client.send_to(bytes(65507), 0, B, 53, lab.now) == 65507
    fails(errno.EMSGSIZE, client.send_to, bytes(65508), 0, B, 53, lab.now)
    lab.run(ms(1))
    assert server.recv(70000, 0, lab.now) == bytes(65507)


def test_mistakes() -> None:
    lab = Lab()
    sock = udp(lab)
    fails(errno.ENOTCONN, sock.getpeername)
    fails(errno.EDESTADDRREQ, sock.send, b"x", 0, 0)
    assert sock.getsockname()[1] != 0
    fails(errno.EINVAL, sock.bind, ANY4, 53, 0)
    fails(errno.EINVAL, sock.send_to, b"x", 0, B, 0, 0)
    fails(errno.EINVAL, sock.shutdown, 3, 0)
    udp(lab, "a", 53)
    fails(errno.EADDRINUSE, udp(lab).bind, A, 53, 0)
    fails(errno.EADDRNOTAVAIL, udp(lab).bind, B, 53, 0)
    refusals = [(one.call, one.errno) for one in lab.events if isinstance(one, Refused)]
    assert refusals == [("bind", errno.EADDRINUSE), ("bind", errno.EADDRNOTAVAIL)]


def test_connect_sends_nothing_and_may_be_repeated() -> None:
    lab = Lab()
    sock = udp(lab)
    sock.connect(B, 53, 0)
    local = sock.getsockname()
    assert (local[0], sock.getpeername()) == (A, (B, 53))
    sock.connect(A, 54, 0)
    assert (sock.getsockname(), sock.getpeername()) == (local, (A, 54))
    assert lab.sent() == []
    home = udp(lab)
    home.connect(ANY4, 9, 0)
    assert (home.getsockname()[0], home.getpeername()) == (LOOPBACK4, (LOOPBACK4, 9))
    fails(errno.EINVAL, home.connect, B, 9, 0)


def test_a_connected_socket_may_send_elsewhere_and_hears_its_peer_only() -> None:
    lab = Lab()
    peer, other, sock = udp(lab, "b", 53), udp(lab, "b", 54), udp(lab)
    sock.connect(B, 53, 0)
    sock.send(b"to the peer", 0, 0)
    sock.send_to(b"elsewhere", 0, B, 54, 0)
    lab.run(ms(1))
    assert [peer.recv(99, 0, 0), other.recv(99, 0, 0)] == [b"to the peer", b"elsewhere"]
    other.send_to(b"unheard", 0, *sock.getsockname(), 0)
    peer.send_to(b"heard", 0, *sock.getsockname(), 0)
    lab.run(ms(1))
    assert [sock.recv(99, 0, 0), sock.recv(99, 0, 0)] == [b"heard", AGAIN]


@pytest.mark.parametrize("wire", [False, True])
def test_nobody_at_the_port(wire: bool) -> None:
    lab = Lab(wire=wire)
    sock, unconnected = udp(lab), udp(lab)
    sock.connect(B, 9, 0)

    def provoke() -> None:
        sock.send(b"x", 0, lab.now)
        unconnected.send_to(b"x", 0, B, 9, lab.now)
        lab.run(ms(3))

    refused = errno.ECONNREFUSED
    provoke()
    assert sock.mask(0) == OUT | ERR
    fails(refused, sock.send, b"y", 0, lab.now)
    provoke()
    fails(refused, sock.recv, 9, 0, lab.now)
    provoke()
    assert INT.unpack(sock.getsockopt(SOL, names.SO_ERROR, 4, lab.now)) == (refused,)
    assert sock.recv(9, 0, lab.now) is AGAIN
    assert unconnected.mask(0) == OUT
    told = [(one.conn, one.call) for one in lab.events if isinstance(one, ErrorTold)]
    assert told == [(sock.conn, call) for call in ("send", "recv", "SO_ERROR")]


def test_broadcast_needs_its_option() -> None:
    lab = Lab()
    sock, here, there = udp(lab), udp(lab, "a", 53), udp(lab, "b", 53)
    fails(errno.EACCES, sock.send_to, b"x", 0, BROADCAST, 53, 0)
    fails(errno.EACCES, sock.connect, BROADCAST, 53, 0)
    assert option(sock, names.SO_BROADCAST, 1) == 1
    sock.send_to(b"all", 0, BROADCAST, 53, 0)
    lab.run(ms(1))
    source = (A, sock.getsockname()[1])
    for one in (here, there):
        assert one.recv_from(9, 0, 0) == Received(b"all", 3, source)


def test_a_full_queue_drops_what_comes() -> None:
    lab = Lab()
    server, client = udp(lab, "b", 53), udp(lab)
    assert option(server, names.SO_RCVBUF, 0) == 2304
    for _ in range(4):
        client.send_to(b"x", 0, B, 53, 0)
    lab.run(ms(1))
    dropped = [(one.conn, one.reason) for one in lab.events if isinstance(one, Dropped)]
    assert dropped == [(server.conn, Reason.RECEIVE_BUFFER_FULL)] * 2
    assert [server.recv(9, 0, 0) for _ in range(3)] == [b"x", b"x", AGAIN]


def test_options() -> None:
    sock = udp(Lab())
    get = {
        names.SO_TYPE: 2, names.SO_DOMAIN: 2, names.SO_PROTOCOL: 17, names.SO_ACCEPTCONN: 0,
        names.SO_RCVBUF: 212992, names.SO_SNDBUF: 212992, names.SO_ERROR: 0,
        names.SO_BROADCAST: 0, names.SO_REUSEADDR: 0, names.SO_REUSEPORT: 0,
    }  # fmt: skip
    for name, value in get.items():
        assert INT.unpack(sock.getsockopt(SOL, name, 4, 0)) == (value,)
    for name in (names.SO_REUSEADDR, names.SO_REUSEPORT, names.SO_BROADCAST, names.SO_KEEPALIVE):
        assert [option(sock, name, 5), option(sock, name, 0)] == [1, 0]
    assert [option(sock, names.SO_SNDBUF, 10000), option(sock, names.SO_SNDBUF, 0)] == [20000, 4608]
    fails(errno.EINVAL, sock.setsockopt, SOL, names.SO_REUSEADDR, b"\1", 0)
    fails(errno.ENOPROTOOPT, sock.setsockopt, 6, names.TCP_NODELAY, INT.pack(1), 0)
    fails(errno.ENOPROTOOPT, sock.getsockopt, 0, 32, 4, 0)
    fails(errno.ENOPROTOOPT, sock.getsockopt, SOL, 9999, 4, 0)


def test_linger_is_stored_and_waits_for_nothing() -> None:
    lab = Lab()
    sock = udp(lab)
    sock.setsockopt(SOL, names.SO_LINGER, LINGER.pack(1, 2), 0)
    assert LINGER.unpack(sock.getsockopt(SOL, names.SO_LINGER, 8, 0)) == (1, 2)
    fails(errno.EINVAL, sock.setsockopt, SOL, names.SO_LINGER, b"", 0)
    sock.send_to(b"last", 0, B, 53, 0)
    assert sock.drop(0) is None


@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize(
    ("how", "bits"),
    [(names.SHUT_RD, IN | OUT | RDHUP), (names.SHUT_WR, OUT),
     (names.SHUT_RDWR, IN | OUT | RDHUP | HUP)],
)  # fmt: skip
def test_shutdown(how: int, bits: int, connected: bool) -> None:
    lab = Lab()
    sock = udp(lab, "a", 53)
    if connected:
        sock.connect(A, 53, 0)
        sock.shutdown(how, 0)
    else:
        fails(errno.ENOTCONN, sock.shutdown, how, 0)
    assert sock.mask(0) == bits
    if how != names.SHUT_RD:
        fails(errno.EPIPE, sock.send_to, b"x", 0, B, 53, 0)
    if how == names.SHUT_WR:
        return
    assert sock.recv_from(9, 0, 0) == Received(b"", 0, None)
    assert sock.recv(9, names.MSG_DONTWAIT, 0) is AGAIN
    if how == names.SHUT_RD:
        sock.send_to(b"late", 0, A, 53, 0)
        lab.run(ms(1))
        assert sock.recv(9, 0, 0) == b"late"
    sock.nonblocking = True
    assert sock.recv(9, 0, 0) is AGAIN


def test_a_closed_socket_gives_its_port_back() -> None:
    lab = Lab()
    sock = udp(lab, "a", 53)
    assert sock.listening
    assert sock.drop(0) is None
    again = udp(lab, "a", 53)
    again.connect(B, 1, 0)
    assert not again.listening
    assert not udp(lab, "a", 0).listening


def test_a_lossy_link_loses_datagrams() -> None:
    lab = Lab(link=LinkRules(loss=0.3), seed=3)
    server, client = udp(lab, "b", 53), udp(lab)
    for n in range(200):
        client.send_to(bytes([n]), 0, B, 53, lab.now)
    lab.run(ms(1))
    got = []
    while (text := server.recv(9, 0, lab.now)) is not AGAIN:
        got.append(text[0])
    lost = [one for one in lab.events if isinstance(one, Lost)]
    assert len(got) + len(lost) == 200
    assert 120 < len(got) < 160
    assert got == sorted(got)


def test_calls_are_written_down_and_without_a_trace_nothing_breaks() -> None:
    lab = Lab()
    sock = udp(lab)
    sock.called("sendto", "sendto 1 byte", "", 0)
    sock.returned("sendto", "1 byte", 0, 0)
    said = [(type(one), one.conn) for one in lab.events if isinstance(one, Called | Returned)]
    assert said == [(Called, sock.conn), (Returned, sock.conn)]
    quiet = Lab(trace=False)
    server, client = udp(quiet, "b", 53), udp(quiet)
    client.called("sendto", "", "", 0)
    client.connect(B, 54, 0)
    client.send(b"x", 0, 0)
    client.send_to(b"x", 0, B, 53, 0)
    quiet.run(ms(3))
    assert server.recv(9, 0, 0) == b"x"
    fails(errno.ECONNREFUSED, client.recv, 9, 0, 0)
    fails(errno.EADDRINUSE, udp(quiet, "b").bind, ANY4, 53, 0)


def test_a_description_for_people() -> None:
    lab = Lab()
    sock = udp(lab, "a", 53)
    assert sock.describe() == "UDP 0.0.0.0:53"
    sock.connect(B, 54, 0)
    assert sock.describe() == "UDP 10.0.0.1:53 > 10.0.0.2:54"
