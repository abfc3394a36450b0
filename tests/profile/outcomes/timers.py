"""Groups retransmission and acks: when something is sent again, given up, acknowledged."""

from __future__ import annotations

import errno

from lastack.profile import MS, BeyondSndNxt, GiveUp, Profile, S, Variance, ZeroWindowDeath
from lastack.sockets import names
from lastack.state import CLOSED, FIN_WAIT_1
from tests.truth.peer import HandPeer, World
from tests.truth.silence import connected

from .case import shows
from .exchange import flags, opened


def data_unanswered(profile: Profile, seconds: float) -> list[float]:
    """Return when one segment is sent that nobody acknowledges, in s."""
    world, peer, sock = opened(profile)
    since = peer.mark()
    sock.send(b"x" * 100, 0, world.now)
    world.run(seconds)
    return peer.times(since, "")


def syn_unanswered(profile: Profile) -> list[float]:
    """Return when a SYN is sent that nobody answers, in s."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    since = peer.mark()
    peer.begin_from_k()
    world.run(1000)
    return peer.times(since, "")


@shows("rto_initial_ns", {S: 1.0, 3 * S: 3.0})
def second_syn(profile: Profile) -> object:
    return syn_unanswered(profile)[1]


@shows("rto_min_ns", {200 * MS: 0.204, S: 1.004})
def first_retransmission(profile: Profile) -> object:
    return data_unanswered(profile, 2)[1]


@shows("tick_ns", {4 * MS: 0.204, 10 * MS: 0.21})
def first_retransmission_in_ticks(profile: Profile) -> object:
    return data_unanswered(profile, 2)[1]


@shows("variance", {Variance.DAMPED: 0.356, Variance.RFC6298: 0.408})
def retransmission_after_a_shorter_trip(profile: Profile) -> object:
    """A round trip of 120 ms, then one of nothing."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    world.run(0.12)
    peer.tx("SYN|ACK")
    sock.send(b"x" * 100, 0, world.now)
    world.flush()
    peer.ack()
    since = peer.mark()
    sock.send(b"x" * 100, 0, world.now)
    world.run(1)
    first, again = peer.times(since, "")[:2]
    return again - first


@shows("undone", {True: 20, False: 7})
def cwnd_after_a_late_ack(profile: Profile) -> object:
    """Ten segments, a time-out, and an ACK of all that echoes the timestamp of the first."""
    world, peer, sock = opened(profile, timestamps=True)
    world.run(0.01)
    mark = peer.mark()
    sock.send(bytes(10 * 1448), 0, world.now)
    world.flush()
    stamp = peer.since(mark)[0].segment.tsval
    world.run(0.3)
    peer.tx("ACK", ack=1 + 10 * 1448, tsecr=stamp)
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


@shows("rto_max_ns", {120 * S: 7, 2 * S: 13})
def transmissions_in_20_s(profile: Profile) -> object:
    return len(data_unanswered(profile, 20))


@shows("give_up", {GiveUp.TIME_MODEL: 5, GiveUp.COUNT: 4})
def three_retries(profile: Profile) -> object:
    return len(data_unanswered(profile.with_field("retries2", 3), 600))


@shows("retries2", {15: 16, 5: 6})
def transmissions(profile: Profile) -> object:
    return len(data_unanswered(profile, 3000))


@shows(
    "told_after", {0: [0, 0, 0, 0], 3: [0, 0, errno.ETIMEDOUT, 0], 1: [errno.ETIMEDOUT, 0, 0, 0]}
)
def soft_errors_of_four_repeats(profile: Profile) -> object:
    """What SO_ERROR tells after each of them; reading it clears it."""
    world, _, sock = opened(profile)
    sock.send(b"x" * 100, 0, world.now)
    told = []
    for seconds in (0.3, 0.5, 0.9, 1.7):
        world.run(seconds)
        told.append(sock.take_error(world.now))
    return told


@shows("syn_retries", {6: 11, 1: 3})
def syns_that_double(profile: Profile) -> object:
    return len(syn_unanswered(profile))


@shows("syn_linear", {4: [1, 2, 3, 4, 5, 7], 1: [1, 2, 4, 8, 16, 32]})
def pace_of_syns(profile: Profile) -> object:
    return syn_unanswered(profile)[1:7]


@shows("synack_retries", {5: 6, 1: 2})
def syn_acks(profile: Profile) -> object:
    world = World(profile)
    world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    world.run(300)
    return len(peer.since((0, 0)))


