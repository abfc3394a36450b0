"""Whatever arrives, in whatever state: nothing is raised, nothing hangs, nothing is broken, and
junk draws no storm."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from struct import pack

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lastack.host import Host
from lastack.net import DROP
from lastack.profile import LINUX, NEVER, RFC9293, TEXTBOOK, Profile
from lastack.sockets import TcpSocket, names
from lastack.state import FIN_WAIT_2, State
from lastack.wire import ABSENT, ACK, FIN, PSH, RST, SYN, Flow, Packet, Segment, build, seq
from tests.exchange import A, B, Lab, ms, s
from tests.properties.watch import ORPHANS_FOR_EVER, Watch, text_of

FUZZ = os.environ.get("LASTACK_FUZZ") == "1"
MOST_STEPS = 5_000


class Scene:
    """Two hosts; "b" is in the state that the scene is named after, and hears nobody but us."""

    def __init__(self, profile: Profile) -> None:
        self.lab = Lab(profile, profile)
        self.watch = Watch()
        self.lab.journal.listeners.append(self.watch)
        self.victim: Host = self.lab.b
        self.files: list[TcpSocket] = []
        self.flow = Flow(A, 5000, B, 80)
        self.snd_nxt = self.rcv_nxt = self.ts_recent = 0

    def open(self) -> tuple[TcpSocket, TcpSocket]:
        """Return both ends of a connection, the client's and the victim's."""
        ends = self.lab.connection()
        self.files += ends
        return ends

    def give(self, sock: TcpSocket, size: int) -> None:
        """Send on a socket."""
        first = self.watch.gave[sock.conn]
        count = sock.send(text_of(sock.conn, first, first + size), 0, self.lab.now)
        assert isinstance(count, int)
        self.watch.gave[sock.conn] += count

    def isolate(self) -> None:
        """From now on the network carries nothing; note where the victim's connection stands."""
        self.lab.flush()
        self.guard = self.lab.network.add_rule(lambda packet, now: DROP)
        self.lab.run(ms(10))
        for packet in self.lab.sent("b"):
            if isinstance(packet, Segment) and not packet.flags & RST:
                self.flow = packet.flow.reversed()
                self.snd_nxt = packet.seq + packet.length & seq.MASK
                self.rcv_nxt = packet.ack
                self.ts_recent = packet.tsecr

    def end(self) -> None:
        """The network carries again, the programs close: everything ends."""
        lab = self.lab
        self.guard.remove()
        for sock in self.files:
            lab.close(sock)
        steps = 0
        while lab.next() < NEVER:
            lab.step()
            steps += 1
            assert steps < MOST_STEPS, lab.lines()[-4000:]
        for host in lab.hosts.values():
            for row in host.snapshot():
                assert row.state is FIN_WAIT_2
                assert host.profile.closing.fin_wait_2_orphan_ns == NEVER
        self.watch.done(may_stay=ORPHANS_FOR_EVER, forged=True)


def nobody(scene: Scene) -> None:
    scene.isolate()


def listen(scene: Scene) -> None:
    scene.files.append(scene.lab.listen("b"))
    scene.isolate()


def syn_sent(scene: Scene) -> None:
    sock = scene.lab.socket("b")
    scene.files.append(sock)
    scene.lab.network.add_rule(lambda packet, now: DROP)
    sock.connect(A, 81, scene.lab.now)
    scene.isolate()


def syn_received(scene: Scene) -> None:
    listen_and_connect(scene)
    scene.lab.run(ms(1.5))
    scene.isolate()


def listen_and_connect(scene: Scene) -> None:
    scene.files.append(scene.lab.listen("b"))
    client = scene.lab.socket("a")
    scene.files.append(client)
    client.connect(B, 80, scene.lab.now)


def simultaneous(scene: Scene) -> None:
    for host, port, address, other in (("a", 5000, B, 5001), ("b", 5001, A, 5000)):
        sock = scene.lab.socket(host)
        scene.files.append(sock)
        sock.bind(bytes(4), port, scene.lab.now)
        sock.connect(address, other, scene.lab.now)
    scene.lab.run(ms(0.5))  # the SYNs will cross, their answers will not arrive
    scene.isolate()


def established(scene: Scene) -> None:
    client, server = scene.open()
    scene.give(client, 3000)
    scene.give(server, 500)
    scene.lab.run(ms(100))
    scene.isolate()
    scene.give(server, 20_000)
    scene.lab.flush()


