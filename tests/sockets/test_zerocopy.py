"""SO_ZEROCOPY: which sends are done (docs/kernel-notes/control-data.md)."""

from __future__ import annotations

import errno

import pytest

from lastack.sockets import ERR, TcpSocket, names
from tests.exchange import Lab

ROOM = 200


def option(sock: TcpSocket, value: int, lab: Lab) -> None:
    number = value.to_bytes(4, "little")
    sock.setsockopt(names.SOL_SOCKET, names.SO_ZEROCOPY, number, lab.now)


def told(sock: TcpSocket) -> tuple[int, int]:
    """The first and the last send of a notification."""
    _, _, source, (item,), flags, _ = sock.recv_error(100, ROOM, 0)
    assert source is None
    assert item[:2] == (names.IPPROTO_IP, names.IP_RECVERR)
    assert flags == names.MSG_ERRQUEUE
    assert item[2][:8].hex() == "0000000005000100"
    return int.from_bytes(item[2][8:12], "little"), int.from_bytes(item[2][12:16], "little")


def nothing(sock: TcpSocket) -> None:
    with pytest.raises(BlockingIOError):
        sock.recv_error(100, ROOM, 0)


def test_sends_are_counted_and_told_together() -> None:
    lab = Lab()
    client, _ = lab.connection()
    client.send(b"x", names.MSG_ZEROCOPY, lab.now)
    nothing(client)
    option(client, 1, lab)
    for size in (0, 5, 5):
        client.send(bytes(size), names.MSG_ZEROCOPY, lab.now)
    assert client.mask(lab.now) & ERR
    assert told(client) == (0, 1)
    assert not client.mask(lab.now) & ERR
    nothing(client)
    client.send(b"x", 0, lab.now)
    nothing(client)
    client.send(b"x", names.MSG_ZEROCOPY, lab.now)
    assert told(client) == (2, 2)


def test_it_is_on_or_off() -> None:
    lab = Lab()
    client, _ = lab.connection()
    with pytest.raises(OSError, match="Invalid") as caught:
        option(client, 2, lab)
    assert caught.value.errno == errno.EINVAL
    option(client, 1, lab)
    assert client.getsockopt(names.SOL_SOCKET, names.SO_ZEROCOPY, 4, lab.now)[0] == 1
