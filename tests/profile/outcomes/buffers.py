"""Group buffers: how much send() takes, and how much can wait to be read."""

from __future__ import annotations

from itertools import pairwise

from lastack.profile import Profile, WindowOpens
from lastack.sockets import AGAIN, OUT, TcpSocket, names
from lastack.wire import PSH
from tests.exchange import B, Lab, ms
from tests.truth.peer import HandPeer, World, tries

from .case import shows
from .exchange import opened

CHUNK = bytes(100_000)


def fill(world: World, sock: TcpSocket) -> int:
    """Send until send() would wait; return the full-sized segments in the send queue."""
    while sock.send(CHUNK, 0, world.now) is not AGAIN:
        world.flush()
    return sock.ioctl(names.SIOCOUTQ) // 1460


def sendable(profile: Profile, *, sndbuf: int = 0) -> int:
    """Return how many segments send() takes for a peer that acknowledges nothing.

    Its window of two segments makes the kernel keep single segments. sndbuf: SO_SNDBUF, 0 for the
    buffer's first size, which autotuning would leave at once.
    """
    world, _, sock = opened(profile.with_field("autotune", False), wnd=2920)
    if sndbuf:
        world.set(sock, names.SO_SNDBUF, sndbuf)
    return fill(world, sock)


def server_of(profile: Profile, rcvbuf: int) -> tuple[Lab, TcpSocket, TcpSocket]:
    """Return a client and the server under test; rcvbuf: its SO_RCVBUF, 0 for none."""
    lab = Lab(b=profile)
    listener, client = lab.listen(), lab.socket("a")
    if rcvbuf:
        value = rcvbuf.to_bytes(4, "little")
        listener.setsockopt(names.SOL_SOCKET, names.SO_RCVBUF, value, lab.now)
    client.connect(B, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert server is not AGAIN
    server.hold()
    return lab, client, server


def receivable(profile: Profile, *, rcvbuf: int = 0, reads: int = 0) -> int:
    """Return how many full-sized segments wait at a server that first reads `reads` bytes, then
    no more."""
    lab, client, server = server_of(profile, rcvbuf)
    waiting, still = -1, 0
    while still < 3:
        while client.send(CHUNK, 0, lab.now) is not AGAIN:
            pass
        lab.run(ms(1 if reads > 0 else 20))
        if reads > 0:
            text = server.recv(reads, 0, lab.now)
            reads -= 0 if text is AGAIN else len(text)
            continue
        still = still + 1 if server.ioctl(names.SIOCINQ) == waiting else 0
        waiting = server.ioctl(names.SIOCINQ)
    return waiting // 1448


@shows("receive_default", {131072: 93, 65536: 47})
def a_server_that_does_not_read(profile: Profile) -> object:
    return receivable(profile)


@shows("window_share", {249 / 256: 93, 0.5: 50})
def text_in_the_receive_buffer(profile: Profile) -> object:
    return receivable(profile)


@shows("window_steps", {False: [100] * 12, True: [0, 558, 0, 0, 0, 0, 0, 600, 0, 0, 0, 0]})
def edge_of_the_window_when_hundreds_are_read_at_once(profile: Profile) -> object:
    """By how much each ACK of 100 bytes that are read moves the right edge; the buffer is the
    window, and a segment of the peer is thought to have 536."""
    world = World(profile.with_field("window_opens", WindowOpens.AT_ONCE))
    peer = HandPeer(world, mode="manual", mss=536)
    sock = world.socket()
    world.set(sock, names.SO_RCVBUF, 10_000)
    peer.accept_from_k(sock)
    edges = []
    for _ in range(13):
        mark = peer.mark()
        peer.data(bytes(100))
        world.run(0.3)
        last = peer.since(mark)[-1]
        edges.append(last.ack + last.wnd)
        assert len(tries(world, sock, "recv")) == 100
    return [after - before for before, after in pairwise(edges)]


@shows("unscaled_in_segments", {True: [4380, 1960, 1960], False: [4853, 2460, 1960]})
def edge_of_the_window_while_whole_segments_are_read(profile: Profile) -> object:
    """By how much each ACK moves the right edge; no window scale was offered."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set(sock, names.SO_RCVBUF, 10_000)
    peer.accept_from_k(sock)
    edges = []
    for _ in range(4):
        mark = peer.mark()
        peer.data(bytes(1460))
        peer.data(bytes(500))
        assert len(tries(world, sock, "recv")) == 1960
        last = peer.since(mark)[-1]
        edges.append(last.ack + last.wnd)
    return [after - before for before, after in pairwise(edges)]


def told(sock: TcpSocket, first: int, size: int, now: int) -> int:
    """Return a number of TCP_INFO by its place."""
    info = sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, 280, now)
    return int.from_bytes(info[first : first + size], "little")


@shows("window_rounds_up", {True: 65_536, False: 65_159})
def window_of_an_ack(profile: Profile) -> object:
    """One byte has come into 65,160, and the rest is to be told in units of 1,024."""
    lab, client, server = server_of(profile, rcvbuf=0)
    client.send(b"x", 0, lab.now)
    lab.run(ms(100))
    return told(server, 232, 4, lab.now)


@shows("scale_fits_fixed", {True: 1, False: 10})
def scale_of_a_buffer_of_65_536(profile: Profile) -> object:
    lab, _, server = server_of(profile, rcvbuf=65_536)
    return told(server, 6, 1, lab.now) >> 4


@shows("receive_max", {33554432: True, 131072: False})
def a_server_that_has_read_a_lot(profile: Profile) -> object:
    """Does the buffer grow beyond its first size?"""
    return receivable(profile, reads=3_000_000) > 90


@shows("autotune", {True: True, False: False})
def first_size_is_not_the_last(profile: Profile) -> object:
    return receivable(profile, reads=3_000_000) > 90


@shows("receive_floor", {2304: 1, 65536: 44})
def least_receive_buffer(profile: Profile) -> object:
    return receivable(profile, rcvbuf=1)


@shows("send_default", {16384: 8, 65536: 29})
def a_peer_that_does_not_answer(profile: Profile) -> object:
    return sendable(profile)


@shows("send_floor", {4608: 3, 65536: 29})
def least_send_buffer(profile: Profile) -> object:
    return sendable(profile, sndbuf=1)


@shows("doubles", {True: 35, False: 18})
def so_sndbuf_of_40_000(profile: Profile) -> object:
    return sendable(profile, sndbuf=40_000)


@shows("set_max", {4194304: 88, 10_000: 9})
def so_sndbuf_of_100_000(profile: Profile) -> object:
    return sendable(profile, sndbuf=100_000)


@shows("send_max", {4194304: True, 50_000: False})
def send_buffer_that_grew(profile: Profile) -> object:
    """A peer acknowledges 3 MB, then no more; does send() take more than it did at first?"""
    world, peer, sock = opened(profile, mode="ack")
    for _ in range(30):
        sock.send(CHUNK, 0, world.now)
        world.run(0.01)
    peer.mode = "manual"
    return fill(world, sock) > 70


@shows("notsent_lowat", {0xFFFF_FFFF: 25, 4000: 3})
def segments_that_wait_to_be_sent(profile: Profile) -> object:
    world, _, sock = opened(profile, wnd=2920)
    world.set(sock, names.SO_SNDBUF, 30_000)
    fill(world, sock)
    return sock.ioctl(names.SIOCOUTQNSD) // 1460


@shows("writable_share", {1 / 3: True, 0.9: False})
def writable_when_half_is_free(profile: Profile) -> object:
    world, peer, sock = opened(profile.with_field("autotune", False), wnd=2920)
    queued = fill(world, sock)
    while sock.ioctl(names.SIOCOUTQ) > queued * 1460 // 2:
        peer.ack()
    return bool(sock.mask(world.now) & OUT)


@shows("trains", {True: [False, False, True, False, False, True], False: [False] * 6})
def psh_of_six_segments(profile: Profile) -> object:
    """Six of many segments leave, cwnd being 6."""
    world, peer, sock = opened(profile.with_field("initial_cwnd", 6))
    since = peer.mark()
    sock.send(bytes(20 * 1460), 0, world.now)
    world.flush()
    return [bool(got.segment.flags & PSH) for got in peer.since(since)]


@shows("train_share", {3: 0, 10: 2})
def segments_of_a_small_train(profile: Profile) -> object:
    """Seven segments of a cwnd of 10 left just now; two are written, the last of them small."""
    world, peer, sock = opened(profile)
    sock.send(bytes(7 * 1460), 0, world.now)
    world.run(0.0005)
    since = peer.mark()
    sock.send(bytes(1461), 0, world.now)
    world.flush()
    return len(peer.since(since))


@shows("train_least", {2: ".P.P.P.P.P", 4: "...P...P.P"})
def psh_of_ten_segments_to_a_peer_far_away(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual", sack=True)
    sock = peer.begin_from_k()
    world.run(0.05)
    peer.tx("SYN|ACK")
    since = peer.mark()
    sock.send(bytes(30_000), 0, world.now)
    world.flush()
    return "".join("P" if got.segment.flags & PSH else "." for got in peer.since(since) if got.len)


@shows("window_opens", {WindowOpens.GRADUALLY: (64240, False), WindowOpens.AT_ONCE: (65535, True)})
def window_of_the_syn_and_what_is_taken_beyond_it(profile: Profile) -> object:
    """A large buffer and a peer without window scale, which sends far beyond the 65,535."""
    _, peer, sock = opened(profile, sack=True)
    peer.data(b"far", seq=100_001)
    text = bytes(100_000)
    for first in range(0, 100_000, 1000):
        peer.data(text[first : first + 1000], seq=first + 1)
    offered = next(got.wnd for got in peer.since((0, 0)) if "SYN" in got.flags)
    return offered, sock.ioctl(names.SIOCINQ) == 100_003
