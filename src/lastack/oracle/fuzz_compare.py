"""Where what was seen on the kernel and on lastack differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from lastack.profile import MS

from .fuzz_peer import Sent
from .fuzz_play import Look

_BEFORE: Final = ("act", "result")
_AFTER: Final = ("ready", "told", "state", "ended", "info")
_EARLY: Final = 9 * MS
"""By how much a kernel's timer may be early: two ticks, and a bit."""
_LATE: Final = 30 * MS
"""By how much it may be late beyond an eighth, the slack of a kernel's timer wheel."""


class Parted(NamedTuple):
    """The first difference: number of the step, what it did, what differs, and both sides."""

    step: int
    act: str
    field: str
    kernel: str
    lastack: str


def parted(kernel: Sequence[Look], lastack: Sequence[Look]) -> Parted | None:
    """Return the first difference, None if there is none."""
    for number, (one, two) in enumerate(zip(kernel, lastack, strict=True)):
        found = (
            _fields(number, one, two, _BEFORE)
            or _packets(number, one, two)
            or _fields(number, one, two, _AFTER)
        )
        if found is not None:
            return found
    return None


def _fields(number: int, one: Look, two: Look, fields: Sequence[str]) -> Parted | None:
    for field in fields:
        mine, other = getattr(one, field), getattr(two, field)
        if mine != other:
            return Parted(number, one.act, field, mine, other)
    return None


def _packets(number: int, one: Look, two: Look) -> Parted | None:
    """Compare what left from a step on until the next."""
    for at in range(max(len(one.packets), len(two.packets))):
        mine = one.packets[at] if at < len(one.packets) else None
        other = two.packets[at] if at < len(two.packets) else None
        told = [_told(side, look.at) for side, look in ((mine, one), (other, two))]
        if mine is None or other is None:
            return Parted(number, one.act, "packets", *told)
        inside = mine[1].again or (at + 1 < len(one.packets) and mine[1].length > 0)
        field = _differs(mine[1], other[1], inside=inside)
        if field:
            return Parted(number, one.act, field, *told)
        early, late = mine[0] - one.at, other[0] - two.at
        if not late - _EARLY <= early <= late + late // 8 + _LATE:
            return Parted(number, one.act, "time", *told)
    return None


def _told(side: tuple[int, Sent] | None, since: int) -> str:
    return f"{side[1]} after {(side[0] - since) / MS:.1f} ms" if side is not None else "nothing"


def _differs(kernel: Sent, lastack: Sent, *, inside: bool) -> str:
    """Return the first field in which two packets differ.

    PSH and SACK blocks are not compared `inside` a burst, nor of what was sent before: Linux sets
    PSH on the last segment of each piece that it hands to segmentation offload, and its blocks in
    all of it, and the size of a piece follows the round trip in microseconds.
    """
    if inside:
        kernel, lastack = (
            one._replace(
                flags=one.flags.replace("P", ""), options=one.options.partition("sack ")[0]
            )
            for one in (kernel, lastack)
        )
    for field in ("flags", "seq", "length", "ack", "options", "text", "urgent", "ecn"):
        if getattr(kernel, field) != getattr(lastack, field):
            return field
    return "" if _same_window(kernel.window, lastack.window) else "window"


def _same_window(kernel: int, lastack: int) -> bool:
    return kernel == lastack or (
        bool(kernel) is bool(lastack) and abs(kernel - lastack) <= max(4096, kernel // 8)
    )


def race(looks: Sequence[Look], until: int) -> str:
    """Return what may have come in either order before the end of step `until`: a timer's packet
    that is as near to another step as a kernel's timer is exact. "" if nothing may."""
    last = 0
    for number, look in enumerate(looks[: until + 1]):
        ends = looks[number + 1].at if number + 1 < len(looks) else None
        for at, sent in look.packets:
            late = at > look.at
            slack = _LATE + (at - last) // 8
            if late and ((ends is not None and ends - at < slack) or at - look.at < _EARLY):
                return f"{sent} near to step {number + 1}"
            last = max(last, at)
        last = max(last, look.at)
    return ""
