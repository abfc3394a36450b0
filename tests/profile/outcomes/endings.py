"""Groups linger and closing: what close(2) does."""

from __future__ import annotations

import errno
import struct

from lastack.profile import (
    MS,
    AbortAfterFin,
    FinWait2Excess,
    LingerRange,
    NonblockingLinger,
    Profile,
    S,
    Unread,
    WaitsFor,
)
from lastack.sockets import TcpSocket, names
from lastack.state import CLOSED, FIN_WAIT_1
from tests.truth.peer import HandPeer, World

from .case import shows
from .exchange import errno_of, flags, opened


def stuck(profile: Profile, seconds: int) -> tuple[World, HandPeer, TcpSocket]:
    """Return a socket that lingers, of a peer that will not acknowledge its FIN."""
    world, peer, sock = opened(profile)
    world.linger(sock, (1, seconds))
    return world, peer, sock


@shows("linger_supported", {True: 0, False: errno.ENOPROTOOPT})
def setsockopt(profile: Profile) -> object:
    world = World(profile)
    return errno_of(lambda: world.linger(world.socket(), (1, 0)))


@shows("unit_ns", {S: 2.0, 10 * MS: 0.02})
def how_long_it_lingers(profile: Profile) -> object:
    world, _, sock = stuck(profile, 2)
    return world.close(sock)[1]


@shows(
    "waits_for",
    {
        WaitsFor.FIN_ACKED: [True, True, False],
        WaitsFor.DATA_ACKED: [True, False, False],
        WaitsFor.DATA_SENT: [False, False, False],
    },
)
def still_waiting(profile: Profile) -> object:
    """At the call, when the data is acknowledged, when the FIN is."""
    world, peer, sock = stuck(profile, 5)
    sock.send(b"x" * 100, 0, world.now)
    world.flush()
    plan = world.drop(sock)
    waits = []
    for number in (1, 101, 102):
        peer.ack(number)
        waits.append(plan is not None and sock.still_closing(plan, world.now))
        world.run(0.01)
    return waits


@shows(
    "nonblocking",
    {
        NonblockingLinger.WAITS: (0, 1.0, FIN_WAIT_1),
        NonblockingLinger.RETURNS: (0, 0.0, FIN_WAIT_1),
        NonblockingLinger.REFUSES: (errno.EWOULDBLOCK, 0.0, "open"),
    },
)
def nonblocking_close(profile: Profile) -> object:
    world, peer, sock = stuck(profile, 1)
    sock.nonblocking = True
    result = world.close(sock)
    return *result, "open" if sock.refs else peer.state


@shows("expiry_errno", {0: 0, errno.EWOULDBLOCK: errno.EWOULDBLOCK})
def errno_when_the_time_is_up(profile: Profile) -> object:
    world, _, sock = stuck(profile, 1)
    return world.close(sock)[0]


@shows("expiry_aborts", {False: (FIN_WAIT_1, False), True: (CLOSED, True)})
def what_is_left_when_the_time_is_up(profile: Profile) -> object:
    world, peer, sock = stuck(profile, 1)
    since = peer.mark()
    world.close(sock)
    return peer.state, "RST|ACK" in flags(peer, since)


@shows("signal_errno", {0: 0, errno.EINTR: errno.EINTR})
def errno_after_a_signal(profile: Profile) -> object:
    world, _, sock = stuck(profile, 5)
    return world.linger_until(sock, world.drop(sock), interrupt=1)[0]


@shows(
    "seconds_range",
    {LingerRange.ANY: (0, 70_000), LingerRange.EDOM: (errno.EDOM, 0), LingerRange.U16: (0, 4464)},
)
def a_long_linger(profile: Profile) -> object:
    world = World(profile)
    sock = world.socket()
    failed = errno_of(lambda: world.linger(sock, (1, 70_000)))
    return failed, stored(world, sock)[1]


@shows("off_keeps_seconds", {True: (0, 5), False: (0, 77)})
def switched_off(profile: Profile) -> object:
    world = World(profile)
    sock = world.socket()
    world.linger(sock, (1, 5))
    world.linger(sock, (0, 77))
    return stored(world, sock)


def stored(world: World, sock: TcpSocket) -> tuple[int, int]:
    """Return what getsockopt(SO_LINGER) says."""
    raw = sock.getsockopt(names.SOL_SOCKET, names.SO_LINGER, 8, world.now)
    onoff, seconds = struct.unpack("ii", raw)
    return onoff, seconds


@shows(
    "unread",
    {
        Unread.RESET: ["RST|ACK", "FIN|ACK"],
        Unread.RESET_ALSO_OUT_OF_ORDER: ["RST|ACK", "RST|ACK"],
        Unread.FIN: ["FIN|ACK", "FIN|ACK"],
    },
)
def close_with_something_unread(profile: Profile) -> object:
    """In order; behind a gap."""
    answers = []
    for seq in (1, 100):
        world, peer, sock = opened(profile)
        peer.data(b"never read", seq=seq)
        since = peer.mark()
        world.close(sock)
        answers += flags(peer, since)
    return answers


@shows("abort_after_fin_sent", {AbortAfterFin.SILENT: [], AbortAfterFin.RESET: ["RST|ACK"]})
def abort_in_last_ack(profile: Profile) -> object:
    world, peer, sock = stuck(profile, 0)
    peer.fin()
    sock.shutdown(names.SHUT_WR, world.now)
    since = peer.mark()
    world.close(sock)
    return flags(peer, since)


def fin_wait_2(profile: Profile, linger2: int | None = None) -> float:
    """Return how long an orphan stays in FIN-WAIT-2, in s."""
    world, peer, sock = opened(profile)
    if linger2 is not None:
        world.set_tcp(sock, names.TCP_LINGER2, linger2)
    world.close(sock)
    peer.ack(2)
    world.until(lambda: peer.state is CLOSED)
    return world.now / S


@shows("fin_wait_2_orphan_ns", {60 * S: 60.0, 5 * S: 5.0})
def fin_wait_2_of_an_orphan(profile: Profile) -> object:
    return fin_wait_2(profile)


@shows("linger2_max_ns", {120 * S: 120.0, 70 * S: 20.0})
def a_large_linger2(profile: Profile) -> object:
    return fin_wait_2(profile, 1000)


@shows("fin_wait_2_excess", {FinWait2Excess.DOUBLED: 60.0, FinWait2Excess.PLAIN: 90.0})
def fin_wait_2_above_a_minute(profile: Profile) -> object:
    return fin_wait_2(profile, 90)


@shows("orphan_retries", {8: 9, 1: 3})
def fins_of_an_orphan(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    since = peer.mark()
    world.close(sock)
    world.until(lambda: peer.state is CLOSED)
    return len(flags(peer, since))


@shows("fin_held_by_cwnd", {True: (10, False), False: (11, True)})
def first_flight_of_a_close(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    since = peer.mark()
    sock.send(b"x" * 10 * 1460, 0, world.now)
    world.close(sock)
    sent = flags(peer, since)
    return len(sent), "FIN|ACK" in sent


@shows("fin_again_in_closing", {False: ["ACK"], True: ["FIN|ACK"]})
def both_close_at_once(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    world.close(sock)
    since = peer.mark()
    peer.tx("FIN|ACK", ack=1)
    return flags(peer, since)
