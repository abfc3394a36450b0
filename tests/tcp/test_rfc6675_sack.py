"""Selective acknowledgment: RFC 2018 (blocks), 2883 (duplicates), 6675 (recovery), 3042."""

from __future__ import annotations

import pytest

from lastack.net import DROP, PASS, Delay, Duplicate, Fate, LinkRules
from lastack.profile import LINUX, MS
from lastack.sockets import names
from lastack.trace import TimerFired
from lastack.wire import ACK, FIN, RST, Packet, Segment
from tests.exchange import Lab, ms, s
from tests.truth.peer import HandPeer, World

MSS = 1448


class Flight:
    """A client that sends `count` full segments at once; some of them are lost or late."""

    def __init__(
        self, count: int, fates: dict[int, Fate], *, sack: bool = True, delay: int = ms(50)
    ) -> None:
        profile = LINUX.with_field("sack", sack)
        self.lab = Lab(profile, profile, link=LinkRules(delay_ns=delay))
        self.client, self.server = self.lab.connection()
        self.seen = 0
        self.fates = fates
        self.lab.network.add_rule(self._rule, link=("a", "b"))
        self.count = count
        self.begun = self.lab.now
        self.client.send(bytes(count * MSS), 0, self.lab.now)

    def _rule(self, packet: Packet, now: int) -> Fate:
        if not (isinstance(packet, Segment) and packet.text):
            return PASS
        self.seen += 1
        return self.fates.get(self.seen - 1, PASS)

    def finish(self) -> int:
        """Let all arrive; return the time in ns."""
        total = self.count * MSS
        self.lab.until(lambda: self.server.ioctl(names.SIOCINQ) == total)
        return self.lab.now - self.begun

    def sent(self, sender: str = "a") -> list[Segment]:
        """Return the segments of one side since the handshake."""
        return [p for p in self.lab.sent(sender) if isinstance(p, Segment)][2:]

    def acks(self) -> list[list[tuple[int, int]]]:
        """Return the blocks of the server's ACKs, in segments from the start of the flight."""
        base = next(seg.seq for seg in self.sent() if seg.text)
        return [
            [((a - base) // MSS, (b - base) // MSS) for a, b in seg.sack]
            for seg in self.lab.sent("b")
            if isinstance(seg, Segment) and seg.flags & ACK and seg.sack
        ]


def lose(*numbers: int) -> dict[int, Fate]:
    return dict.fromkeys(numbers, DROP)


def timeouts(flight: Flight) -> int:
    return sum(isinstance(e, TimerFired) and e.timer == "retransmit" for e in flight.lab.events)


def test_the_first_block_is_the_most_recent() -> None:
    flight = Flight(6, lose(0, 2, 4))
    flight.lab.run(ms(51))
    assert flight.acks() == [[(1, 2)], [(3, 4), (1, 2)], [(5, 6), (3, 4), (1, 2)]]


def test_three_blocks_fit_beside_a_timestamp() -> None:
    flight = Flight(9, lose(0, 2, 4, 6))
    flight.lab.run(ms(51))
    assert flight.acks()[-1] == [(7, 9), (5, 6), (3, 4)]


def test_touching_pieces_are_one_block() -> None:
    flight = Flight(4, lose(0))
    flight.lab.run(ms(51))
    assert flight.acks() == [[(1, 2)], [(1, 3)], [(1, 4)]]


def test_a_duplicate_is_reported_once() -> None:
    """RFC 2883 section 4.1: the first block is the duplicate, even below the ACK."""
    flight = Flight(3, {1: Duplicate(1)})
    flight.finish()
    assert [(1, 2)] in flight.acks()
    assert len(flight.acks()) == 1


OVERLAPS = [
    # after 1:100, these segments of the peer; the blocks of the ACK that answers the last one
    ([(200, 300), (400, 500), (50, 150)], [(50, 100), (400, 500), (200, 300)]),
    ([(200, 300), (400, 500), (100, 275)], [(200, 275), (400, 500)]),
    ([(200, 300), (400, 500), (100, 475)], [(200, 300)]),
    ([(200, 300), (400, 500), (150, 275)], [(200, 275), (150, 300), (400, 500)]),
    ([(200, 300), (400, 500), (150, 475)], [(200, 300), (150, 500)]),
    ([(200, 300), (1, 400)], [(1, 100)]),
    ([(200, 300), (250, 280)], [(250, 280), (200, 300)]),
    ([(200, 300), (300, 400)], [(200, 400)]),
]


@pytest.mark.parametrize(("ranges", "blocks"), OVERLAPS)
def test_the_first_part_that_came_before_is_reported(
    ranges: list[tuple[int, int]], blocks: list[tuple[int, int]]
) -> None:
    """RFC 2883 sections 4.1.2 and 4.2, also of a segment that brings something new."""
    world = World(LINUX)
    peer = HandPeer(world, mode="manual", sack=True)
    peer.connect_to_k(world.listen())
    mark = peer.mark()
    for first, last in [(1, 100), *ranges]:
        peer.tx("ACK", bytes(last - first), seq=first)
    answer = peer.since(mark)[-1].segment
    found = [(a - peer.iss, b - peer.iss) for a, b in answer.sack]
    assert found == blocks


def test_without_an_offer_there_are_no_blocks() -> None:
    flight = Flight(4, lose(0), sack=False)
    flight.lab.run(s(1))
    assert not any(seg.sack or seg.sack_ok for seg in flight.sent("b"))


@pytest.mark.parametrize("lost", [(0,), (3, 5), (0, 2, 4, 6), (1, 2, 3), (0, 1, 2, 3, 4, 5)])
def test_what_is_lost_is_repeated_in_one_round_trip(lost: tuple[int, ...]) -> None:
    flight = Flight(10, lose(*lost))
    assert flight.finish() <= ms(50 + 100 + 100)
    assert timeouts(flight) == 0
    texts = [seg.seq for seg in flight.sent() if seg.text]
    base = texts[0]
    repeated = sorted((n - base) // MSS for n in set(texts) if texts.count(n) > 1)
    assert repeated == list(lost), "exactly what was lost"


def test_newreno_needs_a_round_trip_for_each() -> None:
    with_sack = Flight(10, lose(0, 2, 4)).finish()
    without = Flight(10, lose(0, 2, 4), sack=False).finish()
    assert without - with_sack >= ms(200)


def test_two_lost_repeats_wait_for_the_timer_and_skip_what_is_held() -> None:
    """The repeated segment is lost, too: the timer repeats it and nothing that the peer holds."""
    flight = Flight(10, lose(2, 10))
    flight.finish()
    flight.lab.run(s(2))
    texts = [seg.seq for seg in flight.sent() if seg.text]
    base = texts[0]
    assert [(n - base) // MSS for n in texts[10:]] == [2, 2]
    assert timeouts(flight) == 1


def test_limited_transmit_finds_a_loss_in_a_short_window() -> None:
    """RFC 3042: the first two duplicate ACKs each let a new segment go, which draw the third."""
    flight = Flight(14, lose(7), delay=ms(50))
    flight.finish()
    assert timeouts(flight) == 0


@pytest.mark.parametrize("late", [1, 2])
def test_a_little_reordering_repeats_nothing(late: int) -> None:
    """A segment overtaken by one or two others is not lost (DupThresh 3)."""
    flight = Flight(10, {3: Delay(late * MS // 10)})
    flight.finish()
    texts = [seg.seq for seg in flight.sent() if seg.text]
    assert len(texts) == len(set(texts)) == 10


def test_the_fin_is_repeated_behind_held_text() -> None:
    flight = Flight(3, lose(0, 1))
    assert flight.lab.close(flight.client) is None
    flight.finish()
    flight.lab.run(s(1))
    fins = [seg for seg in flight.sent() if seg.flags & FIN]
    assert fins
    assert not any(seg.flags & RST for seg in flight.sent("b"))
    assert flight.server.mask(flight.lab.now) & 0x2000
