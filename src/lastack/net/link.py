"""One direction of a link: a FIFO with delay, jitter, loss and a rate.

A packet that was not lost waits for those before it (the rate limiter), is sent (length / rate),
travels (delay plus jitter), and never overtakes another: jitter that would reorder is stretched.
Only what a Delay rule holds back leaves the FIFO.

A datagram that exceeds the MTU is fragmented by its sender (RFC 791 section 3.2). Here it stays
one packet, put together again where it arrives: it takes the time and the places in the queue of
its fragments, is lost with the first of them that is, and arrives when the last does. Rules see it
once and whole, and no fragment waits for its missing ones in a receiver's memory.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

SECOND: Final = 1_000_000_000
MOST_HEADERS: Final = 40 + 60
"""Octets of an IPv6 header and the longest TCP header; no segment of ours has more."""
LARGEST4: Final = 65535
"""No IPv4 packet is larger, whatever the MTU (RFC 791 section 3.1)."""


@dataclass(frozen=True)
class LinkRules:
    """How a link treats packets, in each of its directions; ValueError for what makes no sense."""

    delay_ns: int = 1_000_000
    """Time a packet travels, in ns."""
    jitter_ns: int = 0
    """Further delay, drawn evenly from 0 to this, in ns."""
    loss: float = 0.0
    """Probability that a packet is lost, 0 to 1."""
    rate_bps: int = 0
    """Bits of IP packets per second; 0 for no limit."""
    queue: int = 1000
    """Packets that may wait for the rate limiter behind the one being sent; 0 for no limit."""
    mtu: int = 1500
    """Largest IP packet in octets."""

    def __post_init__(self) -> None:
        for name in ("delay_ns", "jitter_ns", "rate_bps", "queue"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is negative: {getattr(self, name)}")
        if not 0.0 <= self.loss <= 1.0:
            raise ValueError(f"loss is a probability from 0 to 1, not {self.loss}")
        if self.mtu < 68:
            raise ValueError(f"mtu {self.mtu} is below 68, the least of IPv4 (RFC 791)")


class Direction:
    """What happens to the packets that travel from one host to another; `Network` has those that
    are under way.

    sure: a segment or datagram with no more octets of text than this arrives `rules.delay_ns`
    after it was sent or behind the last one, whatever its headers are; negative when it may be
    lost, may have to wait, or may be too large. due: of a host's link to itself, when what is
    under way arrives, the earliest first; empty for any other link.
    """

    def __init__(self, seed: int, src: str, dst: str, source: int, rules: LinkRules) -> None:
        self.ends = (src, dst)
        self.name = f"{src}>{dst}"
        self.source = source
        self.rules = rules
        self.loops = src == dst
        self.due: list[int] = []
        self.ordinal = 0
        self.last_arrival = 0
        self.undrawn = 0  # packets that were sure to arrive, for which nothing was drawn
        self._seed = seed
        self._luck: tuple[Random, Random] | None = None  # made at need
        self._busy = 0  # until when the rate limiter sends, in ns times rate: exact at every rate
        self._waiting: deque[int] = deque()  # when those behind the rate limiter begin, likewise
        self.sure = _sure(rules)

    def ask(self, fragments: int = 1) -> tuple[bool, int]:
        """Draw for one packet whether it is lost, and its jitter in ns.

        To be called once for each packet and whatever becomes of it, so that a rule which touches
        one packet leaves the luck of all others as it was; for a packet that was sure to arrive
        it is enough to count it in `undrawn`. A packet in fragments is lost when one of them is:
        with 1 - (1 - loss) ** fragments.
        """
        if self._luck is None:
            self._luck = self._stream("loss"), self._stream("jitter")
        for_loss, for_jitter = self._luck
        while self.undrawn:
            self.undrawn -= 1
            for_loss.random()
            for_jitter.random()
        loss = self.rules.loss
        lost = for_loss.random() < (loss if fragments == 1 else 1 - (1 - loss) ** fragments)
        return lost, int(for_jitter.random() * (self.rules.jitter_ns + 1))

    def _stream(self, concern: str) -> Random:
        """Return the random numbers of one concern, the same for a seed in every process.

        The name is hashed by SHA-256, because hash() of a string differs from process to process.
        """
        name = f"{self._seed}/{self.name}/{concern}".encode()
        return Random(int.from_bytes(hashlib.sha256(name).digest(), "big"))

    def sent_at(self, lengths: Sequence[int], now: int) -> int | None:
        """Return when the packets, one behind the other, have been sent; None when one of them
        finds the queue full: those before it take their time for nothing."""
        if not self.rules.rate_bps:
            return now
        at: int | None = now
        for length in lengths:
            at = self._one_sent_at(length, now)
            if at is None:
                break
        return at

    def _one_sent_at(self, length: int, now: int) -> int | None:
        rate = self.rules.rate_bps
        begin = max(now * rate, self._busy)
        waiting = self._waiting
        while waiting and waiting[0] <= now * rate:
            waiting.popleft()
        if begin > now * rate:
            if self.rules.queue and len(waiting) >= self.rules.queue:
                return None
            waiting.append(begin)
        self._busy = begin + length * 8 * SECOND
        return -(-self._busy // rate)

    def change(self, rules: LinkRules) -> None:
        """Treat packets from now on so; those under way arrive as they would have."""
        if rules.rate_bps != self.rules.rate_bps:
            self._rescale(self.rules.rate_bps, rules.rate_bps)
        self.rules = rules
        self.sure = _sure(rules)

    def _rescale(self, old: int, new: int) -> None:
        if not old:
            return  # nothing was limited, nothing waits
        self._busy = -(-self._busy * new // old)
        self._waiting = deque(-(-begin * new // old) for begin in self._waiting)


def _sure(rules: LinkRules) -> int:
    if rules.loss or rules.jitter_ns or rules.rate_bps:
        return -1
    return min(rules.mtu, LARGEST4) - MOST_HEADERS
