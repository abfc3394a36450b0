"""packetdrill scripts on the kernel, and on both: who says what, and where they part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lastack.drill import Result, Setup, Verdict, play_file, profile_of
from lastack.profile import S

from .drilled import KernelGround

_AGAIN: Final = 2
LIMIT: Final = 10.0
"""Seconds that a script may take on the kernel, as a default."""
_SHOWN: Final = re.compile(r"\d+\.\d+ s|TS val \d+")
_WINDOW: Final = re.compile(r" win \d+")


_AS_WRITTEN: Final = "as the script says"


@dataclass(frozen=True)
class Parting:
    """Where lastack and the kernel part: the line (0: none), what the script says there, and what
    each of them did. Whoever fails further down did as the script says up to there."""

    line: int
    expected: str
    lastack: str
    kernel: str


@dataclass(frozen=True)
class Both:
    """The verdicts of one script; `difference` is None where they say the same."""

    lastack: Verdict
    kernel: Verdict
    difference: Parting | None


def drill_on_both(path: Path, setup: Setup, limit: float = LIMIT) -> Both:
    """Play a script on lastack, then on the kernel.

    One that fails there is played again, twice at most: a busy machine is late now and then, what
    the kernel does differently it does every time. A script that takes longer than `limit` seconds
    (0: no limit) is SKIPPED there. One whose directory names another profile than that of the
    setup is SKIPPED on both.
    """
    own = profile_of(path, setup.profile).name
    if own != setup.profile.name:
        verdict = Verdict(str(path), Result.SKIPPED, actual=f"for the profile {own}")
        return Both(verdict, verdict, None)
    simulated = play_file(path, setup)
    if simulated.result is Result.ERROR:
        return Both(simulated, simulated, None)
    if limit and simulated.virtual > limit * S:
        why = f"it takes {simulated.virtual / S:,.1f} s"
        kernel = Verdict(str(path), Result.SKIPPED, actual=why, virtual=simulated.virtual)
    else:
        kernel = _play(path, setup, limit)
        for _ in range(_AGAIN):
            if kernel.result is Result.FAIL:
                kernel = _play(path, setup, limit)
    return Both(simulated, kernel, difference(simulated, kernel))


def _play(path: Path, setup: Setup, limit: float) -> Verdict:
    ground = KernelGround(limit)
    try:
        return play_file(path, setup, ground=ground)
    finally:
        ground.close()


def drill_on_kernel(path: Path, setup: Setup, limit: float = LIMIT) -> Verdict:
    """Play a script on the kernel; as `drill_on_both`."""
    return drill_on_both(path, setup, limit).kernel


def difference(simulated: Verdict, kernel: Verdict) -> Parting | None:
    """Return the first event at which lastack and the kernel part, None if they do not."""
    if kernel.result is Result.SKIPPED or _sum(simulated) == _sum(kernel):
        return None
    wrong = [one for one in (simulated, kernel) if one.result is not Result.PASS]
    first = min(wrong, key=lambda one: one.line)
    told = [
        one.actual if one in wrong and one.line == first.line else _AS_WRITTEN
        for one in (simulated, kernel)
    ]
    return Parting(first.line, first.expected, *told)


def _sum(verdict: Verdict) -> tuple[Result, int, str]:
    """Return what has to be the same: neither times, nor values that the script does not ask for
    and that are shown beside what it does."""
    actual = _SHOWN.sub("", verdict.actual)
    if " win " not in verdict.expected:
        actual = _WINDOW.sub("", actual)
    return verdict.result, verdict.line, actual
