"""Where slow start ends after a timeout (docs/kernel-notes/slow-start.md; RFC 5681 section 3.1)."""

from __future__ import annotations

import pytest

from lastack.profile import LINUX, Congestion
from tests.truth.peer import HandPeer, World

MSS = 1460


@pytest.mark.parametrize(("control", "segments"), [(Congestion.CUBIC, 7), (Congestion.RENO, 6)])
def test_it_ends_at_ssthresh_however_much_the_ack_covers(
    control: Congestion, segments: int
) -> None:
    world = World(LINUX.with_field("congestion", control))
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    sock.send(bytes(30 * MSS), 0, world.now)
    world.flush()
    world.run(0.3)
    mark = peer.mark()
    peer.ack(1 + 10 * MSS)
    assert len(peer.since(mark)) == segments
    assert sock.endpoint is not None
    assert sock.endpoint.connection.info().cwnd == segments
