"""What send() takes at once, block by block (docs/kernel-notes/sending.md)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX
from lastack.sockets import AGAIN, OUT, names
from tests.truth.peer import HandPeer, World


@pytest.mark.parametrize(
    ("sndbuf", "lowat", "system", "taken"),
    [
        (21_000, 0, 0xFFFF_FFFF, 45_260),
        (500_000, 4000, 0xFFFF_FFFF, 45_260),
        (500_000, 40_000, 0xFFFF_FFFF, 75_920),
        (0, 0, 4000, 45_260),
        (500_000, 40_000, 4000, 75_920),
    ],
)
def test_what_send_takes(sndbuf: int, lowat: int, system: int, taken: int) -> None:
    world = World(LINUX.with_field("notsent_lowat", system))
    peer = HandPeer(world, mode="manual", sack=True, wnd=62_000)
    sock = peer.begin_from_k()
    world.run(0.03)
    peer.tx("SYN|ACK")
    if sndbuf:
        world.set(sock, names.SO_SNDBUF, sndbuf)
    world.set_tcp(sock, names.TCP_NOTSENT_LOWAT, lowat)
    assert sock.send(bytes(1 << 20), 0, world.now) == taken
    assert sock.send(b"more", 0, world.now) is AGAIN


def test_a_writer_is_woken_when_half_of_it_is_unsent() -> None:
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=True, wnd=62_000)
    sock = peer.begin_from_k()
    peer.tx("SYN|ACK")
    world.set(sock, names.SO_SNDBUF, 500_000)
    world.set_tcp(sock, names.TCP_NOTSENT_LOWAT, 10 * 1460)
    assert sock.send(bytes(1 << 20), 0, world.now) == 31 * 1460
    unsent = []
    while not sock.mask(world.now) & OUT:
        unsent.append(sock.ioctl(names.SIOCOUTQNSD) // 1460)
        peer.ack(peer.una + 1460)
    assert unsent[-1] >= 5 > sock.ioctl(names.SIOCOUTQNSD) // 1460