def fin_wait_1(scene: Scene) -> None:
    _, server = scene.open()
    scene.isolate()
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.flush()


def zero_window(scene: Scene) -> None:
    """The victim reads nothing until its window is shut, and has text and a FIN in flight."""
    listener = scene.lab.listen("b")
    listener.setsockopt(names.SOL_SOCKET, names.SO_RCVBUF, pack("i", 1), scene.lab.now)
    client = scene.lab.socket("a")
    client.connect(B, 80, scene.lab.now)
    scene.lab.run(ms(10))
    server = listener.accept(scene.lab.now)
    assert isinstance(server, TcpSocket)
    server.hold()
    scene.files += [listener, client, server]
    scene.give(client, 20_000)
    scene.lab.run(s(2))
    scene.isolate()
    scene.give(server, 500)
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.flush()
    # `isolate` looked before these were sent; they are text and FIN
    scene.snd_nxt = scene.snd_nxt + 501 & seq.MASK


def fin_wait_2(scene: Scene) -> None:
    _, server = scene.open()
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.run(ms(10))
    scene.isolate()


def orphan_in_fin_wait_2(scene: Scene) -> None:
    _, server = scene.open()
    scene.files.remove(server)
    scene.lab.close(server)
    scene.lab.run(ms(10))
    scene.isolate()


def close_wait(scene: Scene) -> None:
    client, server = scene.open()
    client.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.run(ms(100))
    scene.isolate()
    scene.give(server, 3000)
    scene.lab.flush()


def closing(scene: Scene) -> None:
    client, server = scene.open()
    client.shutdown(names.SHUT_WR, scene.lab.now)
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.run(ms(0.5))  # the FINs will cross
    scene.isolate()


def last_ack(scene: Scene) -> None:
    client, server = scene.open()
    client.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.run(ms(100))
    scene.isolate()
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.flush()


def time_wait(scene: Scene) -> None:
    client, server = scene.open()
    server.shutdown(names.SHUT_WR, scene.lab.now)
    scene.lab.run(ms(10))
    scene.lab.close(client)
    scene.files.remove(client)
    scene.lab.run(ms(10))
    scene.isolate()


SCENES: dict[Callable[[Scene], None], State] = {
    nobody: State.CLOSED, listen: State.LISTEN, syn_sent: State.SYN_SENT,
    syn_received: State.SYN_RECEIVED, simultaneous: State.SYN_RECEIVED,
    established: State.ESTABLISHED, fin_wait_1: State.FIN_WAIT_1,
    zero_window: State.FIN_WAIT_1, fin_wait_2: State.FIN_WAIT_2,
    orphan_in_fin_wait_2: State.FIN_WAIT_2, close_wait: State.CLOSE_WAIT, closing: State.CLOSING,
    last_ack: State.LAST_ACK, time_wait: State.TIME_WAIT,
}  # fmt: skip


def test_each_scene_is_in_its_state() -> None:
    for profile in (LINUX, TEXTBOOK, RFC9293):
        for make, state in SCENES.items():
            scene = Scene(profile)
            make(scene)
            states = {row.state for row in scene.victim.snapshot()} or {State.CLOSED}
            assert state in states, make.__name__
            scene.end()


# -- what is sent to it --------------------------------------------------------------------------

OFFSETS = st.sampled_from(
    (0, 0, 0, 1, -1, 2, 100, 1448, -1448, 3000, 65_535, -65_535, 1 << 20, 1 << 31, (1 << 31) - 1)
) | st.integers(-(1 << 31), 1 << 31)
U32 = st.integers(0, seq.MASK)
USUAL = st.sampled_from((ACK, ACK, ACK | FIN, SYN, SYN | ACK, RST, RST | ACK, ACK | PSH))
FLAGS = USUAL | st.integers(0, 255)


