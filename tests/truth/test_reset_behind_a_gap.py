"""A RST behind what waits for a gap, with SACK and without (docs/kernel-notes/resets.md)."""

from __future__ import annotations

import pytest

from lastack.state import CLOSED, ESTABLISHED, State

from .peer import HandPeer, World, tries


@pytest.mark.parametrize(
    ("sack", "pieces", "number", "left"),
    [
        pytest.param(True, (100,), 110, CLOSED, id="edge"),
        pytest.param(True, (100, 200), 210, CLOSED, id="edge of the last"),
        pytest.param(True, (200, 100), 110, ESTABLISHED, id="edge of the first"),
        pytest.param(True, (100,), 105, ESTABLISHED, id="inside"),
        pytest.param(False, (100,), 110, ESTABLISHED, id="no SACK"),
    ],
)
def test_a_reset_at_the_edge_of_the_last_block_is_exact(
    sack: bool, pieces: tuple[int, ...], number: int, left: State
) -> None:
    world = World()
    peer = HandPeer(world, mode="manual", sack=sack)
    sock = peer.accept_from_k()
    for first in pieces:
        peer.data(bytes(10), seq=first)
    since = peer.mark()
    peer.rst(seq=number)
    assert peer.state is left
    if left is CLOSED:
        peer.silent(since)
        assert tries(world, sock, "recv") == "ECONNRESET"
    else:
        peer.answers(since, "ACK", seq=1, ack=1)
