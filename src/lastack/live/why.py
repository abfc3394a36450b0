"""Why bind() fails, as a value: who has the port, who is in the way, what follows from it."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lastack.profile import Applicant
from lastack.state import TIME_WAIT

from .borrow import SocketOptions
from .owners import Owner
from .ports import PortSettings
from .probe import UNKNOWN, Probe, conflicts
from .row import Row


class Cause(Enum):
    """What is in the way; the worst of several."""

    FREE = "free"
    PRIVILEGED = "privileged"
    ADDRESS_NOT_OURS = "address-not-ours"
    PORTS_EXHAUSTED = "ports-exhausted"
    LISTENING = "listening"
    DUAL_STACK = "dual-stack"
    BOUND = "bound"
    CONNECTED = "connected"
    OUTGOING = "outgoing"
    ENDING = "ending"
    TIME_WAIT = "time-wait"
    UNSEEN = "unseen"
    OTHER = "other"


@dataclass(frozen=True)
class Held:
    """A socket that has the port.

    owners: every descriptor of it that this user may see. options: read from a descriptor, None
    where there is none to borrow. reuseaddr: SO_REUSEADDR, read or concluded; None: not known.
    outgoing: this side opened the connection; None: not known.
    """

    row: Row
    owners: tuple[Owner, ...] = ()
    options: SocketOptions | None = None
    reuseaddr: bool | None = None
    outgoing: bool | None = False

    @property
    def kernel_only(self) -> bool:
        """Whether it is in the kernel's table of TIME-WAITs: nothing left to send, and a timer."""
        return self.row.state is TIME_WAIT or self.row.timer == "fin-wait-2"


@dataclass(frozen=True)
class Why:
    """The answer for one address and port.

    holders: who has the port. in_the_way: those of them because of whom bind() is refused, even
    with SO_REUSEADDR if that does not help. hidden: processes that did not show their descriptors.
    """

    applicant: Applicant
    port: int
    probe: Probe
    cause: Cause
    holders: tuple[Held, ...]
    in_the_way: tuple[Held, ...]
    settings: PortSettings
    hidden: int = 0
    refused: str = ""
    """Why a descriptor could not be borrowed, the first time; "" when all could."""

    @property
    def address(self) -> bytes:
        """The packed address that was asked for."""
        return self.applicant.address

    @property
    def reuseaddr_helps(self) -> bool | None:
        """Whether SO_REUSEADDR on the new socket alone makes bind() succeed; None: not known."""
        if self.probe.plain != errno.EADDRINUSE:
            return False
        if self.probe.with_reuseaddr == UNKNOWN:
            return None
        return self.probe.with_reuseaddr == 0

    @property
    def old_had_reuseaddr(self) -> bool | None:
        """Whether every socket that has the port has SO_REUSEADDR; None: not known, or none."""
        known = [held.reuseaddr for held in self.holders]
        if not known:
            return None
        if False in known:
            return False
        if None not in known:
            return True
        refused = self.probe.asked and self.probe.with_reuseaddr == errno.EADDRINUSE
        # nobody whom we can read refuses, so one of those whom we cannot read does
        return False if refused and not culprits(self.holders, self.applicant, sure=True) else None

    @property
    def clears_in(self) -> int | None:
        """ns until all that is in the way is gone by itself; None: never, or nobody can tell."""
        if self.probe.plain == 0:
            return 0
        if not self.in_the_way or not all(held.kernel_only for held in self.in_the_way):
            return None
        return max(held.row.expires_in for held in self.in_the_way)

    @property
    def kill_is_safe(self) -> bool | None:
        """Whether destroying what is in the way loses no byte; None: there is nothing to destroy.

        Only what is left in the kernel's table of TIME-WAITs is: every byte was acknowledged.
        """
        if self.probe.plain == 0 or not self.in_the_way:
            return None
        if any(held.row.state is TIME_WAIT for held in self.in_the_way) and _linux() < (6, 0):
            return False
        return all(held.kernel_only for held in self.in_the_way)


def culprits(
    holders: Sequence[Held], applicant: Applicant, *, sure: bool = False
) -> tuple[Held, ...]:
    """Return those who refuse, with those of whom nobody knows unless it must be `sure`."""
    answers = ((held, conflicts(held.row, held.options, applicant)) for held in holders)
    return tuple(held for held, refuses in answers if refuses or (refuses is None and not sure))


def _linux() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
