"""TCP_INQ: how much is left comes with what was read (docs/kernel-notes/control-data.md)."""

from __future__ import annotations

import errno
import struct

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from tests.exchange import Lab, ms

ROOM = 64


def left(sock: TcpSocket, size: int, lab: Lab) -> int:
    """Read; return what TCP_CM_INQ says, -1 when there is none."""
    assert sock.recv(size, 0, lab.now) is not AGAIN
    control, flags = sock.brought(ROOM)
    assert not flags
    for level, kind, data in control:
        assert (level, kind) == (names.IPPROTO_TCP, names.TCP_CM_INQ)
        return int(struct.unpack("i", data)[0])
    return -1


def asked() -> tuple[Lab, TcpSocket, TcpSocket]:
    lab = Lab()
    client, server = lab.connection()
    server.setsockopt(names.IPPROTO_TCP, names.TCP_INQ, struct.pack("i", 1), lab.now)
    client.send(b"0123456789", 0, lab.now)
    lab.run(ms(1))
    return lab, client, server


def test_it_says_how_much_is_left() -> None:
    lab, _, server = asked()
    assert left(server, 4, lab) == 6
    assert left(server, 9, lab) == 0


def test_a_fin_counts_one_and_the_end_too() -> None:
    lab, client, server = asked()
    client.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(1))
    assert [left(server, 4, lab) for _ in range(3)] == [7, 3, 1]
    assert left(server, 4, lab) == 1


def test_who_does_not_ask_is_not_told() -> None:
    lab, client, server = asked()
    server.send(b"answer", 0, lab.now)
    lab.run(ms(1))
    assert left(client, 4, lab) == -1


@pytest.mark.parametrize(("room", "data"), [(18, b"\x06\0"), (15, None)])
def test_what_does_not_fit_is_cut(room: int, data: bytes | None) -> None:
    lab, _, server = asked()
    server.recv(4, 0, lab.now)
    control, flags = server.brought(room)
    assert flags == names.MSG_CTRUNC
    assert [one[2] for one in control] == ([] if data is None else [data])


def test_it_is_on_or_off() -> None:
    lab, _, server = asked()
    with pytest.raises(OSError, match="Invalid") as caught:
        server.setsockopt(names.IPPROTO_TCP, names.TCP_INQ, struct.pack("i", 2), lab.now)
    assert caught.value.errno == errno.EINVAL
    assert server.getsockopt(names.IPPROTO_TCP, names.TCP_INQ, 4, lab.now) == struct.pack("i", 1)
