"""Differences between the kernel and lastack under random scripts that are known, with the reason.

Each looks at one difference and nothing else of the script, so that another one is not hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lastack.profile import MS

from .fuzz_compare import Parted
from .fuzz_play import Look
from .fuzz_script import Arrival, Call, Fuzz, Icmp

_POLLOUT: Final = 0x4
_MUCH: Final = 8_000
_TICKS: Final = 2 * MS
_SOON: Final = 9 * MS
"""Two ticks of a kernel's clock, and a bit: when a timer of one tick expires at the latest."""
_SLACK: Final = 40 * MS
"""So much earlier or later may a kernel's timer end a connection."""
_CLOSED: Final = "07"
"""TCP_CLOSE of Linux, in hexadecimal."""
_TOO_BIG: Final = (3, 4)
"""ICMP: fragmentation needed."""
_COUNTS_OF_PIECES: Final = frozenset({"unacked", "sacked", "lost", "retrans", "delivered"})
_BARE_ACK: Final = re.compile(r"A \d+:\d+\(0\) ack (\d+) win")


@dataclass(frozen=True)
class Seen:
    """A difference with both sides and the script as it was played."""

    script: Fuzz
    kernel: Sequence[Look]
    lastack: Sequence[Look]
    difference: Parted


@dataclass(frozen=True)
class Known:
    """name: what to call it; source: the profile field that it is about, or "race"."""

    name: str
    source: str
    why: str
    holds: Callable[[Seen], bool]


def _edge(looks: Sequence[Look], until: int) -> int:
    """Return the right edge of the last window offered before a step, as the peer sees it."""
    edge = 0
    for look in looks[:until]:
        for _, sent in look.packets:
            if "A" in sent.flags and "R" not in sent.flags:
                edge = max(edge, sent.ack + sent.window)
    return edge


def _between_the_edges(seen: Seen) -> bool:
    """Tell whether the segment of the step begins or ends between the edges that the two sides
    offered."""
    steps = seen.script.steps
    number = seen.difference.step
    step = steps[number] if number < len(steps) else None
    if not isinstance(step, Arrival):
        return False
    edges = sorted((_edge(seen.kernel, number), _edge(seen.lastack, number)))
    ends = step.seq.offset, step.seq.offset + step.length + ("F" in step.flags)
    near = any(edges[0] <= end <= edges[1] + 1 for end in ends)
    return near and edges[0] != edges[1]


def _stamps_tick(seen: Seen) -> bool:
    """Tell whether a half-open request that has answered within two milliseconds of its SYN|ACK is
    what differs: whether both had the same timestamp depends on when the clock ticks."""
    number = seen.difference.step
    if not seen.script.offer.stamps:
        return False
    before = list(takewhile(lambda look: look.state == "SYN-RECEIVED", seen.kernel[:number][::-1]))
    times = [at for look in before for at, _ in look.packets]
    return len(times) > 1 and max(times) - min(times) < _TICKS


def _fin_tick(seen: Seen) -> bool:
    """Tell whether nothing but the ACK of a FIN differs that came two ticks ago at most, on a
    connection without text."""
    found = seen.difference
    if found.field not in ("packets", "flags"):
        return False
    matches = [_BARE_ACK.match(side) for side in (found.kernel, found.lastack)]
    bare = matches[0] if matches[1] is None else None if matches[0] else matches[1]
    firsts: set[int] = set()
    for step, look in zip(seen.script.steps, seen.kernel[: found.step + 1], strict=False):
        if not isinstance(step, Arrival):
            continue
        if "S" in step.flags:
            firsts.add(step.seq.offset + 1)
        near = seen.kernel[found.step].at - look.at < _SOON
        fin = "F" in step.flags and not step.length and step.seq.offset in firsts
        fin = fin and look.state == "CLOSE-WAIT"  # in the other states it is answered at once
        if near and fin and bare is not None and int(bare[1]) == step.seq.offset + 1:
            return True
    return False


