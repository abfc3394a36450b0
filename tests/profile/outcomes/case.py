"""What a field of a profile decides, told as the outcomes of one exchange."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lastack.profile import Profile

Play = Callable[[Profile], object]
"""An exchange: plays it under a profile and returns what somebody outside could see of it."""


@dataclass(frozen=True)
class Case:
    """The exchange that shows a field: what comes out for each value of it."""

    outcomes: Mapping[object, object]
    play: Play


CASES: dict[str, Case] = {}
"""The cases by field name; `shows` fills it."""


def shows(field: str, outcomes: Mapping[object, object]) -> Callable[[Play], Play]:
    """Declare that the exchange has these outcomes, one for each value of the field."""

    def declare(play: Play) -> Play:
        assert field not in CASES, f"{field} has two cases"
        CASES[field] = Case(outcomes, play)
        return play

    return declare
