"""Groups acceptance and errors: which segments are taken, and what the program is told."""

from __future__ import annotations

import errno

from lastack.profile import (
    MINUTE,
    MissingTimestamp,
    OldAck,
    Profile,
    ResetCheck,
    S,
    SynCheck,
    WindowCheck,
    WindowUpdate,
)
from lastack.sockets import ERR, names
from lastack.state import CLOSE_WAIT, CLOSED, ESTABLISHED
from lastack.wire import ABSENT
from tests.truth.peer import HandPeer, World, tries

from .case import shows
from .exchange import errno_of, flags, opened


@shows("missing_timestamp", {MissingTimestamp.ACCEPT: b"x", MissingTimestamp.DROP: "AGAIN"})
def data_without_timestamp(profile: Profile) -> object:
    world, peer, sock = opened(profile, timestamps=True)
    peer.tx("PSH|ACK", b"x", tsval=ABSENT)
    return tries(world, sock, "recv")


@shows("paws_idle_ns", {24 * 86400 * S: "AGAIN", S: b"x"})
def old_timestamp_after_two_seconds(profile: Profile) -> object:
    world, peer, sock = opened(profile, timestamps=True)
    world.run(2)
    peer.tx("PSH|ACK", b"x", tsval=1)
    return tries(world, sock, "recv")


