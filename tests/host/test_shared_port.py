"""Several listening sockets on one port by SO_REUSEPORT (docs/kernel-notes/socket-options.md)."""

from __future__ import annotations

import struct

import pytest

from lastack.sockets import AGAIN, TcpSocket, names
from tests.exchange import B, Lab, ms


def sharing(lab: Lab, address: bytes = B) -> TcpSocket:
    sock = lab.socket("b")
    sock.setsockopt(names.SOL_SOCKET, names.SO_REUSEPORT, struct.pack("i", 1), lab.now)
    sock.bind(address, 80, lab.now)
    sock.listen(128, lab.now)
    return sock


def connect(lab: Lab, count: int) -> list[TcpSocket]:
    clients = [lab.socket("a") for _ in range(count)]
    for client in clients:
        client.connect(B, 80, lab.now)
    lab.run(ms(5))
    assert all(client.connected(lab.now) is None for client in clients)
    return clients


def accepted(lab: Lab, listener: TcpSocket) -> int:
    count = 0
    while listener.accept(lab.now) is not AGAIN:
        count += 1
    return count


def test_each_gets_some_and_together_all() -> None:
    lab = Lab()
    several = [sharing(lab) for _ in range(4)]
    connect(lab, 64)
    counts = [accepted(lab, one) for one in several]
    assert sum(counts) == 64
    assert all(counts)


def test_what_is_queued_at_one_dies_with_it_and_the_others_go_on() -> None:
    lab = Lab()
    several = [sharing(lab) for _ in range(4)]
    clients = connect(lab, 64)
    lab.close(several[0])
    lab.run(ms(5))
    left = sum(accepted(lab, one) for one in several[1:])
    reset = 0
    for client in clients:
        try:
            client.recv(1, 0, lab.now)
        except ConnectionResetError:
            reset += 1
    assert 0 < reset == 64 - left
    connect(lab, 16)
    assert sum(accepted(lab, one) for one in several[1:]) == 16


def test_the_address_wins_over_the_wildcard() -> None:
    lab = Lab()
    exact, wild = sharing(lab), sharing(lab, bytes(4))
    connect(lab, 16)
    assert [accepted(lab, one) for one in (exact, wild)] == [16, 0]


def test_without_the_option_there_is_one() -> None:
    lab = Lab()
    sharing(lab)
    other = lab.socket("b")
    with pytest.raises(OSError, match="in use"):
        other.bind(B, 80, lab.now)
