"""The first window, and when the send buffer grows (docs/kernel-notes/buffers.md)."""

from __future__ import annotations

import pytest

from lastack.sockets import AGAIN, IN, OUT, TcpSocket, names
from tests.exchange import Lab, ms
from tests.truth.peer import HandPeer, World

SO_RCVBUF = (0, 2304, 10_000, 65_536, 1_000_000)


@pytest.mark.parametrize(
    ("mtu", "windows"),
    [
        (576, [65_392, 2_144, 9_648, 65_392, 65_535]),
        (1500, [64_240, 1_460, 8_760, 64_240, 65_535]),
        (9000, [62_720, 2_304, 8_960, 62_720, 65_535]),
    ],
)
def test_the_window_of_a_syn_and_of_its_answer(mtu: int, windows: list[int]) -> None:
    seen = []
    for size in SO_RCVBUF:
        world = World()
        world.k.mtu_to = lambda _: mtu
        sock, listener = world.socket(), world.socket()
        for one in (sock, listener):
            if size:
                world.set(one, names.SO_RCVBUF, size)
        caller, called = HandPeer(world, mode="manual"), HandPeer(world, port=81, kport=40001)
        caller.begin_from_k(sock)
        listener.bind(bytes(4), 40001, world.now)
        listener.listen(1, world.now)
        called.tx("SYN")
        first = [peer.arrived[0][1].wnd for peer in (caller, called)]
        assert first[0] == first[1]
        seen.append(first[0])
    assert seen == windows


def fill(lab: Lab, sock: TcpSocket) -> None:
    for _ in range(100):
        while sock.send(bytes(65_536), 0, lab.now) is not AGAIN:
            pass
        lab.run(ms(5))


def test_the_send_buffer_grows_only_for_a_writer_that_was_refused() -> None:
    lab = Lab()
    client, server = lab.connection()
    assert client.buffers.send == 46_080
    for _ in range(100):
        client.send(bytes(10_000), 0, lab.now)
        lab.run(ms(5))
        server.recv(65_536, 0, lab.now)
    assert client.buffers.send == 46_080
    fill(lab, client)
    refused = client.buffers.send
    assert refused > 92_160
    while server.recv(65_536, 0, lab.now) is not AGAIN:
        lab.run(ms(5))
    assert client.buffers.send >= refused
    assert server.buffers.receive > 500_000


def test_one_byte_is_readable_and_one_byte_read_makes_nobody_writable() -> None:
    lab = Lab()
    client, server = lab.connection()
    client.setsockopt(names.SOL_SOCKET, names.SO_SNDBUF, (20_000).to_bytes(4, "little"), lab.now)
    assert (client.mask(lab.now), server.mask(lab.now)) == (OUT, OUT)
    client.send(b"x", 0, lab.now)
    lab.run(ms(1))
    assert (client.mask(lab.now), server.mask(lab.now)) == (OUT, OUT | IN)
    fill(lab, client)
    assert not client.mask(lab.now) & OUT
    server.recv(1, 0, lab.now)
    lab.run(ms(20))
    assert not client.mask(lab.now) & OUT
