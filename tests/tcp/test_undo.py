"""Losses that were none (docs/kernel-notes/undo.md): what tells so, and what becomes of cwnd."""

from __future__ import annotations

import struct

import pytest

from lastack.profile import LINUX
from lastack.sockets import names, unpack_info
from tests.truth.peer import HandPeer, World

MSS = 1448
UNLIMITED = 2**31 - 1
RTO = 0.5
GAP = (0, ((1, 4),), False)
CASES = {
    # timestamps, segments, seconds after the first ten left; ACKs: up to which segment, what is
    # held beyond or reported twice, whether it echoes the first flight; then ca_state, cwnd,
    # ssthresh (0: as at first), and which segments left
    "nothing tells": (False, 10, 0, (
        (GAP, (3, 7, 7, (0,))), ((10, (), False), (0, 8, 7, ())),
    )),
    "an old echo": (True, 10, 0, (
        (GAP, (3, 7, 7, (0,))), ((10, (), True), (0, 17, 0, ())),
    )),
    "an old echo of a part": (True, 10, 0, (
        (GAP, (3, 7, 7, (0,))), ((5, (), True), (0, 12, 0, ())),
    )),
    "a D-SACK": (False, 10, 0, (
        (GAP, (3, 7, 7, (0,))), ((10, ((0, 1),), False), (0, 18, 0, ())),
    )),
    "a D-SACK when it is over": (False, 10, 0, (
        (GAP, (3, 7, 7, (0,))), ((10, (), False), (0, 8, 7, ())),
        ((10, ((0, 1),), False), (0, 10, 0, ())),
    )),
    "time-out, an original arrives": (False, 10, RTO, (
        ((2, (), False), (0, 12, 0, ())),
    )),
    "time-out, no new text": (False, 10, RTO, (
        ((1, (), False), (4, 2, 7, (1, 2))), ((3, (), False), (4, 4, 7, (3, 4, 5, 6))),
    )),
    "time-out, new text arrives": (False, 30, RTO, (
        ((1, (), False), (4, 2, 7, (11, 12))), ((2, (), False), (0, 11, 0, ())),
    )),
    "time-out, a duplicate": (False, 30, RTO, (
        ((1, (), False), (4, 2, 7, (11, 12))), ((1, ((11, 12),), False), (4, 2, 7, ())),
        ((1, ((11, 13),), False), (4, 2, 7, (1,))),
    )),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_undone(name: str) -> None:
    stamped, segments, wait, steps = CASES[name]
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=True, timestamps=stamped, wnd=65_535, mss=1460)
    sock = world.socket()
    world.set(sock, names.SO_SNDBUF, 200_000)
    sock.setsockopt(names.IPPROTO_TCP, names.TCP_NODELAY, struct.pack("i", 1), world.now)
    peer.begin_from_k(sock)
    world.run(0.06)
    peer.tx("SYN|ACK")
    assert sock.connected(world.now) is None
    for _ in range(segments):
        assert sock.send(bytes(MSS), 0, world.now) == MSS
    world.run(0.01)
    first = peer.ts_recent
    world.run(wait + 0.01)
    for (upto, held, old), (state, cwnd, ssthresh, sent) in steps:
        mark = peer.mark()
        blocks = tuple((1 + begin * MSS, 1 + end * MSS) for begin, end in held)
        peer.tx("ACK", ack=1 + upto * MSS, sack=blocks, tsecr=first if old else None)
        world.run(0.006)
        told = unpack_info(sock.getsockopt(names.IPPROTO_TCP, names.TCP_INFO, 1024, world.now))
        left = tuple((one.seq - 1) // MSS for one in peer.since(mark) if one.len)
        seen = told["ca_state"], told["snd_cwnd"], told["snd_ssthresh"] % UNLIMITED, left
        assert seen == (state, cwnd, ssthresh, sent), (upto, held)
