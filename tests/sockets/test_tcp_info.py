"""TCP_INFO after exchanges that were measured (docs/kernel-notes/tcp-info.md)."""

from __future__ import annotations

import struct

from lastack.sockets import TcpSocket, names
from lastack.sockets.tcp_info import FIELDS
from lastack.state import LISTEN
from tests.exchange import Lab, ms
from tests.truth.peer import HandPeer, World, tries

LAYOUT = struct.Struct("=8B24I4Q6I4Q2I2Q6I2H8I2H")
UNSET = {"max_pacing_rate": 2**64 - 1, "pacing_rate": 2**64 - 1, "snd_cwnd": 10, "reordering": 3}


def info(sock: TcpSocket, now: int) -> dict[str, int]:
    raw = sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, 1024, now)
    assert len(raw) == 280
    return dict(zip(FIELDS, LAYOUT.unpack(raw), strict=True))


def agrees(sock: TcpSocket, now: int, **expected: int) -> None:
    told = info(sock, now)
    assert {name: told[name] for name in expected} == expected


def test_without_a_connection() -> None:
    world = World()
    fresh = {name: value for name, value in info(world.socket(), 0).items() if value}
    assert fresh == UNSET | {
        "state": 7, "app_limited": 1, "rto": 1_000_000, "snd_mss": 536, "snd_ssthresh": 2**31 - 1,
    }  # fmt: skip
    listener = world.listen(backlog=7)
    HandPeer(world).handshake()
    listening = {name: value for name, value in info(listener, 0).items() if value}
    assert listening == UNSET | {"state": 10, "unacked": 1, "sacked": 7}


def test_the_table_has_the_queue_of_a_listener_and_its_backlog_as_ss_has() -> None:
    world = World()
    world.listen(backlog=7)
    HandPeer(world).handshake()
    (row,) = [row for row in world.k.snapshot() if row.state is LISTEN]
    assert (row.recv_queue, row.send_queue) == (1, 7)


def test_both_ends_of_an_exchange() -> None:
    lab = Lab()
    client, server = lab.connection()
    for text in (b"x" * 3000, b"y", b"z" * 10):
        client.send(text, 0, lab.now)
        lab.run(ms(100))
        server.recv(9000, 0, lab.now)
    server.send(b"answer", 0, lab.now)
    lab.run(ms(100))
    client.recv(9, 0, lab.now)
    both = {"state": 1, "options": 7, "wscales": 0xAA, "rto": 204_000, "snd_mss": 1448}
    both |= {"pmtu": 1500, "advmss": 1448, "snd_cwnd": 10, "snd_ssthresh": 2**31 - 1, "unacked": 0}
    agrees(
        client, lab.now, **both, bytes_acked=3012, bytes_received=6, data_segs_in=1,
        data_segs_out=5, delivered=6, bytes_sent=3011, segs_out=8, last_data_sent=200,
        last_data_recv=99, rcv_mss=536,
    )  # fmt: skip
    agrees(
        server, lab.now, **both, bytes_acked=6, bytes_received=3011, data_segs_in=5,
        data_segs_out=1, delivered=2, bytes_sent=6, segs_in=8, rcv_mss=1448,
    )  # fmt: skip
    client.shutdown(names.SHUT_WR, lab.now)
    lab.run(ms(50))
    agrees(client, lab.now, state=5, bytes_acked=3013, delivered=7)
    agrees(server, lab.now, state=8, bytes_received=3012)


def test_a_timeout_and_its_end() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", wnd=65535)
    sock = peer.accept_from_k()
    tries(world, sock, bytes(4000))
    world.run(0.35)
    agrees(
        sock, world.now, ca_state=4, retransmits=1, backoff=1, unacked=3, lost=3, retrans=1,
        total_retrans=1, bytes_sent=5460, bytes_retrans=1460, notsent_bytes=0, data_segs_out=4,
        total_rto=1, total_rto_recoveries=1, snd_cwnd=1, segs_out=6, delivered=1,
    )  # fmt: skip
    peer.ack(4001)
    agrees(
        sock, world.now, retransmits=0, unacked=0, lost=0, retrans=0, delivered=4, total_rto=1,
        total_rto_recoveries=1,
    )  # fmt: skip
    assert 50 <= info(sock, world.now)["total_rto_time"] <= 300
    peer.data(b"0123456789", seq=11)
    agrees(sock, world.now, rcv_ooopack=1, bytes_received=0, segs_in=3, data_segs_in=1)


