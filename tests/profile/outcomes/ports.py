"""Group ports: bind(), automatic ports, connect() once more."""

from __future__ import annotations

import errno

from lastack.profile import BindRule, Profile
from lastack.sockets import TcpSocket, names
from tests.truth.peer import HandPeer, P, World

from .case import shows
from .exchange import errno_of


def bind_0(profile: Profile, times: int) -> int:
    """Return the errno of the last of so many bind(0)."""
    world = World(profile)
    failed = 0
    for _ in range(times):
        sock = world.socket()
        failed = errno_of(lambda sock=sock: sock.bind(bytes(4), 0, world.now))  # type: ignore[misc]
    return failed


TAKEN = errno.EADDRINUSE


@shows("bind_rule", {
    BindRule.LINUX: (TAKEN, TAKEN, 0),
    BindRule.TEXTBOOK: (0, TAKEN, TAKEN),
    BindRule.BSD: (0, TAKEN, 0),
    BindRule.WINDOWS: (0, 0, 0),
})  # fmt: skip
def bind_a_second_time(profile: Profile) -> object:
    """Over a TIME-WAIT with SO_REUSEADDR on the new socket only; then with it on both sockets
    over a listening one, and over a connected one."""
    return (
        bind_over_time_wait(profile),
        bind_over(profile, listening=True),
        bind_over(profile, listening=False),
    )


def bind_over_time_wait(profile: Profile) -> int:
    world = World(profile)
    peer = HandPeer(world)
    world.close(peer.accept_from_k())
    peer.fin()
    sock = world.socket()
    world.set(sock, names.SO_REUSEADDR, 1)
    return errno_of(lambda: sock.bind(bytes(4), 40000, world.now))


def bind_over(profile: Profile, *, listening: bool) -> int:
    world = World(profile)
    first, second = world.socket(), world.socket()
    for sock in (first, second):
        world.set(sock, names.SO_REUSEADDR, 1)
    first.bind(bytes(4), 40000, world.now)
    if listening:
        first.listen(5, world.now)
    else:
        first.connect(P, 80, world.now)
    return errno_of(lambda: second.bind(bytes(4), 40000, world.now))


@shows("v6only", {False: errno.EADDRINUSE, True: 0})
def both_wildcards(profile: Profile) -> object:
    """:: beside a listening 0.0.0.0."""
    world = World(profile)
    world.listen(80)
    sock = TcpSocket(world.k, names.AF_INET6)
    return errno_of(lambda: sock.bind(bytes(16), 80, world.now))


@shows("ephemeral_low", {32768: 0, 60990: errno.EADDRINUSE})
def bind_above(profile: Profile) -> object:
    return bind_0(profile, 11)


@shows("ephemeral_high", {60999: 0, 32777: errno.EADDRINUSE})
def bind_below(profile: Profile) -> object:
    return bind_0(profile, 11)


@shows("bind_exhausted", {errno.EADDRINUSE: errno.EADDRINUSE, errno.EAGAIN: errno.EAGAIN})
def bind_without_a_free_port(profile: Profile) -> object:
    one = profile.with_field("ephemeral_low", 40000).with_field("ephemeral_high", 40000)
    return bind_0(one, 2)


@shows("parity", {True: 1, False: 2})
def parities_of_automatic_ports(profile: Profile) -> object:
    world = World(profile)
    parities = set()
    for _ in range(8):
        sock = world.socket()
        sock.connect(P, 80, world.now)
        parities.add(sock.getsockname()[1] % 2)
    return len(parities)


@shows(
    "connect_exhausted",
    {errno.EADDRNOTAVAIL: errno.EADDRNOTAVAIL, errno.EADDRINUSE: errno.EADDRINUSE},
)
def connect_without_a_free_port(profile: Profile) -> object:
    one = profile.with_field("ephemeral_low", 40000).with_field("ephemeral_high", 40000)
    world = World(one)
    first, second = world.socket(), world.socket()
    first.connect(P, 80, world.now)
    return errno_of(lambda: second.connect(P, 80, world.now))


@shows("reconnect_after_refused", {True: 0, False: errno.EINVAL})
def connect_after_refusal(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.tx("RST|ACK")
    assert errno_of(lambda: sock.connected(world.now)) == errno.ECONNREFUSED
    return errno_of(lambda: sock.connect(P, 80, world.now))