@shows("reset_at_fin", {True: CLOSED, False: CLOSE_WAIT})
def reset_with_the_number_of_the_fin(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    peer.fin()
    peer.rst(seq=1)
    return peer.state


@shows("text_across_fin_resets", {True: (CLOSED, ["RST"]), False: (CLOSE_WAIT, [])})
def text_that_goes_across_the_fin(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    peer.tx("FIN|ACK", b"ab", seq=1)
    peer.world.run(1)
    since = peer.mark()
    peer.data(b"bcd", seq=2)
    return peer.state, flags(peer, since)


@shows("reset_at_sack_edge", {True: (CLOSED, []), False: (ESTABLISHED, ["ACK"])})
def reset_behind_what_waits_for_a_gap(profile: Profile) -> object:
    _, peer, _ = opened(profile, sack=True)
    peer.data(b"behind", seq=100)
    since = peer.mark()
    peer.rst(seq=106)
    return peer.state, flags(peer, since)


@shows("reset_check", {
    ResetCheck.EXACT: (ESTABLISHED, ["ACK"]), ResetCheck.IN_WINDOW: (CLOSED, []),
})  # fmt: skip
def reset_inside_of_the_window(profile: Profile) -> object:
    _, peer, _ = opened(profile)
    since = peer.mark()
    peer.rst(seq=100)
    return peer.state, flags(peer, since)


@shows("syn_check", {
    SynCheck.CHALLENGE: (ESTABLISHED, ["ACK"], "AGAIN"),
    SynCheck.RESET: (CLOSED, ["RST|ACK"], "ECONNRESET"),
})  # fmt: skip
def syn_inside_of_the_window(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    since = peer.mark()
    peer.tx("SYN", seq=100)
    return peer.state, flags(peer, since), tries(world, sock, "recv")


@shows("pointer_when_shut", {True: b"!", False: "EINVAL"})
def urgent_byte_at_a_shut_window(profile: Profile) -> object:
    world = World(profile.with_field("window_check", WindowCheck.OVERLAP))
    peer = HandPeer(world, mode="manual")
    sock = world.socket()
    world.set(sock, names.SO_RCVBUF, 4096)
    peer.accept_from_k(sock)
    for _ in range(50):
        peer.data(b"x" * 1000)
        world.run(0.3)  # past any delayed ACK
    last = peer.arrived[-1][1]
    assert last.wnd == 0
    peer.tx("PSH|ACK|URG", b"!", seq=last.ack - peer.iss, up=1)
    try:
        return sock.recv(1, names.MSG_OOB, world.now)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@shows("listen_resets_syn_ack", {True: ["RST"], False: []})
def syn_ack_for_a_listener(profile: Profile) -> object:
    world = World(profile)
    world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN|ACK", ack=77)
    return flags(peer, (0, 0))


@shows("syn_with_fin", {False: [], True: ["SYN|ACK"]})
def syn_and_fin(profile: Profile) -> object:
    world = World(profile)
    world.listen()
    peer = HandPeer(world, mode="manual")
    peer.tx("SYN|FIN")
    return flags(peer, (0, 0))


@shows("reset_in_close_wait", {errno.EPIPE: "EPIPE", errno.ECONNRESET: "ECONNRESET"})
def send_after_fin_and_reset(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    peer.fin()
    peer.rst()
    return tries(world, sock, b"x")


@shows(
    "reset_in_syn_received_active",
    {errno.ECONNREFUSED: errno.ECONNREFUSED, errno.ECONNRESET: errno.ECONNRESET},
)
def reset_in_a_simultaneous_open(profile: Profile) -> object:
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.tx("SYN")
    peer.rst()
    return errno_of(lambda: sock.connected(world.now))


@shows("hard_unreachable", {False: ESTABLISHED, True: CLOSED})
def port_unreachable_of_an_open_connection(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    sock.send(b"x", 0, world.now)
    world.flush()
    peer.icmp(3, 3)
    return peer.state


@shows("icmp_queued", {True: [ERR, ERR, 0], False: [ERR, 0, 0]})
def readiness_after_host_unreachable(profile: Profile) -> object:
    """Is there an error: at once, when SO_ERROR was read, and when MSG_ERRQUEUE was."""
    world = World(profile)
    peer = HandPeer(world, mode="manual")
    sock = peer.begin_from_k()
    peer.icmp(3, 1, seq=0)
    seen = [sock.mask(world.now) & ERR]
    assert sock.take_error(world.now) == errno.EHOSTUNREACH
    seen.append(sock.mask(world.now) & ERR)
    errno_of(lambda: sock.recv_error(100, 100, world.now))
    return [*seen, sock.mask(world.now) & ERR]


@shows("path_mtu_kept_ns", {10 * MINUTE: [960], 0: [1460]})
def the_next_connection_after_fragmentation_needed(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    sock.send(bytes(1460), 0, world.now)
    world.flush()
    peer.icmp(3, 4, mtu=1000)
    another = HandPeer(world, mode="manual", port=81, kport=40001)
    since = another.mark()
    another.begin_from_k()
    return [got.segment.mss for got in another.since(since)]


@shows("destroyed", {errno.ECONNABORTED: "ECONNABORTED", errno.ETIMEDOUT: "ETIMEDOUT"})
def killed(profile: Profile) -> object:
    world, _, sock = opened(profile)
    assert world.k.kill(sock.conn, world.now)
    return tries(world, sock, "recv")


@shows("window_check", {WindowCheck.EDGES: b"x" * 70_000, WindowCheck.OVERLAP: b"x" * 64_240})
def text_that_ends_behind_the_window(profile: Profile) -> object:
    """Nothing waits to be read; segments that begin in the window are sent, as one."""
    world, peer, sock = opened(profile)
    peer.data(b"x" * 70_000)
    return tries(world, sock, "recv")


@shows("old_ack", {OldAck.ACKED: "AGAIN", OldAck.MAX_WINDOW: b"x"})
def text_with_an_ack_from_before_the_connection(profile: Profile) -> object:
    world, peer, sock = opened(profile)
    peer.tx("PSH|ACK", b"x", ack=-100)
    return tries(world, sock, "recv")


@shows("window_update", {WindowUpdate.LARGER: [1460], WindowUpdate.RFC9293: []})
def an_ack_that_tells_a_smaller_window(profile: Profile) -> object:
    """The second of two ACKs that could have changed places tells a smaller window."""
    world, peer, sock = opened(profile)
    peer.ack(1)
    peer.ack(1, wnd=1000)
    since = peer.mark()
    sock.send(b"x" * 1460, 0, world.now)
    world.run(0.1)
    return [got.len for got in peer.since(since)]


@shows("request_echo", {True: False, False: True})
def last_ack_of_a_handshake_that_echoes_another_timestamp(profile: Profile) -> object:
    world = World(profile)
    listener = world.listen()
    peer = HandPeer(world, mode="manual", timestamps=True)
    peer.tx("SYN")
    world.run(0.05)
    peer.tx("PSH|ACK", b"x", seq=500_000)
    peer.tx("ACK")
    return bool(listener.mask(world.now))
