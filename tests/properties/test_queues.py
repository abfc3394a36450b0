"""The two queues of a connection against plain strings, through the connection that has them.

`lastack.tcp` exports no queues: a program knows them by send() and recv(), a peer by segments.
"""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lastack.profile import LINUX, MS, NEVER
from lastack.tcp import Buffers, Connection
from lastack.trace import Reason
from lastack.wire import ACK, FIN, PSH, SYN, Flow, Segment, pack_address, seq

OURS = Flow(pack_address("10.0.0.1"), 80, pack_address("10.0.0.2"), 40000)
MSS = 100
ISS = seq.MASK - 700  # both streams pass 2**32
IRS = seq.MASK - 300
WINDOW = 4000


def opened() -> Connection:
    """A passive connection in ESTABLISHED that has sent nothing but its SYN|ACK."""
    buffers = Buffers(LINUX.buffers)
    profile = LINUX.with_field("timestamps", False).with_field("window_scale", -1)
    tcp = Connection(profile, OURS, conn=1, iss=ISS, mss=MSS, buffers=buffers)
    tcp.may_establish(True)
    tcp.syn_arrives(Segment(OURS.reversed(), IRS, 0, SYN, WINDOW, mss=MSS), 0)
    tcp.segment_arrives(segment(0, 0), 0)
    tcp.take_segments(0)
    return tcp


def segment(at: int, acked: int, text: bytes = b"", *, fin: bool = False) -> Segment:
    """The peer's segment at an offset of its stream; `acked`: how much of ours it has."""
    flags = ACK | (PSH if text else 0) | (FIN if fin else 0)
    return Segment(
        OURS.reversed(), IRS + 1 + at & seq.MASK, ISS + 1 + acked & seq.MASK, flags, WINDOW, text
    )


PIECES = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 120)), max_size=40)


@given(PIECES, st.randoms(use_true_random=False))
def test_text_in_any_order_is_read_in_order(pieces: list[tuple[int, int]], dice: Random) -> None:
    stream = dice.randbytes(600)
    tcp = opened()
    have: set[int] = set()
    ready = read = 0
    for first, size in pieces:
        tcp.segment_arrives(segment(first, 0, stream[first : first + size]), MS)
        have.update(range(first, first + size))
        while ready in have:
            ready += 1
        beyond = {at for at in have if at > ready}
        assert tcp.unread == ready - read
        assert tcp.out_of_order == len(beyond)
        wanted = dice.randint(1, 200)
        expected = stream[read : min(read + wanted, ready)]
        assert tcp.receive(wanted, MS, peek=True) == expected
        if dice.random() < 0.5:
            assert tcp.receive(wanted, MS) == expected
            read += len(expected)
    assert tcp.receive(1000, MS) == stream[read:ready]


@given(PIECES, st.integers(0, 600))
def test_the_end_is_told_when_everything_before_it_is_here(
    pieces: list[tuple[int, int]], length: int
) -> None:
    tcp = opened()
    have: set[int] = set()
    tcp.segment_arrives(segment(length, 0, fin=True), MS)
    assert tcp.peer_closed is (length == 0)
    for first, size in pieces:
        text = bytes(max(min(first + size, length) - first, 0))
        if not text:
            continue
        tcp.segment_arrives(segment(first, 0, text), MS)
        have.update(range(first, first + len(text)))
        assert tcp.peer_closed is (len(have) == length)
    assert tcp.receive(1000, MS) == bytes(min(set(range(length + 1)) - have))


class SendingAgainstString(RuleBasedStateMachine):
    """What was given to send() against every segment that leaves, and against SIOCOUTQ."""

    def __init__(self) -> None:
        super().__init__()
        self.now = MS
        self.tcp = opened()
        self.given = b""
        self.acked = 0
        self.sent = 0
        self.closed = False

    @precondition(lambda self: not self.closed)
    @rule(text=st.binary(min_size=1, max_size=700), times=st.integers(1, 5))
    def send(self, text: bytes, times: int) -> None:
        data = text * times
        count = self.tcp.send(data, self.now)
        assert 0 <= count <= len(data)
        self.given += data[:count]

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self.tcp.close(Reason.SHUTDOWN_CALL, self.now)
        self.closed = True

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.acked = data.draw(st.integers(self.acked, self.sent))
        self.tcp.segment_arrives(segment(0, self.acked), self.now)

    @rule(times=st.integers(1, 4))
    def acknowledge_the_same_again(self, times: int) -> None:
        for _ in range(times):
            self.tcp.segment_arrives(segment(0, self.acked), self.now)

    @precondition(lambda self: self.tcp.next_timeout != NEVER)
    @rule()
    def wait(self) -> None:
        self.now = max(self.now, self.tcp.next_timeout)
        self.tcp.timeout(self.now)
        assert self.tcp.next_timeout > self.now

    @invariant()
    def what_leaves_is_what_was_given(self) -> None:
        for seg in self.tcp.take_segments(self.now):
            first = seq.sub(seg.seq, ISS + 1 & seq.MASK)
            last = first + len(seg.text)
            if seg.text:
                assert len(seg.text) <= MSS
                assert seg.text == self.given[first:last]
                assert last <= self.acked + WINDOW
                self.sent = max(self.sent, last)
            if seg.flags & FIN:
                assert self.closed
                assert last == len(self.given)

    @invariant()
    def what_is_queued_is_what_was_not_acknowledged(self) -> None:
        if self.tcp.error:
            return  # given up
        left = len(self.given) - self.acked
        assert self.tcp.unacked == left + self.closed
        assert self.tcp.data_acked is (left == 0)


TestSendingAgainstString = SendingAgainstString.TestCase
TestSendingAgainstString.settings = settings(stateful_step_count=40)