def test_what_the_peer_holds_beyond_a_loss() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.accept_from_k()
    tries(world, sock, bytes(5 * 1460))
    agrees(sock, world.now, unacked=5, sacked=0, ca_state=0)
    peer.tx("ACK", ack=1, sack=((1461, 4381),))
    agrees(sock, world.now, unacked=5, sacked=2)


def test_the_first_guess_of_what_is_read_in_a_round_trip() -> None:
    """Ten segments, less the timestamps where there are some; it stays while no more is read."""
    for stamps, guess in ((False, 14_600), (True, 14_480)):
        world = World()
        peer = HandPeer(world, mode="manual", timestamps=stamps)
        sock = peer.accept_from_k()
        agrees(sock, world.now, rcv_space=guess)
        for _ in range(3):
            peer.data(b"x" * 500)
            world.run(0.05)
            tries(world, sock, "recv")
        agrees(sock, world.now, rcv_space=guess)


def test_what_a_reset_has_destroyed_was_not_acknowledged() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.tx("SYN|ACK")
    tries(world, sock, b"x" * 500)
    peer.ack(201)
    peer.rst(seq=1)
    agrees(sock, world.now, state=7, bytes_acked=201)


def test_where_the_senders_time_went() -> None:
    """docs/kernel-notes/sending.md: waiting for window, on the way, waiting for a writer."""
    world = World()
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    peer.tx("SYN|ACK", wnd=0)
    sock.send(bytes(1460), 0, world.now)
    world.run(0.1)
    agrees(sock, world.now, busy_time=100_000, rwnd_limited=100_000, sndbuf_limited=0)
    peer.ack(1, wnd=65_535)
    world.run(0.05)
    peer.ack()
    world.run(0.05)
    agrees(sock, world.now, busy_time=150_000, rwnd_limited=100_000, sndbuf_limited=0)


def test_a_writer_that_the_buffer_keeps_short() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", sack=True, wnd=30_000)
    sock = peer.begin_from_k()
    peer.tx("SYN|ACK")
    for segments in (10, 20):  # cwnd grows to 40
        sock.send(bytes(segments * 1460), 0, world.now)
        world.flush()
        peer.ack()
    world.set(sock, names.SO_SNDBUF, 16_000)
    assert sock.send(bytes(1 << 20), 0, world.now) == 30 * 1460
    world.run(0.001)
    peer.ack(peer.una + 10 * 1460)  # the rest leaves, and cwnd would take more
    world.run(0.005)
    agrees(sock, world.now, busy_time=6_000, rwnd_limited=1_000, sndbuf_limited=5_000)


def test_a_syn_that_is_not_answered_and_the_connection_that_it_opens() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    agrees(
        sock, world.now, state=2, app_limited=1, snd_mss=524, rcv_mss=88, unacked=1, pmtu=1500,
        rcv_ssthresh=64_240, snd_cwnd=10, advmss=1460, segs_out=1, wscales=0, delivered=0,
        rcv_wnd=64_240, min_rtt=2**32 - 1, rcv_space=0, options=0,
    )  # fmt: skip
    world.run(1.2)
    agrees(
        sock, world.now, ca_state=4, retransmits=1, unacked=1, lost=1, retrans=1, total_retrans=1,
        snd_cwnd=1, segs_out=2, rehash=1, total_rto=1, total_rto_recoveries=1,
    )  # fmt: skip
    peer.tx("SYN|ACK")
    agrees(
        sock, world.now, state=1, ca_state=0, rto=3_000_000, snd_mss=1460, rcv_mss=536,
        rcv_ssthresh=64_076, snd_cwnd=10, snd_ssthresh=2**31 - 1, segs_out=3, segs_in=1,
        delivered=1, rcv_space=14_600, delivery_rate=0, app_limited=1, total_rto_time=200,
    )  # fmt: skip


def test_what_comes_for_a_half_open_request_is_not_counted() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN")
    peer.tx("ACK", b"an ACK of what was never sent", ack=5000)
    peer.nxt = 1
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    agrees(sock, world.now, segs_in=2, segs_out=0, data_segs_in=0, rcv_ooopack=0, delivered=1)


