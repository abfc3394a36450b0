"""Where a script is going to be played, and the settings that it makes before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lastack.profile import Profile
from lastack.trace import Listener

from .neutral import conditions
from .requests import Ends
from .simulated import Simulated
from .sysctls import follow
from .target import Target


class Ground(Protocol):
    """Where a script is going to be played, before it begins."""

    slack: int
    """By how much times may be off here beyond what a script allows, ns."""

    def set(self, name: str, value: str) -> None:
        """Make a setting; Unsupported for one that is not there."""

    def be_neutral(self) -> None:
        """Take the conditions of the neutral form; from now on what is not there is passed over."""

    def open(self, ends: Ends, mtu: int) -> Target:
        """Begin: return what the script is played on."""


class SimulatedGround:
    """A profile, to which the settings of a script are made."""

    slack = 0

    def __init__(self, profile: Profile, listeners: Iterable[Listener] = ()) -> None:
        self._profile = profile
        self._listeners = listeners
        self._lenient = False

    def set(self, name: str, value: str) -> None:
        """Make a setting of the profile."""
        self._profile = follow(self._profile, name, value, own_only=self._lenient)

    def be_neutral(self) -> None:
        """Take the conditions of the neutral form; from now on what is not there is passed over."""
        self._profile = conditions(self._profile)
        self._lenient = True

    def open(self, ends: Ends, mtu: int) -> Simulated:
        """Return the host."""
        return Simulated(
            self._profile, [ends.local], mtu=mtu, listeners=self._listeners, lenient=self._lenient
        )
