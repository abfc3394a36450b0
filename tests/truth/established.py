"""A connection to a hand-made peer, and the few values that tests of its closing share."""

from __future__ import annotations

from lastack.profile import LINUX, Profile
from lastack.sockets import TcpSocket

from .peer import HandPeer, World

OFF, ZERO, ONE = (0, 0), (1, 0), (1, 1)  # struct linger
SLACK = 0.05  # s: kernels are a little late, never early
ALL = b"x" * 30_000
FLIGHT = 14_600  # ten segments, the first congestion window

Three = tuple[World, HandPeer, TcpSocket]


def established(
    linger: tuple[int, int] | None = None, *, profile: Profile = LINUX, mode: str = "manual"
) -> Three:
    """Connect host K, whose socket is returned, to a peer."""
    world = World(profile)
    peer = HandPeer(world, mode=mode)
    return world, peer, peer.accept_from_k(world.socket(linger=linger))
