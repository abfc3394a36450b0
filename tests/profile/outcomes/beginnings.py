"""Group start: options, the first window, listen queues."""

from __future__ import annotations

import errno

from lastack.net import DROP, PASS, Fate, LinkRules
from lastack.profile import (
    Congestion,
    Ecn,
    FullQueue,
    FullRequests,
    ListenerShutdown,
    Profile,
)
from lastack.sockets import AGAIN, names
from lastack.state import SYN_RECEIVED
from lastack.wire import ABSENT, ACK, SYN, Packet, Segment
from tests.exchange import Lab, ms, s
from tests.truth.peer import HandPeer, World, tries

from .case import shows
from .exchange import errno_of, flags, opened


@shows("window_scale", {10: False, -1: True})
def a_long_way(profile: Profile) -> object:
    """3 MB over 100 ms each way: at 64 KiB a round trip it takes more than 9 s."""
    lab = Lab(b=profile, link=LinkRules(delay_ns=ms(100)))
    client, server = lab.connection()
    received = 0
    while received < 3_000_000:
        client.send(bytes(100_000), 0, lab.now)
        lab.run(ms(5))
        text = server.recv(1 << 20, 0, lab.now)
        received += 0 if text is AGAIN else len(text)
    return lab.now > s(9)


@shows("timestamps", {True: 1448, False: 1460})
def largest_text(profile: Profile) -> object:
    lab = Lab(profile)
    client, _ = lab.connection()
    client.send(bytes(30_000), 0, lab.now)
    lab.run(ms(100))
    return max(len(one.text) for one in lab.sent("a") if isinstance(one, Segment))


