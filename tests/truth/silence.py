"""A peer that was there for the handshake and has been silent since."""

from __future__ import annotations

from lastack.profile import LINUX, Profile
from lastack.sockets import TcpSocket
from lastack.state import CLOSED, ESTABLISHED

from .peer import HandPeer, World

TIMERS = 0.1
"""Kernel timers fire late, by up to an eighth of their length: times are met within 10 %."""


def sysctl(**fields: int) -> Profile:
    """Return Linux with other sysctls, as the profile fields that stand for them."""
    profile = LINUX
    for name, value in fields.items():
        profile = profile.with_field(name, value)
    return profile


def connected(
    profile: Profile = LINUX, *, rtt: float = 0.016, wnd: int = 64240
) -> tuple[World, HandPeer, TcpSocket]:
    """Return K's socket, connected to a peer that answered the SYN after `rtt` s and is silent."""
    world = World(profile)
    peer = HandPeer(world, mode="manual", wnd=wnd)
    sock = peer.begin_from_k()
    world.run(rtt)
    peer.tx("SYN|ACK")
    assert peer.state is ESTABLISHED
    return world, peer, sock


def gone(world: World, peer: HandPeer) -> float:
    """Let time pass until K has forgotten the connection; return when, in s."""
    begun = world.now
    world.until(lambda: peer.state is CLOSED)
    return (world.now - begun) / 1e9