@dataclass(frozen=True)
class Forged:
    """A segment, relative to where the victim's connection stands, its timestamp included: one
    counted from 0 would be old for the victim, and PAWS would drop nearly everything."""

    seq: int = 0
    ack: int = 0
    flags: int = ACK
    wnd: int = 1000
    text: int = 0
    up: int = 0
    ecn: int = 0
    mss: int = 0
    wscale: int = ABSENT
    stamp: int | None = 0
    sack_ok: bool = False
    sack: tuple[tuple[int, int], ...] = ()
    damage: tuple[tuple[int, int], ...] = ()
    after: int = 0

    def bytes(self, scene: Scene) -> bytes:
        """Return the packet; its checksum is right unless `damage` breaks it."""
        seg = Segment(
            scene.flow, scene.rcv_nxt + self.seq & seq.MASK, scene.snd_nxt + self.ack & seq.MASK,
            self.flags, self.wnd, bytes(self.text), up=self.up, ecn=self.ecn, mss=self.mss,
            wscale=self.wscale, sack_ok=self.sack_ok, sack=self.sack,
            tsval=ABSENT if self.stamp is None else scene.ts_recent + self.stamp & seq.MASK,
        )  # fmt: skip
        data = bytearray(build(seg))
        for at, octet in self.damage:
            data[at % len(data)] = octet
        return bytes(data)


FORGED = st.builds(
    Forged,
    seq=OFFSETS, ack=OFFSETS, flags=FLAGS,
    wnd=st.sampled_from((0, 1, 1000, 65_535)) | st.integers(0, 65_535),
    text=st.sampled_from((0, 0, 1, 1448, 8000)) | st.integers(0, 3000),
    up=st.integers(0, 65_535), ecn=st.integers(0, 3),
    mss=st.just(0) | st.integers(0, 65_535),
    wscale=st.just(ABSENT) | st.integers(0, 255),
    stamp=st.none() | OFFSETS,
    sack_ok=st.booleans(),
    sack=st.lists(st.tuples(U32, U32), max_size=1).map(tuple),
    damage=st.just(()) | st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 255)), max_size=3
    ).map(tuple),
    after=st.sampled_from((0, 0, ms(1), ms(50), s(1), s(70))),
)  # fmt: skip


def attack(scene: Scene, data: bytes, after: int) -> None:
    """Let bytes arrive at the victim, and then time pass for it alone."""
    lab, host = scene.lab, scene.victim
    host.bytes_arrive(data, lab.now)
    judge_answers(host.take_packets())
    end = lab.now + after
    while host.next_timeout <= end:
        lab.now = max(lab.now, host.next_timeout)
        host.timeout(lab.now)
        assert host.next_timeout > lab.now, "a timer is due at once again"
        host.take_packets()
    lab.now = end
    host.take_ready()
    for sock in scene.files:
        sock.mask(lab.now)


def judge_answers(packets: list[Packet]) -> None:
    """One packet draws a bare answer or two, and of text and FIN what a window may hold."""
    segments = [packet for packet in packets if isinstance(packet, Segment)]
    assert len(segments) == len(packets)
    bare = [seg for seg in segments if not seg.text]
    assert len(bare) <= 2, segments
    # 10 segments of the initial window, and as much again that one acknowledgment may add
    assert len(segments) <= 24, segments


UNSCALED = LINUX.with_field("window_scale", -1)
"""Its windows shut exactly; a scaled one is rounded, and a little of it stays open."""


@given(
    make=st.sampled_from(list(SCENES)),
    profile=st.sampled_from((LINUX, TEXTBOOK, RFC9293, UNSCALED)),
    forged=st.lists(FORGED, min_size=1, max_size=10),
)  # fmt: skip
@settings(max_examples=5000 if FUZZ else 300)
@example(make=syn_received, profile=LINUX, forged=[Forged(flags=SYN)])
@example(make=zero_window, profile=UNSCALED, forged=[Forged(text=1)])
@example(make=zero_window, profile=UNSCALED, forged=[Forged(ack=1000, text=1)])
def test_forged_segments_break_nothing(
    make: Callable[[Scene], None], profile: Profile, forged: list[Forged]
) -> None:
    scene = Scene(profile)
    make(scene)
    for one in forged:
        attack(scene, one.bytes(scene), one.after)
    scene.end()


@given(make=st.sampled_from(list(SCENES)), data=st.lists(st.binary(max_size=80), max_size=5))
def test_arbitrary_bytes_change_nothing(make: Callable[[Scene], None], data: list[bytes]) -> None:
    scene = Scene(LINUX)
    make(scene)
    before = scene.victim.snapshot()
    for one in data:
        scene.victim.bytes_arrive(one, scene.lab.now)
    assert not scene.victim.take_packets()
    assert scene.victim.snapshot() == before
    scene.end()
