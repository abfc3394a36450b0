"""What a test or a user decides about single packets: a Rule looks at one and answers its Fate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lastack.wire import Packet


class Plain(Enum):
    """The fates that carry nothing."""

    PASS = "pass"
    DROP = "drop"


PASS: Final = Plain.PASS
"""The rule has nothing to say; the next one is asked."""
DROP: Final = Plain.DROP
"""The packet is lost here."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The packet arrives `ns` later than it would, and others may overtake it."""

    ns: int

    def __post_init__(self) -> None:
        if self.ns < 0:
            raise ValueError(f"a packet cannot arrive {-self.ns} ns earlier")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The packet arrives `copies` times more, right behind itself."""

    copies: int = 1

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ValueError(f"{self.copies} copies are no duplicate")


@dataclass(frozen=True, slots=True)
class Mangle:
    """Another packet arrives instead. It is known by the number of the one that was sent."""

    packet: Packet


Fate = Plain | Delay | Duplicate | Mangle
Rule = Callable[[Packet, int], Fate]
"""Called as rule(packet, now). It must not change the packet: `wire.copy_segment` and Mangle."""


def check_fate(answer: object) -> Fate:
    """Return the answer of a rule; TypeError if it is no fate, as when a rule forgot to answer."""
    if not isinstance(answer, Fate):
        raise TypeError(f"a rule answered {answer!r}, which is no fate; PASS lets a packet go on")
    return answer


class Guard:
    """A rule in its place; `remove()`, or the end of a `with` block, takes it out."""

    def __init__(
        self, rule: Rule, link: tuple[str, str] | None, name: str, removed: Callable[[Guard], None]
    ) -> None:
        # A user wrote it: what it answers is checked (check_fate).
        self.rule: Callable[[Packet, int], object] = rule
        self.link = link
        self.name = name
        self._removed = removed

    def remove(self) -> None:
        """Take the rule out; a second time does nothing."""
        self._removed(self)

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