def _end_of_a_timer(seen: Seen) -> bool:
    """Tell whether a limit on the time without an ACK has ended the connection on one side, and is
    about to on the other: it counts from what was sent again first."""
    number = seen.difference.step
    sides = seen.kernel, seen.lastack
    if _is_gone(sides[0][number]) is _is_gone(sides[1][number]):
        return False
    limits = [
        step.arguments[0] * MS
        for step in seen.script.steps[:number]
        if isinstance(step, Call) and step.name == "usertimeout"
    ]
    again = [
        at for looks in sides for look in looks[:number] for at, sent in look.packets if sent.again
    ]
    now = seen.kernel[number].at
    return bool(limits) and any(abs(now - at - limits[-1]) < _SLACK for at in again)


def _is_gone(look: Look) -> bool:
    return look.told.startswith(_CLOSED)


def _part_of_a_write(seen: Seen) -> bool:
    """Tell whether the step is a write() for which at least one side has no room."""
    found = seen.difference
    name, _, rest = found.act.partition(" ")
    if name != "write" or found.field != "result":
        return False
    asked = int(rest.split()[0])
    taken = [
        0 if one == "EAGAIN" else int(one) if one.isdigit() else -1
        for one in (found.kernel, found.lastack)
    ]
    return min(taken) >= 0 and min(taken) < asked


def _writable(seen: Seen) -> bool:
    """Tell whether nothing but POLLOUT differs while much is unacknowledged on both sides."""
    found = seen.difference
    if found.field != "ready":
        return False
    pairs = list(zip(found.kernel.split(), found.lastack.split(), strict=True))
    looks = seen.kernel[found.step], seen.lastack[found.step]
    queued = [int(look.told.split()[-1]) for look in looks if look.told.split()[-1].isdigit()]
    return (
        all(int(one, 16) ^ int(two, 16) in (0, _POLLOUT) for one, two in pairs)
        and len(queued) == len(looks)
        and min(queued) > _MUCH
    )


def info_of(told: str) -> dict[str, str]:
    """Return what a look tells of TCP_INFO, by field."""
    return dict(one.rsplit(" ", 1) for one in told.split(", ") if one)


def _cut_anew(seen: Seen) -> bool:
    """Tell whether nothing but the number of segments in flight differs, and an ICMP error told of
    a smaller path."""
    found = seen.difference
    if found.field != "info":
        return False
    kernel, lastack = info_of(found.kernel), info_of(found.lastack)
    names = {name for name in kernel | lastack if kernel.get(name) != lastack.get(name)}
    smaller = any(
        isinstance(step, Icmp) and (step.kind, step.code) == _TOO_BIG
        for step in seen.script.steps[: found.step + 1]
    )
    return smaller and names <= _COUNTS_OF_PIECES


KNOWN_IN_FUZZ: Final = (
    Known(
        "between the edges", "window_share",
        "A segment that ends between the right edges of the two windows: how much text fits into "
        "the receive buffer depends on the bookkeeping of the device, which is another for TUN "
        "than for loopback, where the field was measured.",
        _between_the_edges,
    ),
    Known(
        "tick of the timestamps", "race",
        "A half-open request takes only what echoes the timestamp of its SYN|ACK (request_echo); "
        "an answer in the same millisecond has the same one.",
        _stamps_tick,
    ),
    Known(
        "tick of a FIN's ACK", "race",
        "Where no text has come, the ACK of a FIN waits for the next tick of the clock (soon_ns): "
        "what is done within it finds the ACK gone or not.",
        _fin_tick,
    ),
    Known(
        "end of a timer", "race",
        "TCP_USER_TIMEOUT ends a connection without a packet: a kernel's timer is late by some "
        "milliseconds, and a step may come before.",
        _end_of_a_timer,
    ),
    Known(
        "part of a write", "send_default",
        "A write() that finds no room for all: how much bookkeeping a kernel counts beside the "
        "text depends on how the queue was cut into pieces for segmentation offload.",
        _part_of_a_write,
    ),
    Known(
        "writable", "writable_share",
        "POLLOUT of a send queue that is about two thirds full, for the same reason.",
        _writable,
    ),
    Known(
        "cut anew", "trains",
        "How many segments are in flight once the path takes smaller ones only: a kernel cuts its "
        "trains anew, where they lay beside each other.",
        _cut_anew,
    ),
)  # fmt: skip
"""What the fuzzer may find, and nobody mends."""


def explained(seen: Seen) -> Known | None:
    """Return what is known of a difference, None if nobody knows it."""
    return next((one for one in KNOWN_IN_FUZZ if one.holds(seen)), None)