def test_the_rate_of_delivery() -> None:
    """Ten segments in 40 ms; one more in 40 ms shows nothing, as little was written; then a cwnd
    that is full twice does."""
    world = World()
    peer = HandPeer(world, mode="manual", sack=True, wnd=65_535)
    sock = peer.begin_from_k()
    world.run(0.05)
    peer.tx("SYN|ACK")
    agrees(sock, world.now, delivery_rate=0, app_limited=1, delivered=1)
    sock.send(bytes(14_600), 0, world.now)
    world.run(0.04)
    peer.ack()
    agrees(sock, world.now, delivery_rate=14_600 * 25, app_limited=1, delivered=11)
    sock.send(b"x", 0, world.now)
    world.run(0.04)
    peer.ack()
    agrees(sock, world.now, delivery_rate=14_600 * 25, app_limited=1, delivered=12)
    sock.send(bytes(40 * 1460), 0, world.now)
    for arrived in (32, 52):
        world.run(0.02)
        peer.ack()
        agrees(sock, world.now, delivered=arrived)
    agrees(sock, world.now, delivery_rate=29_200 * 50, app_limited=0)


def test_the_receivers_round_trip_by_echoes() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", timestamps=True)
    sock = peer.accept_from_k()
    for pause, trip in ((0.0, 0), (0.08, 85_000), (0.03, 35_000), (0.07, 40_000)):
        world.run(pause)
        peer.data(bytes(1000))
        tries(world, sock, "recv")
        world.run(0.005)
        tries(world, sock, b"x")  # another timestamp to echo
        agrees(sock, world.now, rcv_rtt=trip)
        world.run(0.005)
    peer.data(bytes(999))
    agrees(sock, world.now, rcv_rtt=40_000)  # no full segment


def test_the_receivers_round_trip_by_whole_windows() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    for number in range(70):
        peer.data(bytes(1000))
        tries(world, sock, "recv")
        if number < 64:
            agrees(sock, world.now, rcv_rtt=0, rcv_space=14_600)
        world.run(0.002)
    told = info(sock, world.now)
    assert 124_000 <= told["rcv_rtt"] <= 134_000
    assert told["rcv_space"] > 60_000


def test_segments_that_a_duplicate_sack_reports() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.accept_from_k()
    tries(world, sock, bytes(4 * 1460))
    peer.tx("ACK", ack=1461, sack=((2921, 5841),))
    world.run(0.05)
    agrees(sock, world.now, dsack_dups=0, delivered=4, total_retrans=1, ca_state=3, retrans=1)
    peer.tx("ACK", ack=5841, sack=((1461, 2921),))
    agrees(sock, world.now, dsack_dups=1, delivered=6, ca_state=0)
    peer.tx("ACK", sack=((1, 2921),))
    agrees(sock, world.now, dsack_dups=3, delivered=6)


def test_marks_of_what_came_and_of_what_was_delivered() -> None:
    world = World()
    listener = world.listen()
    peer = HandPeer(world, mode="manual", sack=True)
    peer.tx("SYN|ECE|CWR")
    peer.tx("ACK")
    sock = listener.accept(world.now)
    assert isinstance(sock, TcpSocket)
    sock.hold()
    for size, mark in ((100, 3), (200, 2), (300, 1), (400, 0), (0, 3)):
        peer.tx("ACK", bytes(size), ecn=mark)
    agrees(
        sock, world.now, received_ce=2, received_ce_bytes=100, received_e0_bytes=200,
        received_e1_bytes=300, options=26,
    )  # fmt: skip
    tries(world, sock, bytes(2 * 1460))
    peer.tx("ACK|ECE", ack=1461)
    peer.tx("ACK", ack=2921)
    agrees(sock, world.now, delivered=3, delivered_ce=1, ca_state=2)


def test_a_mark_without_agreement_is_counted_all_the_same() -> None:
    world = World()
    peer = HandPeer(world, mode="manual")
    sock = peer.accept_from_k()
    peer.tx("ACK", bytes(100), ecn=3)
    agrees(sock, world.now, received_ce=1, received_ce_bytes=100, options=16)


def test_what_is_sent_again_and_why() -> None:
    """A loss probe is no loss; after a time-out everything is lost until it is sent again."""
    world = World()
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.accept_from_k()
    tries(world, sock, bytes(3 * 1460))
    world.run(0.1)
    agrees(sock, world.now, unacked=3, lost=0, retrans=0, total_retrans=1, ca_state=0, rehash=0)
    world.run(0.3)
    agrees(sock, world.now, unacked=3, lost=3, retrans=1, total_retrans=2, ca_state=4, rehash=1)


def test_more_duplicates_than_segments_behind_the_first_are_reordering() -> None:
    world = World()
    peer = HandPeer(world, mode="manual", wnd=1000)
    sock = peer.accept_from_k()
    tries(world, sock, b"x")
    for _ in range(2):  # the first brings another window
        peer.tx("ACK", ack=1)
    agrees(sock, world.now, ca_state=0, sacked=0, delivered=1, reord_seen=1, reordering=1)
