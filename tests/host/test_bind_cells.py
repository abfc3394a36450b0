"""bind() over a first socket in every state, through real sockets: 1,728 cells in each profile.

Twelve states of the first socket, three addresses and four sets of options of either socket
(docs/kernel-notes/bind.md). And the restart of a server, for which it all is.
"""

from __future__ import annotations

import errno
from itertools import product

import pytest

from lastack.profile import BSD44, FREEBSD, LINUX, MACOS, TEXTBOOK, WINDOWS, Profile
from lastack.sockets import TcpSocket, names
from lastack.state import (
    CLOSE_WAIT,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    SYN_SENT,
    TIME_WAIT,
    State,
)
from lastack.wire import Flow, pack_address
from tests.truth.peer import HandPeer, K, P, World

PORT = 40000
K2, ANY = pack_address("10.0.0.3"), bytes(4)
OPTIONS = ("", "A", "P", "AP")  # SO_REUSEADDR, SO_REUSEPORT
PROFILES = [LINUX, TEXTBOOK, FREEBSD, BSD44, MACOS, WINDOWS]
BSDS = (FREEBSD, BSD44, MACOS)
STATES = {  # the first socket: what the table shows, and the state that decides
    "bound": CLOSED, "listening": CLOSED, "connecting": SYN_SENT, "connected": ESTABLISHED,
    "accepted": ESTABLISHED, "peer closed": CLOSE_WAIT, "orphan, FIN under way": FIN_WAIT_1,
    "half-closed": FIN_WAIT_2, "orphan, FIN acknowledged": FIN_WAIT_2, "both closed": CLOSING,
    "last": LAST_ACK, "over": TIME_WAIT,
}  # fmt: skip


def made(world: World, options: str) -> TcpSocket:
    sock = world.socket()
    for letter, name in (("A", names.SO_REUSEADDR), ("P", names.SO_REUSEPORT)):
        if letter in options:
            world.set(sock, name, 1)
    return sock


def first_socket(profile: Profile, what: str, options: str, address: bytes) -> World:
    """Bring a first socket on the port into a state."""
    world = World(profile)
    world.k.addresses = (K, K2)
    sock = made(world, options)
    sock.bind(address, PORT, world.now)
    if what == "bound":
        return world
    local = K if address == ANY else address
    peer = HandPeer(world, mode="manual")
    peer.flow = Flow(local, PORT, P, peer.port)
    world.peers[peer.flow] = peer
    if what in ("listening", "accepted"):
        sock.listen(5, world.now)
        if what == "accepted":
            peer.connect_to_k(sock)
            world.close(sock)
    else:
        peer.begin_from_k(sock, bind=False)
    if what not in ("listening", "accepted", "connecting"):
        peer.tx("SYN|ACK")
        go_on(world, peer, sock, STATES[what], orphan=what.startswith("orphan"))
    if what != "listening":
        assert peer.state is STATES[what]
    return world


def go_on(world: World, peer: HandPeer, sock: TcpSocket, state: State, *, orphan: bool) -> None:
    """From ESTABLISHED towards the end."""
    if state in (CLOSE_WAIT, LAST_ACK):
        peer.fin()
    if orphan or state in (TIME_WAIT, LAST_ACK):
        world.close(sock)
    elif state in (FIN_WAIT_2, CLOSING):
        sock.shutdown(names.SHUT_WR, world.now)
        world.flush()
    if state is CLOSING:
        peer.fin(ack=1)
    if state in (FIN_WAIT_2, TIME_WAIT):
        peer.ack()
    if state is TIME_WAIT:
        peer.fin()


def expected(
    profile: Profile, what: str, held: str, wanted: str, held_at: bytes, wanted_at: bytes
) -> int:
    """The errno, by what is written of each system."""
    connected = what not in ("bound", "listening")
    if connected and held_at == ANY:
        held_at = K
    if ANY not in (held_at, wanted_at) and held_at != wanted_at:
        return 0
    both = set(held) & set(wanted)
    in_table = what in ("over", "orphan, FIN acknowledged")
    if profile is LINUX:
        shared = bool(both - {"A"}) or ("A" in both and what != "listening")
    elif profile is TEXTBOOK:
        shared = "A" in wanted and in_table
    elif profile in BSDS:
        shared = "P" in both or ("A" in wanted and (connected or held_at != wanted_at))
    else:
        shared = in_table or "A" in both
    if shared:
        return 0
    return errno.EACCES if profile is WINDOWS and "A" in wanted else errno.EADDRINUSE


def told(world: World, options: str, address: bytes) -> int:
    sock = made(world, options)
    try:
        sock.bind(address, PORT, world.now)
    except OSError as error:
        return error.errno or -1
    finally:
        world.drop(sock)
    return 0


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_cell(profile: Profile) -> None:
    cells, wrong = 0, []
    for what, held, held_at in product(STATES, OPTIONS, (K, K2, ANY)):
        world = first_socket(profile, what, held, held_at)
        for wanted, wanted_at in product(OPTIONS, (K, K2, ANY)):
            cells += 1
            case = what, held, wanted, held_at, wanted_at
            seen, noted = told(world, wanted, wanted_at), expected(profile, *case)
            if seen != noted:
                wrong.append((*case, errno.errorcode.get(seen, seen)))
    assert not wrong
    assert cells == 1728


# -- restart ------------------------------------------------------------------------------------

OK, USED, DENIED = 0, errno.EADDRINUSE, errno.EACCES
RESTARTS = {  # SO_REUSEADDR on: neither, only the old, only the new, both
    "linux": ((USED, USED, USED, OK), (USED, USED, USED, OK)),
    "textbook": ((USED, USED, OK, OK), (USED, USED, USED, USED)),
    "freebsd": ((USED, USED, OK, OK), (USED, USED, OK, OK)),
    "bsd44": ((USED, USED, OK, OK), (USED, USED, OK, OK)),
    "macos": ((USED, USED, OK, OK), (USED, USED, OK, OK)),
    "windows": ((OK, OK, OK, OK), (USED, USED, DENIED, OK)),
}
"""Beside a connection in TIME-WAIT, and beside one that is alive."""


def restart(profile: Profile, old: str, new: str, *, alive: bool) -> int:
    """A server serves one client and ends; its successor binds and listens."""
    world = World(profile)
    listener = made(world, old)
    listener.bind(ANY, PORT, world.now)
    listener.listen(5, world.now)
    peer = HandPeer(world)
    served = peer.connect_to_k(listener)
    world.close(listener)
    if not alive:
        world.close(served)
        peer.fin()
    assert peer.state is (ESTABLISHED if alive else TIME_WAIT)
    sock = made(world, new)
    try:
        sock.bind(ANY, PORT, world.now)
        sock.listen(5, world.now)
    except OSError as error:
        return error.errno or -1
    HandPeer(world, port=81).connect_to_k(sock)
    return 0


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_the_restart_of_a_server(profile: Profile) -> None:
    seen = tuple(
        tuple(restart(profile, old, new, alive=alive) for new in ("", "A") for old in ("", "A"))
        for alive in (False, True)
    )
    assert seen == RESTARTS[profile.name]
