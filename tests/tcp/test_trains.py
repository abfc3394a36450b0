"""Which segments of a burst have PSH (docs/kernel-notes/acks.md)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX
from lastack.wire import PSH
from tests.truth.peer import HandPeer, World

MSS = 1460


@pytest.mark.parametrize(
    ("rtt", "size", "pushes"),
    [
        (0, 3000, "..P"), (0, 14600, "....P....P"), (0, 30_000, "....P....P"),
        (0.002, 14600, "....P....P"), (0.01, 3000, ".PP"), (0.05, 14600, ".P.P.P.P.P"),
        (0.05, 30_000, ".P.P.P.P.P"),
    ],
)  # fmt: skip
def test_a_train_ends_with_psh(rtt: float, size: int, pushes: str) -> None:
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    world.run(rtt)
    peer.tx("SYN|ACK")
    mark = peer.mark()
    sock.send(bytes(size), 0, world.now)
    world.flush()
    sent = [got.segment.flags & PSH for got in peer.since(mark) if got.len]
    assert "".join("P" if one else "." for one in sent) == pushes
