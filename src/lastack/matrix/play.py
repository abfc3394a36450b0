"""Playing a case: the same steps for every TCP, and a row made of nothing but what was seen.

    connect; SO_LINGER where l_onoff is 1; the peer sends 6 bytes and 30 ms pass, if they shall be
    unread; the window is shut, if it shall be; 30,000 bytes are written; 60 ms later close().

No rule of a profile is looked up here, and no outcome is written down anywhere.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from lastack.profile import MS, Profile, S
from lastack.trace import Listener
from lastack.wire import PSH, RST, Segment, flags_text, seq

from .cases import WRITTEN, ZERO_WINDOW, Case, cases
from .peer import Peer
from .rows import Fate, Row
from .simulated import Simulated

BEFORE_WRITE: Final = 30 * MS
BEFORE_CLOSE: Final = 60 * MS
LIMIT: Final = 3600 * S
"""How long a row is played after close(); every profile is done before, but for a TCP that probes
a shut window for ever. What the peer does not have by then counts as lost."""

_UNREAD: Final = b"unread"


class Target(Protocol):
    """A TCP on which cases can be played, simulated or real; times in ns.

    A target is used for one case. It answers `peer` with what `sent` lists, in order.
    """

    name: str
    sent: list[Segment]

    def open(self, peer: Peer) -> None:
        """Connect the closer to the scripted peer."""

    def set_linger(self, onoff: int, linger: int) -> int:
        """setsockopt(SO_LINGER); return its errno."""

    def inject(self, segments: Iterable[Segment]) -> None:
        """Hand segments of the peer to the closer."""

    def write(self, size: int) -> int:
        """Send up to `size` bytes without waiting; return how many were taken."""

    def pause(self, duration: int) -> None:
        """Let `duration` ns pass."""

    def close(self, *, blocking: bool) -> tuple[int, int]:
        """close(2); return (errno, ns that the call took)."""

    def run_out(self, limit: int) -> None:
        """Let time pass until both ends are gone, `limit` ns at the most."""

    @property
    def alive(self) -> bool:
        """Whether the closer's host has the connection still; a TIME-WAIT is none."""

    @property
    def time_wait(self) -> bool:
        """Whether the closer's host has a TIME-WAIT."""


def play(case: Case, profile: Profile, *, engine_hooks: Iterable[Listener] | None = None) -> Row:
    """Play a case on a simulated host of the profile.

    `engine_hooks` are listeners for the trace of the closer's host, from which a ladder of the row
    can be drawn; they change nothing.
    """
    return play_on(case, Simulated(profile, engine_hooks or ()))


def play_on(case: Case, target: Target) -> Row:
    """Play a case on any target."""
    peer = Peer(case.pending)
    target.open(peer)
    refused = target.set_linger(case.onoff, case.linger) if case.onoff else 0
    if case.unread:
        target.inject(peer.say(_UNREAD))
        target.pause(BEFORE_WRITE)
    if case.pending in ZERO_WINDOW:
        target.inject(peer.shut_window())
    written = target.write(WRITTEN) if case.writes else 0
    target.pause(BEFORE_CLOSE)
    peer.before_close()
    before = len(target.sent)
    number, waited = target.close(blocking=case.blocking)
    taken, alive = peer.taken, target.alive
    target.run_out(LIMIT)
    return Row(
        profile=target.name, case=case, returned=errno_name(refused or number), waited=waited,
        wire=tuple(flags(seg) for seg in target.sent[before:]),
        first_new=first_new(target.sent, before),
        data=fate(written, taken, peer.taken, alive=alive),
        time_wait="closer" if target.time_wait else "none",
    )  # fmt: skip


def rows(profiles: Iterable[Profile]) -> list[Row]:
    """Play every case on every profile."""
    return [play(case, profile) for profile in profiles for case in cases()]


def fate(written: int, at_return: int, at_end: int, *, alive: bool) -> Fate:
    """Say what became of `written` bytes, of which the peer had `at_return` when close() returned
    and has `at_end` now; `alive`: the connection was still there when close() returned."""
    if not written:
        return Fate.NONE
    if at_return == written:
        return Fate.DELIVERED
    if at_end == written:
        return Fate.BACKGROUND_DELIVERED
    return Fate.BACKGROUND_LOST if alive else Fate.DESTROYED


def flags(seg: Segment) -> str:
    """Return the flags as tcpdump writes them, PSH left out: "F.", "R", "."."""
    return flags_text(seg.flags & ~PSH).strip("[]")


def first_new(sent: Sequence[Segment], since: int) -> str:
    """Return the flags of the first segment from index `since` on that is no repetition, "" if
    there is none.

    A repetition begins before what was sent already, as a retransmission and a probe do. A RST
    never is one, although it may stand anywhere in the window.
    """
    highest = sent[0].seq
    for index, seg in enumerate(sent):
        if index >= since and (seg.flags & RST or seq.ge(seg.seq, highest)):
            return flags(seg)
        if seq.gt((seg.seq + seg.length) & seq.MASK, highest):
            highest = (seg.seq + seg.length) & seq.MASK
    return ""


def errno_name(number: int) -> str:
    """Return "EINTR" for errno.EINTR, "" for 0. EAGAIN is written EWOULDBLOCK, the name that the
    descriptions of SO_LINGER use; on most systems the two are one number."""
    if number == errno.EWOULDBLOCK:
        return "EWOULDBLOCK"
    return errno.errorcode.get(number, str(number)) if number else ""