@shows("syn_again_after_bad_ack", {True: ["RST", "SYN"], False: ["RST"]})
def bad_ack_in_syn_sent(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    peer.begin_from_k()
    since = peer.mark()
    peer.tx("ACK", ack=999)
    world.run(0.1)
    return flags(peer, since)


@shows("zero_window_death", {ZeroWindowDeath.AT_RTO_MAX: CLOSED, ZeroWindowDeath.NEVER: FIN_WAIT_1})
def window_that_stays_shut(profile: Profile) -> object:
    world, peer, sock = opened(profile.with_field("rto_max_ns", 2 * S), wnd=0)
    sock.send(b"x" * 100, 0, world.now)
    world.close(sock)
    for _ in range(600):
        since = peer.mark()
        world.run(0.1)
        if peer.since(since):
            peer.ack(1, wnd=0)
    return peer.state


# -- acks ---------------------------------------------------------------------------------------


def delays(profile: Profile, count: int, *, rtt: float = 0.0) -> list[float]:
    """Return how long the ACKs of single segments take, in s; no quick ones."""
    world, peer, _ = connected(profile.with_field("quick", 0), rtt=rtt)
    waits = []
    for _ in range(count):
        since = peer.mark()
        peer.data(b"x")
        world.run(0.5)
        waits.append(peer.since(since)[0].t)
    return waits


@shows("delayed_min_ns", {40 * MS: 0.04, 100 * MS: 0.1})
def first_delay(profile: Profile) -> object:
    return delays(profile, 1)[0]


@shows("delayed_max_ns", {200 * MS: 0.2, 50 * MS: 0.05})
def longest_delay(profile: Profile) -> object:
    return max(delays(profile, 5, rtt=0.3))


def acks_of(segments: int, profile: Profile) -> int:
    """Return how many ACKs so many full-sized segments draw at once; nobody reads them."""
    _, peer, _ = opened(profile)
    since = peer.mark()
    for _ in range(segments):
        peer.data(b"x" * 1460)
    return len(peer.since(since))


@shows("every_segments", {2: 4, 4: 2})
def acks_of_eight_segments(profile: Profile) -> object:
    return acks_of(8, profile.with_field("quick", 0).with_field("quick_while_opening", False))


@shows("quick_while_opening", {True: 4, False: 3})
def acks_of_four_segments_that_open_the_window(profile: Profile) -> object:
    return acks_of(4, profile.with_field("quick", 3))


@shows("window_stays", {True: 0, False: 1})
def acks_of_two_segments_that_nobody_reads(profile: Profile) -> object:
    """After thirty that were read: the window is as wide as it gets."""
    world, peer, sock = opened(profile.with_field("quick", 0))
    for _ in range(30):
        peer.data(b"x" * 1460)
        sock.recv(1460, 0, world.now)
        world.flush()
    since = peer.mark()
    peer.tx("ACK", b"x" * 1460)
    peer.tx("ACK", b"x" * 1460)
    return len(peer.since(since))


@shows("size_follows", {True: 4, False: 8})
def acks_of_eight_small_segments(profile: Profile) -> object:
    """The program reads each, and none has PSH."""
    world, peer, sock = opened(profile.with_field("quick", 0))
    since = peer.mark()
    for _ in range(8):
        peer.tx("ACK", b"x" * 120)
        sock.recv(120, 0, world.now)
        world.flush()
    return len(peer.since(since))


@shows("quick", {16: 16, 3: 3, 0: 0})
def acks_without_delay(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    quick = 0
    for _ in range(20):
        since = peer.mark()
        peer.data(b"x")
        quick += len(peer.since(since))
    return quick


@shows("challenge_gap_ns", {500 * MS: 1, 50 * MS: 2, 0: 5})
def challenges(profile: Profile) -> object:
    world, peer, _ = opened(profile)
    since = peer.mark()
    for _ in range(5):
        peer.tx("SYN", seq=1)
        world.run(0.02)
    return len(peer.since(since))


@shows("beyond_snd_nxt", {BeyondSndNxt.CHALLENGE: 1, BeyondSndNxt.ACK: 5})
def acks_of_what_was_not_sent(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    since = peer.mark()
    for _ in range(5):
        peer.tx("ACK", ack=999)
    return len(peer.since(since))


@shows("rack", {True: [(1461, 1460)], False: []})
def one_segment_overtaken(profile: Profile) -> object:
    """The third of three segments is reported held, the second not: what is repeated in 100 ms."""
    world, peer, sock = opened(profile.with_field("tail_probe", False), sack=True)
    sock.send(bytes(3 * 1460), 0, world.now)
    world.flush()
    world.run(0.05)
    peer.ack(1461)
    since = peer.mark()
    peer.tx("ACK", ack=1461, sack=((2921, 4381),))
    world.run(0.1)
    return [(got.seq, got.len) for got in peer.since(since)]


@shows("tail_probe", {True: [(1461, 1460)], False: []})
def two_segments_unanswered(profile: Profile) -> object:
    """What is sent again in the first 100 ms."""
    world, peer, sock = opened(profile, sack=True)
    sock.send(bytes(2 * 1460), 0, world.now)
    since = peer.mark()
    world.run(0.1)
    return [(got.seq, got.len) for got in peer.since(since)]


@shows("urgent_probe", {True: [1, 0], False: [0]})
def window_probe_of_urgent_text(profile: Profile) -> object:
    """The sequence numbers of the first probe."""
    world, peer, sock = opened(profile)
    peer.ack(wnd=0)
    sock.send(b"x", names.MSG_OOB, world.now)
    since = peer.mark()
    world.run(0.3)
    return [got.seq for got in peer.since(since)]


@shows("soon_ns", {4 * MS: 0.004, 10 * MS: 0.01})
def ack_of_a_fin_without_text(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    since = peer.mark()
    peer.fin()
    peer.world.run(1)
    return peer.times(since, "")[0]


@shows("fin_waits", {True: 0.04, False: 0.0})
def ack_of_a_fin_after_text(profile: Profile) -> object:
    world, peer, _ = opened(profile)
    peer.data(b"x")
    world.run(1)
    since = peer.mark()
    peer.fin()
    world.run(1)
    return peer.times(since, "")[0]
