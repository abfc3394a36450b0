"""RFC 9293 section 3.10.7.4, fourth: check the SYN bit, with the challenge ACK of RFC 5961."""

import pytest

from lastack.profile import LINUX
from lastack.state import CLOSED, ESTABLISHED, SYN_RECEIVED

from .reach import SYNCHRONIZED, Row, name, play, reach


def rows() -> list[Row]:
    table = [
        Row(SYN_RECEIVED, "the SYN again", "SYN", -1, answer="SYN|ACK", then=SYN_RECEIVED),
        Row(SYN_RECEIVED, "another SYN in the window", "SYN", 50, answer="RST|ACK", then=CLOSED),
        Row(SYN_RECEIVED, "SYN beyond the window", "SYN", 500_000, answer="ACK",
            then=SYN_RECEIVED),
    ]  # fmt: skip
    for state in SYNCHRONIZED:
        for seq, where in ((0, "at RCV.NXT"), (10, "in the window"), (500_000, "beyond")):
            table.append(Row(state, f"SYN {where}", "SYN", seq, answer="ACK", then=state))
        table += [
            Row(state, "SYN with the ISN", "SYN", -1, answer="ACK", then=state),
            Row(state, "SYN|ACK", "SYN|ACK", 0, answer="ACK", then=state),
        ]
    return table


@pytest.mark.parametrize("row", rows(), ids=name)
def test_syn(row: Row) -> None:
    play(row)


@pytest.mark.parametrize(("gap_ns", "answers"), [(None, 1), (0, 10), (50_000_000, 2)])
def test_challenge_acks_are_limited(gap_ns: int | None, answers: int) -> None:
    profile = LINUX if gap_ns is None else LINUX.with_field("challenge_gap_ns", gap_ns)
    world, peer, _ = reach(ESTABLISHED, profile)
    mark = peer.mark()
    for _ in range(10):
        peer.tx("SYN", seq=11)
        world.run(0.01)
    assert [got.flags for got in peer.since(mark)] == ["ACK"] * answers


def test_the_limit_opens_again_after_half_a_second() -> None:
    world, peer, _ = reach(ESTABLISHED)
    mark = peer.mark()
    for _ in range(3):
        peer.tx("SYN", seq=11)
        world.run(0.5)
    assert peer.times(mark, "ACK") == [0, 0.5, 1]
