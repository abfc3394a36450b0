"""What differs between two runs of the same program: words exactly, numbers within a share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def same_line(first: str, second: str, share: float) -> bool:
    """Tell whether two lines say the same: equal words, numbers at most `share` apart.

    A number below 10 may also differ by one, for times that are printed in tenths of a second.
    """
    if _NUMBER.sub("#", first) != _NUMBER.sub("#", second):
        return False
    pairs = zip(_NUMBER.findall(first), _NUMBER.findall(second), strict=True)
    return all(_near(float(a), float(b), share) for a, b in pairs)


def _near(a: float, b: float, share: float) -> bool:
    return abs(a - b) <= max(share * max(a, b), 0.2 if max(a, b) < 10 else 0.0)


def differences(
    first: Sequence[str], second: Sequence[str], share: float = 0.2
) -> list[tuple[str, str]]:
    """Return the pairs of lines that do not say the same; a missing line is ""."""
    pairs = zip_longest(first, second, fillvalue="")
    return [(a, b) for a, b in pairs if not same_line(a, b, share)]
