"""How tests get a host into TIME-WAIT; the host is K of a `World`."""

from __future__ import annotations

from lastack.profile import LINUX, Profile, S
from lastack.sockets import AGAIN, TcpSocket, names
from lastack.state import TIME_WAIT
from tests.exchange import Lab

from .peer import HandPeer, P, World

LENGTH = 60
"""How long TIME-WAIT lasts on Linux, in s."""


def time_wait(
    profile: Profile = LINUX, *, timestamps: bool = False, listening: bool = False
) -> tuple[World, HandPeer]:
    """Return a K that closed first and is in TIME-WAIT for its 4-tuple since now."""
    world = World(profile)
    peer = HandPeer(world, timestamps=timestamps)
    sock = peer.connect_to_k(world.listen()) if listening else peer.accept_from_k(reusing(world))
    world.close(sock)
    peer.fin()
    assert peer.state is TIME_WAIT
    return world, peer


def reusing(world: World) -> TcpSocket:
    """Return a socket with SO_REUSEADDR."""
    sock = world.socket()
    world.set(sock, names.SO_REUSEADDR, 1)
    return sock


def expiry(peer: HandPeer) -> float | None:
    """Return when K's TIME-WAIT ends, in s; None when there is none."""
    row = peer.row
    return None if row is None or row.state is not TIME_WAIT else row.expires_at / S


def one_port(profile: Profile) -> Profile:
    """net.ipv4.ip_local_port_range = "40000 40000"."""
    return profile.with_field("ephemeral_low", 40000).with_field("ephemeral_high", 40000)


def connect_again(sock: TcpSocket, world: World | Lab, port: int = 80, address: bytes = P) -> int:
    """connect() to the peer; return its errno, 0 when the SYN has left."""
    try:
        assert sock.connect(address, port, world.now) is AGAIN
    except OSError as error:
        return error.errno or 0
    finally:
        world.flush()
    return 0
