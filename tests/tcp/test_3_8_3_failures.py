"""How long a connection is tried: RFC 9293 section 3.8.3, where R2 ends it."""

from __future__ import annotations

import errno

import pytest

from lastack.profile import LINUX, RFC9293, Profile
from lastack.state import ESTABLISHED
from tests.truth.peer import HandPeer, World, tries
from tests.truth.silence import connected, gone


@pytest.mark.parametrize("profile", [LINUX, RFC9293], ids=lambda one: one.name)
def test_r2_of_text_is_100_s_at_least(profile: Profile) -> None:
    """SHLD-11."""
    world, peer, sock = connected(profile)
    tries(world, sock, b"x")
    assert gone(world, peer) >= 100


@pytest.mark.parametrize(
    ("profile", "least", "most"), [(RFC9293, 180, 250), (LINUX, 127, 134)], ids=["rfc9293", "linux"]
)
def test_r2_of_a_syn_is_three_minutes_at_least(profile: Profile, least: int, most: int) -> None:
    """MUST-23, which Linux does not keep (docs/kernel-notes/give-up.md)."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    peer.begin_from_k()
    assert least <= gone(world, peer) <= most


def test_r1_is_told_before_r2_closes() -> None:
    """SHLD-9, SHLD-10: SO_ERROR, once; the connection goes on, and an ACK ends the doubt."""
    world, peer, sock = connected(RFC9293)
    tries(world, sock, b"x")
    mark = peer.mark()
    while len(peer.since(mark)) < 3:
        assert sock.take_error(world.now) == 0
        world.run(0.1)
    assert sock.take_error(world.now) == errno.ETIMEDOUT
    assert sock.take_error(world.now) == 0
    peer.ack(2)
    tries(world, sock, b"y")
    mark = peer.mark()
    while len(peer.since(mark)) < 3:
        world.run(0.1)
    peer.ack(3)
    assert sock.take_error(world.now) == 0
    assert peer.state is ESTABLISHED
