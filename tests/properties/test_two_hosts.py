"""Two hosts, random calls, a bad network: what must hold on every seed (`walk`, `watch`)."""

import os
import subprocess
import sys
from pathlib import Path
from struct import pack

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lastack.net import LinkRules
from lastack.profile import LINUX
from lastack.sockets import TcpSocket, names
from lastack.state import CLOSED, ESTABLISHED, LISTEN, SYN_SENT, TRANSITIONS, State
from lastack.trace import Destroyed, Queue, Reason, StateChanged, TimerFired
from tests.exchange import B, Lab, s
from tests.properties.walk import Walk
from tests.properties.watch import Watch, text_of

FUZZ = os.environ.get("LASTACK_FUZZ") == "1"
ROOT = Path(__file__).parents[2]

SEEDS = st.integers(0, (1 << 64) - 1)
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller seed is no simpler walk."""


@given(SEEDS)
@settings(max_examples=20_000 if FUZZ else 300, phases=NO_SHRINKING)
def test_every_walk_ends_and_breaks_no_law(seed: int) -> None:
    Walk(seed).run()


@given(SEEDS)
@settings(max_examples=1_000 if FUZZ else 30, phases=NO_SHRINKING)
def test_the_same_seed_gives_the_same_trace_as_objects_and_as_bytes(seed: int) -> None:
    digest = Walk(seed).run().digest
    assert Walk(seed).run().digest == digest
    assert Walk(seed, wire=True).run().digest == digest


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    seeds = range(5)
    program = (
        "from tests.properties.walk import Walk\n"
        f"print(*(Walk(seed).run().digest for seed in range({len(seeds)})))"
    )
    for hashing in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True,
            env={**os.environ, "PYTHONHASHSEED": hashing},
        )  # fmt: skip
        assert there.stdout.split() == [Walk(seed).run().digest for seed in seeds]


SIZES = st.sampled_from((0, 1, 2000, 5000, 20_000, 200_000))


def set_buffers(sock: TcpSocket, receive: int, send: int, now: int) -> None:
    for name, size in ((names.SO_RCVBUF, receive), (names.SO_SNDBUF, send)):
        if size:
            sock.setsockopt(names.SOL_SOCKET, name, pack("i", size), now)


@given(
    sizes=st.tuples(SIZES, SIZES, SIZES, SIZES), maxseg=st.sampled_from((0, 88, 536)),
    scale=st.sampled_from((-1, 0, 7, 10, 14)), mtu=st.sampled_from((576, 1500, 65536)),
    totals=st.tuples(st.integers(0, 60_000), st.integers(0, 60_000)),
    chunk=st.integers(1, 30_000), read=st.integers(1, 30_000), stamps=st.booleans(),
)  # fmt: skip
@settings(max_examples=2_000 if FUZZ else 60)
def test_what_is_read_and_written_on_a_good_network_arrives(
    sizes: tuple[int, int, int, int], maxseg: int, scale: int, mtu: int,
    totals: tuple[int, int], chunk: int, read: int, stamps: bool,
) -> None:  # fmt: skip
    """No window, buffer or segment size makes two ends that read and write wait for each other."""
    profile = LINUX.with_field("window_scale", scale).with_field("timestamps", stamps)
    lab = Lab(profile, profile, link=LinkRules(mtu=mtu))
    listener = lab.listen()
    set_buffers(listener, *sizes[:2], lab.now)
    client = lab.socket("a")
    set_buffers(client, *sizes[2:], lab.now)
    if maxseg:
        client.setsockopt(names.IPPROTO_TCP, names.TCP_MAXSEG, pack("i", maxseg), lab.now)
    client.connect(B, 80, lab.now)
    lab.until(lambda: bool(listener.mask(lab.now)))
    server = listener.accept(lab.now)
    assert isinstance(server, TcpSocket)
    left = {client: totals[0], server: totals[1]}
    missing = {server: totals[0], client: totals[1]}

    def both_do_what_they_can() -> bool:
        for sock in (client, server):
            while left[sock]:
                count = sock.send(bytes(min(left[sock], chunk)), 0, lab.now)
                if not isinstance(count, int):
                    break
                left[sock] -= count
            while missing[sock]:
                text = sock.recv(read, 0, lab.now)
                if not isinstance(text, bytes):
                    break
                missing[sock] -= len(text)
        lab.flush()
        return not any(missing.values())

    lab.until(both_do_what_they_can, limit=s(60))
    assert not any(isinstance(event, TimerFired) and event.count > 2 for event in lab.events)


NEVER_WALKED = {
    # a listening socket moves in no connection of its own: the one that a SYN makes begins CLOSED
    (CLOSED, LISTEN), (LISTEN, State.SYN_RECEIVED), (LISTEN, SYN_SENT), (LISTEN, CLOSED),
    (State.SYN_RECEIVED, LISTEN),
    # a FIN behind the last ACK of the handshake is two moves here, by way of ESTABLISHED
    (State.SYN_RECEIVED, State.CLOSE_WAIT),
    # by way of FIN-WAIT-2
    (State.FIN_WAIT_1, State.TIME_WAIT),
}  # fmt: skip


def test_the_walks_go_everywhere() -> None:
    moves: set[tuple[State, State]] = set()
    queues: set[Queue] = set()
    reasons: set[Reason] = set()
    for seed in range(250):
        for event in Walk(seed).run().lab.events:
            if isinstance(event, StateChanged):
                moves.add((event.old, event.new))
                reasons.add(event.reason)
            elif isinstance(event, Destroyed):
                queues.add(event.queue)
    lawful = {(old, new) for old, several in TRANSITIONS.items() for new in several}
    assert moves == lawful - NEVER_WALKED
    assert queues == set(Queue)
    assert reasons >= {
        Reason.LINGER_ZERO, Reason.UNREAD_AT_CLOSE, Reason.LINGER2_NEGATIVE,
        Reason.DATA_AFTER_CLOSE, Reason.DATA_AFTER_SHUTDOWN, Reason.LISTENER_CLOSED,
        Reason.KILLED, Reason.REFUSED, Reason.RESET_BY_PEER, Reason.FIN_WAIT_2_OVER,
    }  # fmt: skip


# -- that the watch would see it -----------------------------------------------------------------


def test_no_two_positions_and_no_two_connections_have_the_same_text() -> None:
    whole = text_of(1, 0, 200_000)
    assert len(whole) == 200_000
    assert text_of(1, 65_000, 66_000) == whole[65_000:66_000]
    assert text_of(1, 150_000, 200_000) == whole[150_000:]
    assert text_of(1, 0, 100) != text_of(2, 0, 100)
    assert text_of(1, 0, 100) != text_of(1, 65_536, 65_636)


def test_a_move_that_figure_5_does_not_have_is_seen() -> None:
    watch = Watch()
    watch.states[1] = ESTABLISHED
    event = StateChanged(1, ESTABLISHED, State.LAST_ACK, Reason.CLOSE_CALL)
    event.at, event.host, event.n, event.cause = 0, "a", 1, 0
    with pytest.raises(AssertionError, match="ESTABLISHED -> LAST-ACK"):
        watch(event)
