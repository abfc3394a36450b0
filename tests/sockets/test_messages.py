"""Flags and control data of the calls, without programs (docs/kernel-notes/calls.md and
control-data.md have the kernel's answers; tests/programs compares whole programs with it)."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

import pytest

from lastack.profile import MS, NEVER, S
from lastack.sockets import AGAIN, OUT, TcpSocket, UdpSocket, names, socketpair
from lastack.sockets.control import Control, IpOptions, fit, room_for_rights, wish
from lastack.trace import Destroyed
from lastack.wire import ANY4, Datagram, Segment
from tests.exchange import B, Lab, ms

INT = struct.Struct("i")
SOL = names.SOL_SOCKET
TRUNC, PEEK = names.MSG_TRUNC, names.MSG_PEEK


def fails(number: int, call: Callable[..., object], *args: object) -> None:
    with pytest.raises(OSError) as caught:
        call(*args)
    assert caught.value.errno == number, caught.value


def timeval(sock: TcpSocket | UdpSocket, name: int, seconds: int, us: int) -> tuple[int, ...]:
    sock.setsockopt(SOL, name, struct.pack("qq", seconds, us), 0)
    return struct.unpack("qq", sock.getsockopt(SOL, name, 16, 0))


# -- SO_RCVTIMEO and SO_SNDTIMEO ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told", "limit"),
    [
        ((1, 500_000), (1, 500_000), 1_500 * MS),
        ((0, 1), (0, 4_000), 4 * MS),
        ((0, 0), (0, 0), NEVER),
        ((-1, 0), (0, 0), 0),
        ((2**62, 0), (0, 0), NEVER),
    ],
)
def test_limits_are_kept_in_ticks(
    given: tuple[int, int], told: tuple[int, int], limit: int
) -> None:
    sock = Lab().socket("a")
    assert timeval(sock, names.SO_RCVTIMEO, *given) == told
    assert timeval(sock, names.SO_SNDTIMEO_NEW, 7, 0) == (7, 0)
    assert sock.waits_until(OUT, S) == 8 * S
    assert sock.waits_until(0, S) == (NEVER if limit == NEVER else S + limit)


def test_a_limit_that_is_none() -> None:
    sock = Lab().socket("a")
    fails(errno.EDOM, timeval, sock, names.SO_RCVTIMEO, 0, 1_000_000)
    fails(errno.EINVAL, sock.setsockopt, SOL, names.SO_RCVTIMEO, bytes(15), 0)


def test_a_connection_has_the_limits_of_its_listener_as_of_the_handshake() -> None:
    lab = Lab()
    listener = lab.listen()
    timeval(listener, names.SO_RCVTIMEO, 3, 0)
    client = lab.socket("a")
    client.connect(B, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    timeval(listener, names.SO_RCVTIMEO, 4, 0)
    server = listener.accept(lab.now)
    assert server is not AGAIN
    assert server.receive_timeout == 3 * S


# -- flags --------------------------------------------------------------------------------------


def test_what_msg_trunc_throws_away_has_been_read() -> None:
    """Nothing is unread then, so close() sends FIN."""
    lab = Lab()
    client, server = lab.connection()
    client.send(b"data", 0, lab.now)
    lab.run(ms(1))
    assert server.recv(9, TRUNC | PEEK, lab.now) == bytes(4)
    assert server.recv(9, TRUNC, lab.now) == bytes(4)
    lab.close(server)
    lab.run(ms(1))
    assert client.recv(9, 0, lab.now) == b""
    assert not [event for event in lab.events if isinstance(event, Destroyed)]


def test_peeks_go_on_where_the_last_one_ended() -> None:
    lab = Lab()
    client, server = lab.connection()
    server.setsockopt(SOL, names.SO_PEEK_OFF, INT.pack(1), lab.now)
    client.send(b"abcdef", 0, lab.now)
    lab.run(ms(1))
    assert [server.recv(2, PEEK, lab.now) for _ in range(3)] == [b"bc", b"de", b"f"]
    assert server.recv(2, PEEK, lab.now) is AGAIN
    assert server.recv(4, 0, lab.now) == b"abcd"
    assert INT.unpack(server.getsockopt(SOL, names.SO_PEEK_OFF, 4, lab.now)) == (2,)
    server.setsockopt(SOL, names.SO_PEEK_OFF, INT.pack(-7), lab.now)
    assert [server.recv(2, PEEK, lab.now) for _ in range(2)] == [b"ef", b"ef"]


def test_msg_more_is_a_cork_for_one_call() -> None:
    lab = Lab()
    client, _ = lab.connection()

    def sent() -> list[bytes]:
        texts = [packet.text for packet in lab.sent("a") if isinstance(packet, Segment)]
        return [text for text in texts if text]

    client.send(b"one ", names.MSG_MORE, lab.now)
    lab.run(ms(100))
    assert sent() == []
    client.send(b"two", 0, lab.now)
    lab.run(ms(100))
    assert sent() == [b"one two"]
    client.send(b"later", names.MSG_MORE, lab.now)
    lab.run(ms(300))
    assert sent() == [b"one two", b"later"]
    client.send(bytes(2000), names.MSG_MORE, lab.now)
    lab.flush()
    assert [len(text) for text in sent()[2:]] == [1448]


# -- control data -------------------------------------------------------------------------------


def test_what_asks_for_a_datagrams_options() -> None:
    options = IpOptions()
    ttl, tos = (0, names.IP_TTL, INT.pack(9)), (0, names.IP_TOS, b"\x10")
    info = 0, names.IP_PKTINFO, struct.pack("i4s4x", 1, b"\x7f\0\0\5")
    assert wish([], options) == (64, 0, ANY4)
    assert wish([ttl, tos, info, (99, 1, b"")], options) == (9, 16, b"\x7f\0\0\5")
    options.set(names.IP_TTL, b"\x07")
    options.set(names.IP_TOS, INT.pack(0x1FF))
    assert wish([(SOL, names.SCM_RIGHTS, bytes(4))], options) == (7, 255, ANY4)
    assert (options.get(names.IP_TTL, 4), options.get(names.IP_TTL, 1)) == (INT.pack(7), b"\7")


@pytest.mark.parametrize(
    ("item", "number"),
    [
        ((0, names.IP_TTL, INT.pack(0)), errno.EINVAL),
        ((0, names.IP_TTL, b"\1"), errno.EINVAL),
        ((0, names.IP_TOS, INT.pack(256)), errno.EINVAL),
        ((0, names.IP_PKTINFO, bytes(11)), errno.EINVAL),
        ((0, names.IP_PKTINFO, struct.pack("i8x", 99)), errno.ENODEV),
        ((0, 99, bytes(4)), errno.EINVAL),
        ((SOL, 99, bytes(4)), errno.EINVAL),
    ],
)
def test_control_data_that_makes_no_sense(item: Control, number: int) -> None:
    fails(number, wish, [item], IpOptions())


@pytest.mark.parametrize(
    ("room", "count", "last", "cut"),
    [(0, 0, 0, True), (15, 0, 0, True), (16, 1, 0, True), (20, 1, 4, True), (28, 1, 12, True),
     (52, 2, 4, True), (72, 3, 0, True), (73, 3, 1, False)],
)  # fmt: skip
def test_room_for_control_data(room: int, count: int, last: int, cut: bool) -> None:
    control = [(0, 8, bytes(12)), (0, 2, bytes(4)), (0, 1, bytes(1))]
    kept, flags = fit(control, room)
    assert (len(kept), flags == names.MSG_CTRUNC) == (count, cut)
    assert not kept or len(kept[-1][2]) == last


def test_a_datagram_tells_its_way() -> None:
    lab = Lab(wire=True)
    server, client = UdpSocket(lab.b), UdpSocket(lab.a)
    server.bind(ANY4, 53, lab.now)
    for name in (names.IP_PKTINFO, names.IP_RECVTTL, names.IP_RECVTOS):
        server.setsockopt(names.IPPROTO_IP, name, INT.pack(1), lab.now)
    asked = [(0, names.IP_TTL, INT.pack(9)), (0, names.IP_TOS, b"\x20")]
    client.send_to(b"x", 0, B, 53, lab.now, control=asked)
    lab.run(ms(1))
    received = server.recv_from(9, 0, lab.now, room=256)
    assert received is not AGAIN
    info = struct.pack("i4s4s", 2, B, B)
    assert received.control == ((0, 8, info), (0, 2, INT.pack(9)), (0, 1, b"\x20"))
    (packet,) = lab.sent("a")
    assert isinstance(packet, Datagram)
    assert (packet.ttl, packet.tos) == (9, 0x20)


def test_datagrams_are_joined_by_msg_more() -> None:
    lab = Lab()
    server, client = UdpSocket(lab.b), UdpSocket(lab.a)
    server.bind(ANY4, 53, lab.now)
    client.connect(B, 53, lab.now)
    client.send(b"one ", names.MSG_MORE, lab.now)
    client.send_to(b"two ", names.MSG_MORE, B, 99, lab.now)  # the first one's peer counts
    lab.run(ms(1))
    assert server.recv(9, 0, lab.now) is AGAIN
    client.send(b"three", 0, lab.now)
    lab.run(ms(1))
    assert server.recv(99, 0, lab.now) == b"one two three"
    client.send(bytes(60_000), names.MSG_MORE, lab.now)
    fails(errno.EMSGSIZE, client.send, bytes(6_000), 0, lab.now)
    client.send(b"again", 0, lab.now)
    lab.run(ms(1))
    assert server.recv(99, 0, lab.now) == b"again"


# -- descriptors under way ----------------------------------------------------------------------


def test_a_descriptor_under_way_is_a_reference() -> None:
    """docs/kernel-notes/references.md: the RST of l_linger = 0 comes when the pair is closed."""
    lab = Lab()
    client, server = lab.connection()
    client.setsockopt(SOL, names.SO_LINGER, struct.pack("ii", 1, 0), lab.now)
    a, b = socketpair(lambda file, events: None)
    a.hold()
    b.hold()
    assert a.send(b"x", 0, lab.now, rights=[client]) == 1
    assert lab.close(client) is None
    lab.run(ms(1))
    assert server.recv(1, 0, lab.now) is AGAIN
    b.drop(lab.now)
    lab.run(ms(1))
    fails(errno.ECONNRESET, server.recv, 1, 0, lab.now)


def test_a_read_ends_with_the_bytes_that_brought_descriptors() -> None:
    lab = Lab()
    file = lab.socket("a")
    a, b = socketpair(lambda file, events: None)
    a.send(b"before ", 0, lab.now)
    a.send(b"with", 0, lab.now, rights=[file])
    a.send(b" after", 0, lab.now)
    assert file.refs == 2
    peeked = b.recv_from(99, PEEK, lab.now)
    assert peeked is not AGAIN
    assert (peeked.text, peeked.rights, file.refs) == (b"before with", (file,), 3)
    file.drop(lab.now)
    assert b.recv(3, 0, lab.now) == b"bef"
    part = b.recv_from(5, 0, lab.now)
    assert part is not AGAIN
    assert (part.text, part.rights, file.refs) == (b"ore w", (file,), 2)
    file.drop(lab.now)
    rest = b.recv_from(99, 0, lab.now)
    assert rest is not AGAIN
    assert (rest.text, rest.rights) == (b"ith after", ())
    a.send(b"x", 0, lab.now, rights=[file])
    assert (b.recv(9, 0, lab.now), file.refs) == (b"x", 1)
    assert (a.send(b"", 0, lab.now, rights=[file]), file.refs) == (0, 1)
    fails(errno.EINVAL, lambda: a.send(b"x", 0, lab.now, rights=[file] * 254))


def test_room_for_descriptors() -> None:
    assert [room_for_rights(room) for room in (0, 16, 19, 20, 23, 24)] == [0, 0, 0, 1, 1, 2]
