"""Group time_wait: what TIME-WAIT answers, what ends it, who may take it over."""

from __future__ import annotations

import errno

from lastack.profile import MS, ExactReset, NoAckFlag, Profile, Reopen, RestartedBy, Reuse, S
from lastack.sockets import AGAIN
from lastack.state import CLOSED, TIME_WAIT
from lastack.wire import ABSENT, LOOPBACK4, seq
from tests.exchange import B, Lab
from tests.truth.peer import HandPeer, World
from tests.truth.waiting import connect_again, one_port, reusing, time_wait

from .case import shows
from .exchange import flags


def over(world: World, peer: HandPeer) -> float:
    """Let time pass until TIME-WAIT is over; return when, in s."""
    world.until(lambda: peer.state is CLOSED)
    return world.now / S


@shows("length_ns", {60 * S: 60.0, 240 * S: 240.0})
def how_long(profile: Profile) -> object:
    return over(*time_wait(profile))


@shows("exact_reset", {ExactReset.KILLS: CLOSED, ExactReset.IGNORED: TIME_WAIT})
def reset(profile: Profile) -> object:
    _, peer = time_wait(profile)
    peer.rst(seq=2)
    return peer.state


@shows(
    "reopen",
    {
        Reopen.NEVER: ["ACK", "ACK", "ACK"],
        Reopen.SEQUENCE: ["SYN|ACK", "ACK", "ACK"],
        Reopen.SEQUENCE_OR_TIMESTAMP: ["SYN|ACK", "SYN|ACK", "ACK"],
        Reopen.RFC6191: ["SYN|ACK", "SYN|ACK", "SYN|ACK"],
    },
)
def syn(profile: Profile) -> object:
    """A number beyond; a newer timestamp; a first timestamp."""
    answers = []
    for had, number, tsval in ((False, 1000, ABSENT), (True, -1000, 9999), (False, -1000, 9999)):
        world, peer = time_wait(profile, timestamps=had, listening=True)
        again = HandPeer(world)
        again.iss = peer.iss + number
        again.tx("SYN", tsval=tsval)
        answers += flags(again, (0, 0))
    return answers


@shows("reopen_isn_gap", {65537: 65537, 1: 1})
def isn(profile: Profile) -> object:
    world, peer = time_wait(profile, listening=True)
    again = HandPeer(world)
    again.iss = peer.iss + 1000
    again.tx("SYN")
    return seq.sub(again.irs, peer.irs + 2)


@shows("restarted_by", {RestartedBy.ANY_ACCEPTED: [70.0, 70.0], RestartedBy.FIN_ONLY: [60.0, 70.0]})
def the_2msl_begins_again(profile: Profile) -> object:
    """After data; after a FIN."""
    ends = []
    for what in ("PSH|ACK", "FIN|ACK"):
        world, peer = time_wait(profile)
        world.run(10)
        peer.tx(what, b"x" if what == "PSH|ACK" else b"", seq=1)
        ends.append(over(world, peer))
    return ends


@shows("no_ack_flag", {NoAckFlag.ANSWERED: ["ACK"], NoAckFlag.IGNORED: []})
def without_flags(profile: Profile) -> object:
    _, peer = time_wait(profile)
    since = peer.mark()
    peer.tx("PSH", b"x", seq=2)
    return flags(peer, since)


@shows("answer_gap_ns", {S // 2: 1, 50 * MS: 2, 0: 5})
def answers_to_old_acks(profile: Profile) -> object:
    world, peer = time_wait(profile)
    since = peer.mark()
    for _ in range(5):
        peer.tx("ACK", seq=1)
        world.run(0.02)
    return len(flags(peer, since))


def again_after(profile: Profile, age: int, *, loopback: bool) -> int:
    """Return the errno of an automatic connect() over a TIME-WAIT that is `age` old."""
    lab = Lab(one_port(profile))
    server_on, address = ("a", LOOPBACK4) if loopback else ("b", B)
    listener = lab.listen(server_on)
    client = lab.socket("a")
    client.connect(address, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert server is not AGAIN
    server.hold()
    lab.close(client)
    lab.run(5 * MS)
    lab.close(server)
    lab.run(age)
    assert [row.state for row in lab.a.snapshot() if row.orphan] == [TIME_WAIT]
    return connect_again(lab.socket("a"), lab, address=address)


@shows(
    "reuse",
    {
        Reuse.OFF: [errno.EADDRNOTAVAIL, errno.EADDRNOTAVAIL],
        Reuse.LOOPBACK: [0, errno.EADDRNOTAVAIL],
        Reuse.ON: [0, 0],
    },
)
def automatic_connect(profile: Profile) -> object:
    """On loopback; to another host."""
    return [again_after(profile, 2 * S, loopback=loopback) for loopback in (True, False)]


@shows("reuse_delay_ns", {S: errno.EADDRNOTAVAIL, 100 * MS: 0})
def automatic_connect_soon(profile: Profile) -> object:
    return again_after(profile.with_field("reuse", Reuse.ON), S // 2, loopback=False)


@shows("reuse_by_bound", {True: 0, False: errno.EADDRNOTAVAIL})
def bound_connect(profile: Profile) -> object:
    world, _ = time_wait(profile, timestamps=True)
    sock = reusing(world)
    sock.bind(bytes(4), 40000, world.now)
    return connect_again(sock, world)


@shows("limit", {131072: [TIME_WAIT, TIME_WAIT], 1: [TIME_WAIT, CLOSED]})
def two_of_them(profile: Profile) -> object:
    world, first = time_wait(profile)
    second = HandPeer(world, port=81, kport=40001)
    world.close(second.accept_from_k())
    second.fin()
    return [first.state, second.state]


@shows("cleared_by_restart", {False: TIME_WAIT, True: CLOSED})
def network_restart(profile: Profile) -> object:
    world, peer = time_wait(profile)
    world.k.restart_network(world.now)
    return peer.state
