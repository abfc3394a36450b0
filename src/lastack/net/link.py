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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Final

from lastack.wire import Packet

SECOND: Final = 1_000_000_000


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


Due = tuple[int, int, Packet]
"""When a packet arrives, and its ordinal on this direction, which decides between equal times."""


def stream(seed: int, direction: str, concern: str) -> Random:
    """Return the random numbers of one concern, the same for a seed in every process.

    The name is hashed by SHA-256, because hash() of a string differs from process to process.
    """
    name = f"{seed}/{direction}/{concern}".encode()
    return Random(int.from_bytes(hashlib.sha256(name).digest(), "big"))


class Direction:
    """The packets that travel from one host to another."""

    def __init__(self, seed: int, src: str, dst: str, source: int, rules: LinkRules) -> None:
        self.ends = (src, dst)
        self.name = f"{src}>{dst}"
        self.source = source
        self.rules = rules
        self.announced = 0  # ordinal of the head that the network's heap knows, 0 for none
        self._loss = stream(seed, self.name, "loss")
        self._jitter = stream(seed, self.name, "jitter")
        self._fifo: deque[Due] = deque()
        self._held_back: list[Due] = []
        self._ordinal = 0
        self._last_arrival = 0
        self._busy = 0  # until when the rate limiter sends, in ns times rate: exact at every rate
        self._waiting: deque[int] = deque()  # when those behind the rate limiter begin, likewise

    def ask(self, fragments: int = 1) -> tuple[bool, int]:
        """Draw for one packet whether it is lost, and its jitter in ns.

        To be called once for each packet and whatever becomes of it, so that a rule which touches
        one packet leaves the luck of all others as it was. A packet in fragments is lost when one
        of them is: with 1 - (1 - loss) ** fragments.
        """
        loss = self.rules.loss
        lost = self._loss.random() < (loss if fragments == 1 else 1 - (1 - loss) ** fragments)
        return lost, int(self._jitter.random() * (self.rules.jitter_ns + 1))

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

    def put(self, packet: Packet, arrival: int) -> bool:
        """Let a packet arrive then, or behind the last one if that is later. Tell whether it may
        be the next to arrive: no other waits in the line."""
        if arrival < self._last_arrival:
            arrival = self._last_arrival
        else:
            self._last_arrival = arrival
        self._ordinal += 1
        self._fifo.append((arrival, self._ordinal, packet))
        return len(self._fifo) == 1

    def hold_back(self, packet: Packet, arrival: int) -> None:
        """Let a packet arrive then, whatever the order."""
        self._ordinal += 1
        heappush(self._held_back, (arrival, self._ordinal, packet))

    def head(self) -> Due | None:
        """Return what arrives next."""
        if self._held_back and self._held_back_is_next():
            return self._held_back[0]
        return self._fifo[0] if self._fifo else None

    def take(self) -> Packet:
        """Take what arrives next."""
        if self._held_back and self._held_back_is_next():
            return heappop(self._held_back)[2]
        return self._fifo.popleft()[2]

    def under_way(self) -> Iterator[Packet]:
        """Yield what travels, in no particular order."""
        return (packet for due in (self._fifo, self._held_back) for _, _, packet in due)

    def _held_back_is_next(self) -> bool:
        # ordinals differ, so that packets themselves are never compared
        return not self._fifo or self._held_back[0] < self._fifo[0]

    def change(self, rules: LinkRules) -> None:
        """Treat packets from now on so; those under way arrive as they would have."""
        if rules.rate_bps != self.rules.rate_bps:
            self._rescale(self.rules.rate_bps, rules.rate_bps)
        self.rules = rules

    def _rescale(self, old: int, new: int) -> None:
        if not old:
            return  # nothing was limited, nothing waits
        self._busy = -(-self._busy * new // old)
        self._waiting = deque(-(-begin * new // old) for begin in self._waiting)
