"""Small exchanges that several cases begin with; the subject is always K of a `World`."""

from __future__ import annotations

from collections.abc import Callable

from lastack.profile import Profile
from lastack.sockets import TcpSocket
from tests.truth.peer import HandPeer, World

Mark = tuple[int, int]


def opened(
    profile: Profile, *, mode: str = "manual", wnd: int = 64240, timestamps: bool = False,
    sack: bool = False,
) -> tuple[World, HandPeer, TcpSocket]:  # fmt: skip
    """Return K's socket, connected to a peer that does nothing by itself."""
    world = World(profile)
    peer = HandPeer(world, mode=mode, wnd=wnd, timestamps=timestamps, sack=sack)
    return world, peer, peer.accept_from_k()


def flags(peer: HandPeer, since: Mark) -> list[str]:
    """Return the flags of what K sent since the mark."""
    return [got.flags for got in peer.since(since)]


def errno_of(call: Callable[[], object]) -> int:
    """Return the errno with which a call fails, 0 if it does not."""
    try:
        call()
    except OSError as error:
        return error.errno or -1
    return 0