@shows("sack", {True: 2, False: 4})
def repeated_after_three_holes(profile: Profile) -> object:
    """Every third segment of a flight of ten is lost: how many rounds until all is there."""
    lab = Lab(profile, profile, link=LinkRules(delay_ns=ms(50)))
    client, server = lab.connection()
    lost = [1, 4, 7]
    count = 0

    def drop(packet: Packet, now: int) -> Fate:
        nonlocal count
        if not (isinstance(packet, Segment) and packet.text):
            return PASS
        count += 1
        return DROP if count - 1 in lost else PASS

    lab.network.add_rule(drop, link=("a", "b"))
    begun = lab.now
    client.send(bytes(10 * 1448), 0, lab.now)
    lab.until(lambda: server.ioctl(names.SIOCINQ) == 10 * 1448)
    return -(-(lab.now - begun - ms(50)) // ms(100)) + 1


@shows("lost_syns", {2: [10, 10, 1], 1: [10, 1, 1]})
def first_window_after_syns_that_were_lost(profile: Profile) -> object:
    """None, one, two."""
    windows = []
    for lost in range(3):
        world = World(profile)
        peer = HandPeer(world, mode="manual")
        sock = peer.begin_from_k()
        world.run(lost * 1.05)
        peer.tx("SYN|ACK")
        mark = peer.mark()
        sock.send(bytes(20 * 1460), 0, world.now)
        world.flush()
        windows.append(sum(one.len for one in peer.since(mark)) // 1460)
    return windows


@shows("hystart", {True: 36, False: 40})
def cwnd_after_acks_that_came_late(profile: Profile) -> object:
    """A round trip took 100 ms, then the next one 130 ms; the ACKs are 1 ms apart."""
    world = World(profile)
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    world.run(0.1)
    peer.tx("SYN|ACK")
    world.set(sock, names.SO_SNDBUF, 200_000)
    sock.send(bytes(30 * 1460), 0, world.now)
    world.run(0.1)
    peer.ack()
    world.run(0.13)
    for _ in range(10):
        peer.ack(peer.una + 2 * 1460)
        world.run(0.001)
    assert sock.endpoint is not None
    return sock.endpoint.connection.info().cwnd


@shows("counts_packets", {True: 1, False: 9})
def segments_beside_nine_short_ones(profile: Profile) -> object:
    """cwnd is 10; nine segments of an octet are in flight."""
    world, peer, sock = opened(profile)
    world.set_tcp(sock, names.TCP_NODELAY, 1)
    for _ in range(9):
        sock.send(b"x", 0, world.now)
        world.flush()
    since = peer.mark()
    sock.send(bytes(20 * 1460), 0, world.now)
    world.flush()
    return len(peer.since(since))


@shows("reduces_cwnd", {True: 7, False: 2})
def ssthresh_after_the_loss_of_one_segment(profile: Profile) -> object:
    world, _, sock = opened(profile)
    sock.send(b"x", 0, world.now)
    world.run(1)
    assert sock.endpoint is not None
    info = sock.endpoint.connection.info()
    return info.ssthresh // info.mss


@shows("congestion", {Congestion.CUBIC: 70, Congestion.RENO: 50})
def share_of_the_window_after_a_loss(profile: Profile) -> object:
    """One of some sixty segments in flight is lost: what is left of cwnd, in percent."""
    # without RACK the window goes down in one step, with it in proportion to what arrives
    profile = profile.with_field("rack", False)
    lab = Lab(profile, profile, link=LinkRules(delay_ns=ms(50)))
    client, server = lab.connection()
    assert client.endpoint is not None
    info = client.endpoint.connection.info
    lost: list[Packet] = []

    def drop(packet: Packet, now: int) -> Fate:
        if isinstance(packet, Segment) and packet.text and not lost and info().cwnd >= 60:
            lost.append(packet)
            return DROP
        return PASS

    lab.network.add_rule(drop, link=("a", "b"))
    most = 0
    while not lost or info().cwnd >= most:
        most = max(most, info().cwnd)
        client.send(bytes(1 << 20), 0, lab.now)
        server.recv(1 << 20, 0, lab.now)
        lab.flush()
        lab.step()
    return round(100 * info().cwnd / most, -1)


@shows("initial_cwnd", {10: 10, 2: 2})
def first_flight(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    since = peer.mark()
    sock.send(bytes(30_000), 0, world.now)
    world.flush()
    return len(peer.since(since))


def accepted(profile: Profile, backlog: int) -> int:
    """Return how many of ten clients get into the accept queue."""
    world = World(profile)
    listener = world.listen(backlog=backlog)
    for port in range(80, 90):
        HandPeer(world, mode="manual", port=port).handshake()
    count = 0
    while listener.accept(world.now) is not AGAIN:
        count += 1
    return count


@shows("backlog_extra", {1: 3, 0: 2})
def listen_2(profile: Profile) -> object:
    return accepted(profile, 2)


@shows("somaxconn", {4096: 6, 2: 3})
def listen_5(profile: Profile) -> object:
    return accepted(profile, 5)


@shows("full_queue", {FullQueue.DROP: [], FullQueue.RESET: ["RST"]})
def last_ack_of_a_handshake(profile: Profile) -> object:
    """Two handshakes under way at a queue that holds one, neither answered by a cookie."""
    world = World(profile.with_field("full_requests", FullRequests.KEPT))
    world.listen(backlog=0)
    first, second = (HandPeer(world, mode="manual", port=port) for port in (80, 81))
    first.tx("SYN")
    second.tx("SYN")
    first.tx("ACK")
    since = second.mark()
    second.tx("ACK")
    return flags(second, since)


@shows("listener_shutdown", {ListenerShutdown.CLOSES: 0, ListenerShutdown.ENOTCONN: errno.ENOTCONN})
def shutdown_of_a_listener(profile: Profile) -> object:
    world = World(profile)
    listener = world.listen()
    return errno_of(lambda: listener.shutdown(names.SHUT_RD, world.now))


@shows("ecn", {
    Ecn.OFF: ("SYN", "SYN|ACK"), Ecn.ANSWERED: ("SYN", "SYN|ACK|ECE"),
    Ecn.OFFERED: ("SYN|ECE|CWR", "SYN|ACK|ECE"),
})  # fmt: skip
def syn_and_answer_to_one_that_asks(profile: Profile) -> object:
    world = World(profile)
    one = HandPeer(world, mode="manual", port=80)
    one.begin_from_k()
    world.listen(port=40001)
    other = HandPeer(world, mode="manual", port=81, kport=40001)
    other.tx("SYN|ECE|CWR")
    return flags(one, (0, 0))[0], flags(other, (0, 0))[0]


@shows("full_requests", {
    FullRequests.COOKIES: (4, 2), FullRequests.DROPPED: (2, 2), FullRequests.KEPT: (4, 4),
})  # fmt: skip
def answers_and_requests_of_four_syns(profile: Profile) -> object:
    world = World(profile)
    world.listen(backlog=1)
    peers = [HandPeer(world, mode="manual", port=port) for port in range(80, 84)]
    for peer in peers:
        peer.tx("SYN")
    kept = sum(row.state is SYN_RECEIVED for row in world.k.snapshot())
    return sum(len(peer.since((0, 0))) for peer in peers), kept


@shows("restarts_after_idle", {True: 50, False: 100})
def share_of_cwnd_after_a_pause(profile: Profile) -> object:
    """One RTO and a half passes after everything was acknowledged: what is left, in percent."""
    world, _, sock = opened(profile, mode="ack")
    left = 60 * 1460
    while left:
        sent = sock.send(bytes(left), 0, world.now)
        left -= sent if isinstance(sent, int) else 0
        world.flush()
    assert sock.endpoint is not None
    info = sock.endpoint.connection.info
    before = info().cwnd
    assert before > 20
    world.run(0.3)
    sock.send(b"x", 0, world.now)
    return round(100 * info().cwnd / before, -1)


@shows("offers_again", {True: (10, True), False: (ABSENT, False)})
def syn_ack_of_a_simultaneous_open(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    peer.begin_from_k()
    since = peer.mark()
    peer.tx("SYN")
    (answer,) = peer.since(since)
    return answer.segment.wscale, answer.segment.sack_ok


@shows("scales_last_syn_ack", {True: 20 << 7, False: 20})
def window_of_the_syn_ack_that_ends_a_simultaneous_open(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual", wnd=20)
    sock = peer.begin_from_k()
    for bits, ack in ((SYN, 0), (SYN | ACK, peer.irs + 1)):
        flow = peer.flow.reversed()
        world.carry(Segment(flow, peer.iss, ack, bits, 20, mss=1460, wscale=7))
        world.flush()
    since = peer.mark()
    assert tries(world, sock, bytes(20_000)) == 20_000
    return sum(got.len for got in peer.since(since))
